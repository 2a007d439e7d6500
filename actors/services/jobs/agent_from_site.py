"""`agent:from-site`: reads a site as `knowledge:site` does, then proposes scripts to the agent that was begun with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from actors.domain.ids import TenantId
from actors.domain.jobs import Mark, Progress
from actors.domain.proposing.engine import described, extractive, language
from actors.domain.proposing.models import Proposals, SitePassage
from actors.ports.jobs import JobContext
from actors.ports.proposing import ProposalStore
from actors.ports.time import Clock
from actors.services.jobs.knowledge_site import KnowledgeSite, SitePayload
from actors.services.proposing import Looking, Writing, Written

PROPOSING = "proposals"  # the note of the progress while the site is read already; paths of pages begin with a slash
MOST_PASSAGES = 3_000  # looked at; the search knows all of them


@dataclass(frozen=True, slots=True)
class IndexLimits:
    """How long vectors are waited for, in seconds: without them questions are compared by words, and fewer answers are sure."""

    most_s: float = 300.0
    idle_s: float = 20.0  # without a single new one: nothing embeds here
    look_s: float = 0.5


class FromSitePayload(BaseModel):
    """Which site, for which agent."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    site_id: UUID
    agent_id: UUID


class AgentFromSite:
    """What was read stays read: a try that follows a death goes on with the pages, and makes the proposals anew."""

    name: ClassVar[str] = "agent:from-site"
    timeout_s: ClassVar[float] = KnowledgeSite.timeout_s + 600.0
    payload = FromSitePayload

    def __init__(
        self, site: KnowledgeSite, store: ProposalStore, looking: Looking, writing: Writing, clock: Clock, limits: IndexLimits | None = None
    ) -> None:
        self._site = site
        self._store = store
        self._looking = looking
        self._writing = writing
        self._clock = clock
        self._limits = limits or IndexLimits()

    async def run(self, payload: FromSitePayload, context: JobContext) -> Mapping[str, Any]:
        """Read and propose; return what was read, how many scripts were proposed and questions left open, and which way."""
        read = await self._site.run(SitePayload(site_id=payload.site_id), context)
        if "gone" in read:
            return read
        pages = int(read["pages"])
        await context.report(Mark(Progress(pages, pages, PROPOSING)))
        passages = await self._store.passages(context.lease.tenant_id, payload.site_id, MOST_PASSAGES)
        made, written = await self._propose(context.lease.tenant_id, payload.site_id, passages)
        await self._store.keep(context.lease, payload.agent_id, made, written.spent, Mark(Progress(pages, pages)))
        return {**read, "way": made.way, "proposals": len(made.proposals), "open": len(made.open), "agent_id": str(payload.agent_id)}

    async def _propose(self, tenant_id: TenantId, site_id: UUID, passages: Sequence[SitePassage]) -> tuple[Proposals, Written]:
        host = urlsplit(passages[0].address).netloc if passages else ""
        base_id = await self._indexed(tenant_id, site_id)
        looked = await self._looking.look(tenant_id, base_id, language(passages)) if passages else {}
        written = await self._writing.write(tenant_id, passages)
        if written.proposals:
            return described("model", passages, written.proposals, looked, host), written
        made = extractive(passages, looked)
        return described("extractive", passages, made, looked, host, written.why), written

    async def _indexed(self, tenant_id: TenantId, site_id: UUID) -> UUID:
        """Wait until the base is found by meaning, as long as that goes on; return the base."""
        began = moved = self._clock.monotonic()
        seen = -1
        while True:
            state = await self._store.indexed(tenant_id, site_id)
            now = self._clock.monotonic()
            if state.vectors != seen:
                seen, moved = state.vectors, now
            if state.complete or now - moved >= self._limits.idle_s or now - began >= self._limits.most_s:
                return state.base_id
            await self._clock.sleep(self._limits.look_s)
