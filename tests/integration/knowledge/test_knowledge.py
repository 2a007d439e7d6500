"""Documents are found as soon as they are written, only by their company, and whatever dies in between, nothing is missing."""

import asyncio
from uuid import UUID

import numpy as np
import pytest

from actors.domain.errors import TerminalError
from actors.ports.documents import Piece
from actors.ports.knowledge import Question
from storage.authoring.changes import Stale
from storage.knowledge.documents import NewDocument
from storage.knowledge.snapshots import FaissSnapshot
from tests.contract.labs import RealLab
from tests.integration.knowledge.lab import OLGA, KnowledgeLab, WordVectors, knowledge_lab, tenant

DELIVERY = "Courier delivery costs 350 roubles within the city"
RETURNS = "Goods are returned within fourteen days with the receipt"


async def search(lab: KnowledgeLab, shop: object, text: str, limit: int = 8) -> list[str]:
    bases = await lab.bases(shop)  # type: ignore[arg-type]
    answered = await lab.service.search(Question(tenant(shop), bases, text, limit))  # type: ignore[arg-type]
    return [hit.text for hit in answered.hits]


async def test_a_document_is_found_by_words_at_once_and_by_meaning_when_indexed(real_lab: RealLab) -> None:
    async with knowledge_lab(real_lab, WordVectors()) as lab:
        shop = await real_lab.endpoint()
        await lab.add(shop, "Terms", DELIVERY, RETURNS)
        bases = await lab.bases(shop)
        before = await lab.service.search(Question(tenant(shop), bases, "how much is courier delivery?"))
        assert (before.hits[0].text, before.verdict, before.embedder, bool(before.why)) == (DELIVERY, "sure", "", True)
        assert await lab.index() == 1
        after = await lab.service.search(Question(tenant(shop), bases, "courier delivery within the city costs"))
        assert (after.hits[0].text, after.verdict, after.embedder) == (DELIVERY, "sure", "words/64")
        assert after.hits[0].cosine > 0.6
        assert await lab.index() == 0, "nothing is left to do"


async def test_deleting_hides_at_once_and_undoing_brings_back_without_new_vectors(real_lab: RealLab) -> None:
    embedder = WordVectors()
    async with knowledge_lab(real_lab, embedder) as lab:
        shop = await real_lab.endpoint()
        await lab.add(shop, "Terms", RETURNS)
        document = await lab.add(shop, "Delivery", DELIVERY)
        await lab.index()
        assert (await search(lab, shop, "courier delivery"))[0] == DELIVERY
        ids = (shop.tenant_id, OLGA, shop.agent_id, document.id)
        assert await lab.documents.delete(*ids, document.version)
        assert DELIVERY not in await search(lab, shop, "courier delivery")
        with pytest.raises(Stale):
            await lab.documents.replace(*ids[:2], shop.agent_id, (await lab.add(shop, "x", "y")).id, 7, NewDocument("t", "text", "s", []))
        made = embedder.texts
        assert await lab.documents.restore(*ids)
        assert (await search(lab, shop, "courier delivery"))[0] == DELIVERY
        await lab.index()
        assert embedder.texts - made == 1, "only the document added in between"


async def test_replacing_embeds_only_what_changed(real_lab: RealLab) -> None:
    embedder = WordVectors()
    async with knowledge_lab(real_lab, embedder) as lab:
        shop = await real_lab.endpoint()
        document = await lab.add(shop, "Terms", DELIVERY, RETURNS)
        await lab.index()
        made, new = embedder.texts, NewDocument("Terms", "text", "", [Piece("", RETURNS), Piece("", "Couriers come on Sundays too")])
        replaced = await lab.documents.replace(shop.tenant_id, OLGA, shop.agent_id, document.id, document.version, new)
        assert replaced is not None
        await lab.index()
        assert embedder.texts - made == 1
        chunks = await lab.documents.chunks(shop.tenant_id, shop.agent_id, document.id, 0, 10)
        assert chunks is not None
        assert [(c.position, c.text, c.embedded) for c in chunks] == [(1, RETURNS, True), (2, "Couriers come on Sundays too", True)]


async def test_a_tenant_searches_its_own_bases_only(real_lab: RealLab) -> None:
    async with knowledge_lab(real_lab, WordVectors()) as lab:
        mine, theirs = await real_lab.endpoint(), await real_lab.endpoint()
        await lab.add(mine, "Terms", DELIVERY)
        await lab.index()
        stolen = await lab.service.search(Question(tenant(theirs), await lab.bases(mine), "courier delivery"))
        assert (stolen.hits, stolen.verdict) == ((), "no")


