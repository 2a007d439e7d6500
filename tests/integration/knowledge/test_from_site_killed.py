"""SIGKILL to the worker that reads a site and proposes: it goes on where it was, and nothing is there twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from actors.domain.ids import owned
from actors.ports.jobs import NewJob
from actors.ports.knowledge import Answered, Question
from actors.runtime.knowledge_actor import KnowledgeActor
from actors.services.jobs.agent_from_site import AgentFromSite, FromSitePayload
from storage.knowledge.answering import KnowledgeAnswers
from storage.knowledge.from_site import AgentsFromSites
from tests.contract.labs import RealLab
from tests.fakes.shop_sites import RUSSIAN
from tests.fakes.website import Website, page, website
from tests.integration.knowledge.lab import OLGA, WordVectors, knowledge_lab
from tests.integration.knowledge.test_reader_killed import reader, until

PAGES = 12
_PAGES = "select count(*) >= $1 from documents"
_PROPOSING = "select count(*) > 0 from jobs where progress_note = 'proposals' and state = 'running'"
_OPEN = "select count(*) from jobs where state in ('queued', 'running')"


@asynccontextmanager
async def answering(lab: RealLab, redis_url: str, slow_s: float) -> AsyncIterator[None]:
    """Search what was read; slowly, so that a kill may come in between."""
    async with knowledge_lab(lab, WordVectors()) as knowledge:

        async def search(question: Question) -> Answered:
            await asyncio.sleep(slow_s)
            return await knowledge.service.search(question)

        async with KnowledgeAnswers(redis_url, owned(0, 1), search) as answers:
            actor = KnowledgeActor(answers, knowledge.indexing, knowledge.embedding, knowledge.cache)
            running = asyncio.create_task(actor.run())
            yield
            await actor.drain()
            await running


async def test_a_worker_that_is_killed_while_it_reads_and_while_it_proposes(real_lab: RealLab, database: str, redis_url: str) -> None:
    shop = await real_lab.endpoint()
    agents = AgentsFromSites(
        real_lab.api, lambda agent, site, by: NewJob(AgentFromSite, FromSitePayload(site_id=site, agent_id=agent), str(site), by=by)
    )
    more = {f"/p{n}": page(f"Page {n}", f"Gingerbread {n} costs {n} roubles", f"/p{n + 1}") for n in range(PAGES)}
    pages: dict[str, str | bytes | int] = {**RUSSIAN, **more, "/": str(RUSSIAN["/"]).replace("</nav>", '<a href="/p0">more</a></nav>')}
    async with website(Website(pages)) as site, answering(real_lab, redis_url, 0.1):
        begun = await agents.begin(shop.tenant_id, OLGA, "shop.example", site.url)
        with reader(database, redis_url):
            await until(real_lab, _PAGES, 4, wanted=True)
        with reader(database, redis_url):
            await until(real_lab, _PROPOSING, wanted=True)
        assert await real_lab.owner.fetchval("select found is null from site_proposals")
        with reader(database, redis_url):
            await until(real_lab, _OPEN, wanted=False)
    assert [tuple(r) for r in await real_lab.owner.fetch("select state, attempts from jobs")] == [("done", 3)]
    addresses = Counter([r["address"] for r in await real_lab.owner.fetch("select address from documents where deleted_at is null")])
    assert (len(addresses), set(addresses.values())) == (len(RUSSIAN) + PAGES, {1})
    assert max(site.asked[path] for path in pages) <= 2, "a page was read again after it was kept"
    shown = await agents.find(shop.tenant_id, begun.draft.id)
    assert shown is not None
    assert shown.found is not None
    assert (shown.found.pages, shown.accepted_at) == (len(addresses), None)
    ids = [one.id for one in shown.found.proposals] + [one.id for one in shown.found.open]
    assert len(ids) == len(set(ids))
