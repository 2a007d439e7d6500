"""`crm:sync-pipelines` and `crm:sync-contacts`: the copy of a Kommo account is brought up to date, one job of an account at a time."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from actors.domain.errors import TransientError
from actors.domain.ids import IntegrationId
from actors.domain.jobs import Mark, Progress
from actors.ports.crm import CrmItem, CrmMirror, CrmPage, CrmReader, Difference, Kind, Marking, SyncEnd
from actors.ports.jobs import JobContext, NewJob
from actors.ports.kommo import KommoAccount
from actors.ports.time import Clock

AHEAD = 6  # pages asked for at once: an answer may take a second, and the account's pace is still used
TRIES = 20  # each goes on where the last one stopped
_BUSY_S = 2.0
_PATIENCE, _PAUSE_S, _LONGEST_PAUSE_S = 4, 1.0, 5.0
_SKEW_S = 60  # between our clock and Kommo's; what is read twice changes nothing
_FULL_AFTER = timedelta(days=7)  # a list of changes does not name what was deleted
_KINDS: tuple[Kind, ...] = ("lead", "contact")
Fetch = Callable[[int], Coroutine[Any, Any, CrmPage]]


class SyncPayload(BaseModel):
    """Which account. `contacts`: leads and contacts follow; `full`: not only what changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    integration_id: UUID
    contacts: bool = True
    full: bool = False

    def account(self, context: JobContext) -> KommoAccount:
        """Return the account that is meant."""
        return KommoAccount(context.lease.tenant_id, IntegrationId(self.integration_id))


def dedupe_key(integration_id: UUID) -> str:
    """Return the key under which an account has one live job of each kind."""
    return f"kommo:{integration_id}"


class PipelineSync:
    """Pipelines with their stages, users, and custom fields: a few requests, so a try begins anew."""

    name: ClassVar[str] = "crm:sync-pipelines"
    timeout_s: ClassVar[float] = 600.0
    payload = SyncPayload

    def __init__(self, reader: CrmReader, mirror: CrmMirror, clock: Clock) -> None:
        self._reader = reader
        self._mirror = mirror
        self._clock = clock

    async def run(self, payload: SyncPayload, context: JobContext) -> Mapping[str, Any]:
        """Copy them; return what was added, changed and removed, and the job that follows."""
        account = payload.account(context)
        await _take_turn(self._mirror, context, account)
        found: dict[str, Any] = dict(context.checkpoint)
        pipelines, stages = await self._reader.pipelines(account)
        found = await self._keep(context, account, found, "pipelines", {"pipeline": pipelines, "stage": stages})
        users = await self._reader.users(account)
        if users is not None:
            found = await self._keep(context, account, found, "users", {"user": users})
        found = await self._keep(context, account, found, "fields", {"field": await self._reader.fields(account)})
        end = SyncEnd("pipelines", found, _mark(found), full_at=self._clock.now(), then=_then(payload))
        following = await self._mirror.finish(context.lease, account, end)
        return found | ({"next_job_id": str(following)} if following else {})

    async def _keep(
        self, context: JobContext, account: KommoAccount, found: Mapping[str, Any], name: str, kinds: Mapping[Kind, Sequence[CrmItem]]
    ) -> dict[str, Any]:
        """Commit all there is of some kinds; return what was found until now, by tries before this one as well."""

        def summed(more: Difference) -> dict[str, Any]:
            before = found.get(name, {})
            return {**found, name: {word: count + before.get(word, 0) for word, count in asdict(more).items()}}

        return summed(await self._mirror.save_all(context.lease, account, kinds, lambda more: _mark(summed(more))))


@dataclass(frozen=True, slots=True)
class _Place:
    """How far the leads and contacts of an account are read."""

    started: str
    since: int | None
    kind: int = 0
    page: int = 1
    seen: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0

    def after(self, found: Difference, kind: int, page: int, read: int = 0) -> "_Place":
        """Return the place behind a commit that found this in so many things."""
        added, changed, removed = self.added + found.added, self.changed + found.changed, self.removed + found.removed
        return replace(self, added=added, changed=changed, removed=removed, kind=kind, page=page, seen=self.seen + read)

    def mark(self) -> Mark:
        """Return what is committed with it."""
        note = _KINDS[self.kind] + "s" if self.kind < len(_KINDS) else ""
        return Mark(Progress(self.seen, None, note), asdict(self))

    @property
    def counts(self) -> dict[str, int]:
        """Return what people see."""
        return {"seen": self.seen, "added": self.added, "changed": self.changed, "removed": self.removed}


