"""What customers write while a person has their conversation, passed on to that person's own chat in the same commit."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from actors.domain.operator_words import passed_on, words
from actors.ports.turns import MessageRow, TurnCommit
from storage.operators.chats import MAY, say
from storage.postgres import Connection

RELAYED = -100  # the places of passed on messages within a turn
_LISTENERS = f"""
select c.id, o.conversation_id as chat, u.locale, nullif(coalesce(nullif(c.state->>'name', ''), c.title), '') as name,
       c.integration_id = x.integration_id as same_bot
from conversations c left join handoffs h on h.conversation_id = c.id and h.closed_at is null and h.kind = 'handoff'
join operator_chats o on o.user_id = case c.control when 'human' then c.held_by else h.asked_user end
join conversations x on x.id = o.conversation_id join users u on u.id = o.user_id
where c.id = any($1::bigint[]) and c.control <> 'bot' and {MAY}"""  # noqa: S608
_FILES = ("photo", "document")


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears what the customer writes: the holder, or who was asked last."""

    chat: int
    locale: str
    name: str
    same_bot: bool  # a file is known to the bot that got it, and to no other


async def listeners(connection: Connection, conversations: Collection[int]) -> dict[int, Listener]:
    """Return who listens, by conversation; only operators with a chat of their own do."""
    if not conversations:
        return {}
    rows = await connection.fetch(_LISTENERS, sorted(conversations))
    return {r["id"]: Listener(r["chat"], r["locale"], r["name"] or words("somebody", r["locale"]), r["same_bot"]) for r in rows}


async def relay(connection: Connection, turn: TurnCommit, to: Listener) -> None:
    """Pass on the customer's messages of a turn that won."""
    said: Sequence[MessageRow] = [message for message in turn.messages if message.role == "customer"]
    place = RELAYED
    for message in said:
        for body in _bodies(message, to):
            await say(connection, to.chat, body | {"about": str(turn.conversation_id)}, turn.turn_id, place)
            place -= 1


def _bodies(message: MessageRow, to: Listener) -> list[dict[str, object]]:
    bodies: list[dict[str, object]] = [{"text": passed_on(to.name, message.body)}]
    for item in (message.data or {}).get("media", ()):
        if to.same_bot and item.get("kind") in _FILES and item.get("file_id"):
            bodies.append({"media": {"kind": item["kind"], "file_id": item["file_id"]}})
    return bodies[:11]  # an album holds ten
