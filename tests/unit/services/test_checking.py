"""Checks as they are judged: with and without a model, which is never asked."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from actors.domain.catalogue import catalogue
from actors.domain.errors import TransientError
from actors.domain.ids import AgentId, TenantId
from actors.domain.knowledge.hybrid import Hit
from actors.ports.checks import Expectation
from actors.ports.knowledge import Answered, Question
from actors.runtime.clock import SystemClock
from actors.services.checking import Checking
from actors.services.documents import Documents

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEFINITION: dict[str, Any] = {
    "persona": {"name": "Anna", "languages": ["en"]},
    "scripts": [
        {"id": "hours", "phrases": ["opening hours"], "answer": {"en": "From 10 to 19."}},
        {"id": "person", "phrases": ["call somebody"], "handoff": True},
    ],
    "passages": [
        {"id": "returns", "title": "Returns", "text": "Goods can be returned within 14 days.", "questions": ["may I change my mind?"]},
        {"id": "gifts", "title": "Gift cards", "text": "We sell gift cards for any sum."},
    ],
    "rules": [
        {
            "id": "night",
            "trigger": {"on": "message_received"},
            "when": {"all": [{"fact": "message.text", "op": "contains", "value": "at night"}]},
            "actions": [{"do": "send", "text": {"en": "We sleep."}}],
        }
    ],
}


@pytest.mark.parametrize(
    ("question", "expects", "value", "alone", "with_model"),
    [
        ("what are your opening hours?", "script", "hours", "passed", "passed"),
        ("what are your opening hours?", "text", "10 TO 19", "passed", "passed"),
        ("what are your opening hours?", "handoff", "", "failed", "failed"),
        ("call somebody", "handoff", "", "passed", "passed"),
        ("open at night?", "text", "we sleep", "passed", "passed"),
        ("may I change my mind?", "passage", "returns", "passed", "passed"),
        ("may I change my mind?", "passage", "gifts", "failed", "failed"),
        ("may I change my mind?", "text", "14 days", "passed", "open"),
        ("may I change my mind?", "script", "hours", "failed", "failed"),
        ("is the sea blue?", "handoff", "", "passed", "open"),
    ],
)
async def test_what_is_expected(question: str, expects: Any, value: str, alone: str, with_model: str) -> None:
    version = catalogue(AgentId(UUID(int=1)), 1, DEFINITION)
    for asks, outcome in ((False, alone), (True, with_model)):
        checking = Checking(Documents(SystemClock(), None), asks=asks)
        run = await checking.run(TenantId(UUID(int=2)), version, question, "", Expectation(expects, value), NOW)
        assert run.outcome == outcome, (asks, run)


class Deaf:
    """Nobody answers about knowledge."""

    async def search(self, question: Question) -> Answered:
        raise TransientError("nobody answers")

    async def chunk(self, tenant_id: TenantId, chunk_id: int) -> Hit | None:
        raise TransientError("nobody answers")


async def test_where_meaning_cannot_be_compared_a_case_says_nothing() -> None:
    refund = {"id": "refund", "meanings": ["I want my money back"], "answer": {"en": "Within 14 days."}}
    version = catalogue(AgentId(UUID(int=1)), 1, {**DEFINITION, "scripts": [refund]})
    checking = Checking(Documents(SystemClock(), Deaf()), asks=False)
    for expected in (Expectation("script", "refund"), Expectation("handoff", ""), Expectation("passage", "returns")):
        run = await checking.run(TenantId(UUID(int=2)), version, "may I change my mind?", "", expected, NOW)
        assert (run.outcome, run.said.reason) == ("open", "nobody answers")
