"""Regression cases of agents, and corrections: a wrong answer becomes a change of the draft and a case, together."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from actors.domain.errors import TerminalError
from actors.ports.checks import MOST_CASES, Case, CaseRun, Expectation, NewCase, Said
from storage.accounts.audit import Actor
from storage.authoring.changes import Change, tell
from storage.postgres import Connection, Database

_COLUMNS = """id, position, question, language, expects, value, message_id, created_at, created_by, deleted_at,
outcome, outcome_version, outcome_at, said::text,
coalesce(case expects
  when 'script' then (select s.definition ->> 'name' from scripts s where s.agent_id = c.agent_id and s.key = c.value)
  when 'passage' then (select p.value ->> 'title' from agent_drafts d, jsonb_array_elements(d.passages) p
                       where d.agent_id = c.agent_id and p.value ->> 'id' = c.value limit 1) end, '') as title"""
_PAGE = f"""
select {_COLUMNS} from regression_cases c where agent_id = $1 and (deleted_at is not null) = $2 and position > $3
order by position limit $4"""  # noqa: S608
_FIND = f"select {_COLUMNS} from regression_cases c where agent_id = $1 and id = $2"  # noqa: S608
_COUNT = "select count(*) from regression_cases where agent_id = $1 and deleted_at is null"
_ADD = """
insert into regression_cases (tenant_id, agent_id, question, language, expects, value, message_id, created_by)
select a.tenant_id, a.id, $2, $3, $4, $5, $6, $7 from agents a where a.id = $1 and a.archived_at is null returning id"""
_SET = "update regression_cases set deleted_at = case when $3 then now() end where agent_id = $1 and id = $2 and (deleted_at is null) = $3"
_NOTE = """
update regression_cases c set outcome = u.outcome, outcome_version = $2, outcome_at = now(), said = u.said
from unnest($3::uuid[], $4::text[], $5::jsonb[]) u (id, outcome, said) where c.id = u.id and c.agent_id = $1"""


_OF_QUESTION = "select id from regression_cases where agent_id = $1 and question = $2 and language = $3 and deleted_at is null"


class TooMany(TerminalError):
    """The agent has as many cases as there may be."""


@dataclass(frozen=True, slots=True)
class CasesOf:
    """All cases of an agent, and the time of the database: cases are asked now."""

    cases: Sequence[Case]
    now: datetime


class Cases:
    """The regression cases of a tenant's agents; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, tenant_id: UUID, agent_id: UUID, after: int, limit: int, *, deleted: bool = False) -> list[Case]:
        """Return cases in their order behind a position (0: from the start): those there are, or those that can be restored."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [_case(r) for r in await connection.fetch(_PAGE, agent_id, deleted, after, limit)]

    async def all(self, tenant_id: UUID, agent_id: UUID) -> CasesOf:
        """Return all that are not deleted."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch(_PAGE, agent_id, False, 0, MOST_CASES)
            return CasesOf([_case(r) for r in rows], await connection.fetchval("select now()"))

    async def find(self, tenant_id: UUID, agent_id: UUID, case_id: UUID) -> Case | None:
        """Return one case, deleted or not."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return await _find(connection, agent_id, case_id)

    async def add(self, tenant_id: UUID, by: Actor, agent_id: UUID, new: NewCase) -> Case | None:
        """Store a case. None if there is no such agent.

        Raises:
            TooMany: there are as many as there may be.
        """
        async with self._database.tenant_transaction(tenant_id) as connection:
            if await connection.fetchval(_COUNT, agent_id) >= MOST_CASES:
                raise TooMany(f"an agent has at most {MOST_CASES} checks: delete some")
            expected = new.expectation
            values = (new.question, new.language, expected.expects, expected.value, new.message_id, by.name)
            case_id = await connection.fetchval(_ADD, agent_id, *values)
            if case_id is None:
                return None
            await _tell(connection, tenant_id, agent_id, by, "created", case_id, {"question": new.question, **asdict(expected)})
            return await _find(connection, agent_id, case_id)

    async def of_question(self, tenant_id: UUID, agent_id: UUID, question: str, language: str) -> list[UUID]:
        """Return the cases that ask the same."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [r["id"] for r in await connection.fetch(_OF_QUESTION, agent_id, question, language)]

    async def set_deleted(self, tenant_id: UUID, by: Actor, agent_id: UUID, case_id: UUID, *, deleted: bool) -> Case | None:
        """Delete a case or bring it back; one that is so already stays. None if there is no such case."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            changed = await connection.execute(_SET, agent_id, case_id, deleted) != "UPDATE 0"
            case = await _find(connection, agent_id, case_id)
            if changed and case:
                about = {"question": case.question}
                await _tell(connection, tenant_id, agent_id, by, "deleted" if deleted else "restored", case_id, about)
            return case

    async def note(self, tenant_id: UUID, agent_id: UUID, version: int, runs: Mapping[UUID, CaseRun]) -> None:
        """Store what came of cases on a version."""
        outcomes = [run.outcome for run in runs.values()]
        said = [orjson.dumps(asdict(run.said)).decode() for run in runs.values()]
        async with self._database.tenant_transaction(tenant_id) as connection:
            await connection.execute(_NOTE, agent_id, version, list(runs), outcomes, said)


async def _find(connection: Connection, agent_id: UUID, case_id: UUID) -> Case | None:
    r = await connection.fetchrow(_FIND, agent_id, case_id)
    return _case(r) if r else None


async def _tell(
    connection: Connection, tenant_id: UUID, agent_id: UUID, by: Actor, done: str, case_id: UUID, about: Mapping[str, Any]
) -> None:
    await tell(connection, tenant_id, agent_id, by, Change(f"check.{done}", f"check:{case_id}", None, dict(about), dict(about)))


def _case(r: Any) -> Case:
    said = orjson.loads(r["said"]) if r["said"] else None
    return Case(
        r["id"],
        r["position"],
        r["question"],
        r["language"],
        Expectation(r["expects"], r["value"]),
        r["message_id"],
        r["created_at"],
        r["created_by"],
        r["deleted_at"],
        r["outcome"],
        r["outcome_version"],
        r["outcome_at"],
        Said(**{**said, "sources": tuple(said["sources"])}) if said else None,
        r["title"],
    )
