"""Replays: recorded conversations decided again by another version, as a job without any effect."""

from collections.abc import Sequence
from uuid import UUID

from actors.ports.jobs import NewJob
from actors.ports.signals import Signals
from actors.services.jobs.agent_replay import AgentReplay, ReplayPayload
from gateway.api.authored import MOST_FLAWS
from gateway.api.jobs import accepted
from gateway.api.operation import Answer, Call, Operation
from gateway.api.paging import after_number
from gateway.api.versions_asked import version_asked
from gateway.problems import Flaw, Problem
from gateway.schemas.bodies import ListQuery
from gateway.schemas.jobs import JobAccepted
from gateway.schemas.replays import (
    ReplayPage,
    ReplayRequest,
    ReplayTurnPage,
    ReplayTurnsQuery,
    ReplayView,
    replay_view,
    turn_view,
)
from storage.authoring.drafts import Drafts
from storage.authoring.versions import Versions
from storage.jobs.views import TenantJobs
from storage.postgres import Database
from storage.replays import TenantReplays

_OF_AGENT, _ONE = "/api/agents/{id}/replays", "/api/replays/{id}"


class ReplaysApi:
    """Replays of the caller's tenant."""

    def __init__(self, database: Database, signals: Signals) -> None:
        self._drafts = Drafts(database)
        self._versions = Versions(database)
        self._jobs = TenantJobs(database)
        self._replays = TenantReplays(database)
        self._signals = signals

    def operations(self) -> list[Operation]:
        """Return the operations."""
        tag = "replays"
        return [
            Operation(
                "POST",
                "/api/agents/{id}/replay",
                self.ask,
                level="admin",
                tag=tag,
                body=ReplayRequest,
                answer=JobAccepted,
                status=202,
                idempotent=True,
            ),
            Operation("GET", _OF_AGENT, self.list, level="viewer", tag=tag, query=ListQuery, answer=ReplayPage),
            Operation("GET", _ONE, self.one, level="viewer", tag=tag, answer=ReplayView),
            Operation("GET", f"{_ONE}/turns", self.turns, level="viewer", tag=tag, query=ReplayTurnsQuery, answer=ReplayTurnPage),
        ]

    async def ask(self, call: Call[ReplayRequest]) -> Answer:
        """Decide recorded conversations again with another version, and see what differs.

        Nothing is sent, called or changed, and no model is asked: its recorded answers count where it would be asked the same.
        Documents are searched as they are now. Returns the job.
        """
        agent_id, body = call.uuid("id"), call.body
        agent = await self._drafts.find(call.tenant_id, agent_id)
        if agent is None:
            raise call.missing()
        version = await version_asked(self._versions, call, agent, body.version)
        chosen = await self._chosen(call, agent_id)
        payload = ReplayPayload(agent_id=agent_id, version=version, conversations=chosen)
        key = f"{agent_id}:{version}:last {body.last}" if body.conversation_ids is None else None
        job = NewJob(AgentReplay, payload, key, by=call.caller.actor.name)
        return accepted(await self._jobs.request(call.tenant_id, job, call.caller.actor), self._signals)

    async def list(self, call: Call[None, ListQuery]) -> Answer:
        """List an agent's replays, the newest first. They are kept for a week."""
        agent_id = call.uuid("id")
        if await self._drafts.find(call.tenant_id, agent_id) is None:
            raise call.missing("id")
        found = await self._replays.of_agent(call.tenant_id, agent_id, after_number(call.page), call.page.limit + 1)
        return call.listed(ReplayPage, found, replay_view, lambda last: last.number)

    async def one(self, call: Call) -> Answer:
        """Show a replay: how far it is, and what came of it."""
        found = await self._replays.find(call.tenant_id, call.uuid("id"))
        if found is None:
            raise call.missing()
        return Answer(replay_view(found))

    async def turns(self, call: Call[None, ReplayTurnsQuery]) -> Answer:
        """List replayed turns, conversation by conversation: what was recorded beside what it would be now."""
        job_id, query = call.uuid("id"), call.query
        if await self._replays.find(call.tenant_id, job_id) is None:
            raise call.missing()
        conversation = int(query.conversation_id) if query.conversation_id else None
        if conversation is not None and conversation >= 2**63:
            conversation = 0  # no conversation has it
        after = after_number(call.page) or 0
        found = await self._replays.page(call.tenant_id, job_id, query.outcome, conversation, after, call.page.limit + 1)
        return call.listed(ReplayTurnPage, found, turn_view, lambda last: last.position)

    async def _chosen(self, call: Call[ReplayRequest], agent_id: UUID) -> Sequence[int]:
        ids = call.body.conversation_ids
        if ids is None:
            return await self._replays.latest(call.tenant_id, agent_id, call.body.last)
        numbers = list(dict.fromkeys(map(int, ids)))
        known = await self._replays.known(call.tenant_id, [number for number in numbers if number < 2**63])
        flaws = [
            Flaw("there is no such conversation", "conversation", pointer=f"/conversation_ids/{place}")
            for place, number in enumerate(map(int, ids))
            if number not in known
        ]
        if flaws:
            raise Problem(422, "some of these conversations do not exist", errors=flaws[:MOST_FLAWS])
        return numbers
