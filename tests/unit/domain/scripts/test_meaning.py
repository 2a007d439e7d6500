"""Scripts by meaning: asked only where no words match, fired only from the level on, explained, and the same again in a replay."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest

from actors.domain.agent.engine import worth_asking
from actors.domain.agent.models import AgentOutcome, AgentRequest
from actors.domain.catalogue import Catalogue, catalogue, read_definition
from actors.domain.conversation import Control, ConversationState, ConversationView
from actors.domain.decision import Decision
from actors.domain.effects import SendMessage
from actors.domain.errors import InvalidDefinition
from actors.domain.ids import AgentId, InboxId
from actors.domain.knowledge.likeness import NOT_COMPARED, Compared, Levels, Likeness
from actors.domain.messages import InboundMessage
from actors.domain.scripts.meaning import NEITHER, NOT_CLOSE, NOT_KNOWN, Meant, likeness_of, recorded, told
from actors.domain.scripts.validation import MOST_MEANINGS, MOST_MEANINGS_OF_ALL
from actors.domain.trace import from_bytes
from actors.domain.turn import conclude, decide

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEVELS = Levels(loose=0.4, normal=0.5, strict=0.6)
VIEW = ConversationView(ConversationState(name="Ann"), Control.BOT, "telegram", "once")
PRICE: dict[str, Any] = {"id": "price", "name": "Delivery", "meanings": ["What does delivery cost?", "Is delivery free?"]}
REFUND: dict[str, Any] = {"id": "refund", "meanings": ["I want my money back"]}
HOURS: dict[str, Any] = {"id": "hours", "phrases": ["opening hours"], "answer": {"en": "From 10 to 19."}}


def shop(*scripts: dict[str, Any], **more: Any) -> Catalogue:
    written = [{"answer": {"en": f"About {script['id']}, {{contact.name}}."}, **script} for script in scripts]
    return catalogue(AgentId(UUID(int=1)), 7, {"persona": {"languages": ["en"]}, "scripts": written, **more})


def asked(using: Catalogue, text: str = "how much to bring it?", view: ConversationView = VIEW) -> AgentRequest:
    got = decide(view, [InboundMessage(InboxId(1), NOW, text)], using, NOW)
    assert isinstance(got, AgentRequest)
    return got


def meant(request: AgentRequest) -> Meant:
    assert request.meant is not None
    return request.meant


def compared(request: AgentRequest, *cosines: float) -> AgentOutcome:
    likeness = likeness_of(meant(request), Compared(cosines, LEVELS, "e/1"))
    return AgentOutcome(request.index.search_words(request.words, 5, "en"), likeness=likeness)


def said(decided: Decision) -> list[str]:
    return [effect.text for effect in decided.effects if isinstance(effect, SendMessage)]


def scripts_of(decided: Decision) -> Any:
    return from_bytes(decided.trace.to_bytes())["scripts"]


def test_who_has_expressions_is_told_that_none_of_them_matches() -> None:
    request = asked(shop(PRICE, {**REFUND, "expressions": ["refund \\d+"]}, {**HOURS, "expressions": ["hours \\d+"]}))
    decided = conclude(VIEW, request, compared(request, 0.31, 0.57, 0.12), NOW)
    assert scripts_of(decided)["losers"] == {NEITHER: ["refund"], "no phrase, keyword or expression matches": ["hours"]}


def test_the_nearest_sentence_fires_its_script_and_the_trace_says_which() -> None:
    request = asked(shop(PRICE, REFUND, HOURS))
    outcome = compared(request, 0.31, 0.57, 0.12)
    decided = conclude(VIEW, request, outcome, NOW)
    assert said(decided) == ["About price, Ann."]
    assert scripts_of(decided) == {
        "winner": ["price", "Delivery", 0, ["Is delivery free?"], 0.57],
        "losers": {NOT_CLOSE: ["refund"], "no phrase or keyword matches": ["hours"]},
    }
    near = from_bytes(decided.trace.to_bytes())["meanings"]
    assert near["embedder"] == "e/1"
    assert near["levels"] == [0.4, 0.5, 0.6]
    assert [near["near"][key][:2] for key in ("price", "refund")] == [[0.57, "Is delivery free?"], [0.12, "I want my money back"]]
    assert not worth_asking(request, outcome)  # no model is asked where a script is meant


@pytest.mark.parametrize(
    ("strictness", "cosine", "fires"),
    [
        ("strict", 0.6, True),
        ("strict", 0.59, False),
        ("normal", 0.5, True),
        ("normal", 0.49, False),
        ("loose", 0.4, True),
        ("loose", 0.39, False),
    ],
)
def test_the_level_decides(strictness: str, cosine: float, fires: bool) -> None:
    request = asked(shop({**REFUND, "strictness": strictness}))
    decided = conclude(VIEW, request, compared(request, cosine), NOW)
    assert (decided.trace.mode == "script") is fires, decided.trace.reason


def test_words_go_before_meaning_which_is_not_even_asked() -> None:
    using = shop({**REFUND, "priority": 100}, HOURS)
    decided = decide(VIEW, [InboundMessage(InboxId(1), NOW, "opening hours and my money back")], using, NOW)
    assert isinstance(decided, Decision)
    assert decided.trace.scripts.winner is not None
    assert decided.trace.scripts.winner.script.id == "hours"
    assert decided.trace.meanings == {}


def test_nothing_is_compared_where_no_script_has_sentences() -> None:
    assert asked(shop(HOURS)).meant is None
    assert asked(shop({**REFUND, "languages": ["ru"], "answer": {"ru": "Да."}})).meant is None
    assert asked(shop({**REFUND, "enabled": False})).meant is None


def test_priority_goes_before_likeness_and_likeness_before_order() -> None:
    first, second, third = ({"id": name, "meanings": [name]} for name in ("one", "two", "three"))
    request = asked(shop(first, {**second, "priority": 1}, third))
    decided = conclude(VIEW, request, compared(request, 0.9, 0.5, 0.9), NOW)
    assert scripts_of(decided)["winner"][0] == "two"
    assert scripts_of(decided)["losers"] == {"priority 0 is below 1 of two": ["one", "three"]}
    request = asked(shop(first, second, third))
    decided = conclude(VIEW, request, compared(request, 0.7, 0.8, 0.8), NOW)
    assert scripts_of(decided)["winner"][0] == "two"
    assert scripts_of(decided)["losers"] == {"less alike than two": ["one"], "as alike as two, which comes first": ["three"]}


def test_a_condition_is_asked_of_meaning_too() -> None:
    night = {"fact": "time.clock", "op": "between", "value": ["22:00", "06:00"]}
    request = asked(shop({**REFUND, "when": {"all": [night]}}, PRICE))
    decided = conclude(VIEW, request, compared(request, 0.9, 0.1, 0.2), NOW)
    assert decided.trace.mode == "handoff"
    assert scripts_of(decided)["losers"] == {"its condition is not met": ["refund"], NOT_CLOSE: ["price"]}


def test_a_dialogue_begins_by_meaning() -> None:
    steps = [{"id": "when", "ask": {"en": "When did you buy it?"}, "expects": "date"}]
    request = asked(shop({**REFUND, "steps": steps, "finish": {"en": "Noted."}}))
    decided = conclude(VIEW, request, compared(request, 0.8), NOW)
    assert said(decided) == ["About refund, Ann.\n\nWhen did you buy it?"]
    assert decided.state.dialogue["step"] == "when"


def test_rules_hear_of_a_script_that_was_meant() -> None:
    rule = {"id": "tag", "trigger": {"on": "script_matched", "of": "refund"}, "actions": [{"do": "add_tag", "tag": "refund"}]}
    request = asked(shop(REFUND, rules=[rule]))
    assert conclude(VIEW, request, compared(request, 0.8), NOW).state.tags == ("refund",)


def test_without_an_embedder_the_turn_goes_on_and_says_why() -> None:
    request = asked(shop(REFUND))
    outcome = AgentOutcome(request.index.search_words(request.words, 5, "en"), likeness=Likeness(why="nobody answers"))
    decided = conclude(VIEW, request, outcome, NOW)
    assert decided.trace.mode == "handoff"
    assert decided.trace.meanings == {"why": "nobody answers"}
    assert scripts_of(decided)["losers"] == {NOT_KNOWN: ["refund"]}


def test_what_a_trace_kept_decides_the_same_again() -> None:
    request = asked(shop(PRICE, REFUND))
    outcome = compared(request, 0.31, 0.57, 0.12)
    kept = orjson.loads(orjson.dumps(told(request.meant, outcome.likeness)))
    assert recorded(meant(request), kept) == outcome.likeness
    changed = asked(shop({**PRICE, "meanings": ["What does delivery cost?"]}, REFUND))
    assert recorded(meant(changed), kept) is None  # other sentences: it is not known how alike they were
    fewer = asked(shop(REFUND))
    assert recorded(meant(fewer), kept) == Likeness({"refund": (0.12, "I want my money back")}, LEVELS, "e/1")
    assert recorded(meant(request), {"why": "nobody answers"}) == Likeness(why="nobody answers")
    assert recorded(meant(request), {}) is None
    assert told(None, outcome.likeness) == told(request.meant, NOT_COMPARED) == {}


@pytest.mark.parametrize(
    ("script", "place"),
    [
        ({"id": "a", "meanings": ["..."]}, "scripts[0].meanings[0]"),
        ({"id": "a", "meanings": ["long " * 50]}, "scripts[0].meanings[0]"),
        ({"id": "a", "meanings": [f"sentence {n}" for n in range(MOST_MEANINGS + 1)]}, "scripts[0].meanings"),
        ({"id": "a", "meanings": ["hello"], "alone": True}, "scripts[0].meanings"),
        ({"id": "a", "meanings": ["hello"], "strictness": "0.5"}, "scripts[0].strictness"),
        ({"id": "a"}, "scripts[0]"),
    ],
)
def test_what_is_refused(script: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        read_definition({"scripts": [{"answer": {"en": "Yes."}, **script}]})
    assert place in [problem.place for problem in refused.value.problems]


def test_a_version_has_so_many_sentences_and_no_more() -> None:
    many = MOST_MEANINGS_OF_ALL // MOST_MEANINGS + 1
    scripts = [
        {"id": f"s{n}", "answer": {"en": "Yes."}, "meanings": [f"sentence {n} {one}" for one in range(MOST_MEANINGS)]} for n in range(many)
    ]
    read_definition({"scripts": scripts[:-1]})
    with pytest.raises(InvalidDefinition):
        read_definition({"scripts": scripts})
