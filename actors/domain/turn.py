"""One turn: what to do about one or more consecutive inputs of a conversation. Pure: the same arguments give the same decision."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, assert_never

from actors.domain import called, crm_events, finished, ruled, sequenced, standing, tooled
from actors.domain.agent.engine import Answer, NoAnswer, answer
from actors.domain.agent.models import AgentOutcome, AgentRequest, Persona
from actors.domain.asked import is_start, match_scripts, picked, quote
from actors.domain.catalogue import Catalogue
from actors.domain.conversation import Control, ConversationState, ConversationView
from actors.domain.decision import Decision
from actors.domain.effects import Effect, LogActivity, Mode, SendMessage, SetControl, SetTimer, Source
from actors.domain.fields import pick
from actors.domain.ids import AgentId, InboxId
from actors.domain.intake import GIVE_BACK, LATE_S, TakenIn, take_in
from actors.domain.knowledge.hybrid import chunk_of
from actors.domain.knowledge.models import NOTHING_FOUND, Findings
from actors.domain.messages import CompanySpoke, CrmEvent, InboundMessage, Input
from actors.domain.robots import QUIET, Talk, hear, why_robot
from actors.domain.robots import answer as noted_answer
from actors.domain.ruled import Moment
from actors.domain.rules.running import Ran
from actors.domain.scripts.models import NO_MATCH, ScriptMatch, Winner
from actors.domain.sequences.calendar import is_open
from actors.domain.sequences.engine import SequenceIndex, zone_of
from actors.domain.text import MATCHED_CHARACTERS, Words, language_of, words
from actors.domain.trace import PromptTrace, Trace, prompt_trace

STOPPED = "the bot is stopped"
LONGEST_QUESTION = 8_000  # characters shown to a model


@dataclass(frozen=True, slots=True)
class _Turn:
    """A turn while it is decided: its effects so far, and who speaks after them."""

    agent_id: AgentId
    version: int
    persona: Persona
    inbox_ids: tuple[InboxId, ...]
    now: datetime
    control: Control
    state: ConversationState
    effects: tuple[Effect, ...] = ()
    scripts: ScriptMatch = NO_MATCH
    findings: Findings = NOTHING_FOUND
    prompt: PromptTrace | None = None
    stages_ms: Mapping[str, float] | None = None
    rules: Ran | None = None
    knowledge: Mapping[str, Any] | None = None
    about: str = ""
    seen: Control | None = None  # who spoke before the turn, if that is not `control`
    asked_at: datetime | None = None  # when the agent was asked


def decide(view: ConversationView, inputs: Sequence[Input], catalogue: Catalogue, now: datetime) -> Decision | AgentRequest:
    """Decide the turn, or say what the agent has to find out first; several messages are answered once."""
    decided = _decide(view, inputs, catalogue, now)
    said = [item.text for item in inputs if isinstance(item, InboundMessage)]
    if isinstance(decided, AgentRequest):
        return decided
    settled = _settled(decided, view, catalogue.sequences, now, said)
    if catalogue.persona.responder == "agent":
        settled = finished.woken_by(settled, view, catalogue.rules, catalogue.sequences, catalogue.persona, catalogue.version, now)
    return _closed(settled)


def _settled(decided: Decision, view: ConversationView, index: SequenceIndex, now: datetime, said: Sequence[str]) -> Decision:
    """Let enrollments follow from the turn."""
    state, effects = sequenced.settled(view, decided.state, decided.effects, index, now, "\n".join(said) if said else None)
    stepped = not decided.trace.mode and any(isinstance(effect, SendMessage) and effect.mode == "step" for effect in effects)
    trace = replace(decided.trace, mode="step", reason="a step of a sequence was due") if stepped else decided.trace
    return Decision(state, effects, trace)


def _closed(decided: Decision) -> Decision:
    """What stood open is answered if anything of the turn says something."""
    return Decision(standing.answered(decided.state, decided.effects), decided.effects, decided.trace)


def _decide(view: ConversationView, inputs: Sequence[Input], catalogue: Catalogue, now: datetime) -> Decision | AgentRequest:
    ids = tuple([item.inbox_id for item in inputs])
    taken = take_in(view.control, view.state, inputs)
    # Whoever tries an agent out says the same again and again, and the diagnostic responder is asked by robots.
    listens = view.channel != "test" and catalogue.persona.responder == "agent"
    talk = _listening(taken, int(now.timestamp())) if listens else taken.state.talk
    choices = view.state.choices if all(isinstance(item, CompanySpoke | CrmEvent) for item in inputs) else ()
    state = replace(taken.state, turns=view.state.turns + 1, choices=choices, talk=talk)
    turn = _Turn(
        catalogue.agent_id,
        catalogue.version,
        catalogue.persona,
        ids,
        now,
        taken.control,
        state,
        taken.effects,
        about=view.about,
        seen=view.control,
    )
    ours: frozenset[InboxId] = frozenset()
    if view.about:
        state, ours = crm_events.own_changes(state, inputs)
        turn = replace(turn, state=state, effects=turn.effects + crm_events.moves(inputs, ours) + crm_events.asks(view.about, inputs))
    if view.state.enrolled:
        stepped = sequenced.before(view, inputs, _moment(turn), catalogue.rules)
        turn = replace(turn, state=stepped.state, control=stepped.control, effects=turn.effects + stepped.effects)
    if view.state.silent:
        return _stopped(turn, taken)
    if catalogue.persona.responder == "chain":
        return _chain(turn, [item.text for item in inputs if isinstance(item, InboundMessage)])
    if listens and (taken.messages or taken.late) and (robot := _robot(turn)) is not None:
        return robot
    if catalogue.rules:
        return _ruled(turn, taken, inputs, ours, catalogue, view)
    return _undisturbed(turn, taken, catalogue, view)


def _undisturbed(turn: _Turn, taken: TakenIn, catalogue: Catalogue, view: ConversationView) -> Decision | AgentRequest:
    """Decide what scripts and the agent say."""
    if not taken.messages and not taken.late and not taken.open:
        return _silent(turn, "an operator has the conversation" if turn.control is Control.HUMAN else "nothing to answer")
    return _answered(turn, taken, catalogue, view)


def _ruled(
    turn: _Turn, taken: TakenIn, inputs: Sequence[Input], ours: Collection[InboxId], catalogue: Catalogue, view: ConversationView
) -> Decision | AgentRequest:
    """Let rules go first: what they say is the answer, unless they let the agent answer."""
    # What was written long ago wakes no rule: people answer it.
    inputs = [item for item in inputs if not isinstance(item, InboundMessage) or item.age_s <= LATE_S]
    heard = [item for item in inputs if isinstance(item, InboundMessage)]
    if heard:
        turn = _in_language(turn, heard)
    ran = ruled.before(catalogue.rules, view, inputs, _moment(turn))
    if view.about:
        ran = crm_events.heard(ran, view, inputs, _moment(turn), ours)
    ran = called.heard(ran, view, inputs, _moment(turn))
    turn = replace(turn, state=ran.state, control=ran.control, effects=turn.effects + ran.effects, rules=ran)
    if ran.answered:
        said = any(isinstance(effect, SendMessage) for effect in ran.effects)
        if taken.open and not said:  # what people wanted answered is not
            turn = replace(turn, state=replace(turn.state, open=view.state.open))
        trace = _trace(turn, "rule" if said else "", "rules answered" if said else "a rule said that nothing is answered")
        decided: Decision | AgentRequest = Decision(_noted(turn) if said else turn.state, turn.effects, trace)
    else:
        decided = _undisturbed(turn, taken, catalogue, view)
    return decided if isinstance(decided, AgentRequest) else _rules_after(turn, decided, len(turn.effects), bool(heard))


def _rules_after(turn: _Turn, decided: Decision, own: int, heard: bool) -> Decision:
    """Let rules see the answer; `own` effects were there before it."""
    if turn.rules is None:
        return decided
    winner = decided.trace.scripts.winner
    effects = decided.effects[own:]
    control = next((effect.control for effect in reversed(effects) if isinstance(effect, SetControl)), turn.control)
    moment = replace(_moment(turn), state=decided.state, control=control)
    more = ruled.after(turn.rules, moment, effects, winner.script.id if winner else "", heard)
    return Decision(more.state, decided.effects + more.effects, replace(decided.trace, rules=more.told))


def _moment(turn: _Turn) -> Moment:
    return Moment(
        turn.persona, turn.version, turn.state, turn.control, turn.state.language or turn.persona.languages[0], turn.now, turn.about
    )


def _stopped(turn: _Turn, taken: TakenIn) -> Decision:
    """Hand over whoever writes while the bot is stopped; it says nothing of it."""
    if unheard := (*taken.late, *taken.messages):
        turn = replace(turn, state=standing.left_open(turn.state, max(item.inbox_id for item in unheard), "stopped"))
    if turn.control is Control.BOT and unheard:
        turn = replace(turn, effects=turn.effects + _waiting(turn.persona, STOPPED))
    return _silent(turn, STOPPED)


def _answered(turn: _Turn, taken: TakenIn, catalogue: Catalogue, view: ConversationView) -> Decision | AgentRequest:
    if taken.late:
        turn = _too_late(turn, taken.late)
    if not taken.messages and not taken.open:
        return _silent(turn, "written long before it could be received")
    return _respond(turn, taken, catalogue, view)


def conclude(view: ConversationView, request: AgentRequest, outcome: AgentOutcome, now: datetime) -> Decision:
    """Decide the turn with what the agent came back with."""
    turn = _resumed(request, outcome, now)
    concluded = _concluded(turn, view, request, outcome)
    if outcome.calls and outcome.said is not None and concluded.trace.mode:
        control = next((effect.control for effect in reversed(concluded.effects) if isinstance(effect, SetControl)), turn.control)
        moment = replace(_moment(turn), state=concluded.state, control=control)
        concluded = tooled.carried_out(concluded, view, request, outcome.calls, moment)
    decided = _rules_after(turn, concluded, len(turn.effects), heard=True)
    settled = _settled(decided, view, request.sequences, now, [request.text])
    if request.rules is not None:
        settled = finished.woken_by(settled, view, request.rules.index, request.sequences, request.persona, request.version, now)
    return _closed(settled)


def _concluded(turn: _Turn, view: ConversationView, request: AgentRequest, outcome: AgentOutcome) -> Decision:
    if view.control is Control.HUMAN and request.seen is not Control.HUMAN:
        return _silent(turn, "an operator took the conversation while the agent worked")
    match answer(request, outcome):
        case Answer() as said:
            turn = replace(turn, state=replace(turn.state, choices=said.choices))
            return _say(turn, said.text, said.mode, "", said.sources)
        case NoAnswer(reason):
            return _hand_off(turn, pick(turn.persona.handoff_text, turn.state.language), reason)
        case other:
            assert_never(other)


def _listening(taken: TakenIn, now_s: int) -> Talk:
    """Return what gives robots away, as far as it is heard. A file or a button is no text, nor is /start."""
    talk = taken.state.talk
    if talk.silenced and taken.control is Control.BOT:
        talk = QUIET  # people gave it back
    heard = (*taken.late, *taken.messages) if taken.late else taken.messages
    texts = [item.text for item in heard if item.spoken and not is_start(item.text)]
    return hear(talk, texts, now_s) if texts else talk


def _robot(turn: _Turn) -> Decision | None:
    """Return silence and a handoff if a robot is at the other end."""
    if turn.state.talk.silenced:
        return _silent(turn, "waits for an operator; a robot is at the other end")
    if (reason := why_robot(turn.state.talk, int(turn.now.timestamp()))) is None:
        return None
    passed: tuple[Effect, ...] = (LogActivity("conversation.robots", {"reason": reason}),)
    if turn.control is Control.BOT:
        passed += (SetControl(Control.WAITING), LogActivity("turn.handed_off", {"reason": reason}))
    state = replace(turn.state, talk=replace(turn.state.talk, silenced=True))
    return _silent(replace(turn, state=state, effects=turn.effects + passed), f"a robot is at the other end: {reason}")


def _too_late(turn: _Turn, late: Sequence[InboundMessage]) -> _Turn:
    """Pass what was written long ago over to operators, with one apology per conversation."""
    turn = _in_language(turn, late)
    effects: tuple[Effect, ...] = (LogActivity("conversation.late", {"messages": len(late), "seconds": int(max(i.age_s for i in late))}),)
    if not turn.state.apologised and any(not item.answer_within_s for item in late):
        effects += (SendMessage(pick(turn.persona.late_text, turn.state.language), "late"),)
        turn = replace(turn, state=replace(_noted(turn), apologised=True))
    if turn.control is Control.BOT:
        effects += _waiting(turn.persona, "written long before it could be received")
    return replace(turn, control=Control.WAITING, effects=turn.effects + effects)


def _noted(turn: _Turn) -> ConversationState:
    """Return the state with an automatic answer counted."""
    return replace(turn.state, talk=noted_answer(turn.state.talk, int(turn.now.timestamp())))


def _chain(turn: _Turn, texts: Sequence[str]) -> Decision:
    """Answer with a proof of the state it was computed on; silent turns move the chain, too."""
    chain = turn.state.chain
    for text in texts:
        chain = sha256((chain + text).encode("utf-8", "replace")).hexdigest()
    turn = replace(turn, state=replace(turn.state, chain=chain))
    if turn.control is Control.HUMAN or not texts:
        return _silent(turn, "an operator has the conversation" if texts else "nothing to answer")
    body = json.dumps({"chain": chain, "n": turn.state.turns, "texts": list(texts)}, ensure_ascii=False)
    return _say(turn, body, "diagnostic")


def _respond(turn: _Turn, taken: TakenIn, catalogue: Catalogue, view: ConversationView) -> Decision | AgentRequest:
    messages = (*taken.open, *taken.messages)
    texts = [text for message in messages if (text := message.text.strip()) and not is_start(text)]
    each = MATCHED_CHARACTERS // max(len(texts), 1)  # the last of many long messages counts as well
    asked = words("\n".join([text[:each] for text in texts]))
    turn = replace(turn, state=replace(turn.state, language=_language(turn, asked, messages)))
    if not texts:
        return _greet(turn, started=any(message.text.strip() for message in messages))
    if not taken.open and not is_open(turn.persona.hours, turn.now, zone_of(turn.persona.timezone)):  # what people want answered is
        return _hand_off(turn, pick(turn.persona.outside_text, turn.state.language), "outside its working hours")
    return _find(turn, messages, texts, asked, catalogue, view)


def _find(
    turn: _Turn, messages: Sequence[InboundMessage], texts: Sequence[str], asked: Words, catalogue: Catalogue, view: ConversationView
) -> Decision | AgentRequest:
    """Answer with what was chosen from a list or a script, or let the agent look further."""
    choice = picked(texts[-1], view.state.choices)
    if chosen := catalogue.passages.get(choice):
        return _say(turn, chosen.text, "extractive", "chosen from the list", (Source(chosen.id, chosen.title),))
    if (chunk := chunk_of(choice)) is not None:
        return replace(_ask_agent(turn, texts[-1], asked, catalogue, view.control), picked=chunk)
    turn = replace(turn, scripts=match_scripts(catalogue.scripts, texts, asked, turn.state.language))
    if turn.scripts.winner:
        return _answer_by_script(turn, turn.scripts.winner)
    if not asked.folded:
        return _fall_back(turn)
    request = _ask_agent(turn, "\n".join(texts)[-LONGEST_QUESTION:], asked, catalogue, view.control)
    quoted = tuple([shown for message in messages if message.data and (shown := quote(message.data))])
    return replace(request, quoted=quoted) if quoted else request


def _in_language(turn: _Turn, messages: Sequence[InboundMessage]) -> _Turn:
    """Return the turn in the language of the messages."""
    asked = words("\n".join([message.text for message in messages if message.spoken]))
    return replace(turn, state=replace(turn.state, language=_language(turn, asked, messages)))


def _language(turn: _Turn, asked: Words, messages: Sequence[InboundMessage]) -> str:
    offered = turn.persona.languages
    hint = (messages[-1].language or "").partition("-")[0].lower()  # channels send en, en-US, EN
    known = turn.state.language if turn.state.language in offered else hint
    return language_of(asked.folded, known, offered)


def _answer_by_script(turn: _Turn, winner: Winner) -> Decision:
    text = pick(winner.script.answer, turn.state.language)
    if winner.script.handoff:
        return _hand_off(turn, text or pick(turn.persona.handoff_text, turn.state.language), f"script {winner.script.id}")
    return _say(turn, text, "script", data={"script": winner.script.id})


def _greet(turn: _Turn, *, started: bool) -> Decision:
    if turn.control is Control.WAITING and not started:
        return _silent(turn, "waits for an operator, and the message has no text")
    return _say(turn, pick(turn.persona.greeting, turn.state.language), "greeting", "opened the chat" if started else "no text")


def _fall_back(turn: _Turn) -> Decision:
    if turn.control is Control.WAITING:
        return _silent(turn, "waits for an operator, and the message has no words")
    return _say(turn, pick(turn.persona.fallback_text, turn.state.language), "fallback", "the message has no words")


def _ask_agent(turn: _Turn, text: str, asked: Words, catalogue: Catalogue, seen: Control) -> AgentRequest:
    return AgentRequest(
        agent_id=turn.agent_id,
        version=turn.version,
        persona=turn.persona,
        index=catalogue.passages,
        inbox_ids=turn.inbox_ids,
        text=text,
        words=asked,
        language=turn.state.language,
        seen=seen,
        control=turn.control,
        state=turn.state,
        effects=turn.effects,
        scripts=turn.scripts,
        rules=turn.rules,
        knowledge=catalogue.knowledge,
        sequences=catalogue.sequences,
        asked_at=turn.now,
        acting=catalogue.rules,
    )


def _resumed(request: AgentRequest, outcome: AgentOutcome, now: datetime) -> _Turn:
    state = replace(request.state, summary=asdict(outcome.summary)) if outcome.summary else request.state
    return _Turn(
        agent_id=request.agent_id,
        version=request.version,
        persona=request.persona,
        inbox_ids=request.inbox_ids,
        now=now,
        control=request.control,
        state=state,
        effects=request.effects,
        scripts=request.scripts,
        findings=outcome.findings,
        prompt=prompt_trace(request, outcome) if outcome.prompt else None,
        stages_ms=outcome.stages_ms,
        rules=request.rules,
        knowledge=outcome.knowledge,
        seen=request.seen,
        asked_at=request.asked_at,
    )


def _say(
    turn: _Turn, text: str, mode: Mode, reason: str = "", sources: tuple[Source, ...] = (), data: Mapping[str, Any] | None = None
) -> Decision:
    said = (SendMessage(text, mode, sources), LogActivity("turn.answered", {"mode": mode, **(data or {})}))
    return Decision(turn.state if mode == "diagnostic" else _noted(turn), turn.effects + said, _trace(turn, mode, reason))


def _hand_off(turn: _Turn, text: str, reason: str) -> Decision:
    """Pass over to an operator; somebody who waits already is not told again."""
    if turn.control is Control.WAITING:
        return _silent(turn, f"waits for an operator; {reason}")
    passed = (SendMessage(text, "handoff"), *_waiting(turn.persona, reason))
    return Decision(_noted(turn), turn.effects + passed, _trace(turn, "handoff", reason))


def _waiting(persona: Persona, reason: str) -> tuple[Effect, ...]:
    passed: tuple[Effect, ...] = (SetControl(Control.WAITING), LogActivity("turn.handed_off", {"reason": reason}))
    if persona.waiting_s:
        passed += (SetTimer(GIVE_BACK, persona.waiting_s, {"from": Control.WAITING.value}),)
    return passed


def _silent(turn: _Turn, reason: str) -> Decision:
    return Decision(turn.state, turn.effects, _trace(turn, "", reason))


def _trace(turn: _Turn, mode: str, reason: str) -> Trace:
    return Trace(
        agent_id=str(turn.agent_id),
        version=turn.version,
        decided_at=turn.now.isoformat(),
        inputs=turn.inbox_ids,
        control=turn.control.value,
        language=turn.state.language,
        mode=mode,
        reason=reason,
        scripts=turn.scripts,
        findings=turn.findings,
        prompt=turn.prompt,
        stages_ms=turn.stages_ms or {},
        rules=turn.rules.told if turn.rules else {},
        knowledge=turn.knowledge or {},
        seen=turn.seen.value if turn.seen and turn.seen is not turn.control else "",
        asked_at=turn.asked_at.isoformat() if turn.asked_at and turn.asked_at != turn.now else "",
    )
