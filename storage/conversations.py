"""Conversations: activated from their rows, and changed at once by people."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from actors.domain.ids import Address, AgentId, ConversationId, IntegrationId, TenantId
from actors.ports.conversations import ConversationRecord, StoredMessage
from storage.postgres import Connection, Database

# How people call a conversation: as it was named, else as the customer's channel shows them.
TITLE = "coalesce(nullif(c.title, ''), c.state->>'name', '')"
_ACTIVATE = "select * from conversations_activate($1, $2, $3, $4, $5)"
_HISTORY = """
select role, body, created_at from (
  select id, role, body, created_at from messages where conversation_id = $1 order by id desc limit $2
) latest order by id"""
_FIND = """
select c.id, c.integration_id, c.key, c.version, c.control, c.title, c.last_at, g.agent_id, g.channel
from conversations c join integrations g on g.id = c.integration_id where c.id = $1"""


@dataclass(frozen=True, slots=True)
class ControlChange:
    """A takeover or give-back as committed."""

    version: int
    control: Literal["bot", "waiting", "human"]
    withdrawn: int  # outbox rows of the bot that will not be sent


@dataclass(frozen=True, slots=True)
class OperatorReply:
    """An operator's answer as committed."""

    message_id: int
    version: int


@dataclass(frozen=True, slots=True)
class ConversationSummary:
    """A conversation as the API shows it."""

    id: ConversationId
    address: Address
    version: int
    control: str
    title: str
    last_at: Any
    agent_id: AgentId
    channel: str


class PostgresConversations:
    """Conversations as activations need them; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def activate(self, rows: Sequence[tuple[TenantId, Address]]) -> list[ConversationRecord]:
        """Return the conversation of every address, made if it did not exist."""
        if not rows:
            return []
        distinct = list(dict.fromkeys(rows))
        records = await self._database.fetch(
            _ACTIVATE,
            [tenant_id for tenant_id, _ in distinct],
            [address.integration_id for _, address in distinct],
            [address.key for _, address in distinct],
            [kind_of(address.key) for _, address in distinct],
            [address.partition for _, address in distinct],
        )
        names = await self._usernames({r["integration_id"] for r in records if r["key"].startswith("-")})
        return [_record(r, names.get(r["integration_id"], "")) for r in records]

    async def _usernames(self, integrations: set[UUID]) -> dict[UUID, str]:
        """Return the names by which groups address bots; only groups pay for the look-up."""
        if not integrations:
            return {}
        async with self._database.dispatch_transaction() as connection:
            rows = await connection.fetch("select id, username from integrations where id = any($1)", list(integrations))
        return {r["id"]: r["username"] for r in rows}

    async def history(self, tenant_id: TenantId, conversation_id: ConversationId, limit: int) -> list[StoredMessage]:
        """Return the last `limit` messages, oldest first."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch(_HISTORY, conversation_id, limit)
        return [StoredMessage(r["role"], r["body"], r["created_at"]) for r in rows]


class ConversationControl:
    """Takeover, give back and an operator's answer, committed at once; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, tenant_id: UUID, conversation_id: int) -> ConversationSummary | None:
        """Return a conversation of the tenant."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            r = await connection.fetchrow(_FIND, conversation_id)
        return _summary(r) if r else None

    async def take_over(self, tenant_id: UUID, conversation_id: int, by: str, user_id: UUID | None = None) -> ControlChange | None:
        """Silence the bot: its unsent rows are withdrawn in the same transaction. None if there is no such conversation."""
        return await self._change(tenant_id, conversation_id, "human", by, user_id)

    async def give_back(self, tenant_id: UUID, conversation_id: int, by: str) -> ControlChange | None:
        """Let the bot speak again. None if there is no such conversation."""
        return await self._change(tenant_id, conversation_id, "bot", by)

    async def close(self, tenant_id: UUID, conversation_id: int, by: str) -> bool:
        """Close it: what waits in it ends, the bot has it for the next message. False if there is no such conversation."""
        return await self._does(tenant_id, "conversation_close", conversation_id, by)

    async def open(self, tenant_id: UUID, conversation_id: int, by: str) -> bool:
        """Open a closed one again; what ended stays ended. False if there is no such conversation."""
        return await self._does(tenant_id, "conversation_open", conversation_id, by)

    async def reply(
        self, tenant_id: UUID, conversation_id: int, turn_id: UUID, text: str, by: str, user_id: UUID | None = None
    ) -> OperatorReply | None:
        """Store an operator's answer for delivery; takes the conversation over if nobody has."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            await _act_as(connection, user_id)
            r = await connection.fetchrow("select * from operator_reply($1, $2, $3, $4, $5)", tenant_id, conversation_id, turn_id, text, by)
        return OperatorReply(r["message_id"], r["version"]) if r else None

    async def _does(self, tenant_id: UUID, what: Literal["conversation_close", "conversation_open"], conversation_id: int, by: str) -> bool:
        async with self._database.tenant_transaction(tenant_id) as connection:
            return await connection.fetchval(f"select * from {what}($1, $2, $3)", tenant_id, conversation_id, by) is not None  # noqa: S608

    async def _change(
        self, tenant_id: UUID, conversation_id: int, control: str, by: str, user_id: UUID | None = None
    ) -> ControlChange | None:
        async with self._database.tenant_transaction(tenant_id) as connection:
            await _act_as(connection, user_id)
            r = await connection.fetchrow("select * from conversation_control($1, $2, $3, $4)", tenant_id, conversation_id, control, by)
        return ControlChange(r["version"], r["control"], r["withdrawn"]) if r else None


async def _act_as(connection: Connection, user_id: UUID | None) -> None:
    """Say which user acts, for the rest of the transaction: whoever takes a conversation is remembered as its holder."""
    if user_id is not None:
        await connection.execute("select set_config('app.operator', $1, true)", str(user_id))


def kind_of(key: str) -> str:
    """Return what a conversation's key stands for: CRM events and tenant events have addresses of their own."""
    prefix = key.partition(":")[0]
    if key == "tenant" or prefix == "rule":
        return "tenant"
    return prefix if prefix in {"lead", "contact"} else "chat"


def _record(r: Any, username: str) -> ConversationRecord:
    return ConversationRecord(
        ConversationId(r["id"]),
        TenantId(r["tenant_id"]),
        Address(IntegrationId(r["integration_id"]), r["key"]),
        r["version"],
        r["control"],
        r["state"].encode(),
        AgentId(r["agent_id"]),
        r["channel"],
        r["reply_policy"],
        r["pinned_version"],
        r["account"],
        username,
    )


def _summary(r: Any) -> ConversationSummary:
    address = Address(IntegrationId(r["integration_id"]), r["key"])
    return ConversationSummary(
        ConversationId(r["id"]), address, r["version"], r["control"], r["title"], r["last_at"], AgentId(r["agent_id"]), r["channel"]
    )
