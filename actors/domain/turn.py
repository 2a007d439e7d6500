"""One turn: what to do about one or more consecutive inputs of a conversation. Pure: the same arguments give the same decision."""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from hashlib import sha256
from typing import assert_never

from actors.domain import called, crm_events, daily, finished, ruled, scripted, sequenced, standing, tooled
from actors.domain.agent.engine import Answer, NoAnswer, answer, script_meant
from actors.domain.agent.models import AgentOutcome, AgentRequest, Persona
from actors.domain.asked import is_hello, is_start, match_scripts, picked, quote
from actors.domain.catalogue import Catalogue
from actors.domain.conversation import Control, ConversationView
from actors.domain.decision import Decision
from actors.domain.effects import Effect, LogActivity, SendMessage, SetControl, Source
from actors.domain.fields import pick
from actors.domain.ids import InboxId
from actors.domain.intake import LATE_S, TakenIn, take_in
from actors.domain.knowledge.hybrid import chunk_of
from actors.domain.messages import CompanySpoke, CrmEvent, InboundMessage, Input
from actors.domain.robots import QUIET, Talk, hear, why_robot
from actors.domain.rules.facts import Facts, state_facts
from actors.domain.scripted import Scripted
from actors.domain.scripts.dialogue import Said
from actors.domain.scripts.meaning import may_mean, told
from actors.domain.sequences.calendar import is_open
from actors.domain.sequences.engine import SequenceIndex, zone_of
from actors.domain.speaking import Turn, hand_off, moment_of, noted, say, send, silent, trace_of, waiting
from actors.domain.text import MATCHED_CHARACTERS, Words, language_of, words
from actors.domain.trace import prompt_trace

STOPPED = "the bot is stopped"
LONGEST_QUESTION = 8_000  # characters shown to a model


def decide(view: ConversationView, inputs: Sequence[Input], catalogue: Catalogue, now: datetime) -> Decision | AgentRequest:
    """Decide the turn, or say what the agent has to find out first; several messages are answered once."""
    decided = _decide(view, inputs, catalogue, now)
    said = [item.text for item in inputs if isinstance(item, InboundMessage)]
    if isinstance(decided, AgentRequest):
        return decided
    settled = _settled(decided, view, catalogue.sequences, now, said)
    if catalogue.persona.responder == "agent":
        settled = finished.woken_by(settled, view, catalogue.rules, catalogue.sequences, catalogue.persona, catalogue.version, now)
    return _closed(settled, catalogue.persona, now, heard=bool(said))


def _settled(decided: Decision, view: ConversationView, index: SequenceIndex, now: datetime, said: Sequence[str]) -> Decision:
    """Let enrollments follow from the turn."""
    state, effects = sequenced.settled(view, decided.state, decided.effects, index, now, "\n".join(said) if said else None)
    stepped = not decided.trace.mode and any(isinstance(effect, SendMessage) and effect.mode == "step" for effect in effects)
    trace = replace(decided.trace, mode="step", reason="a step of a sequence was due") if stepped else decided.trace
    return Decision(state, effects, trace)


def _closed(decided: Decision, persona: Persona, now: datetime, *, heard: bool) -> Decision:
    """What stood open is answered if anything of the turn says something; who is passed over leaves a dialogue."""
    state = scripted.ended(standing.answered(decided.state, decided.effects), decided.effects)
    return daily.counted(Decision(state, decided.effects, decided.trace), persona, now, heard=heard)


