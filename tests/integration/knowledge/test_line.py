"""Documents in the line: a customer's question is answered from them, with its source; without them nothing else changes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from actors.domain import trace as traces
from actors.domain.ids import owned
from actors.ports.documents import Piece
from actors.runtime.knowledge_actor import KnowledgeActor
from storage.authoring.versions import Versions
from storage.inbox import PostgresInbox
from storage.knowledge.answering import KnowledgeAnswers
from storage.knowledge.calls import KnowledgeCalls
from storage.knowledge.documents import NewDocument
from tests.contract.labs import RealLab
from tests.integration.host_lab import HostLab
from tests.integration.knowledge.lab import OLGA, KnowledgeLab, WordVectors, knowledge_lab
from tests.integration.shop import open_shop

PERSONA = {"name": "Anna", "languages": ["en"], "debounce_s": 0, "handoff_text": {"en": "A colleague will answer"}}
PASSAGES = [{"id": "hours", "title": "Opening hours", "text": "We are open from ten to eight", "language": "en"}]
DELIVERY = "Courier delivery costs 350 roubles within the city"
REGIONS = "Courier delivery costs 700 roubles within the region"


@pytest.fixture
async def lab(database: str, tmp_path: Path) -> AsyncIterator[HostLab]:
    async with open_shop(database, tmp_path) as shop:
        yield HostLab(shop)


class Chat:
    """A customer of an agent that answers from documents."""

    def __init__(self, lab: HostLab, knowledge: KnowledgeLab) -> None:
        self.lab, self.knowledge, self.n = lab, knowledge, 0

    async def open(self) -> None:
        self.agent_id = await self.lab.add_agent({"persona": PERSONA, "scripts": [], "passages": PASSAGES})
        self.bot = await self.lab.add_integration(self.agent_id)
        new = NewDocument("Delivery", "csv", "", [Piece("Courier delivery city", DELIVERY), Piece("Courier delivery region", REGIONS)])
        assert await self.knowledge.documents.add(self.lab.shop.tenant_id, OLGA, self.agent_id, new)
        assert await Versions(self.lab.shop.api).publish(self.lab.shop.tenant_id, OLGA, self.agent_id)
        await self.knowledge.index()

    async def asks(self, text: str) -> dict[str, Any]:
        """Return the answer with its trace."""
        self.n += 1
        await PostgresInbox(self.lab.shop.engine).ingest([self.lab.message(self.bot, 5, self.n, text)])
        await self.lab.settled()
        r = await self.lab.shop.owner.fetchrow(
            "select m.body, m.mode, m.sources, t.body as trace from messages m join traces t on t.turn_id = m.turn_id "
            "where m.role = 'agent' order by m.id desc limit 1"
        )
        assert r is not None
        sources = orjson.loads(r["sources"]) if isinstance(r["sources"], str) else r["sources"]
        return {"body": r["body"], "mode": r["mode"], "sources": sources, "trace": traces.from_bytes(r["trace"])}


@pytest.fixture
async def knowledge(lab: HostLab) -> AsyncIterator[KnowledgeLab]:
    async with knowledge_lab(RealLab(lab.shop.engine, lab.shop.api, lab.shop.owner), WordVectors()) as made:
        yield made


async def test_a_customer_is_answered_from_a_document(lab: HostLab, knowledge: KnowledgeLab, redis_url: str) -> None:
    async with (
        KnowledgeAnswers(redis_url, owned(0, 1), knowledge.service.search) as answers,
        KnowledgeCalls(redis_url, lab.shop.engine, 5.0) as calls,
    ):
        actor = KnowledgeActor(answers, knowledge.indexing, knowledge.embedding, knowledge.cache)
        running = asyncio.create_task(actor.run())
        chat = Chat(lab, knowledge)
        await chat.open()
        async with lab.running(lab.host(knowledge=calls)):
            own = await chat.asks("what are your opening hours?")
            assert (own["body"], own["mode"]) == (PASSAGES[0]["text"], "extractive")
            assert "knowledge" not in own["trace"], "what was authored for the version goes first, and at once"

            sure = await chat.asks("Courier delivery costs within the city?")
            assert (sure["body"], sure["mode"]) == (DELIVERY, "extractive")
            assert sure["sources"][0]["title"] == "Delivery: Courier delivery city"
            told = sure["trace"]["knowledge"]
            assert (told["embedder"], told["verdict"]) == ("words/64", "sure")
            assert sure["sources"][0]["id"] in told["titles"]
            assert "knowledge" in sure["trace"]["stages_ms"]

            maybe = await chat.asks("courier delivery of flowers and a big red bag")
            assert maybe["mode"] == "choices"
            assert "2. Delivery: Courier delivery" in maybe["body"]
            titles = maybe["body"].splitlines()[1:]
            picked = await chat.asks("2")
            assert (picked["body"], picked["mode"]) == (REGIONS if "region" in titles[1] else DELIVERY, "extractive")
        counts = await actor.ping()
        assert (counts["answered"], counts["failed"]) == (2, 0)
        await actor.drain()
        await running


async def test_when_nobody_answers_the_turn_goes_on_and_the_trace_says_so(lab: HostLab, knowledge: KnowledgeLab, redis_url: str) -> None:
    chat = Chat(lab, knowledge)
    await chat.open()
    async with KnowledgeCalls(redis_url, lab.shop.engine) as calls, lab.running(lab.host(knowledge=calls)):
        handed = await chat.asks("courier delivery costs within the city?")
        assert (handed["body"], handed["mode"]) == ("A colleague will answer", "handoff")
        assert "nobody" in handed["trace"]["knowledge"]["why"]
