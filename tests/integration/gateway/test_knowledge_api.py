"""Documents over the API: added in three forms, replaced, deleted and brought back, cut into chunks, searched."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from actors.domain.ids import owned
from storage.knowledge.answering import KnowledgeAnswers
from storage.postgres import Database, Role
from tests.contract.labs import RealLab
from tests.integration.gateway.desk import Desk
from tests.integration.knowledge.lab import KnowledgeLab, WordVectors, knowledge_lab

MARKDOWN = "# Delivery\n\nWithin the city 350 roubles.\n\n## Regions\n\nThree to nine days by post.\n\n```\n# not a heading\n```\n"
TABLE = 'Вопрос;Ответ\nСколько стоит доставка?;350 рублей\n«Есть самовывоз»;"Да; со склада"\n'


@pytest.fixture
async def documents(desk: Desk) -> str:
    """The path of the documents of an agent that has none."""
    return f"{await desk.agent(languages=['ru', 'en'])}/knowledge/documents"


@pytest.fixture
async def actor(database: str, redis_url: str) -> AsyncIterator[KnowledgeLab]:
    """What answers searches and embeds, in this process."""
    async with (
        await Database.open(database, Role.ENGINE, "test") as engine,
        await Database.open(database, Role.API, "test") as api,
        knowledge_lab(RealLab(engine, api, None), WordVectors()) as lab,
        KnowledgeAnswers(redis_url, owned(0, 1), lab.service.search) as answers,
    ):
        serving = asyncio.create_task(answers.serve())
        yield lab
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def chunks(desk: Desk, path: str) -> list[tuple[str, str]]:
    listed = await desk.do("GET", f"{path}/chunks", level="viewer")
    return [(item["heading"], item["text"]) for item in listed["items"]]


async def test_a_document_is_added_replaced_deleted_and_brought_back(desk: Desk, documents: str) -> None:
    body = {"title": "Доставка", "kind": "markdown", "text": MARKDOWN}
    added = await desk.do("POST", documents, body, expect=201)
    assert (added["chunks"], added["embedded"], added["version"], added["changed_by"]) == (2, 0, 1, "admin")
    one = f"{documents}/{added['id']}"
    assert await chunks(desk, one) == [
        ("Delivery", "Within the city 350 roubles."),
        ("Delivery / Regions", "Three to nine days by post.\n\n```\n# not a heading\n```"),
    ]
    assert (await desk.do("GET", one, level="viewer"))["text"] == MARKDOWN
    table = {"title": "Вопросы", "kind": "csv", "text": TABLE}
    await desk.do("PUT", one, table, expect=428)
    replaced = await desk.do("PUT", one, table, match=added["etag"])
    assert (replaced["title"], replaced["kind"], replaced["etag"]) == ("Вопросы", "csv", '"2"')
    assert await chunks(desk, one) == [("Сколько стоит доставка?", "350 рублей"), ("«Есть самовывоз»", "Да; со склада")]
    await desk.do("PUT", one, table, match=added["etag"], expect=412)
    await desk.do("DELETE", one, match='"2"', level="operator", expect=403)
    await desk.do("DELETE", one, match='"2"', expect=204)
    assert (await desk.do("GET", documents))["items"] == []
    assert [item["id"] for item in (await desk.do("GET", f"{documents}?deleted=true"))["items"]] == [added["id"]]
    restored = await desk.do("POST", f"{one}/restore")
    assert (restored["deleted_at"], restored["chunks"]) == (None, 2)
    await desk.do("GET", f"{documents}/{uuid4()}", expect=404)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"kind": "csv", "text": "question,answer\nwhy?,\n"}, "row 2 needs"),
        ({"kind": "csv", "text": 'a,"b\n'}, "no CSV table"),
        ({"kind": "csv", "text": f"why?,{'x' * 3_501}"}, "longer than 3500"),
        ({"kind": "markdown", "text": "# Only a heading"}, "no text"),
        ({"text": " \x00\n "}, ""),
        ({"kind": "pdf", "text": "x"}, ""),
        ({"text": ""}, ""),
    ],
)
async def test_what_cannot_be_used_is_refused_in_words(desk: Desk, documents: str, body: dict[str, Any], says: str) -> None:
    refused = await desk.do("POST", documents, {"title": "T", **body}, expect=422)
    assert says in str(refused)
    assert (await desk.do("GET", documents))["items"] == []


async def test_the_first_document_makes_the_draft_differ_and_publishing_brings_it_into_use(desk: Desk, documents: str) -> None:
    agent = documents.removesuffix("/knowledge/documents")
    await desk.do("POST", f"{agent}/publish", {"note": ""})
    assert (await desk.do("GET", f"{agent}/knowledge"))["bases"] == []
    await desk.do("POST", documents, {"title": "T", "text": "350 roubles"}, expect=201)
    (base,) = (await desk.do("GET", f"{agent}/knowledge", level="viewer"))["bases"]
    assert (base["documents"], base["published"], base["complete"]) == (1, False, False)
    await desk.do("POST", f"{agent}/publish", {"note": ""})
    (base,) = (await desk.do("GET", f"{agent}/knowledge"))["bases"]
    assert base["published"]
    await desk.do("POST", documents, {"title": "U", "text": "more"}, expect=201)
    assert not (await desk.do("GET", agent))["unpublished_changes"], "later documents need no publication"


async def test_a_search_is_tried_by_words_and_by_meaning(desk: Desk, documents: str, actor: KnowledgeLab) -> None:
    path = documents.replace("/documents", "/search")
    assert (await desk.do("POST", path, {"text": "delivery?"}, level="viewer"))["hits"] == []
    await desk.do("POST", documents, {"title": "T", "text": "Courier delivery costs 350 roubles"}, expect=201)
    by_words = await desk.do("POST", path, {"text": "courier delivery"}, level="viewer")
    assert (by_words["by_meaning"], by_words["verdict"], by_words["hits"][0]["words"]) == (False, "sure", 1.0)
    await actor.index()
    by_meaning = await desk.do("POST", path, {"text": "courier delivery costs"}, level="viewer")
    assert (by_meaning["by_meaning"], by_meaning["verdict"], by_meaning["why"]) == (True, "sure", "")
    assert by_meaning["hits"][0]["text"] == "Courier delivery costs 350 roubles"
    assert (await desk.do("GET", documents))["items"][0]["embedded"] == 1


async def test_a_search_that_nobody_answers_says_so(desk: Desk, documents: str) -> None:
    await desk.do("POST", documents, {"title": "T", "text": "350 roubles"}, expect=201)
    refused = await desk.do("POST", documents.replace("/documents", "/search"), {"text": "x"}, expect=503)
    assert "try again" in refused["detail"]
