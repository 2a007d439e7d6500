"""Whose turn it is: the placement row as the stage sees it."""

import logging
from pathlib import Path
from uuid import UUID

from actors.domain.errors import CallboardError
from actors.runtime.clock import fresh_generation
from actors.runtime.members import Part
from storage.carriers import PostgresPlacement

STANDBY = "another installation works on this database; standing by until it is gone"
_log = logging.getLogger(__name__)


def installation_of(data_dir: Path) -> UUID:
    """Return the identity of the installation with this data directory; made at the first call, kept in a file."""
    file = data_dir / "installation"
    try:
        return UUID(file.read_text().strip())
    except (FileNotFoundError, ValueError):
        data_dir.mkdir(parents=True, exist_ok=True)
        fresh = data_dir / "installation.new"
        fresh.write_text(f"{fresh_generation()}\n")
        fresh.rename(file)
        return UUID(file.read_text().strip())


def parts(hosts: int, senders: int, epoch: int, knowledge: int = 0) -> frozenset[Part]:
    """Return what an installation has to carry under an epoch."""
    return frozenset(
        (
            *(Part("host", n, hosts, epoch) for n in range(hosts)),
            *(Part("sender", n, senders, epoch) for n in range(senders)),
            Part("scheduler", 0, 1, epoch),
            Part("sync", 0, 1, epoch),
            *(Part("knowledge", n, knowledge, epoch) for n in range(knowledge)),
            Part("activity", 0, 1, epoch),
        )
    )


class Placing:
    """Claims the placement again and again: that is how others see that we are alive, and how we see that it is our turn."""

    def __init__(self, store: PostgresPlacement, installation: UUID, hosts: int, senders: int, knowledge: int = 0) -> None:
        self._store = store
        self._installation = installation
        self._hosts = hosts
        self._senders = senders
        self._knowledge = knowledge
        self.wanted: frozenset[Part] | None = None  # None: not known yet
        self.standby = False

    async def refresh(self) -> None:
        """Find out what to carry. While PostgreSQL is away, what was last known holds: its rows are fenced by epoch anyway."""
        try:
            epoch = await self._store.claim(self._installation, self._hosts, self._senders)
        except CallboardError as error:
            _log.warning("placement: %s", error)
            return
        if epoch is None and not self.standby:
            _log.warning(STANDBY)
        self.standby = epoch is None
        self.wanted = frozenset() if epoch is None else parts(self._hosts, self._senders, epoch, self._knowledge)

    async def resign(self) -> None:
        """Let another installation take over at once."""
        if self.wanted:
            await self._store.resign(self._installation)
