"""Proposals to a new agent as the job writes them that makes them."""

from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

import orjson

from actors.domain.agent.spending import Spent
from actors.domain.ids import TenantId
from actors.domain.jobs import Mark
from actors.domain.proposing.models import Proposals, SitePassage
from actors.ports.jobs import JobLease
from actors.ports.proposing import Indexed
from storage.jobs.fence import fenced
from storage.postgres import Database

_PASSAGES = """
select c.id, d.address, d.title, c.heading, c.text from documents d join chunks c on c.document_id = d.id
where d.site_id = $1 and d.deleted_at is null order by d.position, c.position limit $2"""
_INDEXED = """
select b.id, b.embedded = b.version and b.embedder <> '', (select count(*) from chunk_vectors v where v.base_id = b.id)::int
from knowledge_bases b join knowledge_sites s on s.base_id = b.id where s.id = $1"""
_KEEP = "update site_proposals set found = $2::jsonb, made_at = now() where agent_id = $1 and accepted_at is null"
_SPEND = "select turns_spend($1::jsonb)"


class SiteProposals:
    """Implements ProposalStore; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def passages(self, tenant_id: TenantId, site_id: UUID, limit: int) -> Sequence[SitePassage]:
        """Return the first passages of a site's pages, in their order."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [SitePassage(*r.values()) for r in await connection.fetch(_PASSAGES, site_id, limit)]

    async def indexed(self, tenant_id: TenantId, site_id: UUID) -> Indexed:
        """Return how much of the site's base is found by meaning."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            [r] = await connection.fetch(_INDEXED, site_id)
        return Indexed(*r.values())

    async def keep(self, lease: JobLease, agent_id: UUID, proposals: Proposals, spent: Spent | None, mark: Mark) -> None:
        """Store proposals in place of those of an earlier try, and what a model cost."""
        async with fenced(self._database, lease) as writes:
            writes.mark = mark
            await writes.connection.execute(_KEEP, agent_id, orjson.dumps(asdict(proposals)).decode())
            if spent is not None:
                await writes.connection.execute(_SPEND, orjson.dumps([_spend(lease, agent_id, spent)]).decode())


def _spend(lease: JobLease, agent_id: UUID, spent: Spent) -> dict[str, object]:
    used = {
        "micros": spent.micros or 0,
        "prompt": spent.prompt_tokens,
        "completion": spent.completion_tokens,
        "refused": int(spent.refused),
    }
    return {"tenant": str(lease.tenant_id), "turn": None, "conversation": None, "agent": str(agent_id), **used}
