"""Scripts by meaning in the line, with the real embedder: one question a turn, the same again in a replay, and no turn waits for it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from numpy import float32
from numpy.typing import NDArray

from actors.domain import trace as traces
from actors.domain.ids import IntegrationId, owned
from actors.domain.knowledge.likeness import Levels
from actors.services.comparing import NOT_READ
from integrations.embeddings.use import UseEmbedder
from storage.catalogue import Agents
from storage.inbox import PostgresInbox
from storage.knowledge.answering import KnowledgeAnswers
from storage.knowledge.calls import KnowledgeCalls
from storage.replays import TenantReplays
from tests.contract.labs import RealLab
from tests.integration.host_lab import HostLab
from tests.integration.knowledge.lab import KnowledgeLab, knowledge_lab
from tests.integration.replay.test_replay import replayed, told
from tests.integration.shop import open_shop

DELIVERY = {"id": "delivery", "name": "Delivery", "meanings": ["Is delivery free?", "Сколько стоит доставка?"], "answer": {"en": "350."}}
HOURS = {"id": "hours", "name": "Hours", "meanings": ["What time do you open?"], "answer": {"en": "From 10 to 19."}}
SHOP: dict[str, Any] = {
    "persona": {"name": "Anna", "languages": ["en"], "debounce_s": 0, "handoff_text": {"en": "A colleague will answer"}},
    "scripts": [DELIVERY, HOURS, {"id": "thanks", "phrases": ["thanks"], "answer": {"en": "You are welcome."}}],
}


class Counted(UseEmbedder):
    """Notes what it embedded."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def queries(self, texts: Sequence[str]) -> NDArray[float32]:
        self.asked += texts
        return super().queries(texts)


@pytest.fixture
async def lab(database: str, tmp_path: Path) -> AsyncIterator[HostLab]:
    async with open_shop(database, tmp_path) as shop:
        yield HostLab(shop)


@pytest.fixture
async def knowledge(lab: HostLab) -> AsyncIterator[KnowledgeLab]:
    async with knowledge_lab(RealLab(lab.shop.engine, lab.shop.api, lab.shop.owner), Counted()) as made:
        await made.index()  # until it is loaded
        yield made


@asynccontextmanager
async def answered(lab: HostLab, knowledge: KnowledgeLab, redis_url: str) -> AsyncIterator[KnowledgeCalls]:
    """Somebody answers about knowledge, and a host asks them."""
    async with (
        KnowledgeAnswers(redis_url, owned(0, 1), knowledge.service.search) as answers,
        KnowledgeCalls(redis_url, lab.shop.engine, 5.0) as calls,
    ):
        serving = asyncio.create_task(answers.serve())
        await asyncio.sleep(0.3)
        async with lab.running(lab.host(knowledge=calls)):
            yield calls
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


class Customer:
    """Writes and is answered."""

    def __init__(self, lab: HostLab, bot: IntegrationId) -> None:
        self.lab, self.bot, self.n, self.chat = lab, bot, 0, 5

    async def asks(self, text: str) -> dict[str, Any]:
        """Return the answer with its trace."""
        self.n += 1
        await PostgresInbox(self.lab.shop.engine).ingest([self.lab.message(self.bot, self.chat, self.n, text)])
        await self.lab.settled()
        row = await self.lab.shop.owner.fetchrow(
            "select m.body, m.mode, t.body as trace from messages m join traces t on t.turn_id = m.turn_id "
            "where m.role = 'agent' order by m.id desc limit 1"
        )
        assert row is not None
        return {"body": row["body"], "mode": row["mode"], "trace": traces.from_bytes(row["trace"])}


async def arrived(lab: HostLab) -> tuple[UUID, Customer]:
    agent_id = await lab.add_agent(SHOP)
    return agent_id, Customer(lab, await lab.add_integration(agent_id))


async def test_a_customer_who_means_a_script_is_answered_by_it(
    lab: HostLab, knowledge: KnowledgeLab, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent_id, customer = await arrived(lab)
    embedder = knowledge.embedder
    assert isinstance(embedder, Counted)
    async with answered(lab, knowledge, redis_url):
        meant = await customer.asks("and is the delivery for free?")
        assert (meant["body"], meant["mode"]) == ("350.", "script")
        assert meant["trace"]["scripts"]["winner"][:4] == ["delivery", "Delivery", 0, ["Is delivery free?"]]
        assert meant["trace"]["scripts"]["winner"][4] >= UseEmbedder.levels.normal
        assert embedder.asked.count("and is the delivery for free?") == 1

        embedder.asked.clear()
        by_words = await customer.asks("thanks")
        assert (by_words["body"], embedder.asked) == ("You are welcome.", [])  # nobody asks where words match

        far = await customer.asks("do you sell umbrellas?")
        assert far["mode"] == "handoff"
        assert embedder.asked == ["do you sell umbrellas?"]  # sentences are embedded once
        assert far["trace"]["scripts"]["losers"]["none of its sentences is close enough"] == ["delivery", "hours"]

        more = {**HOURS, "meanings": ["Do you sell umbrellas?"]}
        version = await Agents(lab.shop.api).publish(lab.shop.tenant_id, agent_id, {**SHOP, "scripts": [DELIVERY, more]})
        other = Customer(lab, await lab.add_integration(agent_id))
        async with asyncio.timeout(20):
            while (anew := await other.asks("do you sell an umbrella?"))["trace"]["version"] != version:
                other.chat += 1  # who was handed off by the version before is not answered again
                await asyncio.sleep(0.2)
        assert anew["body"] == "From 10 to 19."  # another version has other sentences

    conversations = await TenantReplays(lab.shop.api).latest(lab.shop.tenant_id, agent_id, 500)
    result, rows = await replayed(lab, agent_id, 1, conversations[-1:], asks=False)
    assert result["same"] == len(rows) == 3, told(rows)  # though nobody can be asked now: how alike it was is in the trace
    monkeypatch.setattr(Levels, "of", lambda *_: 0.0)  # a mutant that ignores the level
    result, rows = await replayed(lab, agent_id, 1, conversations[-1:], asks=False)
    assert result["differs"] == 1, told(rows)


async def test_when_nobody_answers_the_turn_goes_on_and_says_why(lab: HostLab, redis_url: str) -> None:
    _, customer = await arrived(lab)
    async with KnowledgeCalls(redis_url, lab.shop.engine) as calls, lab.running(lab.host(knowledge=calls)):
        handed = await customer.asks("and is the delivery for free?")
    assert (handed["mode"], handed["body"]) == ("handoff", "A colleague will answer")
    assert "nobody" in handed["trace"]["meanings"]["why"]
    assert handed["trace"]["scripts"]["losers"]["its sentences could not be compared"] == ["delivery", "hours"]


async def test_sentences_that_take_long_are_waited_for_by_nobody(lab: HostLab, knowledge: KnowledgeLab, redis_url: str) -> None:
    _, customer = await arrived(lab)
    may, embed = asyncio.Event(), knowledge.embedding.sentences

    async def slowly(texts: Sequence[str]) -> Any:
        await may.wait()
        return await embed(texts)

    knowledge.embedding.sentences = slowly  # type: ignore[method-assign]
    async with answered(lab, knowledge, redis_url):
        first = await customer.asks("and is the delivery for free?")
        assert (first["mode"], first["trace"]["meanings"]) == ("handoff", {"why": NOT_READ})
        may.set()
        await asyncio.sleep(0.5)
        assert (await customer.asks("and is the delivery for free?"))["body"] == "350."
