"""What became of a turn. Pure."""

from dataclasses import dataclass

from actors.domain.conversation import ConversationState
from actors.domain.effects import Effect
from actors.domain.trace import Trace


@dataclass(frozen=True, slots=True)
class Decision:
    """What the turn writes: the new state, the effects in their order, and why."""

    state: ConversationState
    effects: tuple[Effect, ...]
    trace: Trace
