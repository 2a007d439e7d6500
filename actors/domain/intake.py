"""What a turn's inputs mean before anything is answered: parts become one message, edits revise, the rest changes the state. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, assert_never

from actors.domain import standing
from actors.domain.conversation import Control, ConversationState
from actors.domain.effects import AcknowledgePress, Effect, LogActivity, SetControl, StopSending
from actors.domain.messages import (
    CompanySpoke,
    ContactBlocked,
    CrmEvent,
    GroupTalk,
    IgnoredInput,
    InboundMessage,
    Input,
    MessageEdited,
    OperatorWrote,
    TimerFired,
)

GIVE_BACK = "give_back"  # the kind of the timer that returns a conversation to the bot
LATE_S = 3_600.0  # what was written longer ago is no question of now: prices and days have passed, and the customer may have, too
_LONGEST_PAYLOAD = 64  # characters; Telegram's limit for the parameter of a link
_LONGEST_NAME = 120
START = "/start "


@dataclass(frozen=True, slots=True)
class TakenIn:
    """Who speaks after the inputs, what they changed, and what is to be answered."""

    control: Control
    state: ConversationState
    effects: tuple[Effect, ...] = ()
    messages: tuple[InboundMessage, ...] = ()  # arrived while the bot was to speak
    late: tuple[InboundMessage, ...] = ()  # the same, but written long ago
    open: tuple[InboundMessage, ...] = ()  # were said before and are to be answered after all


def gathered(inputs: Sequence[Input]) -> tuple[Input, ...]:
    """Return the inputs in the order they were said, edits of messages among them applied, the parts of an album as one message."""
    if len(inputs) == 1:
        return tuple(inputs)
    result: list[Input] = []
    for item in _as_said(inputs):
        place = _belongs_to(result, item)
        if place is None:
            result.append(item)
        else:
            result[place] = _joined(result[place], item)
    return tuple(result)


def _as_said(inputs: Sequence[Input]) -> Sequence[Input]:
    """Put messages of channels that deliver in any order into the order of writing; what was written in one second stays as it came."""
    places = [n for n, item in enumerate(inputs) if isinstance(item, InboundMessage) and item.said_at]
    if len(places) <= 1:
        return inputs
    said = list(inputs)
    for place, item in zip(places, sorted([inputs[n] for n in places], key=_said_at), strict=True):
        said[place] = item
    return said


def _said_at(item: Input) -> float:
    return item.said_at if isinstance(item, InboundMessage) else 0.0


def addressed(talk: GroupTalk, account: str, username: str) -> bool:
    """Return whether a group's message speaks to this bot: its command, an answer to it, a mention of it.

    A bot whose name is not known hears every mention of a bot (their names end in `bot`).
    """
    me = username.lower()
    if talk.command is not None:
        return talk.command in ("", me) or (not me and talk.command.endswith("bot"))
    if talk.answers and talk.answers == account:
        return True
    return account in talk.mentions or (me in talk.mentions if me else any(name.endswith("bot") for name in talk.mentions))


def take_in(control: Control, state: ConversationState, inputs: Sequence[Input]) -> TakenIn:
    """Return what the inputs change, one after another."""
    taken = TakenIn(control, state)
    for item in inputs:
        match item:
            case InboundMessage():
                taken = _message(taken, item)
            case ContactBlocked():
                taken = _blocked(taken, item.blocked)
            case TimerFired():
                taken = _timer(taken, item)
            case CrmEvent():
                taken = replace(taken, effects=(*taken.effects, LogActivity(item.kind, item.data)))
            case OperatorWrote():
                # Committed with the turn (storage/migrations/0039): what the customer said before is answered by a person.
                taken = replace(taken, control=Control.HUMAN, messages=(), late=(), open=())
            case MessageEdited() | IgnoredInput() | CompanySpoke():
                pass
            case other:
                assert_never(other)
    return taken


def _message(taken: TakenIn, item: InboundMessage) -> TakenIn:
    state, effects = taken.state, taken.effects
    straggler = bool(item.album) and item.album == state.album and not item.spoken
    if state.blocked or item.album != state.album:
        effects = _still_sending(effects) if state.blocked else effects
        state = replace(state, blocked=False, album=item.album)
    if item.reply_to:
        state = replace(state, reply_to=item.reply_to)
    if item.author and item.author != state.name:
        state = replace(state, name=item.author[:_LONGEST_NAME])
    if item.press:
        effects += (AcknowledgePress(item.press),)
    if item.text.startswith(START) and (payload := item.text[len(START) :].strip()[:_LONGEST_PAYLOAD]):
        state = replace(state, start=state.start or payload)
        effects += (LogActivity("conversation.started", {"payload": payload}),)
    messages, late = taken.messages, taken.late
    if taken.control is not Control.HUMAN and not straggler:
        too_late = item.age_s > (item.answer_within_s or LATE_S)
        messages, late = (messages, (*late, item)) if too_late else ((*messages, item), late)
        if too_late or taken.control is Control.WAITING:
            state = standing.left_open(state, item.inbox_id, "late" if too_late else "people")
    return TakenIn(taken.control, state, effects, messages, late, taken.open)


def _blocked(taken: TakenIn, blocked: bool) -> TakenIn:
    told: tuple[Effect, ...] = (LogActivity("contact.blocked" if blocked else "contact.unblocked"),)
    if blocked:
        told = (StopSending("the customer blocked the bot"), *told)
    return replace(taken, state=replace(taken.state, blocked=blocked), effects=_still_sending(taken.effects) + told)


def _still_sending(effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
    return tuple([effect for effect in effects if not isinstance(effect, StopSending)])


def _timer(taken: TakenIn, timer: TimerFired) -> TakenIn:
    if timer.kind == standing.ANSWER:
        return _reopen(taken, timer)
    return _give_back(taken, timer) if timer.kind == GIVE_BACK else taken


def _reopen(taken: TakenIn, timer: TimerFired) -> TakenIn:
    """People want it answered, so the bot has the conversation again; not if a person took it meanwhile."""
    said = () if taken.control is Control.HUMAN else standing.reopened(taken.state, timer)
    if not said:
        return taken
    told = {"by": str(timer.payload.get("by", "")), "messages": len(said), "why": taken.state.open["why"]}
    back: tuple[Effect, ...] = () if taken.control is Control.BOT else (SetControl(Control.BOT),)
    effects = (*taken.effects, *back, LogActivity("conversation.reopened", told))
    return replace(taken, control=Control.BOT, state=replace(taken.state, open={}), effects=effects, open=said)


def _give_back(taken: TakenIn, timer: TimerFired) -> TakenIn:
    only_from = timer.payload.get("from", taken.control)
    if taken.control is Control.BOT or only_from != taken.control:
        return taken
    if taken.state.talk.silenced and taken.control is Control.WAITING:
        return taken  # time does not make a person of a robot
    back = (SetControl(Control.BOT), LogActivity("conversation.given_back", {"by": "timer"}))
    return replace(taken, control=Control.BOT, effects=taken.effects + back)


def _belongs_to(earlier: Sequence[Input], item: Input) -> int | None:
    """Return the place of the message that `item` revises or completes."""
    for place, other in enumerate(earlier):
        if not isinstance(other, InboundMessage):
            continue
        if isinstance(item, MessageEdited) and item.external_id in _ids(other):
            return place
        if isinstance(item, InboundMessage) and item.album and item.album == other.album:
            return place
    return None


def _ids(message: InboundMessage) -> set[str]:
    parts = (message.data or {}).get("parts", ())
    return {message.external_id or "", *parts}


def _joined(message: Input, item: Input) -> Input:
    assert isinstance(message, InboundMessage)
    if isinstance(item, MessageEdited):
        return _revised(message, item)
    assert isinstance(item, InboundMessage)
    return _completed(message, item)


def _revised(message: InboundMessage, edit: MessageEdited) -> InboundMessage:
    if message.external_id != edit.external_id:  # a part of an album that says nothing itself
        return message
    data = {**(message.data or {}), **{name: value for name, value in (edit.data or {}).items() if name != "media"}}
    return replace(message, text=edit.text, spoken=True, data={**data, "edited": [message.text]})


def _completed(message: InboundMessage, part: InboundMessage) -> InboundMessage:
    """Add a part of an album: the one with the caption speaks for all."""
    speaker = part if part.spoken and not message.spoken else message
    texts = [item.text for item in (message, part) if item.spoken]
    media = [*_media(message), *_media(part)]
    first, second = message.data or {}, part.data or {}
    parts = [*first.get("parts", [message.external_id]), part.external_id]
    data: Mapping[str, Any] = {**second, **first, "media": media, "parts": parts}
    text = "\n".join(texts) if texts else f"[album: {len(media)} files]"
    return replace(message, text=text, spoken=bool(texts), external_id=speaker.external_id, data=data)


def _media(message: InboundMessage) -> Sequence[Any]:
    found: Sequence[Any] = (message.data or {}).get("media", ())
    return found
