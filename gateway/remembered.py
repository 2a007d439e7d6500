"""What the database says of a name in a path, remembered for seconds, and beside the spool for when the database is away."""

import logging
import sqlite3
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar
from uuid import UUID

from actors.domain.errors import TransientError
from gateway.cache import Cache
from gateway.patience import Patience
from storage.spool import Spool

log = logging.getLogger(__name__)

TTL_S = 3.0  # a pause or a new owner takes effect within this
REFRESH_S = 0.5  # a wrong secret asks the database anew this often: a secret that was just changed works at once
LOOKUP_TIMEOUT_S = 0.3  # within the budget of 0.7 s, with time left for the commit or the spool

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """Finds values by key, with two memories in front of the database."""

    def __init__(
        self,
        load: Callable[[K], Awaitable[V | None]],
        patience: Patience,
        spool: Spool | None,
        place: Callable[[K], UUID],
        to_bytes: Callable[[V], bytes | None],
        from_bytes: Callable[[bytes], V],
    ) -> None:
        """Take how to ask the database, and how values are kept.

        Args:
            load: asks the database.
            patience: how long callers may wait.
            spool: keeps values for when the database is away.
            place: where in the spool a key's value is.
            to_bytes: the form kept there; None: this one is not kept.
            from_bytes: the way back, also from forms that older versions kept.
        """
        self._load = load
        self._spool = spool
        self._place = place
        self._to_bytes = to_bytes
        self._from_bytes = from_bytes
        self._cache: Cache[K, V | None] = Cache(self._look_up, patience, ttl_s=TTL_S, load_timeout_s=LOOKUP_TIMEOUT_S)

    async def find(self, key: K, *, fresh: bool = False) -> V | None:
        """Return the value; None if there is none.

        Args:
            key: from the path.
            fresh: ask the database if the memory is older than REFRESH_S.

        Raises:
            TransientError: the database is away and we do not know.
        """
        try:
            return await self._cache.get(key, max_age_s=REFRESH_S if fresh else None)
        except TransientError:
            if (value := await self._recall(key)) is not None:
                return value
            raise

    def forget(self, key: K) -> None:
        """Ask the database next time."""
        self._cache.forget(key)

    async def _look_up(self, key: K) -> V | None:
        value = await self._load(key)
        if value is not None and self._spool is not None and (kept := self._to_bytes(value)) is not None:
            try:
                await self._spool.remember(self._place(key), kept)
            except sqlite3.Error as error:
                log.warning("spool: what is behind an address cannot be remembered: %s", type(error).__name__)
        return value

    async def _recall(self, key: K) -> V | None:
        record = await self._spool.recall(self._place(key)) if self._spool is not None else None
        return self._from_bytes(record) if record else None
