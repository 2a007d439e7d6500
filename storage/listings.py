"""Lists for people: conversations, and messages with what became of each."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from storage.conversations import TITLE
from storage.postgres import Database
from storage.unanswered import OPEN

# Words of messages are looked for in so many of the latest conversations: a walk over all would take seconds.
_SEARCHED = 2_000
_CONVERSATION = f"""
select c.id, g.agent_id, g.channel, c.integration_id, c.control, c.version, {TITLE} as title, c.created_at, c.last_at, c.pinned_version,
       coalesce((select left(m.body, 160) from messages m where m.conversation_id = c.id order by m.id limit 1), '') as opening,
       coalesce(l.body, '') as latest, l.role as latest_role, c.assigned_to,
       (select coalesce(nullif(u.name, ''), u.email) from users u where u.id = c.assigned_to) as assigned_name,
       case when conversation_is_closed(c) then c.closed_at end as closed_at
from conversations c join integrations g on g.id = c.integration_id
left join lateral (
  select left(m.body, 160) as body, m.role from messages m where m.conversation_id = c.id order by m.id desc limit 1) l on true"""  # noqa: S608
_CONVERSATIONS = f"""{_CONVERSATION}
where ($1::uuid is null or g.agent_id = $1) and ($2::text is null or c.control = $2) and ($3::text is null or g.channel = $3)
  and c.kind = 'chat' and not c.state ? 'operator'
  and ($11::bool is null or conversation_is_closed(c) = $11) and (not $9 or {OPEN}) and ($10::uuid is null or c.assigned_to = $10)
  and ($4::timestamptz is null or (c.last_at, c.id) < ($4, $5::bigint))
  and ($7::text is null or {TITLE} ilike $7 or c.id::text = $8 or c.id in (
    select r.id from (select x.id from conversations x where x.kind = 'chat' order by x.last_at desc, x.id desc limit {_SEARCHED}) r
    where exists (select from messages m where m.conversation_id = r.id and m.body ilike $7)))
order by c.last_at desc, c.id desc limit $6"""  # noqa: S608
_MESSAGE = """
select m.id, m.turn_id, m.seq, m.role, m.body, m.mode, m.sources, m.version, m.created_at,
       m.data->'media' as media, m.data->'buttons' as buttons, m.data->'attachment' as attachment,
       m.data->>'by' as written_by,
       o.state, o.policy, o.uncertain, o.attempts, o.error, o.sent_at, o.crossed
from messages m left join outbox o on o.turn_id = m.turn_id and o.seq = m.seq and m.role <> 'customer'"""
_MESSAGES = f"{_MESSAGE} where m.conversation_id = $1 and m.id > $2 order by m.id limit $3"


@dataclass(frozen=True, slots=True)
class ConversationFilter:
    """Which conversations; None means any."""

    agent_id: UUID | None = None
    control: str | None = None
    channel: str | None = None
    text: str | None = None  # in the title or the messages, or the number
    unanswered: bool = False  # only where a customer's last words stand open
    assigned_to: UUID | None = None
    closed: bool | None = False


@dataclass(frozen=True, slots=True)
class ConversationItem:
    """A conversation as lists show it."""

    id: int
    agent_id: UUID
    channel: str
    integration_id: UUID
    control: str
    version: int
    title: str
    created_at: datetime
    last_at: datetime
    pinned_version: int | None
    opening: str
    latest: str
    latest_role: str | None
    assigned_to: UUID | None
    assigned_name: str | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of an outgoing message; `uncertain` counts outcomes that could not be known, for ever."""

    state: str
    policy: str
    uncertain: int
    attempts: int
    error: str | None
    sent_at: datetime | None
    crossed: bool = False  # a step of a sequence that was on its way when the customer wrote


@dataclass(frozen=True, slots=True)
class MessageItem:
    """A message as lists show it. `delivery` is None for customers' messages and where the commit is the delivery."""

    id: int
    turn_id: UUID
    role: str
    body: str
    mode: str | None
    sources: Sequence[Mapping[str, Any]]
    version: int
    created_at: datetime
    delivery: Delivery | None
    files: Sequence[Mapping[str, Any]] = ()  # of customers: kind, name, size, ...
    buttons: Sequence[Mapping[str, Any]] = ()  # below our answers: text, url
    attachment: Mapping[str, Any] | None = None  # to our answers: kind, url
    written_by: str | None = None  # in Kommo, by name; empty: nobody knows


class Listings:
    """Lists of a tenant; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def conversations(
        self, tenant_id: UUID, where: ConversationFilter, before: tuple[datetime, int] | None, limit: int
    ) -> list[ConversationItem]:
        """Return conversations with people, the most recent first, after the place `before`."""
        last_at, conversation_id = before or (None, None)
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch(
                _CONVERSATIONS,
                where.agent_id,
                where.control,
                where.channel,
                last_at,
                conversation_id,
                limit,
                _pattern(where.text),
                where.text,
                where.unanswered,
                where.assigned_to,
                where.closed,
            )
        return [ConversationItem(*row.values()) for row in rows]

    async def conversation(self, tenant_id: UUID, conversation_id: int) -> ConversationItem | None:
        """Return one conversation."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            row = await connection.fetchrow(f"{_CONVERSATION} where c.id = $1", conversation_id)
        return ConversationItem(*row.values()) if row else None

    async def messages(self, tenant_id: UUID, conversation_id: int, after: int, limit: int) -> list[MessageItem]:
        """Return messages after the message `after` (0: from the start), oldest first."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch(_MESSAGES, conversation_id, after, limit)
        return [_message(row) for row in rows]

    async def existing(self, tenant_id: UUID, conversation_ids: Collection[int]) -> set[int]:
        """Return those that are conversations of the tenant."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch("select id from conversations where id = any($1::bigint[])", list(conversation_ids))
        return {row["id"] for row in rows}


def _pattern(text: str | None) -> str | None:
    """Return what finds a text anywhere, taken as it stands."""
    if text is None:
        return None
    plain = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{plain}%"


def _message(row: Any) -> MessageItem:
    delivery = None
    if row["state"] is not None:
        delivery = Delivery(row["state"], row["policy"], row["uncertain"], row["attempts"], row["error"], row["sent_at"], row["crossed"])
    return MessageItem(
        row["id"],
        row["turn_id"],
        row["role"],
        row["body"],
        row["mode"],
        orjson.loads(row["sources"]),
        row["version"],
        row["created_at"],
        delivery,
        orjson.loads(row["media"] or "[]"),
        orjson.loads(row["buttons"] or "[]"),
        orjson.loads(row["attachment"] or "null"),
        row["written_by"],
    )
