"""The daily digest as the API shows it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from gateway.schemas.bodies import Body, View
from gateway.schemas.jobs import Zone
from storage.digests import DigestPlan


class DigestReaderView(View):
    """An owner; without a linked Telegram nothing can be sent to them."""

    id: UUID
    name: str
    linked: bool


class DigestView(View):
    """Whether and when owners are sent what happened the day before."""

    enabled: bool
    hour: int | None = Field(description="null: the schedule has a time of its own")
    time_zone: str
    next_at: datetime | None
    owners: list[DigestReaderView]


class DigestBody(Body):
    """Whether and when; the day, too, begins in this time zone."""

    enabled: bool
    hour: Annotated[int, Field(ge=0, le=23)]
    time_zone: Zone


def digest_view(plan: DigestPlan) -> DigestView:
    """Return the plan."""
    owners = [DigestReaderView(id=owner.id, name=owner.name, linked=owner.linked) for owner in plan.owners]
    return DigestView(enabled=plan.enabled, hour=plan.hour, time_zone=plan.time_zone, next_at=plan.next_at, owners=owners)
