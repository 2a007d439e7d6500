"""Agents that begin with the address of a site: begun, looked at, made of what was accepted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias
from uuid import UUID

import orjson

from actors.domain.errors import InvalidDefinition, Problem, TerminalError
from actors.domain.proposing.models import KEY_PREFIX, Proposals, read_proposals
from actors.domain.scripts.validation import check_script
from actors.ports.jobs import NewJob
from storage.accounts.audit import Actor
from storage.authoring.changes import Change, lock, tell
from storage.authoring.drafts import AgentDraft, Drafts
from storage.authoring.scripts import Scripts
from storage.knowledge.sites import KnowledgeSites, SiteItem
from storage.postgres import Database

JobOf: TypeAlias = Callable[[UUID, UUID, str], NewJob[Any]]  # of the agent, its site, and who asked
_BEGIN = "insert into site_proposals (agent_id, tenant_id, site_id) values ($1, $2, $3)"
_FIND = "select site_id, found::text, made_at, accepted_at, accepted_by from site_proposals where agent_id = $1"
_ACCEPT = "update site_proposals set accepted_at = now(), accepted_by = $2 where agent_id = $1"
_WAITING = """
select a.id, a.name, s.address,
  case when p.made_at is not null then 'ready' when j.state in ('queued', 'running') then 'reading' else 'failed' end
from site_proposals p join agents a on a.id = p.agent_id join knowledge_sites s on s.id = p.site_id left join jobs j on j.id = s.job_id
where p.accepted_at is null and a.archived_at is null and s.deleted_at is null order by a.created_at desc, a.id limit $1"""


@dataclass(frozen=True, slots=True)
class Begun:
    """An agent that was begun from a site. `found` is None until the job has made proposals."""

    draft: AgentDraft
    site: SiteItem
    found: Proposals | None
    made_at: datetime | None
    accepted_at: datetime | None
    accepted_by: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """An agent whose proposals nobody has accepted yet: `reading`, `ready` or `failed`."""

    agent_id: UUID
    name: str
    address: str
    state: str


@dataclass(frozen=True, slots=True)
class AcceptedScript:
    """A proposal that is to be a script, or an answer that was written to an open question."""

    id: str
    name: str
    phrases: Sequence[str]
    answer: str


class NotNow(TerminalError):
    """Proposals cannot be accepted: they are not there yet, or were accepted before. `why` is a word for programs."""

    def __init__(self, why: str, message: str) -> None:
        super().__init__(message)
        self.why = why


class AgentsFromSites:
    """The agents of a tenant that began with a site; either role."""

    def __init__(self, database: Database, job_of: JobOf) -> None:
        self._database = database
        self._drafts = Drafts(database)
        self._scripts = Scripts(database)
        self._job_of = job_of

    async def begin(self, tenant_id: UUID, by: Actor, host: str, address: str) -> Begun:
        """Create a draft, called as the site until people name it, and queue the job that reads the site and proposes."""
        async with self._database.joined_transaction(tenant_id) as connection:
            draft = await self._drafts.create(tenant_id, by, host, {"name": host})
            site = await self._sites_of(draft.id).add(tenant_id, by, draft.id, address)
            assert site is not None  # the agent is of this transaction
            await connection.execute(_BEGIN, draft.id, tenant_id, site.id)
        return Begun(draft, site, None, None, None, "")

    async def find(self, tenant_id: UUID, agent_id: UUID) -> Begun | None:
        """Return how far an agent is; None if it did not begin with a site."""
        async with self._database.joined_transaction(tenant_id) as connection:
            r = await connection.fetchrow(_FIND, agent_id)
            draft = await self._drafts.find(tenant_id, agent_id)
            site = await self._sites_of(agent_id).find(tenant_id, agent_id, r["site_id"]) if r else None
        if r is None or draft is None or site is None:
            return None
        found = read_proposals(orjson.loads(r["found"])) if r["found"] else None
        return Begun(draft, site, found, r["made_at"], r["accepted_at"], r["accepted_by"])

    async def waiting(self, tenant_id: UUID, limit: int) -> list[Waiting]:
        """Return agents whose proposals nobody accepted yet, the newest first."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [Waiting(*r.values()) for r in await connection.fetch(_WAITING, limit)]

    async def accept(self, tenant_id: UUID, by: Actor, agent_id: UUID, name: str, scripts: Sequence[AcceptedScript]) -> AgentDraft | None:
        """Name the agent, give it the site's language and these scripts. None: no such agent, or it did not begin with a site.

        Raises:
            NotNow: there are no proposals yet, or they were accepted before.
            InvalidDefinition: one was never proposed, or a script may not be saved.
        """
        async with self._database.joined_transaction(tenant_id) as connection:
            if await lock(connection, agent_id) is None or (begun := await self.find(tenant_id, agent_id)) is None:
                return None
            found = _acceptable(begun)
            definitions = _definitions(found, scripts)
            await connection.execute(_ACCEPT, agent_id, by.name)
            await self._scripts.put(tenant_id, by, agent_id, definitions, replace=False)
            after = {"name": name, "scripts": len(definitions), "address": begun.site.address, "way": found.way}
            await tell(connection, tenant_id, agent_id, by, Change("proposals.accepted", f"agent:{agent_id}", None, after, after))
            return await self._drafts.change(tenant_id, by, agent_id, None, name, {"name": name, "languages": [found.language]})

    def _sites_of(self, agent_id: UUID) -> KnowledgeSites:
        return KnowledgeSites(self._database, partial(self._job_of, agent_id))


def _acceptable(begun: Begun) -> Proposals:
    if begun.accepted_at is not None:
        raise NotNow("accepted", f"{begun.accepted_by or 'somebody'} made the agent of these proposals already")
    if begun.found is None:
        raise NotNow("not-ready", "the site is not read yet: wait for the proposals")
    return begun.found


def _definitions(found: Proposals, scripts: Sequence[AcceptedScript]) -> list[Mapping[str, Any]]:
    problems: list[Problem] = []
    made: list[Mapping[str, Any]] = []
    for number, script in enumerate(scripts):
        if script.id not in found.ids:
            problems.append(Problem(f"scripts[{number}].id", f"{script.id} was not proposed"))
        key, texts = f"{KEY_PREFIX}{script.id}", {found.language: script.answer}
        made.append({"id": key, "name": script.name, "phrases": list(script.phrases), "answer": texts})
        try:
            check_script(made[-1])
        except InvalidDefinition as error:
            problems += [Problem(f"scripts[{number}].{problem.place}", problem.reason) for problem in error.problems]
    if problems:
        raise InvalidDefinition(problems)
    return made
