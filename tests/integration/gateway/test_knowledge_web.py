"""Pages and small sites become documents: politely, within the site, as a job that can be stopped, and again only what changed."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from actors.domain.errors import Unreachable
from integrations.http.egress import Egress
from tests.fakes.files import pdf
from tests.fakes.website import Website, page, website
from tests.integration.gateway.desk import Desk
from tests.integration.gateway.test_knowledge_files import Shelf, rows
from tests.integration.knowledge.reading_lab import reading

ROBOTS = "User-agent: *\nDisallow: /private\nSitemap: /map.xml"


@pytest.fixture
async def shop() -> AsyncIterator[Website]:
    site = Website(
        {
            "/robots.txt": ROBOTS,
            "/": page(
                "Shop", "Flowers of all kinds", "/delivery", "/private/a", "/old", "/twin", "https://other.example/", "/x?f=1", "/logo.png"
            ),
            "/delivery": page("Delivery", "Couriers cost 350 roubles", "/", "/terms.pdf", "/packed", "/broken", "/empty"),
            "/terms.pdf": pdf(["Goods are returned within 14 days"], title="Terms"),
            "/packed": page("Packed", "Sent as it was not asked for"),
            "/twin": page("Delivery", "Couriers cost 350 roubles"),
            "/empty": "<nav><a href='/deep'>deep</a></nav>",
            "/deep": page("Deep", "Only found through a page without text"),
            "/mapped": page("Mapped", "Only the site map knows this page"),
            "/private/a": page("Secret", "Not for programs"),
            "/broken": 500,
        },
        {"/old": "/delivery", "/away": "http://127.0.0.1:9/"},
    )
    async with website(site):
        site.pages["/map.xml"] = f"<urlset><url><loc>{site.url}/mapped</loc></url><url><loc>https://other.example/y</loc></url></urlset>"
        yield site


@pytest.fixture
async def shelf(desk: Desk) -> Shelf:
    return Shelf(desk, f"{await desk.agent()}/knowledge")


async def pages_of(desk: Desk, shelf: Shelf, site_id: str) -> dict[str, Any]:
    listed = await desk.do("GET", f"{shelf.path}/documents?site_id={site_id}")
    return {item["address"].split("/", 3)[3]: item for item in listed["items"]}


async def result(desk: Desk, job_id: str) -> dict[str, Any]:
    return dict((await desk.do("GET", f"/api/jobs/{job_id}"))["result"])


async def test_a_site_is_read_politely_and_again_only_what_changed(
    desk: Desk, shelf: Shelf, shop: Website, database: str, redis_url: str
) -> None:
    taken = await desk.do("POST", f"{shelf.path}/sites", {"address": f"{shop.url}/"}, expect=202)
    one = f"{shelf.path}/sites/{taken['site_id']}"
    assert (await desk.do("GET", one))["progress"] == {"done": 0, "total": None, "note": ""}
    async with reading(database, redis_url):
        ready = await shelf.settled(one)
        assert (ready["state"], ready["problem"], ready["pages"]) == ("ready", None, 6)
        found = await pages_of(desk, shelf, taken["site_id"])
        assert {place: (item["title"], item["kind"]) for place, item in found.items()} == {
            "": ("Shop", "html"),
            "delivery": ("Delivery", "html"),
            "terms.pdf": ("Terms", "pdf"),
            "packed": ("Packed", "html"),
            "deep": ("Deep", "html"),
            "mapped": ("Mapped", "html"),
        }
        assert not any(shop.asked[path] for path in ("/private/a", "/x", "/logo.png"))
        once = shop.pages.keys() - {"/broken", "/delivery"}  # tried again; asked for by its old address, too
        assert {shop.asked[path] for path in once} == {0, 1}
        assert {key: n for key, n in (await result(desk, taken["job_id"])).items() if key != "pages"} == {
            "added": 6, "elsewhere": 1, "twice": 1, "failed": 1, "empty": 1, "forbidden": 1,
        }  # fmt: skip
        first = (await desk.do("GET", f"{shelf.path}/documents/{found['']['id']}"))["text"]
        assert "+7 495" in first, "what stands at the foot of every page is kept once"
        assert "+7 495" not in (await desk.do("GET", f"{shelf.path}/documents/{found['deep']['id']}"))["text"]
        assert (await desk.do("GET", f"{shelf.path}/documents?single=true"))["items"] == []

        # A page changes, one goes, one is deleted by a person, one comes.
        kept = await rows(database, "select id from chunks order by id")
        shop.pages |= {"/delivery": page("Delivery", "Couriers cost 400 roubles", "/new", "/terms.pdf", "/packed"), "/mapped": 410}
        shop.pages["/new"] = page("New", "Self-service is free")
        await delete(desk, f"{shelf.path}/documents/{found['packed']['id']}", found["packed"]["version"])
        again = await desk.do("POST", f"{one}/read", expect=202)
        assert (await shelf.settled(one))["pages"] == 6
        told = await result(desk, again["job_id"])
        assert {key: told[key] for key in ("added", "changed", "gone", "same", "deleted")} == {
            "added": 2, "changed": 1, "gone": 1, "same": 3, "deleted": 1,
        }  # fmt: skip
        after = await rows(database, "select id from chunks order by id")
        assert len(set(after) - set(kept)) == 3, "the changed page, the new one, and the twin of what the changed one was"
        # What came back counts again, a page deleted by a person does not.
        shop.pages["/mapped"] = page("Mapped", "Only the site map knows this page")
        await desk.do("POST", f"{one}/read", expect=202)
        await shelf.settled(one)
        assert {"mapped", "new"} <= (await pages_of(desk, shelf, taken["site_id"])).keys()
        assert "packed" not in await pages_of(desk, shelf, taken["site_id"])
    site = await desk.do("GET", one)
    await delete(desk, one, site["version"])
    assert await pages_of(desk, shelf, taken["site_id"]) == {}
    assert (await desk.do("POST", f"{one}/restore"))["pages"] == 7


async def test_a_site_that_cannot_be_read_and_one_that_is_stopped(
    desk: Desk, shelf: Shelf, shop: Website, database: str, redis_url: str
) -> None:
    async with reading(database, redis_url):
        problems = {}
        for address in (f"{shop.url}/private/a", f"{shop.url}/nothing", "http://user:secret@shop.example/"):
            taken = await desk.do("POST", f"{shelf.path}/sites", {"address": address}, expect=202)
            problems[address] = (await shelf.settled(f"{shelf.path}/sites/{taken['site_id']}"))["problem"]["code"]
        assert list(problems.values()) == ["robots", "gone", "address"]
        shop.pages["/robots.txt"] = "User-agent: *\nCrawl-delay: 10"
        taken = await desk.do("POST", f"{shelf.path}/sites", {"address": shop.url}, expect=202)
        one = f"{shelf.path}/sites/{taken['site_id']}"
        async with asyncio.timeout(20):
            while (await desk.do("GET", one))["pages"] == 0:
                await asyncio.sleep(0.05)
        await desk.do("POST", f"/api/jobs/{taken['job_id']}/cancel")
        stopped = await shelf.settled(one)
        assert (stopped["state"], stopped["problem"]["code"], stopped["pages"]) == ("failed", "cancelled", 1)


async def test_one_page_under_two_addresses_is_taken_once(desk: Desk, shelf: Shelf, database: str, redis_url: str) -> None:
    front = page("Tea", "Leaves from the hills of the south", "/", "/index.html", "/docs/", "/docs/index.html")
    other = {"/docs/": page("List", "What is there"), "/docs/index.html": page("Brewing", "Three minutes at ninety degrees")}
    async with website(Website({"/": front, "/index.html": front, **other})) as site, reading(database, redis_url):
        taken = await desk.do("POST", f"{shelf.path}/sites", {"address": site.url}, expect=202)
        assert (await shelf.settled(f"{shelf.path}/sites/{taken['site_id']}"))["pages"] == 3
        assert (await pages_of(desk, shelf, taken["site_id"])).keys() == {"", "docs/", "docs/index.html"}
        assert {key: n for key, n in (await result(desk, taken["job_id"])).items() if key != "pages"} == {"added": 3, "twice": 1}
        # One that was stored before goes when it turns into a twin.
        site.pages["/index.html"] = page("Old", "News of last year")
        one = f"{shelf.path}/sites/{taken['site_id']}"
        for there in (True, False):
            await desk.do("POST", f"{one}/read", expect=202)
            await shelf.settled(one)
            assert ("index.html" in await pages_of(desk, shelf, taken["site_id"])) is there
            site.pages["/index.html"] = front


async def test_a_site_without_https_is_found_when_no_scheme_was_typed(desk: Desk, shelf: Shelf, database: str, redis_url: str) -> None:
    async with website(Website({"/": page("Tea", "Leaves"), "/tea": page("Green", "Sencha")})) as site, reading(database, redis_url):
        bare = site.url.removeprefix("http://")
        for typed, place in ((bare, ""), (f"{bare}/tea", "tea")):
            taken = await desk.do("POST", f"{shelf.path}/sites", {"address": typed}, expect=202)
            ready = await shelf.settled(f"{shelf.path}/sites/{taken['site_id']}")
            assert (ready["state"], ready["address"]) == ("ready", typed)
            [only] = (await desk.do("GET", f"{shelf.path}/documents?site_id={taken['site_id']}"))["items"]
            assert only["address"] == f"{site.url}/{place}"
    for address in ("shop", "ftp://shop.example", "javascript:alert(1)", "user:secret@shop.example", "shop.example:port", "a b.example"):
        await desk.do("POST", f"{shelf.path}/sites", {"address": address}, expect=422)


async def test_a_site_that_does_not_answer_says_so(desk: Desk, shelf: Shelf, database: str, redis_url: str) -> None:
    async with reading(database, redis_url):
        taken = await desk.do("POST", f"{shelf.path}/sites", {"address": "127.0.0.1:9"}, expect=202)
        job = f"/api/jobs/{taken['job_id']}"
        async with asyncio.timeout(20):
            while not (tried := await desk.do("GET", job))["error"]:
                await asyncio.sleep(0.05)
        assert tried["error"] == "the site does not answer"
        one = f"{shelf.path}/sites/{taken['site_id']}"
        assert (await desk.do("GET", one))["state"] == "reading", "it is tried again"
        await desk.do("POST", f"{job}/cancel")
        ended = await shelf.settled(one)
        assert (ended["state"], ended["problem"]) == ("failed", {"code": "unreachable", "detail": "the site does not answer"})


async def test_who_named_an_address_is_told_in_words_that_it_does_not_answer(shop: Website) -> None:
    told = {
        shop.url.replace("http:", "https:"): "the site does not answer over a secure connection (https)",
        "http://nothing.invalid/": "there is no site of this name",
        "http://127.0.0.1:9/": "the site does not answer",
    }
    async with Egress(private=True) as egress:
        for address, words in told.items():
            with pytest.raises(Unreachable) as refused:
                await egress.get(address, {}, 1_000)
            assert str(refused.value) == words


async def test_a_page_is_read_and_read_again(desk: Desk, shelf: Shelf, shop: Website, database: str, redis_url: str) -> None:
    async with reading(database, redis_url):
        taken = await desk.do("POST", f"{shelf.path}/pages", {"address": f"{shop.url}/old"}, expect=202)
        one = f"{shelf.path}/documents/{taken['document_id']}"
        assert ((await shelf.settled(one))["title"], (await desk.do("GET", f"{one}/chunks"))["items"][0]["text"]) == (
            "Delivery",
            "Couriers cost 350 roubles\n\nShop, +7 495",
        )
        shop.pages["/delivery"] = page("Delivery 2", "Couriers cost 400 roubles")
        await desk.do("POST", f"{one}/read", expect=202)
        assert (await shelf.settled(one))["title"] == "Delivery 2"
        shop.pages["/delivery"] = 404
        await desk.do("POST", f"{one}/read", expect=202)
        gone = await shelf.settled(one)
        assert (gone["state"], gone["problem"]["code"], gone["chunks"]) == ("failed", "gone", 1)


async def test_private_addresses_are_not_asked(desk: Desk, shelf: Shelf, shop: Website, database: str, redis_url: str) -> None:
    async with reading(database, redis_url, private=False):
        for address in (f"{shop.url}/", shop.url.replace("127.0.0.1", "localhost"), "http://169.254.169.254/latest/meta-data"):
            taken = await desk.do("POST", f"{shelf.path}/pages", {"address": address}, expect=202)
            refused = await shelf.settled(f"{shelf.path}/documents/{taken['document_id']}")
            assert (refused["state"], refused["problem"]["code"], "not public" in refused["problem"]["detail"]) == (
                "failed",
                "address",
                True,
            )
    assert not shop.asked


async def delete(desk: Desk, path: str, version: int) -> None:
    headers = {**desk.company.headers("admin"), "If-Match": f'"{version}"'}
    async with desk.gateway.session.delete(path, headers=headers) as answer:
        assert answer.status == 204