class ContactSync:
    """Leads, then contacts, page by page; each page is committed with the place behind it, so a worker that died is followed there."""

    name: ClassVar[str] = "crm:sync-contacts"
    timeout_s: ClassVar[float] = 4 * 3_600.0
    payload = SyncPayload

    def __init__(self, reader: CrmReader, mirror: CrmMirror, clock: Clock) -> None:
        self._reader = reader
        self._mirror = mirror
        self._clock = clock

    async def run(self, payload: SyncPayload, context: JobContext) -> Mapping[str, Any]:
        """Copy what changed since the last time, or everything; return how much it was."""
        account = payload.account(context)
        await _take_turn(self._mirror, context, account)
        place = _Place(**context.checkpoint) if context.checkpoint else await self._begin(payload, account)
        while place.kind < len(_KINDS):
            place = await self._kind(context, account, place)
        started = datetime.fromisoformat(place.started)
        full_at = started if place.since is None else None
        since = int(started.timestamp()) - _SKEW_S
        await self._mirror.finish(context.lease, account, SyncEnd("contacts", place.counts, place.mark(), since, full_at))
        return {**place.counts, "full": place.since is None}

    async def _begin(self, payload: SyncPayload, account: KommoAccount) -> _Place:
        now = self._clock.now()
        last = await self._mirror.last(account, "contacts")
        changes_only = last is not None and not payload.full and now - last.full_at < _FULL_AFTER
        return _Place(now.isoformat(), last.since if last and changes_only else None)

    async def _kind(self, context: JobContext, account: KommoAccount, place: _Place) -> _Place:
        kind, lease, since = _KINDS[place.kind], context.lease, place.since

        def fetch(number: int) -> Coroutine[Any, Any, CrmPage]:
            return self._page(account, kind, number, since)

        async with aclosing(_ahead(fetch, place.page)) as pages:
            async for page in pages:
                behind = partial(place.after, kind=place.kind, page=place.page + 1, read=len(page.items))
                place = behind(await self._mirror.save(lease, account, kind, page.items, _marked(behind)))
        return await self._next_kind(context, account, place)

    async def _page(self, account: KommoAccount, kind: Kind, number: int, since: int | None) -> CrmPage:
        """Read a page; a refusal that will soon be over does not end the pages beside it."""
        for _ in range(_PATIENCE):
            try:
                return await self._reader.page(account, kind, number, since)
            except TransientError as error:
                if (wait_s := error.retry_after_s or _PAUSE_S) > _LONGEST_PAUSE_S:
                    raise
                await self._clock.sleep(wait_s)
        return await self._reader.page(account, kind, number, since)

    async def _next_kind(self, context: JobContext, account: KommoAccount, place: _Place) -> _Place:
        behind = partial(place.after, kind=place.kind + 1, page=1)
        if place.since is None:
            return behind(await self._mirror.remove_unseen(context.lease, account, _KINDS[place.kind], _marked(behind)))
        place = behind(Difference())
        await context.report(place.mark())
        return place


def _marked(behind: Callable[[Difference], _Place]) -> Marking:
    return lambda found: behind(found).mark()


async def _ahead(fetch: Fetch, number: int) -> AsyncGenerator[CrmPage, None]:
    """Yield pages in order until the last one; while one is used others are fetched."""
    under_way = deque([asyncio.create_task(fetch(number))])  # most lists are one page long
    try:
        while not (page := await under_way.popleft()).last:
            while len(under_way) < AHEAD:
                number += 1
                under_way.append(asyncio.create_task(fetch(number)))
            yield page
        yield page
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _take_turn(mirror: CrmMirror, context: JobContext, account: KommoAccount) -> None:
    if not await mirror.take_turn(context.lease, account.integration_id):
        raise TransientError("another sync of this account is at work", _BUSY_S)


def _mark(found: Mapping[str, Any]) -> Mark:
    return Mark(Progress(len(found), 3), found)


def _then(payload: SyncPayload) -> NewJob[SyncPayload] | None:
    if not payload.contacts:
        return None
    return NewJob(ContactSync, payload, dedupe_key(payload.integration_id), max_attempts=TRIES)
