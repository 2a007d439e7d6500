"""SIGKILL to the process that reads documents, again and again: nothing is lost, nothing twice, the index is that of a fresh one."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from actors.ports.jobs import NewJob
from actors.ports.knowledge import Question
from actors.services.jobs.knowledge_ingest import IngestPayload, KnowledgeIngest
from actors.services.jobs.knowledge_site import KnowledgeSite, SitePayload
from storage.knowledge.incoming import KnowledgeIncoming, NewFile
from storage.knowledge.sites import KnowledgeSites
from tests.contract.labs import Endpoint, RealLab
from tests.fakes.files import docx, pdf
from tests.fakes.website import Website, page, website
from tests.integration.knowledge.lab import OLGA, KnowledgeLab, WordVectors, knowledge_lab, tenant
from tests.integration.knowledge.reading_lab import ReaderProcess

AFTER_S = (0.05, 0.15, 0.4, 1.0)  # kills; a job is tried five times
PAGES = 60
_OPEN = "select count(*) from jobs where state in ('queued', 'running')"
# Begun by the process of now: what a dead one had in hand counts as running for some seconds.
_BEGUN = "select count(*) from jobs where state = 'running' and started_at > $1"
_FOUND = """
select d.file_name, d.address, d.title, d.state, c.position, c.heading, c.text, c.page, v.vector from documents d
join chunks c on c.document_id = d.id left join chunk_vectors v on v.chunk_id = c.id
where d.tenant_id = $1 order by 1, 2, c.position"""


def files() -> list[NewFile]:
    """What people hand in; the PDF takes seconds."""
    long = pdf([f"Page {n}. " + f"Offer {n} costs {n} roubles. " * 40 for n in range(PAGES)])
    rows = "Name;Price;Place\n" + "".join(f"Rose {n};{n};Shelf {n}\n" for n in range(300))
    word = docx(*[("Heading1" if n % 5 == 0 else "", f"Paragraph {n} of the terms") for n in range(200)])
    return [
        NewFile("long", "pdf", "long.pdf", long),
        NewFile("prices", "csv", "prices.csv", rows.encode()),
        NewFile("terms", "docx", "terms.docx", word),
        NewFile("note", "text", "note.txt", b"Self-service is free"),
        NewFile("broken", "pdf", "broken.pdf", b"%PDF-1.7 nothing"),
    ]


def shop() -> Website:
    found: dict[str, str | bytes | int] = {f"/p{n}": page(f"Page {n}", f"Bouquet {n} costs {n} roubles", f"/p{n + 1}") for n in range(25)}
    return Website({"/": page("Shop", "Flowers", "/p0"), **found})


async def hand_in(lab: RealLab, endpoint: Endpoint, site: Website) -> None:
    """Ask for everything, as the API does."""
    incoming = KnowledgeIncoming(lab.api, lambda id_, by: NewJob(KnowledgeIngest, IngestPayload(document_id=id_), str(id_), by=by))
    sites = KnowledgeSites(lab.api, lambda id_, by: NewJob(KnowledgeSite, SitePayload(site_id=id_), str(id_), by=by))
    await sites.add(endpoint.tenant_id, OLGA, endpoint.agent_id, site.url)
    for file in files():
        assert await incoming.add_file(endpoint.tenant_id, OLGA, endpoint.agent_id, file)


@contextmanager
def reader(dsn: str, redis_url: str) -> Iterator[ReaderProcess]:
    process = ReaderProcess(dsn, redis_url)
    try:
        yield process
    finally:
        process.kill()


async def until(lab: RealLab, question: str, *arguments: object, wanted: bool, timeout_s: float = 60) -> None:
    async with asyncio.timeout(timeout_s):
        while bool(await lab.owner.fetchval(question, *arguments)) != wanted:
            await asyncio.sleep(0.02)


async def found(lab: RealLab, endpoint: Endpoint) -> list[tuple[Any, ...]]:
    """Everything that a search can find, with its vectors."""
    return [tuple(r.values()) for r in await lab.owner.fetch(_FOUND, endpoint.tenant_id)]


async def answers(knowledge: KnowledgeLab, endpoint: Endpoint) -> list[list[tuple[str, float]]]:
    bases = await knowledge.bases(endpoint)
    asked = ("Rose 77", "what does offer 41 cost", "bouquet 19", "paragraph 150 of the terms", "self-service")
    return [
        [(hit.text, hit.score) for hit in (await knowledge.service.search(Question(tenant(endpoint), bases, text))).hits] for text in asked
    ]


async def test_kills_in_the_middle_of_reading(real_lab: RealLab, database: str, redis_url: str) -> None:
    killed, calm = await real_lab.endpoint(), await real_lab.endpoint()
    async with website(shop()) as site, knowledge_lab(real_lab, WordVectors()) as knowledge:
        await hand_in(real_lab, killed, site)
        for after_s in AFTER_S:
            now = await real_lab.owner.fetchval("select clock_timestamp()")
            with reader(database, redis_url):
                await until(real_lab, _BEGUN, now, wanted=True)
                await asyncio.sleep(after_s)
                await knowledge.index()  # vectors of what is there so far
        with reader(database, redis_url):
            await until(real_lab, _OPEN, wanted=False, timeout_s=120)
            await hand_in(real_lab, calm, site)
            await until(real_lab, _OPEN, wanted=False, timeout_s=120)
        await knowledge.index()
        assert await real_lab.owner.fetchval("select count(*) from jobs where attempts > 1") >= 3, "no kill hit anything"
        one, other = await found(real_lab, killed), await found(real_lab, calm)
        assert len(one) > 26 + 300 + PAGES
        assert one == other
        assert all(row[-1] is not None for row in one)
        assert await answers(knowledge, killed) == await answers(knowledge, calm)
        states = "select array_agg(distinct state order by state) from jobs"
        assert await real_lab.owner.fetchval(states) == ["done", "failed"], "the broken file, and nothing else, failed"
