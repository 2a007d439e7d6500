"""Rows of the inbox as inputs of a turn: parsed by their channel, what speaks to nobody left aside, parts put together."""

from collections.abc import Mapping, Sequence
from typing import assert_never

import orjson

from actors.domain.conversation import CRM_CHANNELS
from actors.domain.errors import InvalidInput
from actors.domain.intake import addressed, gathered
from actors.domain.messages import IgnoredInput, InboundMessage, Input, OperatorWrote, TimerFired, clean_text
from actors.ports.channels import ChannelParser
from actors.ports.conversations import ConversationRecord
from actors.ports.inbox import InboxRow
from actors.ports.turns import SettledInput

LONGEST_REASON = 500


class Reader:
    """Reads rows, of every channel. Rows that are read again, as a replay does, give the same inputs."""

    def __init__(self, parsers: Mapping[str, ChannelParser]) -> None:
        self._parsers = parsers

    def read(self, record: ConversationRecord, rows: Sequence[InboxRow]) -> tuple[tuple[Input, ...], tuple[SettledInput, ...]]:
        """Return the inputs that can be understood, and what becomes of each row."""
        inputs, settled = [], []
        for row in rows:
            try:
                inputs.append(_if_addressed(record, self._parse(record.channel, row)))
                settled.append(SettledInput(row.id))
            except InvalidInput as error:
                settled.append(SettledInput(row.id, "dead", clean_text(str(error), LONGEST_REASON)))
        return gathered(inputs) if inputs else (), tuple(settled)

    def _parse(self, channel: str, row: InboxRow) -> Input:
        match row.kind:
            case "event" if channel not in CRM_CHANNELS:
                return _event(row)
            case "message" | "event":
                if (parser := self._parsers.get(channel)) is None:
                    raise InvalidInput(f"the channel {channel} cannot be read")
                return parser.parse(row)
            case "timer" | "result":  # a result is what a rule of another conversation wants said here, like the rest of one that waited
                return _timer(row)
            case _:
                assert_never(row.kind)


def _if_addressed(record: ConversationRecord, item: Input) -> Input:
    """In a group, only what speaks to this bot is heard."""
    if isinstance(item, InboundMessage) and item.group is not None and not addressed(item.group, record.account, record.username):
        return IgnoredInput(item.inbox_id, item.received_at, "message.not_addressed")
    return item


def _event(row: InboxRow) -> Input:
    """Return what an event at a channel of ours says: a person answered from elsewhere (integrations/kommo/chat_hook.py)."""
    try:
        body = orjson.loads(row.raw)
    except ValueError:
        body = None
    if not isinstance(body, dict) or body.get("kind") != "operator_wrote":
        return IgnoredInput(row.id, row.received_at, row.kind)
    message_id, text, name = (clean_text(str(body.get(name, ""))) for name in ("id", "text", "name"))
    if not message_id or not text:
        raise InvalidInput("what a person wrote has no id or no text")
    return OperatorWrote(row.id, row.received_at, message_id, text, name)


def _timer(row: InboxRow) -> TimerFired:
    try:
        body = orjson.loads(row.raw)
        return TimerFired(row.id, row.received_at, str(body["kind"]), dict(body.get("payload") or {}))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidInput(f"not a timer: {error}") from None
