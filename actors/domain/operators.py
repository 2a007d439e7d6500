"""What somebody wants in a chat that is an operator's, or is to become one. Pure.

A linked operator's chat is no customer conversation: nothing in it reaches an agent, and nothing of it is kept as a
message. What they want is carried out by storage in the commit of the turn, which knows by then whether it may be.
"""

import re
from collections.abc import Sequence

from actors.domain.conversation import ConversationState
from actors.domain.effects import AcknowledgePress, Effect, MoveKind, OperatorMove
from actors.domain.messages import InboundMessage, Input

CODE = re.compile(r"op_[A-Z2-7]{10}")
_START = re.compile(r"/start(@\w+)? ")
_PRESSED = re.compile(r"op:(take|back):([1-9][0-9]{0,17})|op:(stop|go)")
_COMMANDS: dict[str, MoveKind] = {"/stop": "ask_stop", "/go": "ask_go", "/help": "help", "/start": "help"}


def operator_effects(state: ConversationState, inputs: Sequence[Input]) -> tuple[Effect, ...] | None:
    """Return what the inputs ask for; None if this is a customer's conversation."""
    said = [item for item in inputs if isinstance(item, InboundMessage)]
    if not state.operator and not any(_knocks(item) for item in said):
        return None
    effects: list[Effect] = []
    for item in said:
        if item.press:
            effects.append(AcknowledgePress(item.press))
        effects.append(_move(item) if state.operator else _knock(item))
    return tuple(effects)


def button(kind: MoveKind, conversation_id: int = 0) -> str:
    """Return the data of a button that asks for a move."""
    return f"op:{kind}:{conversation_id}" if conversation_id else f"op:{kind}"


def _knocks(item: InboundMessage) -> bool:
    """Whether somebody who is no operator sends a code, or presses an operator's button."""
    return _code(item) is not None or _pressed(item) is not None


def _knock(item: InboundMessage) -> OperatorMove:
    return OperatorMove("link", text=code, name=item.author) if (code := _code(item)) else OperatorMove("stranger")


def _move(item: InboundMessage) -> OperatorMove:
    if item.press:
        return _pressed(item) or OperatorMove("help")
    if code := _code(item):
        return OperatorMove("link", text=code, name=item.author)
    command = item.text.split(maxsplit=1)[0].partition("@")[0] if item.spoken and item.text.startswith("/") else ""
    if command in _COMMANDS:
        return OperatorMove(_COMMANDS[command])
    answered = (item.data or {}).get("in_reply_to", {}).get("message_id", "")
    if not answered:
        return OperatorMove("lost")
    if not item.spoken or not item.text.strip():
        return OperatorMove("wordless")
    return OperatorMove("reply", answers=str(answered), text=item.text.strip())


def _code(item: InboundMessage) -> str | None:
    """Return the code of `/start op_CODE` or of the code alone; groups are no place for one."""
    if not item.spoken or item.press or item.group is not None:
        return None
    bare = _START.sub("", item.text, count=1).strip()
    return bare if CODE.fullmatch(bare) or (bare != item.text.strip() and bare.startswith("op_")) else None


def _pressed(item: InboundMessage) -> OperatorMove | None:
    data = (item.data or {}).get("pressed", {}).get("data", "") if item.press else ""
    if not (found := _PRESSED.fullmatch(str(data))):
        return None
    kind: MoveKind
    match found.group(1) or found.group(3):
        case "take":
            kind = "take"
        case "back":
            kind = "back"
        case "stop":
            kind = "stop"
        case _:
            kind = "go"
    return OperatorMove(kind, int(found.group(2) or 0))
