"""Whom a question is put to, how often, and who is left alone."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import pytest

from actors.domain.errors import CallboardError, TerminalError, TransientError
from actors.ports.model import Endpoint, ModelAnswer, ModelRequest
from actors.services.asking import PAUSE_S, Asked, Asking
from actors.services.breaker import FAILURES, OPEN_S, Breaker

REQUEST = ModelRequest("Be kind.", (("user", "?"),))
OnDelta = Callable[[str], Awaitable[None]]


class Clock:
    """Stands still; sleeping moves it."""

    def __init__(self) -> None:
        self.at = 100.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 3, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


class Model:
    """Answers or raises what was scripted, after saying `shown`."""

    def __init__(self, *does: str | CallboardError, shown: str = "") -> None:
        self.does = list(does)
        self.shown = shown
        self.asked: list[str] = []

    async def answer(self, request: ModelRequest, on_delta: OnDelta) -> ModelAnswer:
        self.asked.append(request.model)
        if self.shown:
            await on_delta(self.shown)
        does = self.does.pop(0)
        if isinstance(does, CallboardError):
            raise does
        return ModelAnswer(does, request.model, 1, 1)


async def ask(asking: Asking, *models: Model, left_s: float = 10.0) -> Asked:
    async def on_delta(_: str) -> None: ...

    endpoints = [Endpoint(model, f"m{n}", "here") for n, model in enumerate(models)]
    return await asking.ask(endpoints, REQUEST, left_s, left_s, on_delta)


@pytest.mark.parametrize(
    ("first", "wish", "slept"), [(TransientError("busy"), None, PAUSE_S), (TransientError("busy", 2.0), 2.0, 2.0)], ids=["free", "told"]
)
async def test_what_may_pass_is_tried_once_more_after_a_pause(first: TransientError, wish: float | None, slept: float) -> None:
    clock, model = Clock(), Model(first, "ok")
    asked = await ask(Asking(clock), model)
    assert asked.answer == ModelAnswer("ok", "m0", 1, 1)
    assert [tried.failure for tried in asked.tries] == ["TransientError: busy"]
    assert (asked.failure, clock.slept) == ("", [slept])


@pytest.mark.parametrize(
    "does",
    [[TerminalError("no key")], [TransientError("busy", 60.0)], [TransientError("away"), TransientError("away")], [" "]],
    ids=["refused", "busy for long", "away twice", "empty"],
)
async def test_then_the_next_model_is_asked(does: Sequence[str | CallboardError]) -> None:
    first, second = Model(*does), Model("ok")
    asked = await ask(Asking(Clock()), first, second)
    assert asked.answer is not None
    assert (first.does, second.asked, len(asked.tries)) == ([], ["m1"], len(does))
    assert [got.text for got in asked.paid] == ([" ", "ok"] if does == [" "] else ["ok"])


async def test_once_a_piece_was_shown_nobody_else_is_asked() -> None:
    second = Model("ok")
    asked = await ask(Asking(Clock()), Model(TransientError("cut"), shown="Half"), second)
    assert (asked.answer, asked.failure, second.asked) == (None, "TransientError: cut", [])


async def test_what_was_kept_back_was_not_shown() -> None:
    asked = await ask(Asking(Clock()), Model(TransientError("cut"), "ok", shown="[[hand"))
    assert asked.answer is not None


async def test_a_silent_model_leaves_half_of_the_time_to_the_next() -> None:
    class Silent(Model):
        async def answer(self, request: ModelRequest, on_delta: OnDelta) -> ModelAnswer:
            return await asyncio.Future[ModelAnswer]()

    asked = await ask(Asking(Clock()), Silent(), Model("ok"), left_s=0.1)
    assert asked.answer is not None
    assert asked.tries[0].failure.startswith("no answer within")


async def test_who_fails_in_a_row_is_left_alone_and_then_asked_once() -> None:
    clock = Clock()
    asking, model = Asking(clock), Model(*[TransientError("away")] * (FAILURES + 1), "ok", "ok")
    for _ in range(FAILURES):
        await ask(asking, model, left_s=PAUSE_S)  # no time for a second try
    assert len(model.asked) == FAILURES
    assert (await ask(asking, model)).failure == f"not asked: it failed several times in a row; it is asked again in {OPEN_S:.0f} s"
    assert len(model.asked) == FAILURES
    clock.at += OPEN_S
    await ask(asking, model)
    assert len(model.asked) == FAILURES + 1
    clock.at += OPEN_S
    assert [(await ask(asking, model)).failure for _ in range(2)] == ["", ""]


def test_only_one_probes_and_a_lost_probe_does_not_close_for_ever() -> None:
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker.failed(0.0)
    assert breaker.wait_s(OPEN_S) == 0.0
    assert breaker.wait_s(OPEN_S + 1) == OPEN_S - 1
    assert breaker.wait_s(2 * OPEN_S) == 0.0


def test_a_provider_that_names_a_time_gets_it() -> None:
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker.failed(0.0, 600.0)
    assert breaker.wait_s(1.0) == 599.0
