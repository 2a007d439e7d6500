"""The model's client against a real server that answers well, badly, half, late or never."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from actors.domain.errors import TerminalError, TransientError
from actors.ports.model import ModelAnswer, ModelRequest
from integrations.llm.client import OpenAIModel
from integrations.llm.mapper import LONGEST_ANSWER
from tests.fakes.openai_api import FakeOpenAI, cut, endless, fake_openai, hangs, refuses, sends, streams

REQUEST = ModelRequest("Be kind.", (("user", "Привет"), ("assistant", "Да?"), ("user", "Сколько?")), 0.3, 50)


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAI]:
    async with fake_openai() as fake:
        yield fake


@pytest.fixture
async def model(server: FakeOpenAI) -> AsyncIterator[OpenAIModel]:
    made = OpenAIModel("key-1", "default-model", 0.5, server.base_url)
    yield made
    await made.close()


async def ask(model: OpenAIModel, request: ModelRequest = REQUEST) -> tuple[ModelAnswer, list[str]]:
    deltas: list[str] = []

    async def on_delta(text: str) -> None:
        deltas.append(text)

    return await model.answer(request, on_delta), deltas


async def test_an_answer_is_streamed_and_returned_whole(server: FakeOpenAI, model: OpenAIModel) -> None:
    server.script.append(streams("Сто ", "рублей"))
    answer, deltas = await ask(model)
    assert deltas == ["Сто ", "рублей"]
    assert answer == ModelAnswer("Сто рублей", "served-model", 21, 4)
    asked = server.asked[0]
    assert asked["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Привет"},
        {"role": "assistant", "content": "Да?"},
        {"role": "user", "content": "Сколько?"},
    ]
    assert (asked["model"], asked["temperature"], asked["max_tokens"], asked["stream"]) == ("default-model", 0.3, 50, True)
    assert server.keys == ["Bearer key-1"]


async def test_a_request_may_name_its_model(server: FakeOpenAI, model: OpenAIModel) -> None:
    server.script.append(streams("ok"))
    await ask(model, ModelRequest("", (("user", "x"),), model="special"))
    assert server.asked[0]["model"] == "special"


async def test_a_server_without_usage_and_end_mark_is_understood(server: FakeOpenAI, model: OpenAIModel) -> None:
    server.script.append(streams("ok", usage=False, done=False))
    answer, _ = await ask(model)
    assert (answer.text, answer.prompt_tokens) == ("ok", None)


async def test_an_empty_answer_is_an_answer(server: FakeOpenAI, model: OpenAIModel) -> None:
    server.script.append(streams())
    assert (await ask(model))[0].text == ""


async def test_a_call_of_a_tool_nobody_offered_says_nothing(server: FakeOpenAI, model: OpenAIModel) -> None:
    call = {"index": 0, "id": "t", "type": "function", "function": {"name": "transfer_money", "arguments": "{}"}}
    choice = {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}
    server.script.append(sends({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}))
    assert (await ask(model))[0].text == ""


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        (cut("Сто "), "cannot be reached"),
        (streams("Сто ", finish=None, done=False), "broke off in the middle"),
        (sends("data: {broken\n\n"), "cannot be read"),
        (sends({"error": {"message": "overloaded"}}), "broke off: overloaded"),
        (refuses(200, "<html>welcome to the hotel network</html>"), "broke off in the middle"),
        (hangs(), "did not answer in time"),
        (hangs("Сто "), "did not answer in time"),
        (refuses(500, "<html>oops</html>"), "answered 500"),
        (refuses(503), "answered 503"),
        (refuses(408), "answered 408"),
    ],
)
async def test_what_may_pass_is_transient(server: FakeOpenAI, model: OpenAIModel, behaviour: object, says: str) -> None:
    server.script.append(behaviour)  # type: ignore[arg-type]
    with pytest.raises(TransientError, match=says) as caught:
        await ask(model)
    assert caught.value.retry_after_s is None
    assert len(server.asked) == 1  # never repeated by the client


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("Retry-After", "7")], 7.0),
        ([("Retry-After", "1.5")], 1.5),
        ([("Date", "Sun, 01 Mar 2026 12:00:00 GMT"), ("Retry-After", "Sun, 01 Mar 2026 12:00:30 GMT")], 30.0),
        ([("Retry-After", "999999999")], 3_600.0),
        ([("Retry-After", "-5")], 0.0),
        ([("Retry-After", "nan")], None),
        ([("Retry-After", "soon")], None),
        ([], None),
    ],
)
async def test_a_busy_server_says_when_to_come_back(
    server: FakeOpenAI, model: OpenAIModel, headers: list[tuple[str, str]], expected: float | None
) -> None:
    server.script.append(refuses(429, headers=headers))
    with pytest.raises(TransientError) as caught:
        await ask(model)
    assert caught.value.retry_after_s == expected


@pytest.mark.parametrize(
    "behaviour",
    [
        refuses(400),
        refuses(401),
        refuses(403, "<html>forbidden</html>"),
        refuses(404),
        refuses(429, {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}, [("Retry-After", "1")]),
    ],
)
async def test_what_will_not_pass_is_terminal(server: FakeOpenAI, model: OpenAIModel, behaviour: object) -> None:
    server.script.append(behaviour)  # type: ignore[arg-type]
    with pytest.raises(TerminalError):
        await ask(model)
    assert len(server.asked) == 1


async def test_a_server_that_is_away_is_transient() -> None:
    model = OpenAIModel("k", "m", 0.5, "http://127.0.0.1:9/v1")
    with pytest.raises(TransientError, match="cannot be reached"):
        await ask(model)
    await model.close()


async def test_an_endless_answer_is_cut_and_left(server: FakeOpenAI, model: OpenAIModel) -> None:
    server.script.append(endless("ж" * 1_000))
    answer, deltas = await ask(model)
    assert len(answer.text) == len("".join(deltas)) == LONGEST_ANSWER
    await asyncio.wait_for(server.left_early.wait(), 5)


async def test_cancelling_closes_the_stream_and_the_client_goes_on(server: FakeOpenAI, model: OpenAIModel) -> None:
    server.script.extend([hangs("Сто "), streams("ok")])
    begun = asyncio.Event()

    async def on_delta(_: str) -> None:
        begun.set()

    step = asyncio.create_task(model.answer(REQUEST, on_delta))
    await begun.wait()
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step
    await asyncio.wait_for(server.left_early.wait(), 5)
    assert (await ask(model))[0].text == "ok"