async def test_indexing_that_died_halfway_is_gone_on_with_and_equals_a_fresh_one(real_lab: RealLab) -> None:
    shop = await real_lab.endpoint()
    async with knowledge_lab(real_lab, WordVectors()) as lab:
        await lab.add(shop, "Terms", *[f"Rule number {n} of the house" for n in range(20)])
        portions = iter([True, True, True, False])
        async with asyncio.timeout(30):
            while lab.embedding.embedder is None:
                await asyncio.sleep(0.01)
        await lab.indexing.round(lambda: next(portions, False))
        stored = await real_lab.owner.fetchval("select count(*) from chunk_vectors where tenant_id = $1", shop.tenant_id)
        assert 0 < stored < 20
    async with knowledge_lab(real_lab, WordVectors()) as again:
        assert await again.index() == 1
        base = (await again.store.states(tenant(shop), [UUID((await again.bases(shop))[0])]))[0]
        content = await again.store.content(tenant(shop), base.id)
        assert content is not None
        fresh = again.embedder.passages([chunk.embedded_text for chunk in content.chunks])
        assert [np.frombuffer(v or b"", "<f4").tolist() for v in content.vectors] == fresh.tolist()


@pytest.mark.parametrize("explicit", [True, False])
async def test_another_embedder_takes_over_only_if_it_was_chosen(real_lab: RealLab, explicit: bool) -> None:
    shop = await real_lab.endpoint()
    async with knowledge_lab(real_lab, WordVectors("old")) as lab:
        await lab.add(shop, "Terms", DELIVERY, RETURNS)
        await lab.index()
    async with knowledge_lab(real_lab, WordVectors("new", 32), explicit=explicit) as lab:
        assert await lab.index() == (1 if explicit else 0)
        answered = await lab.service.search(Question(tenant(shop), await lab.bases(shop), "courier delivery"))
        assert (answered.hits[0].text, answered.embedder) == (DELIVERY, "new/32" if explicit else "")
        assert bool(answered.why) is not explicit
        kinds = await real_lab.owner.fetch("select distinct embedder from chunk_vectors where tenant_id = $1", shop.tenant_id)
        assert [r["embedder"] for r in kinds] == ["new/32" if explicit else "old/64"]


async def test_a_damaged_vector_is_refused(real_lab: RealLab) -> None:
    async with knowledge_lab(real_lab, WordVectors()) as lab:
        shop = await real_lab.endpoint()
        await lab.add(shop, "Terms", DELIVERY)
        await lab.index()
        nan = np.full(64, np.nan, "<f4").tobytes()
        await real_lab.owner.execute("update chunk_vectors set vector = $1 where tenant_id = $2", nan, shop.tenant_id)
        content = await lab.store.content(tenant(shop), UUID((await lab.bases(shop))[0]))
        assert content is not None
        with pytest.raises(TerminalError, match="no number"):
            FaissSnapshot(content, lab.embedder)


async def test_a_thousand_bases_under_a_budget_for_a_hundred(real_lab: RealLab) -> None:
    """Through the real store: every answer is right, and what did not fit was evicted and counted."""
    async with knowledge_lab(real_lab, WordVectors()) as lab:
        shop = await real_lab.endpoint()
        await lab.add(shop, "0", "The code of house 0 is blue0")
        await lab.index()
        (first,) = await lab.bases(shop)
        await real_lab.owner.execute(_MANY, shop.tenant_id, lab.embedder.id, lab.embedder.passages(["x"])[0].astype("<f4").tobytes())
        others = "select id, name from knowledge_bases where tenant_id = $1 and id <> $2"
        rows = await real_lab.owner.fetch(others, shop.tenant_id, UUID(first))
        assert len(rows) == 1_000
        await lab.service.search(Question(tenant(shop), (first,), "code"))
        lab.cache._budget = lab.cache.bytes * 100
        order = np.random.default_rng(1).permutation(2_000) % 1_000
        for n in order:
            answered = await lab.service.search(Question(tenant(shop), (str(rows[n]["id"]),), f"code of house {rows[n]['name']}", 1))
            assert answered.hits[0].text == f"The code of house {rows[n]['name']} is blue{rows[n]['name']}"
        counts = lab.cache.counts
        print(f"bases held {len(lab.cache)}, misses {counts.misses}, evictions {counts.evictions}")  # with -s
        assert 90 <= len(lab.cache) <= 110
        assert counts.evictions == counts.misses - len(lab.cache)
        assert counts.evictions > 1_500


_MANY = """
with base as (
  insert into knowledge_bases (id, tenant_id, name, version, embedded, embedder)
  select gen_random_uuid(), $1::uuid, n::text, 2, 2, $2::text from generate_series(1, 1000) n returning id, name
), document as (
  insert into documents (id, tenant_id, base_id, title, kind, source) select gen_random_uuid(), $1, id, name, 'text', name from base
  returning id, base_id, title
), chunk as (
  insert into chunks (tenant_id, base_id, document_id, position, text)
  select $1, base_id, id, 1, format('The code of house %s is blue%s', title, title) from document returning id, base_id
)
insert into chunk_vectors (chunk_id, tenant_id, base_id, embedder, dimension, vector)
select id, $1, base_id, $2, octet_length($3::bytea) / 4, $3 from chunk"""
