"""An agent's integrations as its owners see and change them: no secret is read, so no key is needed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from storage.accounts.audit import Actor
from storage.authoring.changes import Change, tell
from storage.postgres import Connection, Database

_COLUMNS = "id, agent_id, channel, account, status, mode, reply_policy, problem, created_at"
_LIST = f"select {_COLUMNS} from integrations where agent_id = $1 and status <> 'disconnected' order by created_at, id"  # noqa: S608
# The test chat and the chats of widgets belong to the agent and its widgets, and come and go with them.
_FIND = f"""
select {_COLUMNS} from integrations
where agent_id = $1 and id = $2 and status <> 'disconnected' and channel not in ('test', 'web') for update"""  # noqa: S608
# A broken one stays broken until its sender finds that it works; pausing and resuming lets it try again.
_CHANGE = f"""
update integrations set status = coalesce($2, status), reply_policy = coalesce($3, reply_policy),
  problem = case when $2 is null then problem end
where id = $1 returning {_COLUMNS}"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An integration without its secrets; `problem` says for people why it is broken."""

    id: UUID
    agent_id: UUID
    channel: str
    account: str
    status: str
    mode: str
    reply_policy: str
    problem: str | None
    created_at: datetime


class Endpoints:
    """The integrations of a tenant's agents; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_agent(self, tenant_id: UUID, agent_id: UUID) -> list[Endpoint]:
        """Return what is connected, the test chat included, oldest first."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [Endpoint(*r.values()) for r in await connection.fetch(_LIST, agent_id)]

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
        """End an integration for good: nothing more is received or sent. None as with `change`."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return await self._set(connection, tenant_id, by, (agent_id, integration_id), "disconnected", None)

    async def _set(
        self,
        connection: Connection,
        tenant_id: UUID,
        by: Actor,
        which: tuple[UUID, UUID],
        status: str | None,
        reply_policy: str | None,
    ) -> Endpoint | None:
        r = await connection.fetchrow(_FIND, *which)
        if r is None:
            return None
        before = Endpoint(*r.values())
        r = await connection.fetchrow(_CHANGE, before.id, status, reply_policy)
        assert r is not None  # locked above
        after = Endpoint(*r.values())
        about = {"integration_id": str(after.id), "channel": after.channel, "account": after.account}
        action = "integration.disconnected" if status == "disconnected" else "integration.changed"
        change = Change(action, f"integration:{after.id}", _told(before), _told(after), {**about, **_told(after)})
        await tell(connection, tenant_id, after.agent_id, by, change)
        return after


def _told(endpoint: Endpoint) -> Mapping[str, Any]:
    return {"status": endpoint.status, "reply_policy": endpoint.reply_policy}
