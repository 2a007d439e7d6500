"""One question to the models: a second try, a second model, and an end in time, whatever they do."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from actors.domain.agent.engine import HANDOFF_WORD, LONGEST_ANSWER
from actors.domain.agent.models import Try
from actors.domain.errors import TerminalError, TransientError
from actors.ports.model import Endpoint, ModelAnswer, ModelRequest
from actors.ports.time import Clock
from actors.services.breaker import Breaker

OnDelta = Callable[[str], Awaitable[None]]

TRIES = 2  # of one model
PAUSE_S = 0.3  # before the second, if the server names no time
PATIENCE_S = 5.0  # silence for less than this says nothing about a provider: the persona was in a hurry
_MOST_BREAKERS = 1_000  # personas name models as they like


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of a question. `answer` is None if no model gave one; `paid` are all that answered, also with nothing."""

    answer: ModelAnswer | None
    tries: tuple[Try, ...]  # those that brought nothing
    paid: tuple[ModelAnswer, ...]

    @property
    def failure(self) -> str:
        """Return why there is no answer, empty if there is one."""
        return "" if self.answer or not self.tries else self.tries[-1].failure


class Asking:
    """Asks models in turn. Its breakers live as long as the process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._breakers: dict[tuple[str, str], Breaker] = {}

    async def ask(self, endpoints: Sequence[Endpoint], request: ModelRequest, left_s: float, limit_s: float, on_delta: OnDelta) -> Asked:
        """Return an answer or, within `left_s`, why there is none. Once a piece was shown, nobody else is asked: two answers never mix.

        Args:
            endpoints: in the order in which they are asked.
            request: what is asked; each endpoint puts its own model in.
            left_s: what is left of the customer's patience.
            limit_s: how patient the customer was, for the words of a failure.
            on_delta: gets the pieces of the answer while it is made.
        """
        question = _Question(self._clock, request, left_s, limit_s, on_delta)
        for number, endpoint in enumerate(endpoints):
            await question.ask(endpoint, self._breaker(endpoint), last=number == len(endpoints) - 1)
            if question.answer or question.shown or question.left_s <= 0:
                break
        return Asked(question.answer, tuple(question.tries), tuple(question.paid))

    def _breaker(self, endpoint: Endpoint) -> Breaker:
        key = (endpoint.provider, endpoint.model)
        if key not in self._breakers and len(self._breakers) >= _MOST_BREAKERS:
            self._breakers.clear()
        return self._breakers.setdefault(key, Breaker())


class _Question:
    """A question while it is asked."""

    def __init__(self, clock: Clock, request: ModelRequest, left_s: float, limit_s: float, on_delta: OnDelta) -> None:
        self._clock = clock
        self._request = request
        self._ends_at = clock.monotonic() + left_s
        self._limit_s = limit_s
        self._on_delta = on_delta
        self.answer: ModelAnswer | None = None
        self.tries: list[Try] = []
        self.paid: list[ModelAnswer] = []
        self.shown = False

    @property
    def left_s(self) -> float:
        return self._ends_at - self._clock.monotonic()

    async def ask(self, endpoint: Endpoint, breaker: Breaker, *, last: bool) -> None:
        """Ask one model, twice if the first failure may pass and there is time for as long a try."""
        for number in range(1, TRIES + 1):
            began = self._clock.monotonic()
            if (wait_s := breaker.wait_s(began)) > 0:
                self._failed(endpoint, began, f"not asked: it failed several times in a row; it is asked again in {wait_s:.0f} s")
                return
            pause_s = await self._try(endpoint, breaker, began, last=last)
            took_s = self._clock.monotonic() - began
            if pause_s is None or self.shown or number == TRIES or pause_s + took_s >= self.left_s * (1.0 if last else 0.5):
                return
            await self._clock.sleep(pause_s)

    async def _try(self, endpoint: Endpoint, breaker: Breaker, began: float, *, last: bool) -> float | None:
        """Ask once; return after which pause another try may work, None if there is no sense in one."""
        try:
            answer = await self._listen(endpoint, last=last)
        except TimeoutError:
            waited_s = self._clock.monotonic() - began
            if waited_s >= PATIENCE_S:
                breaker.failed(self._clock.monotonic())
            given_up = f"no answer within {self._limit_s:g} s" if last or self.left_s <= 0 else f"no answer within {waited_s:.1f} s"
            self._failed(endpoint, began, given_up)
            return None
        except TransientError as error:
            breaker.failed(self._clock.monotonic(), error.retry_after_s)
            self._failed(endpoint, began, f"TransientError: {error}")
            return PAUSE_S if error.retry_after_s is None else error.retry_after_s
        except TerminalError as error:
            self._failed(endpoint, began, f"TerminalError: {error}")
            return None
        breaker.succeeded()
        self.paid.append(answer)
        calls = answer.calls and self._request.tools and not self._request.speaks
        if not answer.text.strip() and not calls:
            self._failed(endpoint, began, "the answer was empty")
        else:
            self.answer = answer
        return None

    async def _listen(self, endpoint: Endpoint, *, last: bool) -> ModelAnswer:
        """Wait for an answer; a model that says nothing at all has half of the time if there is another one."""
        left_s = max(self.left_s, 0.0)
        loop = asyncio.get_running_loop()
        until = loop.time() + left_s
        gate = _Gate(self._on_delta)

        async def pass_on(delta: str) -> None:
            if not scope.expired():
                scope.reschedule(until)
            await gate.pass_on(delta)
            self.shown = self.shown or gate.shown

        async with asyncio.timeout_at(until if last else until - left_s / 2) as scope:
            return await endpoint.client.answer(replace(self._request, model=endpoint.model), pass_on)

    def _failed(self, endpoint: Endpoint, began: float, failure: str) -> None:
        took_ms = round((self._clock.monotonic() - began) * 1_000, 3)
        self.tries.append(Try(endpoint.model, failure, took_ms))


class _Gate:
    """Keeps back deltas while they may still become the word for a handoff, and what exceeds the longest answer."""

    def __init__(self, on_delta: OnDelta) -> None:
        self._on_delta = on_delta
        self._held = ""
        self._open = False
        self._passed = 0

    @property
    def shown(self) -> bool:
        """Return whether anything was passed on."""
        return self._passed > 0

    async def pass_on(self, delta: str) -> None:
        self._held += delta
        if not self._open and HANDOFF_WORD.startswith(self._held.strip()[: len(HANDOFF_WORD)]):
            return
        self._open = True
        piece, self._held = self._held[: LONGEST_ANSWER - self._passed], ""
        self._passed += len(piece)
        if piece:
            await self._on_delta(piece)
