"""The agent's step: a model is a function here, and whatever it does, the step ends with something to say."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest

from actors.domain.agent.models import AgentOutcome, AgentRequest
from actors.domain.catalogue import catalogue
from actors.domain.conversation import Control, ConversationState, ConversationView
from actors.domain.errors import TerminalError, TransientError
from actors.domain.ids import AgentId, InboxId
from actors.domain.messages import InboundMessage
from actors.domain.turn import decide
from actors.ports.model import Endpoint, ModelAnswer, ModelRequest
from actors.services.agent import AgentService, Models

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OnDelta = Callable[[str], Awaitable[None]]
Behaviour = Callable[[ModelRequest, OnDelta], Awaitable[str]]
PASSAGES = [{"id": "wool", "title": "Blanket care", "text": "Wash a blanket in cold water.", "language": "en"}]


class StillClock:
    """A clock that moves by one millisecond at each look."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        self.at += 0.001
        return self.at

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("the agent does not sleep")


class Model:
    """A model that is a function."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.asked: list[ModelRequest] = []

    async def answer(self, request: ModelRequest, on_delta: OnDelta) -> ModelAnswer:
        self.asked.append(request)
        return ModelAnswer(await self.behaviour(request, on_delta), "m-1", 10, 3)


def request(text: str = "how to wash a blanket?", control: Control = Control.BOT, **persona: object) -> AgentRequest:
    using = catalogue(AgentId(UUID(int=1)), 1, {"persona": {"answer_deadline_s": 5, **persona}, "passages": PASSAGES})
    got = decide(ConversationView(ConversationState(), control, "test", "once"), [InboundMessage(InboxId(1), NOW, text)], using, NOW)
    assert isinstance(got, AgentRequest)
    return got


async def answer(behaviour: Behaviour, asked: AgentRequest | None = None) -> tuple[AgentOutcome, list[str], Model]:
    deltas: list[str] = []

    async def on_delta(text: str) -> None:
        deltas.append(text)

    model = Model(behaviour)
    outcome = await AgentService(StillClock(), Models(Endpoint(model))).answer(asked or request(), [("customer", "hi")], on_delta)
    return outcome, deltas, model


def pieces(*texts: str) -> Behaviour:
    async def behave(_: ModelRequest, on_delta: OnDelta) -> str:
        for text in texts:
            await on_delta(text)
        return "".join(texts)

    return behave


async def test_without_a_model_the_passages_are_the_outcome_at_once() -> None:
    service = AgentService(StillClock())
    outcome = service.at_once(request())
    assert outcome is not None
    assert outcome.findings.verdict == "sure"
    assert outcome.prompt == ""
    assert outcome.stages_ms == {"retrieve": 1.0}


async def test_a_model_is_shown_the_passages_and_its_words_are_streamed() -> None:
    outcome, deltas, model = await answer(pieces("In cold", " water."), request(model="big", temperature=0.7, max_tokens=90))
    assert outcome.said is not None
    assert (outcome.said.text, outcome.said.model, outcome.said.prompt_tokens) == ("In cold water.", "m-1", 10)
    assert deltas == ["In cold", " water."]
    asked = model.asked[0]
    assert (asked.model, asked.temperature, asked.max_tokens, asked.messages) == (
        "big",
        0.7,
        90,
        (("user", "hi"), ("user", "how to wash a blanket?")),
    )
    assert "Wash a blanket in cold water." in asked.system
    assert set(outcome.stages_ms) == {"retrieve", "model"}


async def test_the_word_for_a_handoff_is_never_streamed() -> None:
    outcome, deltas, _ = await answer(pieces(" [[han", "doff]]"))
    assert deltas == []
    assert outcome.said is not None
    assert outcome.said.text == " [[handoff]]"


async def test_brackets_that_are_no_handoff_are_streamed_whole() -> None:
    _, deltas, _ = await answer(pieces("[", "[see", " below]"))
    assert "".join(deltas) == "[[see below]"


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (TransientError("busy", 3), "TransientError: busy"),
        (TerminalError("refused"), "TerminalError: refused"),
        (TimeoutError(), "no answer within 5 s"),
    ],
)
async def test_an_error_of_the_model_leaves_the_passages_and_its_reason(error: Exception, failure: str) -> None:
    async def fail(_: ModelRequest, on_delta: OnDelta) -> str:
        await on_delta("half an ans")
        raise error

    outcome, _, _ = await answer(fail)
    assert outcome.said is None
    assert outcome.failure == failure
    assert outcome.findings.verdict == "sure"
    assert outcome.prompt.startswith("answer/1:")


async def test_a_model_that_hangs_is_left_at_the_deadline() -> None:
    ended = asyncio.Event()

    async def hang(_: ModelRequest, on_delta: OnDelta) -> str:
        try:
            return await asyncio.Future[str]()
        finally:
            ended.set()

    outcome, _, _ = await answer(hang, request(answer_deadline_s=0.1))
    assert outcome.failure == "no answer within 0.1 s"
    assert ended.is_set()


@pytest.mark.parametrize("text", ["", " \n"])
async def test_an_empty_answer_counts_as_none(text: str) -> None:
    outcome, _, _ = await answer(pieces(text))
    assert outcome.said is None
    assert outcome.failure == "the answer was empty"


async def test_who_waits_for_a_person_is_not_given_to_the_model_without_passages() -> None:
    outcome, _, model = await answer(pieces("I think..."), request("what is the weather?", Control.WAITING))
    assert model.asked == []
    assert outcome.said is None


async def test_a_bug_in_the_model_is_not_hidden() -> None:
    async def crash(_: ModelRequest, on_delta: OnDelta) -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await answer(crash)


async def test_cancelling_the_step_cancels_the_model() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def hang(_: ModelRequest, on_delta: OnDelta) -> str:
        begun.set()
        try:
            return await asyncio.Future[str]()
        finally:
            ended.set()

    step = asyncio.create_task(answer(hang))
    await begun.wait()
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step
    assert ended.is_set()


async def test_a_strict_agent_says_no_figure_that_it_was_not_given() -> None:
    asked = request(strict=True)
    outcome, deltas, _ = await answer(pieces("Wash it ", "at 60 degrees."), asked)
    assert (outcome.said, outcome.failure) == (None, "strict: nothing it was given says 60")
    assert deltas == [], "what is not checked is not shown"
    outcome, _, _ = await answer(pieces("In cold water."), asked)
    assert outcome.said is not None


async def test_a_strict_agent_asks_no_model_where_nothing_was_found() -> None:
    outcome, _, model = await answer(pieces("The moon."), request("when does the moon rise?", strict=True))
    assert (outcome.said, outcome.findings.verdict, model.asked) == (None, "no", [])
