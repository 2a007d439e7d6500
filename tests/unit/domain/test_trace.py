"""Traces as stored."""

import zlib
from dataclasses import replace
from random import Random

import pytest

from actors.domain.knowledge.models import Findings, Found, Passage
from actors.domain.scripts.models import Loser, Script, ScriptMatch, Winner
from actors.domain.trace import LARGEST, PromptTrace, Trace, from_bytes

TRACE = Trace(
    agent_id="a",
    version=2,
    decided_at="2026-03-01T12:00:00+00:00",
    inputs=(11, 12),
    control="bot",
    language="ru",
    mode="script",
    reason="",
    scripts=ScriptMatch(Winner(Script("d", "Доставка"), 3, ("доставка",)), (Loser("x", "disabled"), Loser("y", "lower", 2)), 4),
    findings=Findings("maybe", (Found(Passage("p", "T", "long text"), 1.5, 0.5, 2),)),
    prompt=PromptTrace("answer/1:ff", "m", 10, None, "away"),
)


def test_a_trace_is_read_as_it_was_written() -> None:
    assert from_bytes(TRACE.with_stages({"model": 12.5}).to_bytes()) == {
        "format": 2,
        "agent_id": "a",
        "version": 2,
        "decided_at": "2026-03-01T12:00:00+00:00",
        "inputs": [11, 12],
        "control": "bot",
        "language": "ru",
        "mode": "script",
        "scripts": {
            "winner": ["d", "Доставка", 3, ["доставка"]],
            "losers": {"disabled": ["x"], "lower": [["y", 2]]},
            "unlisted": 4,
        },
        "passages": [["p", 1.5, 0.5]],
        "verdict": "maybe",
        "prompt": {"reference": "answer/1:ff", "model": "m", "prompt_tokens": 10, "failure": "away"},
        "stages_ms": {"model": 12.5},
    }


def noise(seed: int, characters: int) -> str:
    return Random(seed).randbytes(characters // 2).hex()


def large(losers: int = 0, calls: int = 0, events: int = 0) -> Trace:
    """Return a trace of texts that cannot be compressed to less than half."""
    lost = tuple([Loser(noise(n, 64), "no match") for n in range(losers)])
    called = tuple([("order", {"text": noise(n, 2_000)}, "") for n in range(calls)])
    woken = [{"on": "message", "facts": {"variable.x": noise(n, 500)}, "losers": {"limit": [noise(n, 64)]}} for n in range(events)]
    return replace(
        TRACE, scripts=ScriptMatch(TRACE.scripts.winner, lost, 4), prompt=PromptTrace("p", calls=called), rules={"events": woken}
    )


@pytest.mark.parametrize(
    ("trace", "cut"),
    [
        (large(50, 0, 2), []),
        (large(300), ["losers"]),
        (large(0, 20), ["losers", "prompt.calls"]),
        (large(0, 0, 40), ["losers", "prompt.calls", "prompt.summary", "meanings", "dialogue", "rules"]),
    ],
)
def test_what_does_not_fit_is_left_out_and_named(trace: Trace, cut: list[str]) -> None:
    stored = trace.to_bytes()
    told = from_bytes(stored)
    assert len(stored) <= LARGEST
    assert told.get("cut", []) == cut
    assert (told["scripts"]["winner"], told["verdict"]) == (["d", "Доставка", 3, ["доставка"]], "maybe")
    if cut == ["losers"]:
        assert told["scripts"]["unlisted"] == 304


def test_stages_add_up() -> None:
    assert TRACE.with_stages({"decide": 1.0}).with_stages({"model": 2.0}).stages_ms == {"decide": 1.0, "model": 2.0}


def test_texts_that_are_no_unicode_do_not_lose_the_trace() -> None:
    trace = Trace("a", 1, "", (1,), "bot", "ru", "", "broken \ud800 text \x00")
    assert from_bytes(trace.to_bytes())["reason"] == "broken ? text \x00"


@pytest.mark.parametrize("stored", [b"", b"plain", zlib.compress(b"not json"), zlib.compress(b"[]"), zlib.compress(b"\xff")])
def test_what_is_no_trace_is_refused(stored: bytes) -> None:
    with pytest.raises(ValueError, match="not a trace"):
        from_bytes(stored)
