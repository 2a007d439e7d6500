"""Stored event of Kommo to domain input."""

from typing import Any, Literal

import orjson

from actors.domain.errors import InvalidInput
from actors.domain.messages import CompanySpoke, CrmEvent, IgnoredInput, InboundMessage, Input, clean_text
from actors.ports.inbox import InboxRow
from integrations.kommo.context import attachment_of, author_of, reply_to, seconds
from integrations.kommo.events import kind_of, told
from integrations.kommo.facts import facts_of
from integrations.kommo.forms import Tree, text
from integrations.kommo.routing import number

# An answer to an older message surprises whoever has been answered meanwhile, by a person or in another way.
ANSWER_WITHIN_S = 900.0
_BEGINNING = 1_000_000_000  # an earlier time is none


class KommoParser:
    """Understands messages, what the company itself wrote, and events of the CRM; everything else is stored, counted and ignored."""

    def parse(self, row: InboxRow) -> Input:
        """Return what the event says.

        Raises:
            InvalidInput: the event cannot be understood; the reason is for people.
        """
        entity, action, item = _event(row.raw)
        match entity, action:
            case "message", "add":
                return _message(row, item)
            case "outgoing_message", "add":
                return _outgoing(row, item)
            case "salesbot", "asked":
                return CrmEvent(row.id, row.received_at, "salesbot.asked", {"bot": text(item, "bot")}, {"bot.at": text(item, "path")})
            case "cut", _:
                return CrmEvent(row.id, row.received_at, "webhook.cut", {"events": text(item, "events")})
            case _:
                kind = kind_of(entity, action, item)
                if kind is None:
                    return IgnoredInput(row.id, row.received_at, clean_text(f"{entity}.{action}", 64))
                changed_at = seconds(item, "updated_at") or seconds(item, "last_modified")
                return CrmEvent(row.id, row.received_at, kind, told(item), facts_of(entity, item), changed_at)


def _message(row: InboxRow, item: Tree) -> Input:
    message_id = _identified(item)
    said, attached = clean_text(text(item, "text")), attachment_of(item)
    if not said.strip() and attached is None:
        return IgnoredInput(row.id, row.received_at, "message.empty")
    written = _written(item)
    return InboundMessage(
        row.id,
        row.received_at,
        said or (clean_text(attached.text) if attached else ""),
        external_id=message_id,
        author=author_of(item),
        media=attached.kind if attached else None,
        data={"media": [attached.data]} if attached else None,
        spoken=bool(said),
        age_s=max(row.received_at.timestamp() - written, 0.0) if written else 0.0,
        said_at=written,
        answer_within_s=ANSWER_WITHIN_S,
        reply_to=reply_to(item),
    )


def _outgoing(row: InboxRow, item: Tree) -> Input:
    message_id, attached = _identified(item), attachment_of(item)
    said = clean_text(text(item, "text")) or (attached.text if attached else "")
    is_person = text(item, "author", "type") == "internal" or number(item, "author", "user_id")
    by: Literal["person", "bot"] = "person" if is_person else "bot"
    return CompanySpoke(row.id, row.received_at, message_id, said, by, author_of(item), _written(item))


def _identified(item: Tree) -> str:
    message_id = clean_text(text(item, "id"), 128)
    if not message_id or not text(item, "chat_id"):
        raise InvalidInput("the message has no id or no chat")
    return message_id


def _written(item: Tree) -> float:
    written = seconds(item, "created_at")
    return written if written >= _BEGINNING else 0.0


def _event(raw: bytes) -> tuple[str, str, Tree]:
    try:
        event: Any = orjson.loads(raw)
    except ValueError:
        raise InvalidInput("the event is not JSON") from None
    if not isinstance(event, dict) or not isinstance(event.get("item"), dict):
        raise InvalidInput("the event is not an object with an item")
    return str(event.get("entity", "")), str(event.get("action", "")), event["item"]