def _decide(view: ConversationView, inputs: Sequence[Input], catalogue: Catalogue, now: datetime) -> Decision | AgentRequest:
    ids = tuple([item.inbox_id for item in inputs])
    taken = take_in(view.control, view.state, inputs)
    choices = view.state.choices if all(isinstance(item, CompanySpoke | CrmEvent) for item in inputs) else ()
    state = replace(taken.state, turns=view.state.turns + 1, choices=choices)
    state, over = scripted.current(state, catalogue.scripts, taken.control, now)
    # Whoever tries an agent out says the same again and again, the diagnostic responder is asked by robots, and people who are asked
    # three times whether something is right say yes three times.
    listens = view.channel != "test" and catalogue.persona.responder == "agent" and not state.dialogue
    if listens:
        state = replace(state, talk=_listening(taken, int(now.timestamp())))
    turn = Turn(
        catalogue.agent_id,
        catalogue.version,
        catalogue.persona,
        ids,
        now,
        taken.control,
        state,
        taken.effects,
        dialogue=over,
        about=view.about,
        seen=view.control,
    )
    ours: frozenset[InboxId] = frozenset()
    if view.about:
        state, ours = crm_events.own_changes(state, inputs)
        turn = replace(turn, state=state, effects=turn.effects + crm_events.moves(inputs, ours) + crm_events.asks(view.about, inputs))
    if view.state.enrolled:
        stepped = sequenced.before(view, inputs, moment_of(turn), catalogue.rules)
        turn = replace(turn, state=stepped.state, control=stepped.control, effects=turn.effects + stepped.effects)
    if view.state.silent:
        return _stopped(turn, taken)
    if catalogue.persona.responder == "chain":
        return _chain(turn, [item.text for item in inputs if isinstance(item, InboundMessage)])
    if listens and (taken.messages or taken.late) and (robot := _robot(turn)) is not None:
        return robot
    if (written := (*taken.late, *taken.messages)) and not taken.open and daily.is_over(turn):
        return daily.passed_over(_in_language(turn, written))
    if catalogue.rules:
        return _ruled(turn, taken, inputs, ours, catalogue, view)
    return _undisturbed(turn, taken, catalogue, view)


def _undisturbed(turn: Turn, taken: TakenIn, catalogue: Catalogue, view: ConversationView) -> Decision | AgentRequest:
    """Decide what scripts and the agent say."""
    if not taken.messages and not taken.late and not taken.open:
        return silent(turn, "an operator has the conversation" if turn.control is Control.HUMAN else "nothing to answer")
    return _answered(turn, taken, catalogue, view)


def _ruled(
    turn: Turn, taken: TakenIn, inputs: Sequence[Input], ours: Collection[InboxId], catalogue: Catalogue, view: ConversationView
) -> Decision | AgentRequest:
    """Let rules go first: what they say is the answer, unless they let the agent answer."""
    # What was written long ago wakes no rule: people answer it.
    inputs = [item for item in inputs if not isinstance(item, InboundMessage) or item.age_s <= LATE_S]
    heard = [item for item in inputs if isinstance(item, InboundMessage)]
    if heard:
        turn = _in_language(turn, heard)
    ran = ruled.before(catalogue.rules, view, inputs, moment_of(turn))
    if view.about:
        ran = crm_events.heard(ran, view, inputs, moment_of(turn), ours)
    ran = called.heard(ran, view, inputs, moment_of(turn))
    turn = replace(turn, state=ran.state, control=ran.control, effects=turn.effects + ran.effects, rules=ran)
    if ran.answered:
        said = any(isinstance(effect, SendMessage) for effect in ran.effects)
        if taken.open and not said:  # what people wanted answered is not
            turn = replace(turn, state=replace(turn.state, open=view.state.open))
        trace = trace_of(turn, "rule" if said else "", "rules answered" if said else "a rule said that nothing is answered")
        decided: Decision | AgentRequest = Decision(noted(turn) if said else turn.state, turn.effects, trace)
    else:
        decided = _undisturbed(turn, taken, catalogue, view)
    return decided if isinstance(decided, AgentRequest) else _rules_after(turn, decided, len(turn.effects), bool(heard))


