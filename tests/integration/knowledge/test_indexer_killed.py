"""SIGKILL to a KnowledgeActor while it embeds and while it embeds anew: nothing is lost, and the index is that of a fresh one."""

import asyncio
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from actors.ports.knowledge import Question
from integrations.embeddings.use import UseEmbedder
from tests.contract.labs import Endpoint, RealLab
from tests.integration.knowledge.indexer_process import IndexerProcess
from tests.integration.knowledge.lab import WordVectors, knowledge_lab, tenant

CHUNKS, KILLS = 400, 6
_STORED = "select count(*) from chunk_vectors where embedder = $1"


@pytest.mark.parametrize("before", ["nothing", "another embedder"])
async def test_killed_in_the_middle(real_lab: RealLab, database: str, redis_url: str, tmp_path: Path, before: str) -> None:
    shop = await real_lab.endpoint()
    texts = [f"Bouquet {n}: {n * 7 % 90 + 10} roses, delivered in {n % 9 + 1} hours" for n in range(CHUNKS)]
    async with knowledge_lab(real_lab, WordVectors("old")) as lab:
        await lab.add(shop, "Bouquets", *texts)
        if before != "nothing":
            assert await lab.index() == 1
    stored, hits = 0, 0
    for _ in range(KILLS):
        process = IndexerProcess(database, redis_url, tmp_path)
        try:
            goal = stored + CHUNKS // (KILLS + 2)
            await until(real_lab, goal)
        finally:
            process.kill()
        now = await real_lab.owner.fetchval(_STORED, UseEmbedder.id)
        assert stored <= now, "what was embedded stays"
        hits, stored = hits + (now < CHUNKS), now
        if now < CHUNKS and before != "nothing":
            await answers_from_the_old_ones(real_lab, shop, texts[123])
    assert hits == KILLS, "a kill hit nothing"
    last = IndexerProcess(database, redis_url, tmp_path)
    try:
        await until(real_lab, CHUNKS)
        async with asyncio.timeout(20):
            while await real_lab.owner.fetchval("select embedder <> $1 or embedded < version from knowledge_bases", UseEmbedder.id):
                await asyncio.sleep(0.05)
    finally:
        last.kill()
    async with knowledge_lab(real_lab, UseEmbedder()) as lab:
        [base] = await lab.store.states(tenant(shop), [UUID(base) for base in await lab.bases(shop)])
        content = await lab.store.content(tenant(shop), base.id)
    assert content is not None
    assert [chunk.text for chunk in content.chunks] == texts
    fresh = UseEmbedder().passages([chunk.embedded_text for chunk in content.chunks])
    assert np.allclose([np.frombuffer(vector or b"", "<f4") for vector in content.vectors], fresh, atol=1e-5)


async def until(lab: RealLab, count: int) -> None:
    """Wait until so many chunks have a vector of USE."""
    async with asyncio.timeout(60):
        while await lab.owner.fetchval(_STORED, UseEmbedder.id) < count:
            await asyncio.sleep(0.005)


async def answers_from_the_old_ones(lab: RealLab, shop: Endpoint, text: str) -> None:
    async with knowledge_lab(lab, WordVectors("old")) as knowledge:
        while knowledge.embedding.embedder is None:
            await asyncio.sleep(0.01)
        found = await knowledge.service.search(Question(tenant(shop), await knowledge.bases(shop), text))
        assert (found.embedder, found.hits[0].text) == ("old/64", text)
