"""Whatever a model's server does, who asked through POST /api/chat gets an answer or a person within the agent's deadline."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from aiohttp import web

from storage.carriers import PostgresPlacement
from storage.catalogue import Agents
from storage.crypto import SecretBox
from storage.integrations import IntegrationAdmin, NewIntegration
from storage.postgres import Database, Role
from tests.fakes.openai_api import Behaviour, FakeOpenAI, cut, endless, fake_openai, hangs, refuses, sends, streams
from tests.integration.gateway.company import Company, data_dir_of
from tests.integration.gateway.host_process import host
from tests.integration.gateway.processes import GatewayProcess

DEADLINE_S = 4.0  # and not less: on a busy machine two tries and a pause take a second
SLACK_S = 1.5  # the machine is busy with something else
CARE = "Wash wool by hand in cold water."
KNOWN, UNKNOWN = "how do I wash wool?", "when does the moon rise in Lisbon?"
PASSAGES = [{"id": "wool", "title": "Wool", "text": CARE, "language": "en"}]
PERSONA = {"name": "Anna", "languages": ["en"], "debounce_s": 0, "answer_deadline_s": DEADLINE_S}
TRANSFER = {"index": 0, "id": "t", "type": "function", "function": {"name": "transfer_money", "arguments": "{}"}}
TOOL = sends(
    {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": {"tool_calls": [TRANSFER]}, "finish_reason": "tool_calls"}],
    }
)
NAN_USAGE = sends(
    'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"served-model","choices":[{"index":0,"delta":'
    '{"content":"Cold."},"finish_reason":"stop"}],"usage":{"prompt_tokens":NaN,"completion_tokens":"many","total_tokens":-1}}\n\n'
)
BUSY, GOOD = refuses(429), streams("Cold ", "water.")


def busy(seconds: str) -> Behaviour:
    return refuses(429, headers=[("Retry-After", seconds)])


@dataclass(frozen=True)
class Case:
    """What the server does at the first requests of a question (the last one for all that follow), and what comes of it."""

    name: str
    does: tuple[Behaviour, ...]
    mode: str = "extractive"  # of the question that a passage answers; the other one is "handoff" then
    requests: int = 1
    says: str = ""  # a failure in the trace
    fallback: bool = False


CASES = [
    Case("good", (GOOD,), "model"),
    Case("hangs", (hangs(),), says="no answer within 4 s"),
    Case("hangs-in-the-middle", (hangs("Half an "),), says="no answer within 4 s"),
    Case("hangs-and-another-answers", (hangs(),), "model", 1, "no answer within 2", fallback=True),
    Case("cut", (cut("Half an "), GOOD), says="cannot be reached"),
    Case("ends-in-the-middle", (streams("Half an ", finish=None, done=False), GOOD), says="broke off"),
    Case("cut-before-a-word", (cut(), GOOD), "model", 2, "cannot be reached"),
    Case("busy-without-a-time", (BUSY, GOOD), "model", 2, "answered 429"),
    Case("busy-for-a-moment", (busy("0.2"), GOOD), "model", 2, "answered 429"),
    Case("busy-for-long", (busy("600"), GOOD), says="answered 429"),
    Case("busy-for-long-and-another-answers", (busy("600"),), "model", 1, "answered 429", fallback=True),
    Case("always-busy", (BUSY,), requests=2, says="answered 429"),
    Case("broken", (refuses(500, "<html>oops</html>"),), requests=2, says="answered 500"),
    Case("broken-once", (refuses(503), GOOD), "model", 2, "answered 503"),
    Case("refuses", (refuses(401),), says="answered 401"),
    Case("refuses-and-another-answers", (refuses(404),), "model", 1, "answered 404", fallback=True),
    Case("garbage", (sends("data: {broken\n\n"),), requests=2, says="cannot be read"),
    Case("html", (refuses(200, "<html>welcome</html>"),), requests=2, says="broke off"),
    Case("nan", (sends('data: {"choices": NaN}\n\n'),), requests=2, says="cannot be read"),
    Case("nan-usage", (NAN_USAGE,), "model"),
    Case("empty", (streams(),), says="the answer was empty"),
    Case("only-spaces", (streams(" ", "\n"),), says="the answer was empty"),
    Case("a-megabyte", (streams("ж" * 1_000_000),), "model"),
    Case("endless", (endless("ж" * 100),), "model"),
    Case("unknown-tool", (TOOL,), says="the answer was empty"),
]


class Provider:
    """Does to each question of an agent what its case says; the agent's model is the case's name."""

    def __init__(self, fake: FakeOpenAI) -> None:
        self.fake = fake
        self.requests: Counter[tuple[str, str]] = Counter()
        self._cases = {case.name: case for case in CASES}
        fake.otherwise = self.behave

    async def behave(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        if asked["model"] == "spare":
            return await GOOD(request)
        does = self._cases[asked["model"]].does
        question = (asked["model"], asked["messages"][-1]["content"])
        self.requests[question] += 1
        return await does[min(self.requests[question], len(does)) - 1](request)


@dataclass
class Scene:
    gateway: GatewayProcess
    company: Company
    provider: Provider
    api: Database

    async def agent(self, case: Case) -> UUID:
        persona = {**PERSONA, "model": case.name, "fallback_model": "spare" if case.fallback else ""}
        agent_id = await Agents(self.api).create(self.company.tenant_id, case.name, {"persona": persona, "passages": PASSAGES})
        new = NewIntegration(agent_id, "test", str(agent_id))
        await IntegrationAdmin(self.api, SecretBox(bytes(32))).create(self.company.tenant_id, new)
        return agent_id

    async def ask(self, agent_id: UUID, text: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the reply and its trace."""
        headers = self.company.headers()
        body = {"agent_id": str(agent_id), "text": text}
        async with self.gateway.session.post("/api/chat", json=body, headers=headers) as response:
            assert response.status == 200, await response.text()
            answer = await response.json()
        path = f"/api/conversations/{answer['conversation_id']}/messages/{answer['message_id']}/trace"
        async with self.gateway.session.get(path, headers=headers) as response:
            return answer["reply"], (await response.json())["trace"]


