"""A gateway whose commits wait at two gates in PostgreSQL before the first INSERT: single rows at one, large groups at the other."""

import sys
from collections.abc import Sequence

import gateway.app
from actors.ports.inbox import NewInput, Stored
from gateway.__main__ import main
from storage.inbox import PostgresInbox
from storage.postgres import Database

PLUG_GATE, GROUP_GATE = 701, 702
GROUP = 100


class HeldInbox(PostgresInbox):
    """The real inbox behind the gates."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._gates = database

    async def ingest(self, inputs: Sequence[NewInput]) -> list[Stored]:
        gate = GROUP_GATE if len(inputs) >= GROUP else PLUG_GATE
        # The lock lasts for the one statement: whoever holds the gate exclusively lets all through at once.
        await self._gates.fetch("select pg_advisory_xact_lock_shared($1)", gate)
        return await super().ingest(inputs)


setattr(gateway.app, "PostgresInbox", HeldInbox)  # noqa: B010

if __name__ == "__main__":
    sys.exit(main())