def _rules_after(turn: Turn, decided: Decision, own: int, heard: bool) -> Decision:
    """Let rules see the answer; `own` effects were there before it."""
    if turn.rules is None:
        return decided
    match = decided.trace.scripts
    effects = decided.effects[own:]
    control = next((effect.control for effect in reversed(effects) if isinstance(effect, SetControl)), turn.control)
    moment = replace(moment_of(turn), state=decided.state, control=control)
    done = scripted.finished_by(match, decided.trace.dialogue)
    more = ruled.after(turn.rules, moment, effects, match.winner.script.id if match.winner else "", done, heard)
    return Decision(more.state, decided.effects + more.effects, replace(decided.trace, rules=more.told))


def _stopped(turn: Turn, taken: TakenIn) -> Decision:
    """Hand over whoever writes while the bot is stopped; it says nothing of it."""
    if unheard := (*taken.late, *taken.messages):
        turn = replace(turn, state=standing.left_open(turn.state, max(item.inbox_id for item in unheard), "stopped"))
    if turn.control is Control.BOT and unheard:
        turn = replace(turn, effects=turn.effects + waiting(turn.persona, STOPPED))
    return silent(turn, STOPPED)


def _answered(turn: Turn, taken: TakenIn, catalogue: Catalogue, view: ConversationView) -> Decision | AgentRequest:
    if taken.late:
        turn = _too_late(turn, taken.late)
    if not taken.messages and not taken.open:
        return silent(turn, "written long before it could be received")
    return _respond(turn, taken, catalogue, view)


def conclude(view: ConversationView, request: AgentRequest, outcome: AgentOutcome, now: datetime) -> Decision:
    """Decide the turn with what the agent came back with."""
    turn = _resumed(request, outcome, now)
    concluded = _concluded(turn, view, request, outcome)
    if outcome.calls and outcome.said is not None and concluded.trace.mode:
        control = next((effect.control for effect in reversed(concluded.effects) if isinstance(effect, SetControl)), turn.control)
        moment = replace(moment_of(turn), state=concluded.state, control=control)
        concluded = tooled.carried_out(concluded, view, request, outcome.calls, moment)
    decided = _rules_after(turn, concluded, len(turn.effects), heard=True)
    settled = _settled(decided, view, request.sequences, now, [request.text])
    if request.rules is not None:
        settled = finished.woken_by(settled, view, request.rules.index, request.sequences, request.persona, request.version, now)
    return _closed(settled, request.persona, now, heard=True)


def _concluded(turn: Turn, view: ConversationView, request: AgentRequest, outcome: AgentOutcome) -> Decision:
    if view.control is Control.HUMAN and request.seen is not Control.HUMAN:
        return silent(turn, "an operator took the conversation while the agent worked")
    if request.meant and (winner := turn.scripts.winner):
        said = Said((request.text,), request.language, request.facts, turn.now)
        return _by_script(turn, scripted.matched(turn.state, turn.scripts, winner, said))
    match answer(request, outcome):
        case Answer() as found:
            turn = replace(turn, state=replace(turn.state, choices=found.choices))
            return say(turn, found.text, found.mode, "", found.sources)
        case NoAnswer(reason):
            return hand_off(turn, pick(turn.persona.handoff_text, turn.state.language), reason)
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


def _robot(turn: Turn) -> Decision | None:
    """Return silence and a handoff if a robot is at the other end."""
    if turn.state.talk.silenced:
        return silent(turn, "waits for an operator; a robot is at the other end")
    if (reason := why_robot(turn.state.talk, int(turn.now.timestamp()))) is None:
        return None
    passed: tuple[Effect, ...] = (LogActivity("conversation.robots", {"reason": reason}),)
    if turn.control is Control.BOT:
        passed += (SetControl(Control.WAITING), LogActivity("turn.handed_off", {"reason": reason}))
    state = replace(turn.state, talk=replace(turn.state.talk, silenced=True))
    return silent(replace(turn, state=state, effects=turn.effects + passed), f"a robot is at the other end: {reason}")


