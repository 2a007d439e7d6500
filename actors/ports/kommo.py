"""What the Kommo integration needs to be kept for it: credentials, the account's pace, what is left of its quota."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from actors.domain.ids import IntegrationId, TenantId


@dataclass(frozen=True, slots=True)
class KommoAccount:
    """Which connected account is meant."""

    tenant_id: TenantId
    integration_id: IntegrationId


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to speak for an account. `generation` rises with every new pair of tokens; secrets are plain here and never logged."""

    host: str
    generation: int
    access_token: str = field(repr=False)
    client_id: str | None = None  # None: a long-lived token
    client_secret: str = field(default="", repr=False)
    redirect_uri: str = ""
    refresh_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class NewTokens:
    """An answer of the token endpoint. Both tokens replace the ones before."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in_s: float


@dataclass(frozen=True, slots=True)
class Reservation:
    """The account's moment for one request.

    Args:
        granted: it may be used; else `at_s` says where the queue ends.
        at_s: in seconds, on the clock of whoever keeps the pace.
        now_s: what that clock said when this was answered.
        generation: of the current tokens.
        stale: the access token ends within a minute.
        blocked_s: how much longer Kommo blocks our address; None: it does not.
    """

    granted: bool
    at_s: float
    now_s: float
    generation: int
    stale: bool
    blocked_s: float | None


@dataclass(frozen=True, slots=True)
class Outlet:
    """The ways by which an account's answers can go out now."""

    bot_id: int | None
    field_id: int | None
    quota_problem: str | None  # why the direct way is not to be tried now

    @property
    def has_bot(self) -> bool:
        """Whether a Salesbot was configured."""
        return self.bot_id is not None and self.field_id is not None


class KommoPace(Protocol):
    """The pace of accounts, one for all processes."""

    async def reserve(self, account: KommoAccount, gap_s: float, horizon_s: float) -> Reservation | None:
        """Reserve the next moment if it is within the horizon; None: no such account."""

    async def slow_down(self, account: KommoAccount, seconds: float) -> None:
        """Let nobody of the account go before this is over."""

    async def block(self, account: KommoAccount, seconds: float, reason: str) -> None:
        """Let nobody of this installation go before this is over, and tell people."""


class KommoCredentials(Protocol):
    """The credentials of accounts. Everything is committed when a method returns."""

    async def read(self, account: KommoAccount) -> Credentials | None: ...
    async def begin_refresh(self, account: KommoAccount, generation: int, owner: UUID, lease_s: float) -> bool:
        """Become the only one who may use the refresh token of this generation, for `lease_s`."""

    async def store(self, account: KommoAccount, generation: int, tokens: NewTokens) -> bool:
        """Replace the tokens of this generation; False if somebody else did."""

    async def moved(self, account: KommoAccount, host: str) -> None:
        """The account's API is at another host now."""


class KommoOutlets(Protocol):
    """By which way answers go out."""

    async def outlet(self, account: KommoAccount) -> Outlet | None: ...
    async def count(self, account: KommoAccount) -> None:
        """Count one message sent directly in this month."""

    async def over_quota(self, account: KommoAccount, problem: str, seconds: float) -> None:
        """Do not try the direct way for some time; people see why."""

    async def take_bot(self, account: KommoAccount, lead_id: int, seconds: float) -> float | None:
        """Take the lead's only Salesbot run for some time; else return how long another one has it."""


class KommoSalesbots(Protocol):
    """Bots of accounts that wait for an answer, each at an address that takes one."""

    async def take(self, account: KommoAccount, lead_id: int | None, contact_id: int | None, seconds: float) -> str | None:
        """Return where the one that asked last in a chat of this lead or contact waits; nobody else gets it for some time."""

    async def overdue(self, integrations: Sequence[IntegrationId], seconds: float, most: int) -> list[tuple[KommoAccount, str]]:
        """Return those that have waited longer and are nobody's, the oldest first."""

    async def hold(self, account: KommoAccount, path: str, seconds: float) -> bool:
        """Take one for some time; False: somebody else has it, or it waits no more."""

    async def give_back(self, account: KommoAccount, path: str) -> None: ...
    async def done(self, account: KommoAccount, path: str) -> None: ...
    async def asks(self, account: KommoAccount) -> bool:
        """Whether the account has had such bots lately."""
