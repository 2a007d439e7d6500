"""The copy of a Kommo account: have it brought up to date, look at it."""

from actors.ports.jobs import NewJob
from actors.ports.signals import Signals
from actors.services.jobs.crm_sync import TRIES, ContactSync, PipelineSync, SyncPayload, dedupe_key
from gateway.api.jobs import accepted
from gateway.api.operation import Answer, Call, Operation
from gateway.problems import not_found
from gateway.schemas.jobs import JobAccepted
from gateway.schemas.kommo_copy import PipelinesView, pipelines_view
from storage.kommo_views import KommoCopies
from storage.postgres import Database

_ONE = "/api/agents/{id}/integrations/{integration_id}"
_THING = "Kommo account"


class KommoCopyApi:
    """Copies of the Kommo accounts of the caller's tenant."""

    def __init__(self, database: Database, signals: Signals) -> None:
        self._copies = KommoCopies(database, [PipelineSync.name, ContactSync.name])
        self._signals = signals

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation("POST", f"{_ONE}/sync", self.sync, level="admin", tag="kommo", answer=JobAccepted, status=202, idempotent=True),
            Operation("GET", f"{_ONE}/pipelines", self.pipelines, level="viewer", tag="kommo", answer=PipelinesView),
        ]

    async def sync(self, call: Call) -> Answer:
        """Bring what is known of a Kommo account up to date.

        Returns the job that reads pipelines, stages, users and custom fields; one for leads and contacts follows it. If a sync of
        the account is on its way, that one.
        """
        integration_id = call.uuid("integration_id")
        job = NewJob(
            PipelineSync,
            SyncPayload(integration_id=integration_id),
            dedupe_key(integration_id),
            max_attempts=TRIES,
            by=call.caller.actor.name,
        )
        job_id = await self._copies.request(call.tenant_id, call.uuid("id"), integration_id, job, call.caller.actor)
        if job_id is None:
            raise not_found(_THING)
        return accepted(job_id, self._signals)

    async def pipelines(self, call: Call) -> Answer:
        """Show the pipelines of a Kommo account with their stages, its users and fields, as they were synced, and the sync on its way."""
        integration_id = call.uuid("integration_id")
        state = await self._copies.state(call.tenant_id, call.uuid("id"), integration_id, dedupe_key(integration_id))
        if state is None:
            raise not_found(_THING)
        return Answer(pipelines_view(state))