def _too_late(turn: Turn, late: Sequence[InboundMessage]) -> Turn:
    """Pass what was written long ago over to operators, with one apology per conversation."""
    turn = _in_language(turn, late)
    effects: tuple[Effect, ...] = (LogActivity("conversation.late", {"messages": len(late), "seconds": int(max(i.age_s for i in late))}),)
    if not turn.state.apologised and any(not item.answer_within_s for item in late):
        effects += (SendMessage(pick(turn.persona.late_text, turn.state.language), "late"),)
        turn = replace(turn, state=replace(noted(turn), apologised=True))
    if turn.control is Control.BOT:
        effects += waiting(turn.persona, "written long before it could be received")
    return replace(turn, control=Control.WAITING, effects=turn.effects + effects)


def _chain(turn: Turn, texts: Sequence[str]) -> Decision:
    """Answer with a proof of the state it was computed on; silent turns move the chain, too."""
    chain = turn.state.chain
    for text in texts:
        chain = sha256((chain + text).encode("utf-8", "replace")).hexdigest()
    turn = replace(turn, state=replace(turn.state, chain=chain))
    if turn.control is Control.HUMAN or not texts:
        return silent(turn, "an operator has the conversation" if texts else "nothing to answer")
    body = json.dumps({"chain": chain, "n": turn.state.turns, "texts": list(texts)}, ensure_ascii=False)
    return say(turn, body, "diagnostic")


def _respond(turn: Turn, taken: TakenIn, catalogue: Catalogue, view: ConversationView) -> Decision | AgentRequest:
    messages = (*taken.open, *taken.messages)
    texts = [text for message in messages if (text := message.text.strip()) and not is_start(text)]
    each = MATCHED_CHARACTERS // max(len(texts), 1)  # the last of many long messages counts as well
    asked = words("\n".join([text[:each] for text in texts]))
    turn = replace(turn, state=replace(turn.state, language=_language(turn, asked, messages)))
    if turn.state.dialogue:
        if (on := scripted.going_on(turn.state, catalogue.scripts, messages, _said(turn, messages, view))) is not None:
            return _by_script(turn, on)
        turn = replace(turn, state=replace(turn.state, dialogue={}))
    if not texts:
        if any(message.text.strip() for message in messages):
            return say(turn, pick(turn.persona.greeting, turn.state.language), "greeting", "opened the chat")
        return _greet(turn, "has no text", "no text")
    if not taken.open and not is_open(turn.persona.hours, turn.now, zone_of(turn.persona.timezone)):  # what people want answered is
        return hand_off(turn, pick(turn.persona.outside_text, turn.state.language), "outside its working hours")
    return _find(turn, messages, texts, asked, catalogue, view)


def _find(
    turn: Turn, messages: Sequence[InboundMessage], texts: Sequence[str], asked: Words, catalogue: Catalogue, view: ConversationView
) -> Decision | AgentRequest:
    """Answer with what was chosen from a list or a script, or let the agent look further."""
    if (chosen := _chosen(turn, texts[-1], asked, catalogue, view)) is not None:
        return chosen
    said = _said(turn, messages, view)
    facts = Facts(said.facts, turn.now)
    turn = replace(turn, scripts=match_scripts(catalogue.scripts, texts, asked, turn.state.language, facts))
    if winner := turn.scripts.winner:
        return _by_script(turn, scripted.matched(turn.state, turn.scripts, winner, said))
    if not asked.folded:
        return _fall_back(turn)
    if is_hello(asked):
        return _greet(turn, "only says hello", "only says hello")
    request = _ask_agent(turn, "\n".join(texts)[-LONGEST_QUESTION:], asked, catalogue, view.control)
    quoted = tuple([shown for message in messages if message.data and (shown := quote(message.data))])
    return replace(request, quoted=quoted, meant=may_mean(catalogue.scripts, said.language, facts), facts=said.facts)


def _in_language(turn: Turn, messages: Sequence[InboundMessage]) -> Turn:
    """Return the turn in the language of the messages."""
    asked = words("\n".join([message.text for message in messages if message.spoken]))
    return replace(turn, state=replace(turn.state, language=_language(turn, asked, messages)))


