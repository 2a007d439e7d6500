"""Connecting bots: what the use case needs of the provider and of storage."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol
from uuid import UUID

from actors.domain.ids import IntegrationId
from actors.domain.troubles import Trouble

Mode = Literal["push", "poll"]


@dataclass(frozen=True, slots=True)
class Bot:
    """Whose token it is, as the provider says."""

    id: str
    username: str
    name: str


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where the provider sends a bot's updates; `url` is empty if nowhere. `failed_at` is in seconds since 1970."""

    url: str
    waiting: int
    error: str = ""
    failed_at: int = 0


@dataclass(frozen=True, slots=True)
class Holder:
    """The one live integration of an account. Of another tenant's only that it is there may be told."""

    integration_id: IntegrationId
    tenant_id: UUID
    agent_id: UUID
    agent_name: str
    ours: bool


@dataclass(frozen=True, slots=True)
class ConnectedBot:
    """An integration with what is needed to speak for it; `token` is None if it cannot be decrypted."""

    id: IntegrationId
    agent_id: UUID
    account: str
    mode: Mode
    status: str
    trouble: Trouble | None
    token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a bot is now. `secret` is the webhook's, known here and to the provider only; `moved_from` was disconnected for it."""

    bot: ConnectedBot
    secret: str = field(repr=False)
    moved_from: Holder | None


class BotAccounts(Protocol):
    """The provider, as far as connecting goes. Every call has a timeout; tokens and secrets are in no error."""

    async def me(self, token: str) -> Bot: ...
    async def webhook(self, token: str) -> Webhook: ...
    async def set_webhook(self, token: str, url: str, secret: str) -> None: ...
    async def delete_webhook(self, token: str) -> None: ...


class ConnectionDesk(Protocol):
    """The integrations of one tenant, changed in the name of one person or program. Every change is in the audit log."""

    async def holder(self, account: str) -> Holder | None: ...
    async def place(self, agent_id: UUID, bot: Bot, token: str, mode: Mode) -> Placed | None: ...
    async def find(self, agent_id: UUID, integration_id: UUID) -> ConnectedBot | None: ...
    async def receive(self, bot: ConnectedBot, mode: Mode) -> str: ...
    async def note(self, bot: ConnectedBot, trouble: Trouble | None, *, broken: bool = False) -> None: ...


@dataclass(frozen=True, slots=True)
class WatchedBot:
    """One bot of any tenant, and where its row is changed."""

    id: UUID
    agent_id: UUID
    desk: ConnectionDesk


class ConnectedBots(Protocol):
    """All bots of the installation that are not paused or disconnected, by id."""

    async def page(self, after: UUID | None, limit: int) -> Sequence[WatchedBot]: ...
