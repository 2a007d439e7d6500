"""One conversation's turn: parse, gather, decide, let the agent work, conclude, and say what to commit. Knows ports only."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, assert_never

import orjson

from actors.domain import sequenced, standing
from actors.domain.agent.models import AgentOutcome, AgentRequest
from actors.domain.agent.spending import Spent
from actors.domain.conversation import AGENT_CHANNEL, CRM_CHANNELS, OWN_CHANNELS, Control, ConversationState, ConversationView
from actors.domain.decision import Decision
from actors.domain.effects import (
    AcknowledgePress,
    Act,
    AssignTo,
    BotAsks,
    Button,
    Effect,
    LeadMoved,
    LogActivity,
    OperatorMove,
    SendMessage,
    SetControl,
    SetEnrollment,
    SetTimer,
    StartSequence,
    StopSending,
    StopSequence,
)
from actors.domain.fields import pick
from actors.domain.ids import TurnId
from actors.domain.messages import (
    WRITTEN_IN_KOMMO,
    CompanySpoke,
    IgnoredInput,
    InboundMessage,
    Input,
    MessageEdited,
    OperatorWrote,
    clean_text,
)
from actors.domain.operators import operator_effects
from actors.domain.sequences.engine import NO_SEQUENCES
from actors.domain.trace import Trace
from actors.domain.turn import conclude, decide
from actors.ports.channels import ChannelParser
from actors.ports.conversations import ConversationRecord
from actors.ports.inbox import InboxRow
from actors.ports.time import Clock, Ids
from actors.ports.turns import ActionRow, ActivityRow, MessageRow, OutboxRow, Overheard, Revision, SettledInput, TimerRow, TurnCommit, Wrote
from actors.services.agent import AgentService
from actors.services.asking import OnDelta
from actors.services.catalogues import Catalogues
from actors.services.history import History
from actors.services.reading import LONGEST_REASON, Reader
from actors.services.tally import counted

MOST_TRIES = 3  # tries alone after which an input is a dead letter
DIED_ALONE = f"it ended the process that handled it, alone, {MOST_TRIES} times"


@dataclass(frozen=True, slots=True)
class AgentStep:
    """A turn that an agent has to work on before it can be concluded."""

    turn_id: TurnId
    request: AgentRequest
    inputs: tuple[Input, ...]
    settled: tuple[SettledInput, ...]


def is_dead_letter(row: InboxRow) -> bool:
    """Return whether the row ended its host so often that it is not tried again."""
    return row.attempts > MOST_TRIES


class ConversationService:
    """Makes turns. Holds no state of any conversation."""

    def __init__(self, clock: Clock, ids: Ids, parsers: Mapping[str, ChannelParser], catalogues: Catalogues, agent: AgentService) -> None:
        self._clock = clock
        self._ids = ids
        self._reader = Reader(parsers)
        self._catalogues = catalogues
        self._agent = agent

    def decide(self, record: ConversationRecord, rows: Sequence[InboxRow]) -> TurnCommit | AgentStep:
        """Decide the turn of these inputs; only an agent that needs the network is left to `work`.

        Raises:
            CatalogueMissing: the version is not loaded yet, or there is none; try later.
        """
        if (view := view_of(record)).state.mirror:
            return _mirror_turn(record, self._ids.turn_id(), view.state, rows)
        if is_dead_letter(rows[0]):
            return self.dead_letter(record, rows[0], DIED_ALONE)
        inputs, settled = self._reader.read(record, rows)
        turn_id = self._ids.turn_id()
        if not inputs:
            return _unreadable(record, turn_id, settled)
        if record.channel == "telegram" and (moves := operator_effects(view.state, inputs)) is not None:
            return _operator_turn(record, turn_id, settled, moves, self._clock.now().isoformat())
        catalogue = self._catalogues.of(record)
        decision = decide(view, inputs, catalogue, self._clock.now())
        if isinstance(decision, AgentRequest):
            step = AgentStep(turn_id, decision, inputs, settled)
            outcome = self._agent.at_once(decision)
            return step if outcome is None else self._conclude(record, step, outcome)
        return turn_commit(record, turn_id, inputs, settled, decision)

    async def work(self, record: ConversationRecord, step: AgentStep, history: History, on_delta: OnDelta) -> TurnCommit:
        """Let the agent work and conclude the turn. No transaction is open meanwhile."""
        outcome = await self._agent.answer(step.request, history.messages(), on_delta, record.tenant_id)
        return self._conclude(record, step, outcome)

    def _conclude(self, record: ConversationRecord, step: AgentStep, outcome: AgentOutcome) -> TurnCommit:
        decision = conclude(view_of(record), step.request, outcome, self._clock.now())
        return turn_commit(record, step.turn_id, step.inputs, step.settled, decision, outcome.spent)

    def dead_letter(self, record: ConversationRecord, row: InboxRow, reason: str) -> TurnCommit:
        """Settle an input that cannot be handled: people are told, the customer is handed off, the conversation goes on."""
        reason = clean_text(reason, LONGEST_REASON)
        effects: list[Effect] = [LogActivity("message.dead", {"inbox_id": row.id, "reason": reason})]
        view = view_of(record)
        if row.kind == "message" and view.control is Control.BOT and not view.state.operator:
            effects.append(SetControl(Control.WAITING))
        if len(effects) > 1 and not view.state.silent:
            persona = self._catalogues.persona(record)
            language = view.state.language or persona.languages[0]
            effects.insert(1, SendMessage(pick(persona.handoff_text, language), "handoff"))
        now, said = self._clock.now(), "" if row.kind == "message" else None
        state, done = sequenced.settled(view, view.state, tuple(effects), NO_SEQUENCES, now, said)
        decision = Decision(standing.answered(state, done), done, _dead_trace(record, row, reason, now.isoformat()))
        return turn_commit(record, self._ids.turn_id(), (), (SettledInput(row.id, "dead", reason),), decision)


def view_of(record: ConversationRecord) -> ConversationView:
    """Return the conversation as decide() sees it."""
    state = ConversationState.from_json(orjson.loads(record.state or b"{}"))
    key = record.address.key
    own = record.channel == AGENT_CHANNEL or (record.channel in CRM_CHANNELS and key.startswith(("lead:", "contact:")))
    about = key if own else ""
    return ConversationView(state, Control(record.control), record.channel, record.reply_policy, about)


def turn_commit(
    record: ConversationRecord,
    turn_id: TurnId,
    inputs: Sequence[Input],
    settled: tuple[SettledInput, ...],
    decision: Decision,
    spent: Spent | None = None,
) -> TurnCommit:
    """Return all that the turn writes: the inputs as messages, then what the decision asks for, in its order."""
    messages = [_customer(item) for item in inputs if isinstance(item, InboundMessage)]
    outbox: list[OutboxRow] = []
    timers: list[TimerRow] = []
    actions: list[ActionRow] = []
    activity = [_dead_activity(record, item) for item in settled if item.state == "dead"] if inputs else []
    aside: list[Effect] = []
    control: str | None = None
    stop: str | None = None
    for effect in decision.effects:
        match effect:
            case SendMessage():
                outbox += _outbox(record, effect, len(messages), decision.state)
                messages.append(_said(effect))
            case AcknowledgePress():
                # A person may have the conversation: this says nothing, and goes all the same.
                outbox.append(OutboxRow(-1 - len(outbox), "operator", "repeat_once", {"callback_query_id": effect.press}))
            case OperatorMove() | SetEnrollment() | StartSequence() | StopSequence() | LeadMoved() | AssignTo() | BotAsks():
                aside.append(effect)
            case StopSending():
                stop = effect.reason
            case Act():
                actions.append(ActionRow(len(actions), effect.kind, effect.params, effect.rule))
            case SetControl():
                control = effect.control.value
            case SetTimer():
                timers.append(TimerRow(effect.kind, effect.delay_s, effect.payload))
            case LogActivity():
                activity.append(ActivityRow(effect.kind, record.agent_id, effect.data))
            case _:
                assert_never(effect)
    state = orjson.dumps(decision.state.to_json())
    return TurnCommit(
        turn_id=turn_id,
        tenant_id=record.tenant_id,
        conversation_id=record.id,
        expected_version=record.version,
        state=state,
        control=control,
        inputs=settled,
        messages=tuple(messages),
        outbox=tuple(outbox),
        timers=tuple(timers),
        activity=counted(activity, inputs, decision, record.agent_id, spent),
        spent=spent,
        trace=_whole(decision.trace, settled).to_bytes(),
        revisions=tuple([Revision(item.external_id, item.text, item.data or {}) for item in inputs if isinstance(item, MessageEdited)]),
        stop_sending=stop,
        wrote=tuple([Wrote(i.inbox_id, WRITTEN_IN_KOMMO + i.external_id, i.text, i.name) for i in inputs if isinstance(i, OperatorWrote)]),
        overheard=tuple([_overheard(item) for item in inputs if isinstance(item, CompanySpoke)]),
        moves=tuple([effect for effect in aside if isinstance(effect, OperatorMove)]),
        relay=record.control != "bot" and record.channel != "test" and any(message.role == "customer" for message in messages),
        ignored=tuple([item.what for item in inputs if isinstance(item, IgnoredInput)]),
        actions=tuple(actions),
        agent_id=record.agent_id,
        enrollments=tuple([effect for effect in aside if isinstance(effect, SetEnrollment)]),
        assigned=next((effect for effect in reversed(aside) if isinstance(effect, AssignTo)), None),
        asks=tuple([effect for effect in aside if isinstance(effect, BotAsks)]),
        leads_moved=tuple([effect for effect in aside if isinstance(effect, LeadMoved)]),
        steps=any(isinstance(effect, SendMessage) and effect.delivery_class == "step" for effect in decision.effects),
        heard_at=min([item.received_at.timestamp() for item in inputs if isinstance(item, InboundMessage)], default=None),
    )


def _whole(trace: Trace, settled: Sequence[SettledInput]) -> Trace:
    """Return the trace with all rows of the turn in their order: of parts that became one message, decide() knows one."""
    ids = tuple([item.inbox_id for item in settled])
    return trace if trace.inputs == ids else replace(trace, inputs=ids)


def _customer(item: InboundMessage) -> MessageRow:
    return MessageRow("customer", item.text, inbox_id=item.inbox_id, external_id=item.external_id, data=item.data)


def _said(effect: SendMessage) -> MessageRow:
    shown: dict[str, Any] = {}
    if effect.buttons:
        shown["buttons"] = [{"text": button.text, "url": button.url} for button in effect.buttons]
    if effect.attachment:
        shown["attachment"] = asdict(effect.attachment)
    return MessageRow("agent", clean_text(effect.text), mode=effect.mode, sources=effect.sources, data=shown or None)


def _overheard(item: CompanySpoke) -> Overheard:
    return Overheard(item.inbox_id, item.external_id, item.text, item.by, item.name, item.said_at, item.received_at.timestamp())


def _outbox(record: ConversationRecord, effect: SendMessage, seq: int, state: ConversationState) -> list[OutboxRow]:
    """Return the row for delivery; that of our own channels is the commit itself."""
    if record.channel in OWN_CHANNELS:
        return []
    policy: Literal["once", "repeat_once"] = "repeat_once"
    if effect.delivery_class == "step" or record.reply_policy == "once":
        policy = "once"
    body: dict[str, Any] = {**state.reply_to, "text": clean_text(effect.text)}
    if effect.mode == "model":  # only models write Markdown; what people wrote is sent as they wrote it
        body["format"] = "markdown"
    if record.channel in CRM_CHANNELS:
        body["text"] = "\n".join([body["text"], *_written(effect)])
    else:
        if effect.buttons:
            body["buttons"] = [[_button(number, button)] for number, button in enumerate(effect.buttons)]
        if effect.attachment:
            body["media"] = asdict(effect.attachment)
    return [OutboxRow(seq, effect.delivery_class, policy, body, effect.sequence, effect.step)]


def _written(effect: SendMessage) -> list[str]:
    """Return buttons and file as lines of a text: by its text our own message is known again when the CRM tells of it."""
    lines = [f"• {button.text}: {button.url}" if button.url else f"• {button.text}" for button in effect.buttons if not button.spare]
    return [*([effect.attachment.url] if effect.attachment else []), *lines]


def _button(number: int, button: Button) -> dict[str, str]:
    """Return a button as senders know it; what is pressed comes back with its words."""
    return {"text": button.text, "url": button.url} if button.url else {"text": button.text, "data": str(number)}


def _dead_activity(record: ConversationRecord, settled: SettledInput) -> ActivityRow:
    return ActivityRow("message.dead", record.agent_id, {"inbox_id": settled.inbox_id, "reason": settled.reason})


def _unreadable(record: ConversationRecord, turn_id: TurnId, settled: tuple[SettledInput, ...]) -> TurnCommit:
    """Return the turn of inputs none of which can be understood: nothing is said, people are told."""
    effects = tuple([LogActivity("message.dead", {"inbox_id": item.inbox_id, "reason": item.reason}) for item in settled])
    trace = Trace(str(record.agent_id), 0, "", tuple([item.inbox_id for item in settled]), record.control, "", "", "no input can be read")
    return turn_commit(record, turn_id, (), settled, Decision(view_of(record).state, effects, trace))


def _mirror_turn(record: ConversationRecord, turn_id: TurnId, state: ConversationState, rows: Sequence[InboxRow]) -> TurnCommit:
    """Return the turn of a copy of another conversation: it was said, and answered, there."""
    ids = tuple([row.id for row in rows])
    trace = Trace(str(record.agent_id), 0, "", ids, record.control, "", "", "a copy of another conversation")
    inputs = [IgnoredInput(row.id, row.received_at, "mirror") for row in rows]
    return turn_commit(record, turn_id, inputs, tuple([SettledInput(row.id) for row in rows]), Decision(state, (), trace))


def _operator_turn(
    record: ConversationRecord, turn_id: TurnId, settled: tuple[SettledInput, ...], effects: tuple[Effect, ...], decided_at: str
) -> TurnCommit:
    """Return the turn of a chat that is an operator's: nothing of it is a message, no agent hears of it."""
    ids = tuple([item.inbox_id for item in settled])
    trace = Trace(str(record.agent_id), 0, decided_at, ids, record.control, "", "operator", "an operator's own chat")
    return turn_commit(record, turn_id, (), settled, Decision(view_of(record).state, effects, trace))


def _dead_trace(record: ConversationRecord, row: InboxRow, reason: str, decided_at: str) -> Trace:
    return Trace(str(record.agent_id), 0, decided_at, (row.id,), record.control, "", "handoff", f"dead letter: {reason}")
