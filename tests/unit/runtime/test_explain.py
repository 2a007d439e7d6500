"""What `callboard explain` says of a turn in a dialogue."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from actors.domain.trace import Trace
from actors.runtime.commands.explain import lines_of
from storage.messages import Explanation, MessageView

AT = datetime(2026, 3, 1, tzinfo=UTC)
TRACE = Trace("a", 2, AT.isoformat(), (1,), "bot", "en", "script", "the dialogue goes on")


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ({"goto": "size"}, "dialogue order -> size"),
        (
            {"step": "size", "understood": "big", "remembered": "size", "goto": "finish"},
            'dialogue order, step size: understood "big", kept as size -> finish',
        ),
        (
            {"step": "size", "why": "it is none of the options", "failed": 2, "goto": "size"},
            "dialogue order, step size: it is none of the options (2 in a row) -> size",
        ),
        ({"step": "size", "why": "nobody answered in time"}, "dialogue order, step size: nobody answered in time"),
    ],
)
def test_which_step_answered_and_why(told: dict[str, Any], line: str) -> None:
    assert f"      {line}" in explained(told)


def test_without_a_dialogue_none_is_told() -> None:
    assert not any("dialogue order" in line for line in lines_of(explanation(TRACE)))


def explained(told: dict[str, Any]) -> list[str]:
    return lines_of(explanation(replace(TRACE, dialogue={"script": "order", **told})))


def explanation(trace: Trace) -> Explanation:
    message = MessageView(5, 7, UUID(int=1), 0, 1, "agent", "Which size?", "script", (), 3, AT)
    conversation = {"id": 7, "channel": "telegram", "key": "7", "agent_name": "Anna", "partition": 1}
    return Explanation(message, conversation, (), (), (), trace.to_bytes())
