"""Enrollments as people see and move them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import orjson

from actors.domain.sequences.models import as_definition
from storage.conversations import TITLE
from storage.postgres import Connection, Database

State = Literal["active", "paused", "finished", "stopped"]
_COLUMNS = f"""
e.id, e.conversation_id, {TITLE} as title, c.control, g.channel, e.state, e.step, e.next_at, e.reason, e.goal, e.run,
e.started_at, e.changed_at, e.ended_at, jsonb_array_length(p.definition -> 'steps') as steps,
p.definition -> 'steps' -> e.step ->> 'do' as does, ($3::jsonb is null or p.definition = $3) as latest"""
_FROM = """
from enrollments e join conversations c on c.id = e.conversation_id join integrations g on g.id = c.integration_id
join sequence_copies p on p.id = e.copy_id"""
_PAGE = f"""
select {_COLUMNS} {_FROM}
where e.agent_id = $1 and e.key = $2 and ($4::text is null or e.state = $4) and ($5::bigint is null or e.id < $5)
order by e.id desc limit $6"""
_FIND = f"select {_COLUMNS} {_FROM} where e.agent_id = $1 and e.key = $2 and e.id = $4"
_COUNTS = """
select e.key, count(*) filter (where e.state = 'active') as active, count(*) filter (where e.state = 'paused') as paused,
       count(*) filter (where e.state = 'finished') as finished, count(*) filter (where e.state = 'stopped') as stopped,
       count(*) filter (where e.goal) as goal, count(*) filter (where e.reason = 'replied') as replied
from enrollments e where e.agent_id = $1 and e.key = any($2) group by e.key"""
_PUBLISHED = """
select v.definition -> 'sequences' from agents a join agent_versions v on v.agent_id = a.id and v.version = a.published_version
where a.id = $1"""
_COPIES = """
select e.copy_id, p.definition::text, count(*) as n from enrollments e join sequence_copies p on p.id = e.copy_id
where e.agent_id = $1 and e.key = $2 and e.state in ('active', 'paused') and p.definition <> $3::jsonb group by 1, 2"""
# One that is being carried out now keeps its copy: the turn has it already.
_MOVE = """
update enrollments e set copy_id = $4, step = ($5::int[])[least(e.step + 1, cardinality($5::int[]))], changed_at = now()
where e.agent_id = $1 and e.key = $2 and e.copy_id = $3 and e.state in ('active', 'paused') and e.next_at is not null returning e.id"""
_COPY = "select sequence_copy($1, $2, $3::jsonb)"
_CONTROL = "select enrollment_control($1, $2, $3, $4, $5, $6::jsonb, $7::jsonb, $8)"


@dataclass(frozen=True, slots=True)
class EnrollmentItem:
    """A conversation's run of a sequence. `step` counts from 0; `does` is what it does; None: all are done, it listens."""

    id: int
    conversation_id: int
    title: str
    control: str
    channel: str
    state: State
    step: int
    next_at: datetime | None
    reason: str
    goal: bool
    run: int
    started_at: datetime
    changed_at: datetime
    ended_at: datetime | None
    steps: int
    does: str | None
    latest: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """How the runs of a sequence stand."""

    active: int = 0
    paused: int = 0
    finished: int = 0
    stopped: int = 0
    goal: int = 0
    replied: int = 0


class Enrollments:
    """The enrollments of a tenant's agents; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, tenant_id: UUID, agent_id: UUID, key: str, state: State | None, before: int | None, limit: int
    ) -> list[EnrollmentItem]:
        """Return runs of a sequence, the newest first, older than `before`."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            published = _text(await published_sequence(connection, agent_id, key))
            rows = await connection.fetch(_PAGE, agent_id, key, published, state, before, limit)
        return [EnrollmentItem(*r.values()) for r in rows]

    async def find(self, tenant_id: UUID, agent_id: UUID, key: str, enrollment_id: int) -> EnrollmentItem | None:
        """Return one run."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            published = _text(await published_sequence(connection, agent_id, key))
            r = await connection.fetchrow(_FIND, agent_id, key, published, enrollment_id)
        return EnrollmentItem(*r.values()) if r else None

    async def counts(self, tenant_id: UUID, agent_id: UUID, keys: Sequence[str]) -> dict[str, Counts]:
        """Return how the runs of sequences stand, by key."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch(_COUNTS, agent_id, list(keys))
        return {r["key"]: Counts(*list(r.values())[1:]) for r in rows}

    async def published(self, tenant_id: UUID, agent_id: UUID, key: str) -> Mapping[str, Any] | None:
        """Return a sequence as customers meet it; None if it is not published."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return await published_sequence(connection, agent_id, key)

    async def outdated(self, tenant_id: UUID, agent_id: UUID, key: str) -> int:
        """Return how many runs have other steps than those that are published."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            published = await published_sequence(connection, agent_id, key)
            return sum(r["n"] for r in await connection.fetch(_COPIES, agent_id, key, _text(published))) if published else 0

    async def move(self, tenant_id: UUID, agent_id: UUID, key: str) -> int:
        """Give the runs of older steps those that are published, each at the place of the same step; return how many.

        A step that is gone is followed by the next one that is there.
        """
        moved = 0
        async with self._database.tenant_transaction(tenant_id) as connection:
            published = await published_sequence(connection, agent_id, key)
            if published is None:
                return 0
            copy_id = await connection.fetchval(_COPY, tenant_id, agent_id, _text(published))
            for r in await connection.fetch(_COPIES, agent_id, key, _text(published)):
                places = new_places(orjson.loads(r["definition"]), published)
                moved += len(await connection.fetch(_MOVE, agent_id, key, r["copy_id"], copy_id, places))
        return moved

    async def control(
        self,
        tenant_id: UUID,
        agent_id: UUID,
        conversation_id: int,
        key: str,
        do: Literal["start", "stop", "skip"],
        by: str,
        plan: Mapping[str, Any] | None = None,
    ) -> int | None:
        """Start (with the definition to run), stop or skip; return the run. None: there is none in a fitting state."""
        on = orjson.dumps(list(plan.get("stops_on", ("replied", "handed_off")))).decode() if plan else None
        arguments = (tenant_id, agent_id, conversation_id, key, do, _text(plan), on, by)
        async with self._database.tenant_transaction(tenant_id) as connection:
            found: int | None = await connection.fetchval(_CONTROL, *arguments)
        return found


async def published_sequence(connection: Connection, agent_id: UUID, key: str) -> Mapping[str, Any] | None:
    """Return a sequence as enrollments copy it; None if it is not published."""
    found = await connection.fetchval(_PUBLISHED, agent_id)
    plans = orjson.loads(found) if found else []
    return next((as_definition(plan) for plan in plans if plan.get("id") == key), None)


def new_places(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[int]:
    """Return, for each place in the old steps and the one behind them, the place in the new ones."""
    ids = [step.get("id") for step in new["steps"]]
    places, following = [len(ids)], len(ids)
    for step in reversed(old["steps"]):
        following = ids.index(step.get("id")) if step.get("id") in ids else following
        places.append(following)
    return places[::-1]


def _text(plan: Mapping[str, Any] | None) -> str | None:
    return orjson.dumps(plan).decode() if plan is not None else None
