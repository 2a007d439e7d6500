"""From the address of a site to an agent that answers, over the API, with every process that takes part; and what stops it."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from storage.carriers import PostgresPlacement
from storage.postgres import Database, Role
from tests.fakes.shop_sites import ENGLISH, RUSSIAN
from tests.fakes.website import Website, page, website
from tests.integration.gateway.company import data_dir_of
from tests.integration.gateway.desk import Desk
from tests.integration.gateway.host_process import host
from tests.integration.knowledge.reading_lab import reading

BEGIN = "/api/agents/from-site"


@contextmanager
def knowing(database: str, redis_url: str, directory: Path) -> Iterator[None]:
    """Run a KnowledgeActor with the small embedder."""
    env = {"DATABASE_URL": database, "REDIS_URL": redis_url, "CALLBOARD_DATA_DIR": str(directory), "CALLBOARD_EMBEDDER": "use"}
    actor = subprocess.Popen([sys.executable, "-m", "actors.runtime.carry", "knowledge", "0"], env=os.environ | env)  # it has a child
    try:
        yield
    finally:
        actor.terminate()
        actor.wait(20)


@pytest.fixture
async def placed(database: str) -> None:
    async with await Database.open(database, Role.ENGINE, "test", size=1) as engine:
        await PostgresPlacement(engine).claim(uuid4(), 1, 1)


@pytest.fixture
async def worker(database: str, redis_url: str, tmp_path: Path, placed: None) -> AsyncIterator[None]:
    """Who reads sites and who searches what was read."""
    with knowing(database, redis_url, data_dir_of(tmp_path, "knowledge")):
        async with reading(database, redis_url):
            yield


async def begun(desk: Desk, address: str) -> str:
    taken = await desk.do("POST", BEGIN, {"address": address}, expect=202)
    return f"/api/agents/{taken['agent_id']}"


async def settled(desk: Desk, agent: str) -> dict[str, Any]:
    async with asyncio.timeout(180):
        while (shown := await desk.do("GET", f"{agent}/from-site"))["state"] in {"reading", "proposing"}:
            await asyncio.sleep(0.1)
    return dict(shown)


def scripts_of(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [{name: one[name] for name in ("id", "name", "phrases", "answer")} for one in found["proposals"]]


async def asked(desk: Desk, agent: str, text: str) -> dict[str, Any]:
    said = await desk.do("POST", "/api/chat", {"agent_id": agent.rsplit("/", 1)[1], "text": text})
    return dict(said["reply"])


async def test_a_site_becomes_an_agent_that_answers(desk: Desk, worker: None, database: str, redis_url: str, tmp_path: Path) -> None:
    async with website(Website(RUSSIAN)) as shop:
        taken = await desk.do("POST", BEGIN, {"address": shop.url}, key="once", expect=202)
        assert await desk.do("POST", BEGIN, {"address": shop.url}, key="once", expect=202) == taken
        agent = f"/api/agents/{taken['agent_id']}"
        [waiting] = (await desk.do("GET", BEGIN))["items"]
        assert (waiting["agent_id"], waiting["address"], waiting["state"]) == (taken["agent_id"], shop.url, "reading")
        shown = await settled(desk, agent)
    assert (shown["state"], shown["name"], shown["site"]["pages"]) == ("ready", shop.url.removeprefix("http://"), len(RUSSIAN))
    found = shown["found"]
    assert (found["way"], found["why"], found["language"], found["name"], found["notice"]) == ("extractive", "", "ru", "Пряничный дом", "")
    made = {one["id"]: one for one in found["proposals"]}
    assert made["delivery"]["answer"].startswith("Доставка по Туле стоит 250 рублей")
    assert made["delivery"]["source"] == f"{shop.url}/dostavka"
    assert found["proposals"][0]["name"] == "Сколько хранятся пряники?"
    left = {one["id"]: one for one in found["open"]}
    assert not made.keys() & left.keys()
    assert made["hours"]["answer"] == "Часы работы: ежедневно с 9:00 до 20:00, без перерыва."
    assert left["wholesale"]["hint"] == "Юридическим лицам выставляем счёт."
    assert (left["warranty"]["hint"], left["warranty"]["question"]) == ("", "Есть ли гарантия на товар?")

    scripts = [script for script in scripts_of(found) if script["id"] != "returns"]
    scripts += [{"id": "warranty", "name": "Гарантия", "phrases": left["warranty"]["phrases"], "answer": "Гарантия — два месяца."}]
    scripts[0] |= {"answer": "Пряники хранятся два месяца."}
    body = {"name": "Пряник", "scripts": scripts}
    wrong = {**body, "scripts": [*scripts, {**scripts[0], "id": "never"}]}
    refused = await desk.do("POST", f"{agent}/from-site/accept", wrong, expect=422)
    assert refused["errors"][0]["pointer"] == f"/scripts/{len(scripts)}/id"
    assert (await desk.do("GET", f"{agent}/scripts"))["items"] == [], "a refused request changed something"
    created = await desk.do("POST", f"{agent}/from-site/accept", body, key="accept")
    assert (created["name"], created["persona"]["name"], created["persona"]["languages"]) == ("Пряник", "Пряник", ["ru"])
    assert (await desk.do("POST", f"{agent}/from-site/accept", body, key="accept"))["id"] == created["id"]
    again = await desk.do("POST", f"{agent}/from-site/accept", body, expect=409)
    assert "made the agent of these proposals already" in again["detail"]
    kept = {one["key"]: one["answer"]["ru"] for one in (await desk.do("GET", f"{agent}/scripts"))["items"]}
    assert kept == {f"site-{script['id']}": script["answer"] for script in scripts}
    assert (await desk.do("GET", BEGIN))["items"] == []
    assert (await desk.do("GET", f"{agent}/from-site"))["state"] == "created"
    audited = (await desk.do("GET", "/api/audit?action=proposals.accepted", level="owner"))["items"]
    assert [entry["after"]["scripts"] for entry in audited] == [len(scripts)]

    await desk.do("POST", f"{agent}/publish", {"note": ""})
    with host(database, redis_url, data_dir_of(tmp_path, "host")):
        script = await asked(desk, agent, "Скажите, сколько стоит доставка?")
        assert (script["mode"], script["text"]) == ("script", made["delivery"]["answer"])
        assert (await asked(desk, agent, "а гарантия?"))["text"] == "Гарантия — два месяца."
        passage = await asked(desk, agent, "Можно ли вернуть пряники?")  # its script was declined
        assert (passage["mode"], passage["text"].startswith("Вернуть можно только брак")) == ("extractive", True)


async def test_an_english_site(desk: Desk, worker: None) -> None:
    async with website(Website(ENGLISH)) as shop:
        found = (await settled(desk, await begun(desk, shop.url)))["found"]
    assert (found["language"], found["name"], found["pages"]) == ("en", "Harbour Kites", len(ENGLISH))
    made = {one["id"]: one["answer"] for one in found["proposals"]}
    assert made["delivery"].startswith("Shipping within the country costs £4.50")
    assert made["payment"] == "By card or PayPal on this site, by card or cash in the shed."


async def test_what_cannot_be_read_says_why_and_can_be_tried_again(desk: Desk, worker: None) -> None:
    pages: dict[str, str | bytes | int] = {
        "/robots.txt": "User-agent: *\nDisallow: /closed",
        "/closed/": page("Closed", "Not for programs"),
        "/picture": b"\x89PNG\r\n\x1a\n" + bytes(2_000),
        "/enormous": "<p>" + "x " * 3_000_000,
        "/later": 404,
    }
    async with website(Website(pages)) as shop:
        codes = {}
        for path in ("/closed/", "/picture", "/enormous", "/later"):
            shown = await settled(desk, await begun(desk, f"{shop.url}{path}"))
            codes[path] = (shown["state"], shown["site"]["problem"]["code"], shown["found"])
        assert codes == {
            "/closed/": ("failed", "robots", None),
            "/picture": ("failed", "broken", None),
            "/enormous": ("failed", "too-large", None),
            "/later": ("failed", "gone", None),
        }
        newest = (await desk.do("GET", BEGIN))["items"][0]
        assert newest["state"] == "failed"
        agent = f"/api/agents/{newest['agent_id']}"
        body = {"name": "x", "scripts": []}
        refused = await desk.do("POST", f"{agent}/from-site/accept", body, expect=409)
        assert "not read yet" in refused["detail"]
        shop.pages["/later"] = page("Sign in", "Password")
        await desk.do("POST", f"/api/jobs/{(await desk.do('GET', f'{agent}/from-site'))['site']['job_id']}/retry")
        shown = await settled(desk, agent)
        assert (shown["state"], shown["found"]["notice"], shown["found"]["proposals"]) == ("ready", "login", [])
        for path, html, told in (("/script", "<div id=app></div>", "nothing"), ("/one", page("Shop", "Flowers of all kinds"), "one-page")):
            shop.pages[path] = html
            shown = await settled(desk, await begun(desk, f"{shop.url}{path}"))
            assert (shown["state"], shown["found"]["notice"]) == ("ready", told)
    shown = await settled(desk, await begun(desk, "http://user:secret@shop.example/"))
    assert (shown["state"], shown["site"]["problem"]["code"]) == ("failed", "address")


async def test_what_is_no_address_is_refused_at_once(desk: Desk, database: str) -> None:
    for address in ("", "shop", "ftp://shop.example", "javascript:alert(1)", "https://", f"https://shop.example/{'x' * 2_000}"):
        await desk.do("POST", BEGIN, {"address": address}, expect=422)
    connection = await asyncpg.connect(database)
    assert await connection.fetchval("select count(*) from site_proposals") == 0
    await connection.close()


async def test_addresses_inside_are_not_asked(desk: Desk, database: str, redis_url: str) -> None:
    async with website(Website({"/": page("Secret", "Inside")})) as inside, reading(database, redis_url, private=False):
        for address in (inside.url, inside.url.removeprefix("http://"), "http://169.254.169.254/latest/meta-data", "http://[::1]/"):
            shown = await settled(desk, await begun(desk, address))
            assert (shown["state"], shown["site"]["problem"]["code"], shown["found"]) == ("failed", "address", None)
        assert not inside.asked


async def test_it_can_be_stopped_and_given_up(desk: Desk, database: str, redis_url: str) -> None:
    pages: dict[str, str | bytes | int] = {"/robots.txt": "User-agent: *\nCrawl-delay: 10"}
    pages |= {"/": page("Shop", "Flowers", "/a"), "/a": page("A", "Roses")}
    async with website(Website(pages)) as shop, reading(database, redis_url):
        agent = await begun(desk, shop.url)
        async with asyncio.timeout(20):
            while (shown := await desk.do("GET", f"{agent}/from-site"))["site"]["pages"] == 0:
                await asyncio.sleep(0.05)
        await desk.do("POST", f"/api/jobs/{shown['site']['job_id']}/cancel")
        stopped = await settled(desk, agent)
        assert (stopped["state"], stopped["site"]["problem"]["code"], stopped["site"]["pages"]) == ("failed", "cancelled", 1)
        await desk.do("DELETE", agent, match=(await desk.do("GET", agent))["etag"], expect=204)
        assert (await desk.do("GET", BEGIN))["items"] == []
        await desk.do("POST", f"{agent}/restore")
        assert [item["state"] for item in (await desk.do("GET", BEGIN))["items"]] == ["failed"]