@asynccontextmanager
async def scene(database: str, redis_url: str, directory: Path, company: Company) -> AsyncIterator[Scene]:
    gateway_env = {"CALLBOARD_REPLY_WAIT_S": "20"}
    async with (
        await Database.open(database, Role.API, "test", size=1) as api,
        await Database.open(database, Role.ENGINE, "test", size=1) as engine,
        fake_openai() as fake,
    ):
        await PostgresPlacement(engine).claim(uuid4(), 1, 1)
        env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": fake.base_url, "CALLBOARD_MODEL_PRICES": '{"served": [2, 8]}'}
        with host(database, redis_url, data_dir_of(directory, "host"), **env):
            async with GatewayProcess(database, redis_url, data_dir_of(directory, "gateway"), gateway_env) as gateway:
                yield Scene(gateway, company, Provider(fake), api)


def check(case: Case, known: tuple[dict[str, Any], dict[str, Any]], unknown: tuple[dict[str, Any], dict[str, Any]]) -> None:
    for (reply, trace), mode in ((known, case.mode), (unknown, "model" if case.mode == "model" else "handoff")):
        assert (reply["mode"], trace["mode"]) == (mode, mode), (case.name, reply, trace)
        assert trace["stages_ms"]["model"] <= (DEADLINE_S + SLACK_S) * 1_000, case.name
        failures = [failure for _, failure, _ in trace["prompt"].get("tries", [])]
        assert any(case.says in failure for failure in failures) if case.says else not failures, (case.name, failures)
        assert bool(trace["prompt"].get("failure")) == (mode != "model"), case.name
    if case.mode == "extractive":
        assert known[0]["text"] == CARE


async def test_an_answer_or_a_person_within_the_deadline(database: str, redis_url: str, tmp_path: Path, company: Company) -> None:
    async with scene(database, redis_url, tmp_path, company) as stage:
        agents = [await stage.agent(case) for case in CASES]
        known = await asyncio.gather(*(stage.ask(agent, KNOWN) for agent in agents))
        unknown = await asyncio.gather(*(stage.ask(agent, UNKNOWN) for agent in agents))
        for case, one, other in zip(CASES, known, unknown, strict=True):
            check(case, one, other)
            assert stage.provider.requests[case.name, KNOWN] == case.requests, case.name
        prompt = known[0][1]["prompt"]
        assert (prompt["prompt_tokens"], prompt["completion_tokens"], prompt["micros"]) == (21, 4, 21 * 2 + 4 * 8)
        assert "estimated" not in prompt
        nan = dict(zip([case.name for case in CASES], known, strict=True))["nan-usage"][1]["prompt"]
        assert nan["estimated"]
        assert nan["micros"] > 0

        broken = agents[[case.name for case in CASES].index("broken")]
        asked = sum(n for (name, _), n in stage.provider.requests.items() if name == "broken")
        assert asked == 4
        for _ in range(3):  # the fifth failure is the last for a while
            _, trace = await stage.ask(broken, KNOWN)
        assert trace["prompt"]["tries"][0][1].startswith("not asked: it failed several times in a row")
        assert stage.provider.requests["broken", KNOWN] + stage.provider.requests["broken", UNKNOWN] == 5
