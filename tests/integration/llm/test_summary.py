"""A long conversation: what a model is shown no more reaches it in short, and nobody waits for that."""

import asyncio
import time
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
from tests.fakes.openai_api import FakeOpenAI, fake_openai, streams
from tests.integration.host_lab import HostLab
from tests.integration.shop import open_shop

PERSONA = {"name": "Anna", "languages": ["en"], "debounce_s": 0.0, "answer_deadline_s": 8}
SUMMARY = "Ivan wants a blue blanket."
RULES = "You keep a short summary"


class LongTalk:
    """One customer who writes and writes, and a model that answers and sums up."""

    def __init__(self, lab: HostLab, server: FakeOpenAI) -> None:
        self.lab, self.server, self.n = lab, server, 0
        self.held = False
        server.otherwise = self._serve

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        if not asked["messages"][0]["content"].startswith(RULES):
            return await streams(f"Answer {self.n}.")(request)
        if self.held:
            return await asyncio.Future[web.StreamResponse]()
        return await streams(SUMMARY)(request)

    async def says(self, *texts: str) -> None:
        for text in texts:
            self.n += 1
            await PostgresInbox(self.lab.shop.engine).ingest([self.lab.message(self.bot, 1, self.n, text)])
            await self.lab.settled()

    async def open(self, **more: Any) -> None:
        self.bot = await self.lab.add_integration(await self.lab.add_agent({"persona": {**PERSONA, **more}}))

    def asked(self, *, summing: bool) -> list[dict[str, Any]]:
        return [one for one in self.server.asked if one["messages"][0]["content"].startswith(RULES) is summing]

    async def state(self) -> dict[str, Any]:
        state: dict[str, Any] = orjson.loads(await self.lab.shop.owner.fetchval("select state from conversations where key = '1'"))
        return state


@pytest.fixture
async def talk(database: str, tmp_path: Path) -> AsyncIterator[LongTalk]:
    async with open_shop(database, tmp_path) as shop, fake_openai() as server:
        made = LongTalk(HostLab(shop), server)
        model = OpenAIModel("k", "served-model", 5.0, server.base_url)
        async with made.lab.running(made.lab.host(models=Models(Endpoint(model, "served-model", "fake")))):
            yield made
        await model.close()


async def test_what_is_shown_no_more_is_known_in_short(talk: LongTalk) -> None:
    await talk.open()
    await talk.says("I am Ivan", "I want a blue blanket", *[f"question {n}" for n in range(7)])
    [summing] = talk.asked(summing=True)  # eight questions and eight answers: four are shown no more
    assert [line for line in summing["messages"][1]["content"].splitlines() if "blue blanket" in line] != []
    assert "question" not in summing["messages"][1]["content"]
    assert (await talk.state())["summary"]["text"] == SUMMARY
    stored = await talk.lab.shop.owner.fetchval("select body from traces order by created_at desc limit 1")
    assert traces.from_bytes(stored)["prompt"]["summary"][0] == SUMMARY
    await talk.says("which colour did I want?")
    last = talk.asked(summing=False)[-1]["messages"]
    assert f'{{"summary": "{SUMMARY}"}}' in last[0]["content"]
    assert [one for one in last if "blue" in one["content"] and one["role"] != "system"] == []
    assert len(talk.asked(summing=True)) == 1  # not each turn


async def test_nobody_waits_for_a_summary(talk: LongTalk) -> None:
    await talk.open()
    talk.held = True
    await talk.says(*[f"question {n}" for n in range(8)])
    began = time.monotonic()
    await talk.says("one more")
    assert time.monotonic() - began < 3
    assert talk.asked(summing=True) != []
    assert "summary" not in await talk.state()
    talk.held = False
    await talk.says("and another")
    assert (await talk.state())["summary"]["text"] == SUMMARY


async def test_a_strict_agent_is_shown_what_was_said_and_no_summary(talk: LongTalk) -> None:
    """A model's own words must not become what figures are checked against."""
    await talk.open(strict=True)
    await talk.says(*[f"question {n}" for n in range(10)])
    assert talk.asked(summing=True) == []
