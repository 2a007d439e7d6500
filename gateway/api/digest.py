"""The daily digest of the caller's company: whether and when owners are sent one, and one to try."""

from actors.ports.jobs import NewJob
from actors.ports.signals import Signals
from actors.services.jobs.daily_digest import DailyDigest, DigestPayload
from gateway.api.jobs import accepted, schedule_flaws
from gateway.api.operation import Answer, Call, Operation
from gateway.problems import Problem
from gateway.schemas.digest import DigestBody, DigestView, digest_view
from gateway.schemas.jobs import JobAccepted
from storage.digests import DigestPlans, PostgresDigests
from storage.jobs.views import TenantJobs
from storage.postgres import Database

_HERE = "/api/digest"


class DigestApi:
    """The digest and its plan."""

    def __init__(self, database: Database, signals: Signals) -> None:
        self._plans = DigestPlans(database)
        self._jobs = TenantJobs(database)
        self._digests = PostgresDigests(database)
        self._signals = signals

    def operations(self) -> list[Operation]:
        """Return the operations."""
        tag = "digest"
        return [
            Operation("GET", _HERE, self.show, level="admin", tag=tag, answer=DigestView),
            Operation("PUT", _HERE, self.change, level="admin", tag=tag, body=DigestBody, answer=DigestView),
            Operation(
                "POST", f"{_HERE}/try", self.ask, level="admin", tag=tag, answer=JobAccepted, status=202, idempotent=True, also=(409,)
            ),
        ]

    async def show(self, call: Call) -> Answer:
        """Show whether and when it is sent, and which owners have linked their Telegram."""
        return Answer(digest_view(await self._plans.show(call.tenant_id)))

    async def change(self, call: Call[DigestBody]) -> Answer:
        """Send it every day at an hour, or not. Each owner is sent a day once, however often this is changed."""
        with schedule_flaws():
            plan = await self._plans.change(call.tenant_id, call.body.enabled, call.body.hour, call.body.time_zone, call.caller.actor)
        return Answer(digest_view(plan))

    async def ask(self, call: Call) -> Answer:
        """Send the caller yesterday's now, besides the plan. Returns the job that does."""
        user_id = call.caller.user_id
        if user_id is None or not await self._digests.readers(call.tenant_id, user_id):
            raise Problem(409, "your Telegram is not linked: link it in your profile first", reason="not-linked")
        job = NewJob(DailyDigest, DigestPayload(user_id=user_id), f"user:{user_id}", by=call.caller.actor.name)
        return accepted(await self._jobs.request(call.tenant_id, job, call.caller.actor), self._signals)
