"""What models cost is counted with the turn that spent it, and a company's limit for the day holds."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from actors.domain import trace as traces
from actors.domain.agent.spending import Price
from actors.ports.model import Endpoint
from actors.services.agent import Models
from integrations.llm.client import OpenAIModel
from storage.inbox import PostgresInbox
from storage.spending import PostgresSpending
from storage.tenants import Tenants
from tests.fakes.openai_api import FakeOpenAI, fake_openai, refuses, streams
from tests.integration.host_lab import HostLab
from tests.integration.shop import open_shop

PERSONA = {"name": "Anna", "languages": ["en"], "debounce_s": 0, "handoff_text": {"en": "A colleague will answer"}}
CARE = "Wash wool by hand in cold water."
DEFINITION = {"persona": PERSONA, "passages": [{"id": "wool", "title": "Wool", "text": CARE, "language": "en"}]}
PRICE = 21 * 1_000 + 4 * 2_000  # of the fake's usage, in millionths of a dollar


class Chat:
    """Customers of one agent; each question comes from another one."""

    def __init__(self, lab: HostLab, server: FakeOpenAI, model: OpenAIModel) -> None:
        self.lab, self.server, self.n = lab, server, 0
        self.spending = PostgresSpending(lab.shop.engine)
        endpoint = Endpoint(model, "served-model", "fake")
        self.models = Models(endpoint, None, {"served": Price(1_000, 2_000)}, self.spending, limit_micros=2 * PRICE)

    async def open(self) -> None:
        self.bot = await self.lab.add_integration(await self.lab.add_agent(DEFINITION))

    async def asks(self, text: str) -> dict[str, Any]:
        """Return the answer with its trace."""
        self.n += 1
        await PostgresInbox(self.lab.shop.engine).ingest([self.lab.message(self.bot, self.n, self.n, text)])
        await self.lab.settled()
        r = await self.lab.shop.owner.fetchrow(
            "select m.body, m.mode, t.body as trace from messages m join traces t on t.turn_id = m.turn_id "
            "where m.role = 'agent' order by m.id desc limit 1"
        )
        assert r is not None
        return {"body": r["body"], "mode": r["mode"], "prompt": traces.from_bytes(r["trace"])["prompt"]}

    async def spent(self) -> dict[str, int]:
        r = await self.lab.shop.owner.fetchrow("select micros, answers, prompt_tokens, completion_tokens, refused from spend")
        return dict(r) if r else {}


@pytest.fixture
async def chat(database: str, tmp_path: Path) -> AsyncIterator[Chat]:
    async with open_shop(database, tmp_path) as shop, fake_openai() as server:
        server.otherwise = streams("In cold ", "water.")
        model = OpenAIModel("k", "served-model", 2.0, server.base_url)
        made = Chat(HostLab(shop), server, model)
        await made.open()
        yield made
        await model.close()


async def test_an_answer_is_counted_and_a_reached_limit_leaves_knowledge_and_people(chat: Chat) -> None:
    async with chat.lab.running(chat.lab.host(models=chat.models)):
        for n in (1, 2):
            told = await chat.asks("how do I wash wool?")
            assert (told["mode"], told["prompt"]["micros"]) == ("model", PRICE)
            assert await chat.spent() == {
                "micros": n * PRICE, "answers": n, "prompt_tokens": n * 21, "completion_tokens": n * 4, "refused": 0
            }  # fmt: skip
        over = await chat.asks("how do I wash wool?")
        assert (over["body"], over["mode"]) == (CARE, "extractive")
        assert over["prompt"]["failure"] == "not asked: the limit of $0.058 a day is reached"
        person = await chat.asks("when does the moon rise in Lisbon?")
        assert (person["body"], person["mode"]) == ("A colleague will answer", "handoff")
        assert len(chat.server.asked) == 2
        assert (await chat.spent())["refused"] == 2
        rows = await chat.lab.shop.owner.fetch(
            "select turn_id, agent_id, conversation_id from activity_logs where kind = 'spend.limit_reached'"
        )
        assert len(rows) == 1, "once a day"
        assert None not in tuple(rows[0])

        await chat.lab.shop.owner.execute("update spend set day = day - 1")
        assert (await chat.asks("how do I wash wool?"))["mode"] == "model", "a new day"


async def test_what_brought_nothing_costs_as_well_and_a_failure_costs_nothing(chat: Chat) -> None:
    async with chat.lab.running(chat.lab.host(models=chat.models)):
        chat.server.script.extend([streams(" "), refuses(401)])
        assert (await chat.asks("how do I wash wool?"))["mode"] == "extractive"
        assert (await chat.spent())["micros"] == PRICE
        assert (await chat.asks("how do I wash wool?"))["mode"] == "extractive"
        assert (await chat.spent())["micros"] == PRICE


async def test_companies_spend_apart(chat: Chat) -> None:
    async with chat.lab.running(chat.lab.host(models=chat.models)):
        await chat.asks("how do I wash wool?")
    other = await Tenants(chat.lab.shop.api).create("other", "Other")
    assert await chat.spending.spent_today(chat.lab.shop.tenant_id) == PRICE
    assert await chat.spending.spent_today(other) == 0
