"""The jobs that read documents, on the real stores."""

from contextlib import AsyncExitStack
from typing import Any

from actors.ports.jobs import JobHandler
from actors.ports.time import Clock
from actors.services.jobs.knowledge_ingest import KnowledgeIngest
from actors.services.jobs.knowledge_site import KnowledgeSite
from config.settings import Settings
from integrations.documents.reader import ChildReader
from integrations.http.egress import Egress
from integrations.http.web import PublicWeb
from storage.knowledge.reading import DocumentReadings
from storage.knowledge.site_pages import SitePages
from storage.postgres import Database

PAGE_S = 20.0  # of one page of a slow site


async def document_jobs(database: Database, chosen: Settings, clock: Clock, stack: AsyncExitStack) -> list[JobHandler[Any]]:
    """Return them; their connections to the web are closed with the stack."""
    web = PublicWeb(await stack.enter_async_context(Egress(PAGE_S, private=chosen.pages_private)))
    reader = ChildReader()
    return [KnowledgeIngest(DocumentReadings(database), reader, web, clock), KnowledgeSite(SitePages(database), reader, web, clock)]
