"""What a channel's webhooks may have lost: who looks for it, and what is kept of the looking."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from actors.domain.ids import TenantId
from actors.domain.jobs import Mark
from actors.ports.inbox import NewInput
from actors.ports.jobs import JobLease
from actors.ports.kommo import KommoAccount


@dataclass(frozen=True, slots=True)
class WatchedAccount:
    """A connected account. `since`: until then everything was compared; `secret`: of its webhook's address."""

    account: KommoAccount
    number: str
    secret: str = field(repr=False)
    since: datetime


@dataclass(frozen=True, slots=True)
class Party:
    """To what a chat belongs."""

    kind: Literal["lead", "contact"]
    id: int


@dataclass(frozen=True, slots=True)
class ChatActivity:
    """Something was said in a chat. `dedupe_key`: under which its webhook would be in the inbox; empty where that is not told."""

    party: Party
    dedupe_key: str


class CrmHistory(Protocol):
    """What an account remembers itself."""

    async def receives(self, account: KommoAccount, destination: str) -> bool:
        """Whether the account sends its events to this address."""

    async def subscribe(self, account: KommoAccount, destination: str) -> None:
        """Have it do so."""

    async def activity(self, watched: WatchedAccount, until: datetime) -> Sequence[ChatActivity]:
        """Return what was said in all chats, from `watched.since` on."""

    async def said(self, watched: WatchedAccount, party: Party, until: datetime) -> Sequence[NewInput]:
        """Return what was said in the chats of a party, as their webhooks would have told it, in its order."""


class CrmWatch(Protocol):
    """Which accounts are looked at, and how far."""

    async def accounts(self, tenant_id: TenantId) -> Sequence[WatchedAccount]:
        """Return the connected accounts."""

    async def known(self, dedupe_keys: Collection[str]) -> set[str]:
        """Return those that are in the inbox, or were."""

    async def resubscribed(self, lease: JobLease, watched: WatchedAccount) -> None:
        """Tell people that the account did not send its events here."""

    async def reconciled(self, lease: JobLease, watched: WatchedAccount, until: datetime, mark: Mark) -> None:
        """Until this moment everything was compared."""
