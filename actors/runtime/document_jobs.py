"""The jobs that read documents, on the real stores."""

from contextlib import AsyncExitStack
from typing import Any

from actors.ports.jobs import JobHandler
from actors.ports.knowledge import Knowledge
from actors.ports.time import Clock
from actors.services.agent import Models
from actors.services.jobs.agent_from_site import AgentFromSite
from actors.services.jobs.knowledge_ingest import KnowledgeIngest
from actors.services.jobs.knowledge_site import KnowledgeSite
from actors.services.proposing import Looking, Writing
from config.settings import Settings
from integrations.documents.reader import ChildReader
from integrations.http.egress import Egress
from integrations.http.web import PublicWeb
from storage.knowledge.proposals import SiteProposals
from storage.knowledge.reading import DocumentReadings
from storage.knowledge.site_pages import SitePages
from storage.postgres import Database

PAGE_S = 20.0  # of one page of a slow site


async def document_jobs(
    database: Database, chosen: Settings, clock: Clock, stack: AsyncExitStack, knowledge: Knowledge, models: Models | None
) -> list[JobHandler[Any]]:
    """Return them; their connections to the web are closed with the stack."""
    web = PublicWeb(await stack.enter_async_context(Egress(PAGE_S, private=chosen.pages_private)))
    reader = ChildReader()
    site = KnowledgeSite(SitePages(database), reader, web, clock)
    proposing = AgentFromSite(site, SiteProposals(database), Looking(clock, knowledge), Writing(clock, models), clock)
    return [KnowledgeIngest(DocumentReadings(database), reader, web, clock), site, proposing]