def _chosen(turn: Turn, text: str, asked: Words, catalogue: Catalogue, view: ConversationView) -> Decision | AgentRequest | None:
    """Show the passage of those offered that the customer chose; None if it is no choice."""
    choice = picked(text, view.state.choices)
    if chosen := catalogue.passages.get(choice):
        return say(turn, chosen.text, "extractive", "chosen from the list", (Source(chosen.id, chosen.title),))
    if (chunk := chunk_of(choice)) is not None:
        return replace(_ask_agent(turn, text, asked, catalogue, view.control), picked=chunk)
    return None


def _language(turn: Turn, asked: Words, messages: Sequence[InboundMessage]) -> str:
    offered = turn.persona.languages
    if turn.state.dialogue and turn.state.language in offered:
        return turn.state.language  # a name or an address says nothing of it
    hint = (messages[-1].language or "").partition("-")[0].lower()  # channels send en, en-US, EN
    known = turn.state.language if turn.state.language in offered else hint
    return language_of(asked.folded, known, offered)


def _said(turn: Turn, messages: Sequence[InboundMessage], view: ConversationView) -> Said:
    """Return the messages as an answer to a script's question: a file is none."""
    texts = [text for item in messages if (item.spoken or item.press) and (text := item.text.strip()) and not is_start(text)]
    facts = {**ruled.facts_of(view, messages, moment_of(turn)), **state_facts(turn.state, turn.control)}
    return Said(texts, turn.state.language, facts, turn.now.astimezone(zone_of(turn.persona.timezone)))


def _by_script(turn: Turn, spoken: Scripted) -> Decision:
    turn = replace(turn, state=spoken.state, scripts=spoken.scripts, dialogue=spoken.told or turn.dialogue)
    # Who waits for people already is told nothing more of them; but a dialogue says its end.
    ends = turn.control is Control.WAITING and spoken.told and spoken.text
    if spoken.handoff and not ends:
        return hand_off(turn, spoken.text or pick(turn.persona.handoff_text, turn.state.language), f"script {spoken.script}")
    message = SendMessage(spoken.text, "script", buttons=spoken.buttons, attachment=spoken.attachment)
    said = send(turn, message, spoken.reason, {"script": spoken.script})
    fits = "understood" in spoken.told  # no robot answers what it is asked
    return replace(said, state=replace(said.state, talk=turn.state.talk)) if fits else said


def _greet(turn: Turn, what: str, reason: str) -> Decision:
    if turn.control is Control.WAITING:
        return silent(turn, f"waits for an operator, and the message {what}")
    return say(turn, pick(turn.persona.greeting, turn.state.language), "greeting", reason)


def _fall_back(turn: Turn) -> Decision:
    if turn.control is Control.WAITING:
        return silent(turn, "waits for an operator, and the message has no words")
    return say(turn, pick(turn.persona.fallback_text, turn.state.language), "fallback", "the message has no words")


def _ask_agent(turn: Turn, text: str, asked: Words, catalogue: Catalogue, seen: Control) -> AgentRequest:
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
        dialogue=turn.dialogue,
        rules=turn.rules,
        knowledge=catalogue.knowledge,
        sequences=catalogue.sequences,
        asked_at=turn.now,
        acting=catalogue.rules,
    )


def _resumed(request: AgentRequest, outcome: AgentOutcome, now: datetime) -> Turn:
    state = replace(request.state, summary=asdict(outcome.summary)) if outcome.summary else request.state
    return Turn(
        agent_id=request.agent_id,
        version=request.version,
        persona=request.persona,
        inbox_ids=request.inbox_ids,
        now=now,
        control=request.control,
        state=state,
        effects=request.effects,
        scripts=script_meant(request, outcome),
        meanings=told(request.meant, outcome.likeness),
        dialogue=request.dialogue,
        findings=outcome.findings,
        prompt=prompt_trace(request, outcome) if outcome.prompt else None,
        stages_ms=outcome.stages_ms,
        rules=request.rules,
        knowledge=outcome.knowledge,
        seen=request.seen,
        asked_at=request.asked_at,
    )
