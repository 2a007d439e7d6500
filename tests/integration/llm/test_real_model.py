"""A real model behind the OpenAI protocol: streaming end to end, its counts in the trace, a question that is too long, one given up.

What it says is never looked at: it has 135 million parameters.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest

from actors.domain.errors import TerminalError, TransientError
from actors.ports.model import ModelRequest
from integrations.llm.client import OpenAIModel
from storage.carriers import PostgresPlacement
from storage.catalogue import Agents
from storage.crypto import SecretBox
from storage.integrations import IntegrationAdmin, NewIntegration
from storage.postgres import Database, Role
from tests.integration.gateway.company import Company, data_dir_of, found
from tests.integration.gateway.host_process import host
from tests.integration.gateway.processes import GatewayProcess
from tests.integration.llm.real_model import CONTEXT, LOCK, served
from tests.packages import NotInstalled, python_packages

SLOW_S = 110  # a machine that is busy reads ten words a second
LONG = 700
ENDLESS = ModelRequest("", (("user", "Count from one to ten thousand in words."),), max_tokens=LONG)
PERSONA = {"name": "Anna", "languages": ["en"], "debounce_s": 0, "answer_deadline_s": SLOW_S}
PASSAGES = [{"id": "wool", "title": "Wool", "text": "Wash wool by hand in cold water.", "language": "en"}]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    try:
        directory = python_packages(LOCK)
    except NotInstalled as error:
        pytest.skip(f"the small model cannot be had: {error}")
    with served(directory, tmp_path_factory.mktemp("model") / "server.log") as url:
        yield url


@pytest.fixture
async def company(database: str) -> Company:
    return await found(database, "acme")


@asynccontextmanager
async def model_of(server: str, timeout_s: float = SLOW_S) -> AsyncIterator[OpenAIModel]:
    model = OpenAIModel("any", "small", timeout_s, f"{server}/v1")
    try:
        yield model
    finally:
        await model.close()


async def ignore(_: str) -> None:
    """Nobody reads along."""


async def busy(server: str) -> int:
    """Return how many questions the server works on."""
    async with aiohttp.ClientSession() as session, session.get(f"{server}/slots") as response:
        return sum(slot["is_processing"] for slot in await response.json())


async def written(server: str) -> int:
    """Return how many tokens the server has written since it began."""
    async with aiohttp.ClientSession() as session, session.get(f"{server}/metrics") as response:
        (line,) = [line for line in (await response.text()).splitlines() if line.startswith("llamacpp:tokens_predicted_total")]
    return int(float(line.split()[1]))


async def until_idle(server: str) -> None:
    async with asyncio.timeout(30):
        while await busy(server):
            await asyncio.sleep(0.1)


async def test_pieces_are_the_answer_and_tokens_are_the_servers(server: str) -> None:
    pieces: list[str] = []

    async def keep(piece: str) -> None:
        pieces.append(piece)

    async with model_of(server) as model:
        answer = await model.answer(ModelRequest("Be brief.", (("user", "Say hello."),), max_tokens=16), keep)
    assert len(pieces) > 1
    assert "".join(pieces) == answer.text
    assert answer.completion_tokens in range(1, 17)
    assert answer.prompt_tokens is not None
    assert answer.prompt_tokens > 10


async def test_a_question_longer_than_its_memory_is_refused_with_the_reason(server: str) -> None:
    async with model_of(server) as model:
        with pytest.raises(TerminalError, match="context"):
            await model.answer(ModelRequest("", (("user", "word " * (CONTEXT + 500)),), max_tokens=8), ignore)


async def test_a_question_given_up_frees_the_server(server: str) -> None:
    begun = asyncio.Event()

    async def begin(_: str) -> None:
        begun.set()

    before = await written(server)
    async with model_of(server) as model:
        asking = asyncio.create_task(model.answer(ENDLESS, begin))
        await begun.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await until_idle(server)
    assert await written(server) - before < LONG // 4  # seconds before its end


async def test_an_answer_that_takes_too_long_is_given_up(server: str) -> None:
    async with model_of(server, timeout_s=0.001) as model:
        with pytest.raises(TransientError):
            await model.answer(ENDLESS, ignore)
    await until_idle(server)


async def agent_of(api: Database, company: Company, name: str, **persona: Any) -> UUID:
    agent_id = await Agents(api).create(company.tenant_id, name, {"persona": {**PERSONA, **persona}, "passages": PASSAGES})
    new = NewIntegration(agent_id, "test", str(agent_id))
    await IntegrationAdmin(api, SecretBox(bytes(32))).create(company.tenant_id, new)
    return agent_id


async def streamed(
    gateway: GatewayProcess, company: Company, agent_id: UUID, text: str
) -> tuple[list[str], dict[str, Any], dict[str, Any]]:
    """Ask over POST /api/chat; return the pieces, the answer and its trace."""
    headers = company.headers() | {"Accept": "text/event-stream"}
    pieces: list[str] = []
    answer: dict[str, Any] = {}
    body = {"agent_id": str(agent_id), "text": text}
    timeout = aiohttp.ClientTimeout(total=2 * SLOW_S)
    async with gateway.session.post("/api/chat", json=body, headers=headers, timeout=timeout) as response:
        assert response.status == 200, await response.text()
        event = ""
        async for line in response.content:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "event":
                event = value
            elif name == "data" and event == "delta":
                assert not answer, "a piece came after the answer"
                pieces.append(json.loads(value)["text"])
            elif name == "data" and event == "message":
                answer = json.loads(value)
    path = f"/api/conversations/{answer['conversation_id']}/messages/{answer['message_id']}/trace"
    async with gateway.session.get(path, headers=company.headers()) as response:
        return pieces, answer, (await response.json())["trace"]


@pytest.mark.timeout(400)
async def test_a_customer_reads_along_and_gets_an_answer_in_time(
    server: str, database: str, redis_url: str, tmp_path: Path, company: Company
) -> None:
    async with (
        await Database.open(database, Role.API, "test", size=1) as api,
        await Database.open(database, Role.ENGINE, "test", size=1) as engine,
    ):
        await PostgresPlacement(engine).claim(uuid4(), 1, 1)
        env = {"OPENAI_API_KEY": "any", "OPENAI_BASE_URL": f"{server}/v1"}
        with host(database, redis_url, data_dir_of(tmp_path, "host"), **env):
            async with GatewayProcess(database, redis_url, data_dir_of(tmp_path, "gateway"), {"CALLBOARD_REPLY_WAIT_S": "240"}) as gateway:
                pieces, answer, trace = await streamed(gateway, company, await agent_of(api, company, "Anna"), "how do I wash wool?")
                assert answer["reply"]["mode"] == "model"
                assert len(pieces) > 1
                assert trace["prompt"]["prompt_tokens"] > 100
                assert trace["prompt"]["completion_tokens"] >= len(pieces) // 2
                assert "estimated" not in trace["prompt"]

                hasty = await agent_of(api, company, "Hasty", answer_deadline_s=1)
                began = time.monotonic()
                _, answer, trace = await streamed(gateway, company, hasty, "how do I wash wool, word by word?")
                assert time.monotonic() - began < 10
                assert answer["reply"]["mode"] in {"model", "extractive", "handoff"}
                assert answer["reply"]["text"]
    await until_idle(server)
