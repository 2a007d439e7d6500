"""What happened to a lead or a contact, as rules meet it. What we did ourselves wakes none. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from actors.domain.conversation import ConversationState, ConversationView
from actors.domain.effects import BotAsks, LeadMoved, LogActivity
from actors.domain.ids import InboxId
from actors.domain.messages import CrmEvent, Input
from actors.domain.ruled import Moment, scene_of
from actors.domain.rules.engine import Wake
from actors.domain.rules.models import On
from actors.domain.rules.running import Ran, run

MOVED = "lead.moved"
TASK = "task.closed"
ASKED = "salesbot.asked"
WAKES: Mapping[str, On] = {
    "lead.added": "lead_added",
    MOVED: "lead_moved",
    "lead.updated": "lead_updated",
    "contact.updated": "contact_updated",
    TASK: "task_closed",
}
OURS = "Callboard"  # the tag of what is made here (integrations/kommo/crm_values.py)
MADE_S = 2.0  # so long what was made may go on changing by itself
ECHO_S = 45.0  # a change of ours is heard of so much later by the CRM's clock, if at all: its request waits for the account's pace
ARRIVES_S = 60.0  # the same by ours
COMPARED = 400  # characters: webhooks are read up to 500, and spaces may be fewer
CLOCKS_S = 10.0
TWICE_S = 300.0  # who closes a task in a list of them, with a result, is told of twice
MOST_CLOSED = 20
MOST_WAKES = 20  # of one lead or contact
WAKES_WITHIN_S = 600.0
TOO_OFTEN = f"stopped: events of one lead or contact woke rules {MOST_WAKES} times in {WAKES_WITHIN_S / 60:g} minutes"


def own_changes(state: ConversationState, inputs: Sequence[Input]) -> tuple[ConversationState, frozenset[InboxId]]:
    """Return which events tell of what we did ourselves, and the state in which they are not expected any more."""
    ours: set[InboxId] = set()
    for item in inputs:
        if not isinstance(item, CrmEvent) or item.kind not in WAKES or item.kind == TASK:
            continue
        echo, state = _echo(item, state)
        if echo or _is_ours(item):
            ours.add(item.inbox_id)
    return state, frozenset(ours)


def moves(inputs: Sequence[Input], ours: Collection[InboxId]) -> tuple[LeadMoved, ...]:
    """Return the moves that somebody else made."""
    moved = [item for item in inputs if isinstance(item, CrmEvent) and item.kind == MOVED and item.inbox_id not in ours]
    named = [(str(item.facts.get("lead.id", "")), str(item.facts.get("lead.stage", "")), item.inbox_id) for item in moved]
    return tuple([LeadMoved(*found) for found in named if found[0]])


def asks(about: str, inputs: Sequence[Input]) -> tuple[BotAsks, ...]:
    """Return the bots that wait for an answer."""
    asked = [item for item in inputs if isinstance(item, CrmEvent) and item.kind == ASKED]
    return tuple([BotAsks(about, str(item.facts.get("bot.at", "")), item.received_at) for item in asked])


def heard(ran: Ran, view: ConversationView, inputs: Sequence[Input], moment: Moment, ours: Collection[InboxId]) -> Ran:
    """Run the rules that events of the lead or contact wake, each with its own facts."""
    for item in inputs:
        if not isinstance(item, CrmEvent) or (on := WAKES.get(item.kind)) is None:
            continue
        if item.kind == TASK:
            ran = _closed(ran, view, item, moment)
        elif item.inbox_id in ours:
            ran = replace(ran, told={**ran.told, "quiet": [*ran.told.get("quiet", ()), ["our own change", on]]})
        else:
            ran = _wake(ran, view, item, on, moment)
    return ran


def _wake(ran: Ran, view: ConversationView, item: CrmEvent, on: On, moment: Moment) -> Ran:
    now = int(moment.now.timestamp())
    lately = tuple([at for at in ran.state.woken if at > now - WAKES_WITHIN_S])
    if len(lately) >= MOST_WAKES and ran.index.wakes_any(on):
        entry = {"rule": "", "on": on, "reason": TOO_OFTEN}
        told = {**ran.told, "failed": [*ran.told.get("failed", ()), entry]}
        return replace(ran, told=told, effects=(*ran.effects, LogActivity("rule.failed", entry)))
    facts = {"conversation.channel": view.channel, "agent.name": moment.persona.name, "agent.version": moment.version, **item.facts}
    scene = scene_of(replace(moment, state=ran.state, control=ran.control), facts)
    more = run(ran.index, scene, [(Wake(on), 0)], (), ran.told)
    woke = len(more.told.get("fired", ())) > len(ran.told.get("fired", ()))
    state = replace(more.state, woken=(*lately, now)) if woke else more.state
    return replace(more, state=state, effects=ran.effects + more.effects, answered=ran.answered or more.answered, spoke=0)


def _closed(ran: Ran, view: ConversationView, item: CrmEvent, moment: Moment) -> Ran:
    """Run the rules that a closed task wakes; of the same task rules are woken once in a while."""
    now, task = int(moment.now.timestamp()), str(item.facts.get("task.id", ""))
    lately = {known: at for known, at in ran.state.closed.items() if at > now - TWICE_S}
    if task in lately:
        return replace(ran, told={**ran.told, "quiet": [*ran.told.get("quiet", ()), ["told of twice", "task_closed"]]})
    fired = len(ran.told.get("fired", ()))
    ran = _wake(ran, view, item, "task_closed", moment)
    if len(ran.told.get("fired", ())) == fired:
        return ran
    kept = dict([*lately.items(), (task, now)][-MOST_CLOSED:])
    return replace(ran, state=replace(ran.state, closed=kept))


def _is_ours(item: CrmEvent) -> bool:
    """Return whether it tells that something was made here: what it tells of a moment later is the same."""
    tags = item.facts.get("lead.tags") or item.facts.get("contact.tags") or ()
    if OURS not in tags or item.kind == MOVED:
        return False
    made_at = float(item.facts.get("made_at") or 0.0)
    return item.kind.endswith(".added") or (made_at > 0 and item.changed_at - made_at <= MADE_S)


def _echo(item: CrmEvent, state: ConversationState) -> tuple[bool, ConversationState]:
    """Return whether the event tells of a change of ours, and the state in which it is not expected any more."""
    for place, echo in enumerate(state.echoes):
        if item.kind in echo.get("heard", ()) or not _in_time(item, float(echo.get("at", 0.0))) or not _same(item, echo):
            continue
        known = {**echo, "heard": [*echo.get("heard", ()), item.kind]}
        echoes = (*state.echoes[:place], known, *state.echoes[place + 1 :])
        return True, replace(state, echoes=echoes)
    return False, state


def _in_time(item: CrmEvent, at: float) -> bool:
    """By either clock: webhooks are repeated much later, and clocks differ."""
    if item.changed_at and -CLOCKS_S <= item.changed_at - at <= ECHO_S:
        return True
    return 0 <= item.received_at.timestamp() - at <= ARRIVES_S


def _same(item: CrmEvent, echo: Mapping[str, Any]) -> bool:
    facts, entity = item.facts, item.kind.partition(".")[0]
    moved = "lead.old_status" in facts or "lead.old_pipeline" in facts
    match echo.get("what"):
        case "stage":
            return moved and facts.get("lead.stage") == echo.get("stage")
        case "fields":
            wanted: Mapping[str, str] = echo.get("fields", {})
            priced = "price" not in echo or facts.get("lead.price") == echo["price"]
            return not moved and priced and all(_alike(facts.get(f"{entity}.field.{number}"), value) for number, value in wanted.items())
        case "tags":
            return not moved and set(echo.get("tags", ())) <= set(facts.get(f"{entity}.tags", ()))
        case "responsible":
            return not moved and facts.get(f"{entity}.responsible") == echo.get("user")
        case _:
            return False


def _alike(fact: Any, value: str) -> bool:
    shown, wrote = (" ".join(str(text or "").split())[:COMPARED] for text in (fact, value))
    if value in ("True", "False") and shown in ("1", "0", ""):
        return (shown == "1") == (value == "True")
    return shown == wrote or sorted(shown.split(", ")) == sorted(wrote.split(", "))  # of several values Kommo has its own order
