"""`digest:daily`: each owner who linked their Telegram reads there what happened yesterday, once."""

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from actors.domain.digest import day_before, digest
from actors.domain.ids import TenantId
from actors.domain.jobs import Mark, Progress
from actors.ports.digests import DigestStore
from actors.ports.jobs import JobContext
from actors.ports.time import Clock


class DigestPayload(BaseModel):
    """For all owners, as the schedule asks; or for one user who wants to see it now."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user_id: UUID | None = None


class DailyDigest:
    """Sends one after another. The day is fixed by the first try: a later one goes on with it, also after midnight."""

    name: ClassVar[str] = "digest:daily"
    timeout_s: ClassVar[float] = 120.0
    payload = DigestPayload

    def __init__(self, store: DigestStore, clock: Clock, public_url: str) -> None:
        self._store = store
        self._clock = clock
        self._public_url = public_url.rstrip("/")

    async def run(self, payload: DigestPayload, context: JobContext) -> Mapping[str, Any]:
        """Send what was not sent yet; return of which day, and to how many."""
        tenant_id = context.lease.tenant_id
        zone = await self._store.zone(tenant_id)
        fixed = context.checkpoint.get("day")
        day = date.fromisoformat(fixed) if fixed else day_before(self._clock.now(), zone)
        readers = await self._store.readers(tenant_id, payload.user_id)
        await context.report(Mark(Progress(0, len(readers)), {"day": day.isoformat()}))
        facts = await self._store.facts(tenant_id, day, zone)
        key = day.isoformat() if payload.user_id is None else f"job:{context.lease.job_id}"
        sent = [await self._store.send(context.lease, it, key, digest(facts, it.locale, self._link(tenant_id))) for it in readers]
        return {"day": day.isoformat(), "sent": sum(sent), "readers": len(readers)}

    def _link(self, tenant_id: TenantId) -> str:
        return f"{self._public_url}/manage/{tenant_id}" if self._public_url else ""
