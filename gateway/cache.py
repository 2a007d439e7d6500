"""A short memory of lookups, so that the database is not asked for every request and may be away for some."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from actors.domain.errors import TransientError
from gateway.patience import Patience

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MAX_ENTRIES = 10_000
RETRY_PAUSE_S = 0.03
MAX_LOADS = 2  # at once: lookups of made-up names must not take the connections that others need


@dataclass(frozen=True, slots=True)
class _Entry(Generic[V]):
    value: V
    loaded_at: float


class Cache(Generic[K, V]):
    """Remembers what `load` returns for `ttl_s`. Callers that want the same key at once share one load."""

    def __init__(self, load: Callable[[K], Awaitable[V]], patience: Patience, *, ttl_s: float, load_timeout_s: float) -> None:
        self._load = load
        self._patience = patience
        self._ttl_s = ttl_s
        self._load_timeout_s = load_timeout_s
        self._entries: OrderedDict[K, _Entry[V]] = OrderedDict()
        self._loading: dict[K, asyncio.Task[V]] = {}
        self._loads = asyncio.Semaphore(MAX_LOADS)

    async def get(self, key: K, *, max_age_s: float | None = None) -> V:
        """Return the value, at most `max_age_s` (default: the ttl) old; an older one if the database is away.

        Raises:
            TransientError: nothing is remembered and the database is away.
        """
        entry = self._entries.get(key)
        now = asyncio.get_running_loop().time()
        if entry and now - entry.loaded_at < (self._ttl_s if max_age_s is None else max_age_s):
            return entry.value
        try:
            return await asyncio.shield(self._shared(key))
        except TransientError:
            if entry:
                return entry.value
            raise

    def forget(self, key: K) -> None:
        """Look the key up anew next time."""
        self._entries.pop(key, None)

    def _shared(self, key: K) -> asyncio.Task[V]:
        if key not in self._loading:
            task = asyncio.create_task(self._fresh(key))
            self._loading[key] = task
            task.add_done_callback(lambda done: self._loaded(key, done))
        return self._loading[key]

    def _loaded(self, key: K, task: asyncio.Task[V]) -> None:
        self._loading.pop(key, None)
        if not task.cancelled():
            task.exception()  # whoever waited has it too; nobody may be left to

    async def _fresh(self, key: K) -> V:
        value = await self._patience.within(self._load_timeout_s, self._limited(key))
        self._entries[key] = _Entry(value, asyncio.get_running_loop().time())
        self._entries.move_to_end(key)
        if len(self._entries) > MAX_ENTRIES:
            self._entries.popitem(last=False)
        return value

    async def _limited(self, key: K) -> V:
        """Load, again and again while connections break, until the patience of `_fresh` ends it."""
        async with self._loads:
            while True:
                try:
                    return await self._load(key)
                except TransientError:
                    await asyncio.sleep(RETRY_PAUSE_S)
