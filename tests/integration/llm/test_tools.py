"""What a model may have done: only what the owner wrote, only with what was filled in, once, and only with its own answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from actors.domain import trace as traces
from actors.ports.model import Endpoint
from actors.services.agent import Models
from integrations.llm.client import OpenAIModel
from storage.inbox import PostgresInbox
from tests.fakes.obedient import TOOLS, obedient
from tests.fakes.openai_api import Behaviour, FakeOpenAI, calls, fake_openai, refuses, streams
from tests.integration.host_lab import HostLab
from tests.integration.llm.test_injection import CASES, fell
from tests.integration.shop import open_shop

CALLBACK: dict[str, Any] = {
    "name": "callback",
    "description": "The customer wants to be called.",
    "parameters": [{"name": "phone", "description": "With the country's code"}, {"name": "when", "required": False}],
    "actions": [
        {"do": "set_variable", "name": "phone", "value": "{tool.phone}"},
        {"do": "add_tag", "tag": "call"},
        {"do": "call_webhook", "url": "https://shop.example/calls"},
    ],
}
PERSON = {"name": "person", "description": "The customer is angry.", "actions": [{"do": "hand_off"}]}
PERSONA = {"name": "Anna", "languages": ["en"], "debounce_s": 0.0, "answer_deadline_s": 8, "tools": [CALLBACK, PERSON], "searches": True}
WOOL = {"id": "wool", "title": "Wool", "text": "Wash wool by hand.", "language": "en"}
PARKING = {"id": "parking", "title": "Parking", "text": "Park behind the house.", "language": "en"}
GIVEN = json.dumps({"phone": "+7 900 1", "when": None, "colour": "red"})


class Shop:
    """Customers of one agent with tools."""

    def __init__(self, lab: HostLab, server: FakeOpenAI) -> None:
        self.lab, self.server, self.n = lab, server, 0
        self.model = OpenAIModel("k", "served-model", 5.0, server.base_url)
        self.models = Models(Endpoint(self.model, "served-model", "fake"))

    async def open(self) -> None:
        self.bot = await self.lab.add_integration(await self.lab.add_agent({"persona": PERSONA, "passages": [WOOL, PARKING]}))

    async def post(self, text: str, chat: int = 1) -> None:
        self.n += 1
        await PostgresInbox(self.lab.shop.engine).ingest([self.lab.message(self.bot, chat, self.n, text)])

    async def says(self, text: str, chat: int = 1) -> None:
        await self.post(text, chat)
        await self.lab.settled()

    async def latest(self, chat: int = 1) -> dict[str, Any]:
        """Return the last answer, what it was made of, and what the conversation is now."""
        r = await self.lab.shop.owner.fetchrow(
            "select m.body, m.mode, m.sources, t.body as trace, c.state, c.control from messages m join traces t on t.turn_id = m.turn_id"
            " join conversations c on c.id = m.conversation_id where c.key = $1 and m.role = 'agent' order by m.id desc limit 1",
            str(chat),
        )
        assert r is not None
        found = {name: orjson.loads(r[name]) for name in ("sources", "state")}
        return {**dict(r), **found, "prompt": traces.from_bytes(r["trace"])["prompt"]}

    async def actions(self) -> list[dict[str, Any]]:
        rows = await self.lab.shop.owner.fetch("select rule, kind, params from actions order by id")
        return [{**dict(row), "params": orjson.loads(row["params"])} for row in rows]


@pytest.fixture
async def shop(database: str, tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(database, tmp_path) as opened, fake_openai() as server:
        made = Shop(HostLab(opened), server)
        await made.open()
        async with made.lab.running(made.lab.host(models=made.models)):
            yield made
        await made.model.close()


async def test_what_was_asked_for_is_done_with_the_answer(shop: Shop) -> None:
    shop.server.script += [calls(("callback", GIVEN), said="One moment"), streams("We will call you.")]
    await shop.says("call me: +7 900 1")
    answered = await shop.latest()
    assert (answered["body"], answered["mode"], answered["control"]) == ("We will call you.", "model", "bot")
    assert (answered["state"]["variables"], answered["state"]["tags"]) == ({"phone": "+7 900 1"}, ["call"])
    assert answered["prompt"]["calls"] == [["callback", {"phone": "+7 900 1"}, "variable phone, tag call, webhook"]]
    [action] = await shop.actions()
    assert (action["rule"], action["kind"], action["params"]["data"]["tool.phone"]) == ("tool:callback", "webhook.call", "+7 900 1")
    told = await shop.lab.shop.owner.fetchval("select data from activity_logs where kind = 'tool.used'")
    assert orjson.loads(told) == {"tool": "callback", "done": ["variable phone", "tag call", "webhook"]}
    first, second = shop.server.asked
    assert [tool["function"]["name"] for tool in first["tools"]] == ["callback", "person", "search_knowledge"]
    assert first["tools"][0]["function"]["parameters"]["required"] == ["phone"]
    called, answer = second["messages"][-2:]
    assert called["tool_calls"] == [{"id": "call-0", "type": "function", "function": {"name": "callback", "arguments": GIVEN}}]
    assert (answer["role"], answer["tool_call_id"]) == ("tool", "call-0")
    assert answer["content"].startswith("accepted")


async def test_what_was_not_offered_or_filled_in_is_refused_and_said_so(shop: Shop) -> None:
    wrong = [("transfer_money", "{}"), ("callback", "{no json"), ("callback", '{"when": "now"}')]
    twice = [("callback", '{"phone": "1"}'), ("callback", '{"phone": "1"}')]
    shop.server.script += [calls(*wrong), calls(*twice), streams("Done.")]
    await shop.says("call me")
    answers = [message["content"] for message in shop.server.asked[-1]["messages"] if message["role"] == "tool"]
    assert [answer.partition(":")[0] for answer in answers] == ["refused"] * 3 + ["accepted", "refused"]
    assert "no such tool" in answers[0]
    assert "not filled in: phone" in answers[2]
    assert len(await shop.actions()) == 1
    assert [len(told) for told in (await shop.latest())["prompt"]["calls"]] == [3] * 5


@pytest.mark.parametrize(("ends", "forced"), [(calls(("callback", '{"phone": "2"}')), True), (refuses(500), False), (refuses(400), False)])
async def test_without_an_answer_of_its_own_nothing_is_done(shop: Shop, ends: Behaviour, forced: bool) -> None:
    shop.server.script += [calls(("callback", '{"phone": "1"}'))]
    shop.server.otherwise = ends
    await shop.says("how do I wash wool?")
    answered = await shop.latest()
    assert (answered["body"], answered["mode"]) == ("Wash wool by hand.", "extractive")
    assert ("tags" in answered["state"], await shop.actions()) == (False, [])
    assert answered["prompt"]["failure"]
    assert ([one for one in shop.server.asked if one.get("tool_choice") == "none"] != []) is forced


async def test_it_looks_for_further_passages(shop: Shop) -> None:
    shop.server.script += [calls(("search_knowledge", '{"query": "parking behind the house"}')), streams("Behind the house.")]
    await shop.says("my car is large, is there room?")
    answered = await shop.latest()
    assert answered["body"] == "Behind the house."
    assert "parking" in [source["id"] for source in answered["sources"]]
    assert '"Park behind the house."' in shop.server.asked[-1]["messages"][-1]["content"]


async def test_a_handoff_by_a_tool_is_in_the_models_words(shop: Shop) -> None:
    shop.server.script += [calls(("person", "{}")), streams("I am sorry! A colleague will write to you.")]
    await shop.says("this is outrageous")
    answered = await shop.latest()
    assert (answered["body"], answered["control"]) == ("I am sorry! A colleague will write to you.", "waiting")
    assert await shop.lab.shop.owner.fetchval("select count(*) from messages where role = 'agent'") == 1


async def test_a_step_that_is_done_again_does_it_once(shop: Shop) -> None:
    """The customer goes on writing while the model has called, and not yet answered."""
    held = asyncio.Event()

    async def waits(request: web.Request) -> web.StreamResponse:
        held.set()
        return await asyncio.Future[web.StreamResponse]()

    shop.server.script += [calls(("callback", '{"phone": "1"}')), waits]
    shop.server.script += [calls(("callback", '{"phone": "2"}')), streams("We will call 2.")]
    await shop.post("call me: 1")
    async with asyncio.timeout(30):
        await held.wait()
    await shop.says("no, better: 2")
    answered = await shop.latest()
    assert (answered["body"], answered["state"]["variables"]) == ("We will call 2.", {"phone": "2"})
    assert [action["params"]["data"]["tool.phone"] for action in await shop.actions()] == ["2"]


async def test_who_obeys_everybody_runs_nothing_that_is_not_on_the_list(shop: Shop) -> None:
    attacks = [case for case in CASES if case.wants == "tool" and case.place == "message" and fell(case, TOOLS, "")]
    assert len(attacks) >= 10
    shop.server.otherwise = obedient
    for chat, case in enumerate(attacks, 100):
        await shop.post(case.text, chat)
    await shop.lab.settled()
    refused = [m["content"] for one in shop.server.asked for m in one["messages"] if m["role"] == "tool"]
    assert len(refused) >= len(attacks) // 2, "the model did call what it was told to"
    assert {answer.partition(":")[0] for answer in refused} == {"refused"}
    assert await shop.actions() == []
    assert await shop.lab.shop.owner.fetchval("select count(*) from activity_logs where kind = 'tool.used'") == 0
