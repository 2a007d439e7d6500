"""A tenant's integrations as its owners see and change them: no secret is read, so no key is needed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from storage import integration_log
from storage.accounts.audit import Actor
from storage.postgres import Connection, Database

# Counted by a partial index that holds nothing else.
_UNCERTAIN = "(select coalesce(sum(o.uncertain), 0)::int from outbox o where o.integration_id = g.id and o.uncertain > 0)"
_COLUMNS = f"""
g.id, g.agent_id, g.channel, g.account, g.username, g.status, g.mode, g.reply_policy, g.problem, g.problem_code,
{_UNCERTAIN} as uncertain, g.created_at"""
_LIST = f"""
select {_COLUMNS} from integrations g
where ($1::uuid is null or g.agent_id = $1) and g.status <> 'disconnected' and g.channel <> 'agent' order by g.created_at, g.id"""  # noqa: S608
# Those that were moved away are shown for a while, too: what happened must not look like an error of ours.
_MOVED = f"""
select {_COLUMNS} from integrations g join agents a on a.id = g.agent_id and a.archived_at is null
where g.status = 'disconnected' and g.problem_code = 'moved'
  and not exists (select from integrations h where h.channel = g.channel and h.account = g.account
                    and (h.status <> 'disconnected' or h.created_at > g.created_at))
order by g.created_at, g.id"""  # noqa: S608
# The test chat and the chats of widgets belong to the agent and its widgets, and come and go with them.
_FIND = f"""
select {_COLUMNS} from integrations g
where g.agent_id = $1 and g.id = $2 and g.status <> 'disconnected' and g.channel not in ('test', 'web', 'agent') for update of g"""  # noqa: S608
_CHANGE = f"""
update integrations g set status = coalesce($2, g.status), reply_policy = coalesce($3, g.reply_policy),
  problem = case when $2 is null then g.problem end, problem_code = case when $2 is null then g.problem_code end
where g.id = $1 returning {_COLUMNS}"""  # noqa: S608
_WITHDRAW = """
update outbox set state = 'withdrawn', error = 'the integration was disconnected'
where integration_id = $1 and shard = (select g.shard from integrations g where g.id = $1) and state = 'pending'"""

Change = Literal["live", "paused", "disconnected"]
_ACTIONS: Mapping[Change | None, str] = {
    "live": "integration.resumed",
    "paused": "integration.paused",
    "disconnected": "integration.disconnected",
    None: "integration.changed",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An integration without its secrets.

    Args:
        id: ours.
        agent_id: who answers there.
        channel: as `telegram`.
        account: the channel's own id, as a bot's.
        username: by which people find a bot, without the @.
        status: live, paused, broken, disconnected.
        mode: push or poll.
        reply_policy: of replies committed from now on.
        problem: what is wrong, as it was told.
        problem_code: the same as a word of actors/domain/troubles.py.
        uncertain: how often nobody could know whether a message arrived; it never falls.
        created_at: when it was connected.
    """

    id: UUID
    agent_id: UUID
    channel: str
    account: str
    username: str
    status: str
    mode: str
    reply_policy: str
    problem: str | None
    problem_code: str | None
    uncertain: int
    created_at: datetime

    def of(self, tenant_id: UUID) -> integration_log.Subject:
        """Return how the logs name it."""
        return integration_log.Subject(tenant_id, self.id, self.agent_id, self.channel, self.account, self.username)


class Endpoints:
    """The integrations of a tenant's agents; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_agent(self, tenant_id: UUID, agent_id: UUID | None) -> list[Endpoint]:
        """Return what is connected, the test chat included, oldest first; None: of all agents."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [Endpoint(*r.values()) for r in await connection.fetch(_LIST, agent_id)]

    async def moved_away(self, tenant_id: UUID) -> list[Endpoint]:
        """Return what somebody else's connecting took away and nobody of this tenant connected again."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [Endpoint(*r.values()) for r in await connection.fetch(_MOVED)]

    async def find(self, tenant_id: UUID, agent_id: UUID, integration_id: UUID) -> Endpoint | None:
        """Return one that people may change."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            r = await connection.fetchrow(_FIND, agent_id, integration_id)
        return Endpoint(*r.values()) if r else None

    async def change(
        self,
        tenant_id: UUID,
        by: Actor,
        agent_id: UUID,
        integration_id: UUID,
        status: Literal["live", "paused"] | None,
        reply_policy: Literal["once", "repeat_once"] | None,
    ) -> Endpoint | None:
        """Pause, resume or set the policy of new replies. None if the agent has no such integration, or it is one of ours."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return await self._set(connection, tenant_id, by, (agent_id, integration_id), status, reply_policy)

    async def disconnect(self, tenant_id: UUID, by: Actor, agent_id: UUID, integration_id: UUID) -> Endpoint | None:
        """End an integration for good: nothing more is received, and what was not sent yet never is. None as with `change`."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            gone = await self._set(connection, tenant_id, by, (agent_id, integration_id), "disconnected", None)
            if gone is not None:
                await connection.execute(_WITHDRAW, gone.id)
            return gone

    async def _set(
        self,
        connection: Connection,
        tenant_id: UUID,
        by: Actor,
        which: tuple[UUID, UUID],
        status: Change | None,
        reply_policy: str | None,
    ) -> Endpoint | None:
        r = await connection.fetchrow(_FIND, *which)
        if r is None:
            return None
        before = Endpoint(*r.values())
        r = await connection.fetchrow(_CHANGE, before.id, status, reply_policy)
        assert r is not None  # locked above
        after = Endpoint(*r.values())
        if after != before:
            await integration_log.tell(connection, after.of(tenant_id), by, _ACTIONS[status], _told(before), _told(after))
        return after


def _told(endpoint: Endpoint) -> Mapping[str, Any]:
    return {"status": endpoint.status, "reply_policy": endpoint.reply_policy}
