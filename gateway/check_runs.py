"""Regression cases run on versions of their agent."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from actors.domain.catalogue import Catalogue, catalogue
from actors.domain.ids import AgentId, TenantId
from actors.ports.checks import Case, CaseRun
from actors.ports.knowledge import Knowledge
from actors.services.checking import Checking
from actors.services.documents import Documents
from gateway.ticks import LoopTicks
from storage.authoring.cases import Cases, CasesOf
from storage.authoring.drafts import AgentDraft
from storage.authoring.versions import Versions
from storage.postgres import Database


@dataclass(frozen=True, slots=True)
class CheckRun:
    """What came of cases on a version, and what had come of them on the version that customers have; empty if that is the same."""

    version: int
    cases: Sequence[Case]
    now: Mapping[UUID, CaseRun]
    before: Mapping[UUID, CaseRun]

    @property
    def broken(self) -> list[Case]:
        """Return the cases that fail now and passed before."""
        return [
            c for c in self.cases if self.now[c.id].outcome == "failed" and c.id in self.before and self.before[c.id].outcome == "passed"
        ]


class CheckRuns:
    """Runs the cases of a tenant's agents."""

    def __init__(self, database: Database, knowledge: Knowledge, *, asks: bool) -> None:
        """Take `asks`: the installation has a model."""
        self._cases = Cases(database)
        self._versions = Versions(database)
        self._checking = Checking(Documents(LoopTicks(), knowledge), asks=asks)

    async def run(self, tenant_id: TenantId, agent: AgentDraft, version: int) -> CheckRun:
        """Run all cases of an agent on a version and on what is published, and store what came of them on the version."""
        asked = await self._cases.all(tenant_id, agent.id)
        if not asked.cases:
            return CheckRun(version, (), {}, {})
        now = await self._on(tenant_id, agent.id, version, asked)
        compared = agent.published_version not in (0, version)
        before = await self._on(tenant_id, agent.id, agent.published_version, asked) if compared else {}
        await self._cases.note(tenant_id, agent.id, version, now)
        return CheckRun(version, asked.cases, now, before)

    async def run_one(self, tenant_id: TenantId, agent: AgentDraft, version: int, case: Case) -> CaseRun:
        """Run one case on a version and store what came of it."""
        asked = await self._cases.all(tenant_id, agent.id)
        runs = await self._on(tenant_id, agent.id, version, CasesOf([case], asked.now))
        await self._cases.note(tenant_id, agent.id, version, runs)
        return runs[case.id]

    async def any(self, tenant_id: TenantId, agent: AgentDraft) -> bool:
        """Return whether an agent has cases."""
        return bool(await self._cases.page(tenant_id, agent.id, 0, 1))

    async def _on(self, tenant_id: TenantId, agent_id: UUID, version: int, asked: CasesOf) -> dict[UUID, CaseRun]:
        indexed = await self._indexed(tenant_id, agent_id, version)
        runs: dict[UUID, CaseRun] = {}
        for case in asked.cases:
            runs[case.id] = await self._checking.run(tenant_id, indexed, case.question, case.language, case.expectation, asked.now)
            await asyncio.sleep(0)  # webhooks go on meanwhile
        return runs

    async def _indexed(self, tenant_id: TenantId, agent_id: UUID, version: int) -> Catalogue:
        found = await self._versions.find(tenant_id, agent_id, version)
        assert found is not None  # versions are never deleted
        return await asyncio.to_thread(catalogue, AgentId(agent_id), version, found.definition)
