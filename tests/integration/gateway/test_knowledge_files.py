"""Files over the API: taken at once, read by a job, kept as they came, read again; what cannot be read says what to do."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from actors.services.jobs.knowledge_ingest import MOST_BYTES
from tests.fakes.files import pdf
from tests.integration.gateway.desk import Desk
from tests.integration.knowledge.reading_lab import reading

TERMS = pdf(["Delivery costs 350 roubles within the city", "Goods are returned within fourteen days"])


class Shelf:
    """The knowledge of one agent."""

    def __init__(self, desk: Desk, path: str) -> None:
        self.desk, self.path = desk, path

    async def send(self, name: str, content: bytes, key: str = "", kind: str = "application/octet-stream") -> tuple[int, Any]:
        headers = {**self.desk.company.headers("admin"), "Content-Type": kind, **({"Idempotency-Key": key} if key else {})}
        async with self.desk.gateway.session.post(f"{self.path}/files", params={"name": name}, data=content, headers=headers) as answer:
            return answer.status, await answer.json()

    async def add(self, name: str, content: bytes) -> str:
        status, taken = await self.send(name, content)
        assert status == 202, taken
        return f"{self.path}/documents/{taken['document_id']}"

    async def settled(self, one: str) -> Any:
        async with asyncio.timeout(30):
            while (found := await self.desk.do("GET", one))["state"] == "reading":
                await asyncio.sleep(0.05)
        return found


@pytest.fixture
async def shelf(desk: Desk) -> Shelf:
    return Shelf(desk, f"{await desk.agent()}/knowledge")


@pytest.fixture
async def worker(database: str, redis_url: str) -> AsyncIterator[None]:
    async with reading(database, redis_url):
        yield


async def test_a_file_is_taken_at_once_read_by_a_job_and_kept(desk: Desk, shelf: Shelf, database: str, redis_url: str) -> None:
    status, taken = await shelf.send("Условия доставки.pdf", TERMS, "once")
    assert (status, await shelf.send("Условия доставки.pdf", TERMS, "once")) == (202, (202, taken))
    one = f"{shelf.path}/documents/{taken['document_id']}"
    waiting = await desk.do("GET", one)
    assert (waiting["state"], waiting["title"], waiting["kind"], waiting["size"]) == ("reading", "Условия доставки", "pdf", len(TERMS))
    assert (waiting["progress"], waiting["job_id"]) == ({"done": 0, "total": None}, taken["job_id"])
    assert (await desk.do("GET", f"/api/jobs/{taken['job_id']}"))["name"] == "knowledge:ingest"
    async with reading(database, redis_url):
        ready = await shelf.settled(one)
        assert (ready["state"], ready["problem"], ready["chunks"], ready["origin"]) == ("ready", None, 2, "file")
        chunks = (await desk.do("GET", f"{one}/chunks"))["items"]
        assert [(chunk["page"], chunk["text"]) for chunk in chunks] == [
            (1, "Delivery costs 350 roubles within the city"),
            (2, "Goods are returned within fourteen days"),
        ]
        async with desk.gateway.session.get(f"{one}/file", headers=desk.company.headers("viewer")) as file:
            assert (await file.read(), file.headers["X-Content-Type-Options"]) == (TERMS, "nosniff")
        # The same again changes nothing of what is found: no new version of the base, no new chunks.
        version = "select version from knowledge_bases"
        before = await rows(database, version)
        again = await desk.do("POST", f"{one}/read", expect=202)
        assert again["job_id"] != taken["job_id"]
        assert (await shelf.settled(one))["state"] == "ready"
        assert await rows(database, version) == before
        assert (await desk.do("GET", f"{one}/chunks"))["items"] == chunks
    assert (await desk.do("PUT", one, {"title": "x", "text": "y"}, match='"9"', expect=412))["status"] == 412
    current = await desk.do("GET", one)
    refused = await desk.do("PUT", one, {"title": "x", "text": "y"}, match=current["etag"], expect=409)
    assert "read it again" in refused["detail"]


@pytest.mark.usefixtures("worker")
async def test_what_cannot_be_read_fails_with_words_and_harms_nothing(desk: Desk, shelf: Shelf) -> None:
    secret = await shelf.add("secret.pdf", pdf(["Secret"], password="x"))
    good = await shelf.add("good.txt", "Самовывоз бесплатно".encode())
    failed, ready = await shelf.settled(secret), await shelf.settled(good)
    assert (failed["state"], failed["problem"]["code"], failed["chunks"]) == ("failed", "encrypted", 0)
    assert "without one" in failed["problem"]["detail"]
    assert (await desk.do("GET", f"/api/jobs/{failed['job_id']}"))["state"] == "failed"
    assert (ready["state"], ready["chunks"]) == ("ready", 1)


async def test_cancelled_jobs_and_deleted_documents(desk: Desk, shelf: Shelf, database: str, redis_url: str) -> None:
    cancelled, deleted = await shelf.add("a.txt", b"Delivery is free"), await shelf.add("b.txt", b"Returns are free")
    await desk.do("POST", f"/api/jobs/{(await desk.do('GET', cancelled))['job_id']}/cancel")
    assert (await desk.do("GET", cancelled))["problem"]["code"] == "cancelled"
    found = await desk.do("GET", deleted)
    async with desk.gateway.session.delete(deleted, headers={**desk.company.headers("admin"), "If-Match": found["etag"]}) as answer:
        assert answer.status == 204
    await desk.do("POST", f"{deleted}/read", expect=404)
    async with reading(database, redis_url):
        await shelf.settled(deleted)
        await desk.do("POST", f"{cancelled}/read", expect=202)
        assert (await shelf.settled(cancelled))["state"] == "ready"
    restored = await desk.do("POST", f"{deleted}/restore")
    assert (restored["state"], restored["chunks"]) == ("ready", 1)


@pytest.mark.parametrize(
    ("name", "content", "kind", "status", "said"),
    [
        ("old.doc", b"x", "", 422, "save it as DOCX"),
        ("prices.xlsx", b"x", "", 422, "save it as CSV"),
        ("photo.jpg", b"x", "", 422, "these are: csv"),
        ("big.txt", b"x" * (MOST_BYTES + 1), "", 413, "larger than 20 MB"),
        ("a.txt", b"x", "text/plain", 415, "application/octet-stream"),
    ],
)
async def test_what_is_no_document_is_refused_at_once(shelf: Shelf, name: str, content: bytes, kind: str, status: int, said: str) -> None:
    got, problem = await shelf.send(name, content, kind=kind or "application/octet-stream")
    assert (got, said in problem["detail"]) == (status, True), problem


async def rows(database: str, query: str) -> list[Any]:
    connection = await asyncpg.connect(database)
    try:
        return [tuple(r) for r in await connection.fetch(query)]
    finally:
        await connection.close()
