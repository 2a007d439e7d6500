"""What a customer said and nobody answered: it stands open until somebody speaks, and people may have the bot answer it. Pure.

The state names the last such message. Whoever asks for an answer names it, too: what was asked for before somebody spoke, or
before the customer wrote more, finds another message or none, and does nothing. So asking twice answers once.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from actors.domain.conversation import ConversationState
from actors.domain.effects import Effect, SendMessage
from actors.domain.ids import InboxId
from actors.domain.messages import InboundMessage, TimerFired

ANSWER = "answer_open"  # the kind of the input that has it answered
_NO_ANSWERS = frozenset({"late", "step"})  # an apology and what was going to be said anyway
_OURS = frozenset({"late", "stopped"})  # nobody was asked, so people cannot be said to be at it

Why = Literal["late", "stopped", "people"]


def left_open(state: ConversationState, inbox_id: InboxId, why: Why) -> ConversationState:
    """Return the state with a message that nobody answers now; `people`: they were told before."""
    known = state.open.get("why")
    return replace(state, open={"inbox": inbox_id, "why": known if known in _OURS else why})


def answered(state: ConversationState, effects: Sequence[Effect]) -> ConversationState:
    """Return the state after a turn: what stood open is answered if something was said."""
    if state.open and any(isinstance(effect, SendMessage) and effect.mode not in _NO_ANSWERS for effect in effects):
        return replace(state, open={})
    return state


def reopened(state: ConversationState, asked: TimerFired) -> tuple[InboundMessage, ...]:
    """Return what is to be answered after all; nothing if it is not what stands open now, or nobody would hear it."""
    if not state.open or state.open["inbox"] != asked.payload.get("inbox") or state.silent or state.blocked or state.talk.silenced:
        return ()
    return tuple([InboundMessage(asked.inbox_id, asked.received_at, str(text)) for text in asked.payload.get("texts", ())])
