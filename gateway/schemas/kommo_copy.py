"""The copy of a Kommo account: pipelines, stages, users and fields as synced, and the sync on its way."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

from pydantic import Field

from gateway.schemas.bodies import View
from storage.kommo_views import MirrorItem, MirrorState

Change = Literal["added", "changed", "removed"]
_CHANGE = Field(description="what the last sync found; null: it is as it was")


class SyncProgress(View):
    """A sync that waits or runs. `done` of `total`: steps of `crm:sync-pipelines`, things read by `crm:sync-contacts`."""

    job_id: UUID
    name: str
    state: str
    done: int
    total: int | None
    note: str
    error: str | None = Field(description="why the last try failed; it is tried again")


class SyncCounts(View):
    """What a sync found."""

    added: int
    changed: int
    removed: int


class PipelinesSynced(View):
    """The last sync of pipelines, users and custom fields. A part that the account does not let us see is null."""

    finished_at: datetime
    pipelines: SyncCounts | None
    users: SyncCounts | None
    fields: SyncCounts | None


class ContactsSynced(View):
    """The last sync of leads and contacts."""

    finished_at: datetime
    seen: int
    found: SyncCounts


class StageView(View):
    """A stage. Ids of stages are unique within their pipeline only."""

    id: int
    name: str
    color: str
    change: Change | None = _CHANGE


class PipelineView(View):
    """A pipeline with its stages in order."""

    id: int
    name: str
    is_main: bool
    change: Change | None = _CHANGE
    stages: list[StageView]


class CrmUserView(View):
    """A user of the account."""

    id: int
    name: str
    change: Change | None = _CHANGE


class CrmFieldView(View):
    """A custom field of leads or contacts."""

    id: int
    entity: str
    name: str
    type: str
    change: Change | None = _CHANGE


class PipelinesView(View):
    """What is known of an account. `problem`: why the last sync failed, unless one is on its way."""

    sync: SyncProgress | None
    problem: str | None
    pipelines_synced: PipelinesSynced | None
    contacts_synced: ContactsSynced | None
    pipelines: list[PipelineView]
    users: list[CrmUserView]
    fields: list[CrmFieldView]


def pipelines_view(state: MirrorState) -> PipelinesView:
    """Return what is shown of a copy."""
    kinds: dict[str, list[MirrorItem]] = {}
    for item in state.items:
        kinds.setdefault(item.kind, []).append(item)
    live = state.live
    progress = live and SyncProgress(
        job_id=live.id, name=live.name, state=live.state, done=live.done, total=live.total, note=live.note, error=live.error
    )
    return PipelinesView(
        sync=progress,
        problem=None if live else state.error,
        pipelines_synced=_pipelines_synced(state),
        contacts_synced=_contacts_synced(state),
        pipelines=[_pipeline(item, kinds.get("stage", ())) for item in kinds.get("pipeline", ())],
        users=[CrmUserView(id=int(item.key), name=item.name, change=_change(item)) for item in kinds.get("user", ())],
        fields=[_field(item) for item in kinds.get("field", ())],
    )


def _pipelines_synced(state: MirrorState) -> PipelinesSynced | None:
    last = state.finished.get("pipelines")
    if last is None:
        return None
    parts = {name: _counts(last.counts.get(name)) for name in ("pipelines", "users", "fields")}
    return PipelinesSynced(finished_at=last.finished_at, **parts)


def _contacts_synced(state: MirrorState) -> ContactsSynced | None:
    last = state.finished.get("contacts")
    found = last and _counts(last.counts)
    return ContactsSynced(finished_at=last.finished_at, seen=last.counts["seen"], found=found) if last and found else None


def _counts(counts: Any) -> SyncCounts | None:
    return counts and SyncCounts(added=counts["added"], changed=counts["changed"], removed=counts["removed"])


def _pipeline(item: MirrorItem, stages: Iterable[MirrorItem]) -> PipelineView:
    return PipelineView(
        id=int(item.key),
        name=item.name,
        is_main=bool(item.data.get("is_main")),
        change=_change(item),
        stages=[_stage(stage) for stage in stages if stage.key.startswith(f"{item.key}:")],
    )


def _stage(item: MirrorItem) -> StageView:
    return StageView(id=int(item.key.partition(":")[2]), name=item.name, color=str(item.data.get("color", "")), change=_change(item))


def _field(item: MirrorItem) -> CrmFieldView:
    entity, _, number = item.key.partition(":")
    return CrmFieldView(id=int(number), entity=entity, name=item.name, type=str(item.data.get("type", "")), change=_change(item))


def _change(item: MirrorItem) -> Change | None:
    return next((word for word in get_args(Change) if word == item.change), None)
