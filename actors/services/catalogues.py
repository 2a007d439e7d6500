"""Published versions of agents, indexed once and shared by their conversations."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from actors.domain.agent.models import Persona
from actors.domain.catalogue import Catalogue, catalogue
from actors.domain.errors import CallboardError, TransientError
from actors.domain.ids import AgentId, TenantId
from actors.ports import CatalogueStore

log = logging.getLogger(__name__)

PATIENCE_S = 0.25  # a small shop is indexed in milliseconds; thousands of passages take seconds
_NOBODY = Persona()
Build = Callable[[AgentId, int, Mapping[str, Any]], Catalogue]


class CatalogueMissing(CallboardError):
    """The agent has no published version that can be used; its conversations wait for one."""


class Catalogues:
    """The current catalogue of every agent that has conversations here."""

    def __init__(self, store: CatalogueStore, build: Build = catalogue) -> None:
        self._store = store
        self._build = build
        self._tenants: dict[AgentId, TenantId] = {}
        self._catalogues: dict[AgentId, Catalogue] = {}
        self._refused: dict[AgentId, int] = {}  # the version that could not be used
        self._loading: set[asyncio.Task[None]] = set()

    def of(self, agent_id: AgentId) -> Catalogue:
        """Return the agent's catalogue.

        Raises:
            CatalogueMissing: none can be used yet.
        """
        found = self._catalogues.get(agent_id)
        if found is None:
            raise CatalogueMissing(f"agent {agent_id} has no usable published version")
        return found

    def persona(self, agent_id: AgentId) -> Persona:
        """Return the agent's persona, or a default one without a catalogue."""
        found = self._catalogues.get(agent_id)
        return _NOBODY if found is None else found.persona

    def debounce_s(self, agent_id: AgentId) -> float:
        """Return how long a message waits for the next one."""
        return self.persona(agent_id).debounce_s

    async def ensure(self, agents: Iterable[tuple[TenantId, AgentId]]) -> None:
        """Begin to load agents that were never loaded; return when they are, but soon: nobody else waits for a large one."""
        fresh = {agent_id: tenant_id for tenant_id, agent_id in agents if agent_id not in self._tenants}
        if not fresh:
            return
        self._tenants.update(fresh)
        task = asyncio.create_task(self._load(fresh), name="load catalogues")
        self._loading.add(task)
        task.add_done_callback(self._loaded)
        await asyncio.wait([task], timeout=PATIENCE_S)

    async def refresh(self) -> None:
        """Load what was published since."""
        if self._tenants and not self._loading:
            await self._load(dict(self._tenants))

    async def close(self) -> None:
        """Give up loading."""
        for task in self._loading:
            task.cancel()
        await asyncio.gather(*self._loading, return_exceptions=True)

    def _loaded(self, task: asyncio.Task[None]) -> None:
        self._loading.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("published versions could not be read: %s", error)  # refresh() tries again

    async def _load(self, agents: Mapping[AgentId, TenantId]) -> None:
        versions = await self._store.versions(list(agents))
        news = [a for a, version in versions.items() if version and version not in (self._version(a), self._refused.get(a))]
        await asyncio.gather(*(self._load_one(agents[agent_id], agent_id, versions[agent_id]) for agent_id in news))

    def _version(self, agent_id: AgentId) -> int:
        found = self._catalogues.get(agent_id)
        return 0 if found is None else found.version

    async def _load_one(self, tenant_id: TenantId, agent_id: AgentId, version: int) -> None:
        try:
            definition = await self._store.definition(tenant_id, agent_id, version)
            # Thousands of passages take seconds to index: not in the loop.
            self._catalogues[agent_id] = await asyncio.to_thread(self._build, agent_id, version, definition)
        except TransientError:
            raise
        except CallboardError as error:
            self._refused[agent_id] = version
            log.error("agent %s version %s cannot be used: %s", agent_id, version, error)
