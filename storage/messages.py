"""Messages as the API and the CLI read them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from storage.postgres import Database

_COLUMNS = "m.id, m.conversation_id, m.turn_id, m.seq, m.inbox_id, m.role, m.body, m.mode, m.sources, m.version, m.created_at"
_FORWARD = f"select {_COLUMNS} from messages m where m.conversation_id = $1 and m.id > $2 order by m.id limit $3"  # noqa: S608
_BACKWARD = f"select {_COLUMNS} from messages m where m.conversation_id = $1 and m.id < $2 order by m.id desc limit $3"  # noqa: S608
_TURN = f"select {_COLUMNS} from messages m where m.turn_id = $1 order by m.seq"  # noqa: S608
_ONE = f"select {_COLUMNS} from messages m where m.id = $1"  # noqa: S608
_INPUT = """
select k.inbox_id, i.state, i.reason, i.turn_id, m.id as message_id, m.conversation_id
from inbox_keys k join inbox i on i.id = k.inbox_id left join messages m on m.inbox_id = k.inbox_id where k.dedupe_key = $1"""
_INBOX_OF_TURN = """
select id, kind, partition, state, reason, attempts, received_at, octet_length(raw) as bytes from inbox
where id = any(select inbox_id from messages where turn_id = $1 and inbox_id is not null) order by id"""
_OUTBOX_OF_TURN = """
select id, seq, class, policy, state, uncertain, attempts, shard, due_at, claimed_at, sent_at, error, provider_message_id, created_at
from outbox where turn_id = $1 order by seq"""
_CONVERSATION = """
select c.id, c.key, c.partition, c.kind, c.version, c.control, g.id as integration_id, g.channel, g.agent_id, a.name as agent_name
from conversations c join integrations g on g.id = c.integration_id join agents a on a.id = g.agent_id where c.id = $1"""


@dataclass(frozen=True, slots=True)
class MessageView:
    """One utterance with everything lists and explanations show."""

    id: int
    conversation_id: int
    turn_id: UUID
    seq: int
    inbox_id: int | None
    role: str
    body: str
    mode: str | None
    sources: Sequence[Mapping[str, Any]]
    version: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class InputStatus:
    """What became of an input that was stored under a dedupe key."""

    inbox_id: int
    state: str  # pending, done, dead
    reason: str | None
    conversation_id: int | None
    message_id: int | None
    turn_id: UUID | None
    replies: tuple[MessageView, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """All rows that tell the story of one message."""

    message: MessageView
    conversation: Mapping[str, Any]
    turn: Sequence[MessageView]
    inbox: Sequence[Mapping[str, Any]]
    outbox: Sequence[Mapping[str, Any]]
    trace: bytes | None


class Messages:
    """Messages of a tenant; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, tenant_id: UUID, conversation_id: int, after: int, limit: int) -> list[MessageView]:
        """Return messages of a conversation after the message `after` (0: from the start), oldest first."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [_view(r) for r in await connection.fetch(_FORWARD, conversation_id, after, limit)]

    async def latest(self, tenant_id: UUID, conversation_id: int, before: int | None, limit: int) -> list[MessageView]:
        """Return messages of a conversation before the message `before` (None: from the end), newest first."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [_view(r) for r in await connection.fetch(_BACKWARD, conversation_id, before or 2**63 - 1, limit)]

    async def input_status(self, tenant_id: UUID, dedupe_key: str) -> InputStatus | None:
        """Return what became of an input, and the turn's replies once it is handled; None if it was never stored."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            r = await connection.fetchrow(_INPUT, dedupe_key)
            if r is None:
                return None
            turn = await connection.fetch(_TURN, r["turn_id"]) if r["turn_id"] else []
        replies = tuple(_view(m) for m in turn if m["role"] != "customer")
        conversation_id = r["conversation_id"] or (turn[0]["conversation_id"] if turn else None)
        return InputStatus(r["inbox_id"], r["state"], r["reason"], conversation_id, r["message_id"], r["turn_id"], replies)

    async def explain(self, tenant_ids: Sequence[UUID], message_id: int) -> Explanation | None:
        """Return the story of a message of any of the tenants; several tenants need the role callboard_engine."""
        if not tenant_ids:
            return None
        async with self._database.tenants_transaction(tenant_ids) as connection:
            message = await connection.fetchrow(_ONE, message_id)
            if message is None:
                return None
            turn_id = message["turn_id"]
            conversation = await connection.fetchrow(_CONVERSATION, message["conversation_id"])
            turn = await connection.fetch(_TURN, turn_id)
            inbox = await connection.fetch(_INBOX_OF_TURN, turn_id)
            outbox = await connection.fetch(_OUTBOX_OF_TURN, turn_id)
            trace = await connection.fetchval("select body from traces where turn_id = $1", turn_id)
        assert conversation is not None  # a foreign key says so
        return Explanation(
            _view(message), dict(conversation), [_view(r) for r in turn], [dict(r) for r in inbox], [dict(r) for r in outbox], trace
        )


def _view(r: Any) -> MessageView:
    return MessageView(
        r["id"],
        r["conversation_id"],
        r["turn_id"],
        r["seq"],
        r["inbox_id"],
        r["role"],
        r["body"],
        r["mode"],
        orjson.loads(r["sources"]),
        r["version"],
        r["created_at"],
    )
