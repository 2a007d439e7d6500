"""A CRM's accounts, copied: what reads them, and what keeps the copy."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from actors.domain.ids import IntegrationId
from actors.domain.jobs import Mark
from actors.ports.jobs import JobLease, NewJob
from actors.ports.kommo import KommoAccount

Kind = Literal["pipeline", "stage", "user", "field", "lead", "contact"]
What = Literal["pipelines", "contacts"]
Marking = Callable[["Difference"], Mark]  # the mark of a commit, out of what the commit found


@dataclass(frozen=True, slots=True)
class CrmItem:
    """One thing of an account, as far as it is kept."""

    key: str
    name: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CrmPage:
    """A page of a list; `last`: there is none behind it."""

    items: Sequence[CrmItem]
    last: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """What a commit found to be new, other, or gone."""

    added: int = 0
    changed: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True)
class LastSync:
    """The last sync of a sort that was finished."""

    since: int | None
    full_at: datetime


@dataclass(frozen=True, slots=True)
class SyncEnd:
    """What is kept of a sync that is complete. `full_at` None: this one read changes only."""

    what: What
    counts: Mapping[str, Any]
    mark: Mark
    since: int | None = None
    full_at: datetime | None = None
    then: NewJob[Any] | None = None


class CrmReader(Protocol):
    """Reads an account, a request of the account's pace each."""

    async def pipelines(self, account: KommoAccount) -> tuple[Sequence[CrmItem], Sequence[CrmItem]]:
        """Return all pipelines, and the stages of all of them."""

    async def users(self, account: KommoAccount) -> Sequence[CrmItem] | None:
        """Return all users; None where the account does not let us see them."""

    async def fields(self, account: KommoAccount) -> Sequence[CrmItem]:
        """Return the custom fields of leads and contacts."""

    async def page(self, account: KommoAccount, kind: Kind, number: int, since: int | None) -> CrmPage:
        """Return a page of leads or contacts in the order of their ids, from 1; with `since` those changed from that second on."""


class CrmMirror(Protocol):
    """The copy. Everything is written under the job's lease, with its mark."""

    async def take_turn(self, lease: JobLease, integration_id: IntegrationId) -> bool:
        """Become the account's only sync; False while another one is at work.

        Raises:
            TerminalError: the account is not connected.
        """

    async def last(self, account: KommoAccount, what: What) -> LastSync | None: ...
    async def save(self, lease: JobLease, account: KommoAccount, kind: Kind, items: Sequence[CrmItem], mark: Marking) -> Difference:
        """Keep items; those that are not among them stay as they are."""

    async def save_all(self, lease: JobLease, account: KommoAccount, kinds: Mapping[Kind, Sequence[CrmItem]], mark: Marking) -> Difference:
        """Keep items that are all there are of their kinds: others are removed."""

    async def remove_unseen(self, lease: JobLease, account: KommoAccount, kind: Kind, mark: Marking) -> Difference:
        """Remove what this job did not see."""

    async def finish(self, lease: JobLease, account: KommoAccount, end: SyncEnd) -> UUID | None:
        """Note that the sync is complete, give the turn back, queue what follows and return its id."""
