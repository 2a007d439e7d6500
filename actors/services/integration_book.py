"""The integrations one sender owns, as last read; shared by delivery and polling."""

import logging
from typing import Literal

from actors.domain.errors import CallboardError
from actors.domain.ids import IntegrationId
from actors.domain.troubles import TroubleCode
from actors.ports.carriers import Carrier
from actors.ports.integrations import IntegrationRecord, IntegrationStore

log = logging.getLogger(__name__)


class IntegrationBook:
    """A cache that is never trusted for more than a few seconds: whoever owns it calls `reload`."""

    def __init__(self, store: IntegrationStore, carrier: Carrier) -> None:
        self._store = store
        self._carrier = carrier
        self._records: dict[IntegrationId, IntegrationRecord] = {}
        self._problems: dict[IntegrationId, str] = {}

    async def reload(self) -> None:
        """Read the owned integrations again.

        Raises:
            TransientError: the database is away; the last list stays.
        """
        records = {record.id: record for record in await self._store.owned(self._carrier)}
        # Somebody changed it, and took its problem away with that: it is news if it comes again.
        self._problems = {key: text for key, text in self._problems.items() if records.get(key) == self._records.get(key)}
        self._records = records

    async def polled(self, record: IntegrationRecord) -> bool:
        """Ask anew whether an integration is still to be polled: its webhook is taken away only then.

        Raises:
            TransientError: the database is away.
        """
        return await self._store.polled(record)

    def get(self, integration_id: IntegrationId) -> IntegrationRecord | None:
        """Return a live integration."""
        record = self._records.get(integration_id)
        return record if record is not None and record.status == "live" else None

    def live(self, mode: Literal["push", "poll"]) -> list[IntegrationRecord]:
        """Return the live integrations of one mode."""
        return [record for record in self._records.values() if record.status == "live" and record.mode == mode]

    async def broken(self, record: IntegrationRecord, problem: str, code: TroubleCode = "token_refused") -> None:
        """Stop using an integration until somebody repairs it."""
        log.error("integration %s is broken: %s", record.id, problem)
        self._records.pop(record.id, None)
        await self._mark(record, "broken", problem, code)

    async def problem(self, record: IntegrationRecord, problem: str | None, code: TroubleCode = "other") -> None:
        """Show a problem of an integration that goes on trying, or take it away; written only when it changes."""
        if self._problems.get(record.id) == problem:
            return
        if problem is None:
            self._problems.pop(record.id, None)
        else:
            log.warning("integration %s: %s", record.id, problem)
            self._problems[record.id] = problem
        await self._mark(record, "live", problem, None if problem is None else code)

    async def _mark(
        self, record: IntegrationRecord, status: Literal["live", "broken"], problem: str | None, code: TroubleCode | None
    ) -> None:
        """The text is for people; failing to write it must not stop the work."""
        try:
            await self._store.mark(record, status, problem, code)
        except CallboardError as error:
            log.warning("the problem of integration %s could not be stored: %s", record.id, error)
