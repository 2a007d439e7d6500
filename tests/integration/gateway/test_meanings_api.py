"""Scripts by meaning over the API: kept as they were written, tried with how near they are, asked by checks, carried by files."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from actors.domain.ids import owned
from storage.knowledge.answering import KnowledgeAnswers
from storage.postgres import Database, Role
from tests.contract.labs import RealLab
from tests.integration.gateway.desk import Desk
from tests.integration.knowledge.lab import KnowledgeLab, WordVectors, knowledge_lab

REFUND: dict[str, Any] = {
    "name": "Refund",
    "key": "refund",
    "meanings": ["I want my money back", "Верните деньги"],
    "strictness": "loose",
    "answer": {"en": "Within 14 days."},
}
HOURS: dict[str, Any] = {"name": "Hours", "key": "hours", "phrases": ["opening hours"], "answer": {"en": "From 10 to 19."}}


@pytest.fixture
async def actor(database: str, redis_url: str) -> AsyncIterator[KnowledgeLab]:
    """What compares, in this process."""
    async with (
        await Database.open(database, Role.ENGINE, "test") as engine,
        await Database.open(database, Role.API, "test") as api,
        knowledge_lab(RealLab(engine, api, None), WordVectors()) as lab,
        KnowledgeAnswers(redis_url, owned(0, 1), lab.service.search) as answers,
    ):
        await lab.index()
        serving = asyncio.create_task(answers.serve())
        yield lab
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


@pytest.fixture
async def scripts(desk: Desk) -> str:
    path = f"{await desk.agent(languages=['en', 'ru'])}/scripts"
    for script in (REFUND, HOURS):
        created = await desk.do("POST", path, script, expect=201)
        assert {name: created[name] for name in script} == script
    return path


async def test_a_try_says_how_near_each_script_is(desk: Desk, scripts: str, actor: KnowledgeLab) -> None:
    async with asyncio.timeout(20):
        while (tried := await desk.do("POST", f"{scripts}/try", {"text": "my money back", "language": "en"}))["not_compared"]:
            await asyncio.sleep(0.1)
    refund, hours = tried["scripts"]
    assert (refund["key"], refund["wins"], refund["score"], refund["matched"]) == ("refund", True, 0, ["I want my money back"])
    assert (refund["closeness"], refund["sentence"]) == ("normal", "I want my money back")
    assert 0.6 <= refund["likeness"] < 0.8
    assert (hours["key"], hours["likeness"], hours["reason"]) == ("hours", None, "no phrase or keyword matches")
    words = await desk.do("POST", f"{scripts}/try", {"text": "opening hours and money", "language": "en"})
    assert [script["key"] for script in words["scripts"]] == [
        "hours",
        "refund",
    ]  # words go first
    assert words["scripts"][1]["likeness"] > 0


async def test_without_an_embedder_a_try_says_why(desk: Desk, scripts: str) -> None:
    tried = await desk.do("POST", f"{scripts}/try", {"text": "my money back"})
    assert "nobody" in tried["not_compared"]
    assert [script["reason"] for script in tried["scripts"] if script["key"] == "refund"] == ["its sentences could not be compared"]


async def test_a_check_asks_for_meaning(desk: Desk, scripts: str, actor: KnowledgeLab) -> None:
    agent = scripts.removesuffix("/scripts")
    check = {"question": "my money back", "language": "en", "expected": {"kind": "script", "value": "refund"}}
    await desk.do("POST", f"{agent}/checks", check, expect=201)
    async with asyncio.timeout(20):
        while (run := await desk.do("POST", f"{agent}/checks/run", {"version": "draft"}))["items"][0]["outcome"] == "open":
            await asyncio.sleep(0.1)
    assert run["items"][0]["outcome"] == "passed", run


async def test_files_carry_sentences(desk: Desk, scripts: str) -> None:
    exported = await desk.do("GET", f"{scripts}/export")
    other = f"{await desk.agent()}/scripts"
    await desk.do("POST", f"{other}/import", {"scripts": exported["scripts"]})
    assert (await desk.do("GET", f"{other}/export"))["scripts"] == exported["scripts"]
    assert [one["strictness"] for one in exported["scripts"] if one["key"] == "refund"] == ["loose"]
    found = await desk.do("GET", f"{scripts}?q=money%20back")
    assert [item["key"] for item in found["items"]] == ["refund"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"meanings": ["?!"]}, "/meanings/0"),
        ({"meanings": ["x" * 201]}, "/meanings/0"),
        ({"meanings": [f"sentence {n}" for n in range(21)]}, "/meanings"),
        ({"strictness": "0.7"}, "/strictness"),
        ({"alone": True}, "/meanings"),
    ],
)
async def test_what_is_wrong_is_pointed_at(desk: Desk, change: Any, pointer: str) -> None:
    refused = await desk.do("POST", f"{await desk.agent()}/scripts", {**REFUND, **change}, expect=422)
    assert [flaw["pointer"] for flaw in refused["errors"]] == [pointer]
