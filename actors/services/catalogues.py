"""Versions of agents, indexed once and shared by their conversations."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from actors.domain.agent.models import Persona
from actors.domain.catalogue import Catalogue, catalogue
from actors.domain.errors import CallboardError, TransientError
from actors.domain.ids import AgentId, TenantId
from actors.ports.conversations import CatalogueStore, ConversationRecord

log = logging.getLogger(__name__)

PATIENCE_S = 0.25  # a small shop is indexed in milliseconds; thousands of passages take seconds
MOST_PINNED = 16  # versions that only test conversations use: they must not fill a host's memory
_NOBODY = Persona()
Build = Callable[[AgentId, int, Mapping[str, Any]], Catalogue]
Pin: TypeAlias = tuple[AgentId, int]


class CatalogueMissing(CallboardError):
    """The version is not loaded yet, or cannot be used; its conversations wait for it."""


class Catalogues:
    """The current catalogue of every agent that has conversations here, and the versions that test conversations keep to."""

    def __init__(self, store: CatalogueStore, build: Build = catalogue) -> None:
        self._store = store
        self._build = build
        self._tenants: dict[AgentId, TenantId] = {}
        self._catalogues: dict[AgentId, Catalogue] = {}
        self._pinned: OrderedDict[Pin, Catalogue] = OrderedDict()  # least recently used first
        self._wanted: dict[Pin, TenantId] = {}
        self._refused: set[Pin] = set()  # versions that could not be used
        self._loading: set[asyncio.Task[None]] = set()

    def of(self, record: ConversationRecord) -> Catalogue:
        """Return the catalogue that answers this conversation.

        Raises:
            CatalogueMissing: it cannot be used yet.
        """
        found = self._find(record)
        if found is None:
            raise CatalogueMissing(f"agent {record.agent_id} has no usable {_which(record)}")
        return found

    def persona(self, record: ConversationRecord) -> Persona:
        """Return the persona of this conversation, or a default one without a catalogue."""
        found = self._find(record)
        return _NOBODY if found is None else found.persona

    def debounce_s(self, record: ConversationRecord) -> float:
        """Return how long a message of this conversation waits for the next one."""
        return self.persona(record).debounce_s

    async def ensure(self, records: Iterable[ConversationRecord]) -> None:
        """Begin to load what was never loaded; return when it is, but soon: nobody else waits for a large one."""
        agents: dict[AgentId, TenantId] = {}
        pins: dict[Pin, TenantId] = {}
        for record in records:
            if record.pinned_version is not None:
                self._want((record.agent_id, record.pinned_version), record.tenant_id, pins)
            elif record.agent_id not in self._tenants:
                agents[record.agent_id] = record.tenant_id
        if not agents and not pins:
            return
        self._tenants.update(agents)
        task = asyncio.create_task(self._load(agents, pins), name="load catalogues")
        self._loading.add(task)
        task.add_done_callback(self._loaded)
        await asyncio.wait([task], timeout=PATIENCE_S)

    async def refresh(self) -> None:
        """Load what was published since, and pinned versions that were forgotten or could not be read."""
        if (self._tenants or self._wanted) and not self._loading:
            await self._load(dict(self._tenants), dict(self._wanted))

    async def close(self) -> None:
        """Give up loading."""
        for task in self._loading:
            task.cancel()
        await asyncio.gather(*self._loading, return_exceptions=True)

    def _find(self, record: ConversationRecord) -> Catalogue | None:
        version = record.pinned_version
        return self._catalogues.get(record.agent_id) if version is None else self._find_pinned(record, version)

    def _find_pinned(self, record: ConversationRecord, version: int) -> Catalogue | None:
        pin = (record.agent_id, version)
        found = self._pinned.get(pin)
        if found is None:
            self._want(pin, record.tenant_id)  # refresh() loads it
        else:
            self._pinned.move_to_end(pin)
        return found

    def _want(self, pin: Pin, tenant_id: TenantId, fresh: dict[Pin, TenantId] | None = None) -> None:
        if pin in self._pinned or pin in self._wanted or pin in self._refused:
            return
        self._wanted[pin] = tenant_id
        if fresh is not None:
            fresh[pin] = tenant_id

    def _loaded(self, task: asyncio.Task[None]) -> None:
        self._loading.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("versions could not be read: %s", error)  # refresh() tries again

    async def _load(self, agents: Mapping[AgentId, TenantId], pins: Mapping[Pin, TenantId]) -> None:
        versions = await self._store.versions(list(agents)) if agents else {}
        news = [a for a, version in versions.items() if version and version != self._version(a) and (a, version) not in self._refused]
        published = (self._load_published(agents[a], a, versions[a]) for a in news)
        await asyncio.gather(*published, *(self._load_pinned(tenant_id, pin) for pin, tenant_id in pins.items()))

    def _version(self, agent_id: AgentId) -> int:
        found = self._catalogues.get(agent_id)
        return 0 if found is None else found.version

    async def _load_published(self, tenant_id: TenantId, agent_id: AgentId, version: int) -> None:
        if (built := await self._built(tenant_id, (agent_id, version))) is not None:
            self._catalogues[agent_id] = built

    async def _load_pinned(self, tenant_id: TenantId, pin: Pin) -> None:
        if (built := await self._built(tenant_id, pin)) is not None:
            self._pinned[pin] = built
            while len(self._pinned) > MOST_PINNED:
                self._pinned.popitem(last=False)
        self._wanted.pop(pin, None)

    async def _built(self, tenant_id: TenantId, pin: Pin) -> Catalogue | None:
        try:
            definition = await self._store.definition(tenant_id, *pin)
            # Thousands of passages take seconds to index: not in the loop.
            return await asyncio.to_thread(self._build, *pin, definition)
        except TransientError:
            raise
        except CallboardError as error:
            self._refused.add(pin)
            log.error("agent %s version %s cannot be used: %s", *pin, error)
            return None


def _which(record: ConversationRecord) -> str:
    return "published version" if record.pinned_version is None else f"version {record.pinned_version}"
