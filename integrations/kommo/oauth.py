"""Tokens: exchanged, refreshed by one owner over all processes, stored before they are used.

A refresh token works once. Two processes that use the same one lose the account: the second is told that it was revoked.
So a process leases the right to refresh in the database; the others wait until the generation rises.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from actors.domain.errors import CredentialsRefused, TerminalError, TransientError, UnknownOutcome
from actors.ports.kommo import Credentials, KommoAccount, KommoCredentials, NewTokens
from actors.ports.time import Ticks
from integrations.kommo.errors import AccountMoved
from integrations.kommo.hosts import authorize_host
from integrations.kommo.limits import Priority, Reservations, Slot
from integrations.kommo.wire import NOW, Moment, Wire

LEASE_S = 30.0  # a moment to write, one request of at most 10 s and two commits
WRITE_S = 15.0
WAIT_S = 12.0
LOOK_S = 0.1
KEEP_S = 60.0
_AGAIN = "connect the account again"


def authorize_url(wire: Wire, platform: str, client_id: str, state: str) -> str:
    """Return where a person allows the access; Kommo sends their browser back with `state`."""
    return f"{wire.base(authorize_host(platform))}/oauth?{urlencode({'client_id': client_id, 'state': state, 'mode': 'popup'})}"


async def exchange(wire: Wire, host: str, client_id: str, client_secret: str, code: str, redirect_uri: str) -> NewTokens:
    """Return the tokens for a code, which is good for 20 minutes and once.

    Raises:
        CredentialsRefused: the code or the secret is wrong.
        CallboardError: see errors.py.
    """
    grant = {"grant_type": "authorization_code", "code": code}
    return await _tokens(wire, host, client_id, client_secret, redirect_uri, grant)


async def _tokens(
    wire: Wire, host: str, client_id: str, client_secret: str, redirect_uri: str, grant: Mapping[str, str], moment: Moment = NOW
) -> NewTokens:
    body = {"client_id": client_id, "client_secret": client_secret, "redirect_uri": redirect_uri, **grant}
    try:
        answer = await wire.ask("POST", host, "/oauth2/access_token", body=body, moment=moment)
    except (TransientError, UnknownOutcome, AccountMoved):
        raise
    except TerminalError as error:
        raise CredentialsRefused(f"Kommo refuses the access: {error}") from None
    return _new_tokens(answer)


def _new_tokens(answer: Any) -> NewTokens:
    access, refresh, expires = (
        (answer.get(k) for k in ("access_token", "refresh_token", "expires_in")) if isinstance(answer, dict) else ("",) * 3
    )
    if not (isinstance(access, str) and access and isinstance(refresh, str) and refresh):
        raise UnknownOutcome("Kommo's answer holds no tokens")
    return NewTokens(access, refresh, float(expires) if isinstance(expires, int | float) else 0.0)


class Tokens:
    """The access tokens of this process's accounts, always of the latest generation."""

    def __init__(self, store: KommoCredentials, wire: Wire, clock: Ticks, fresh_id: Callable[[], UUID], reservations: Reservations) -> None:
        self._reservations = reservations
        self._store = store
        self._wire = wire
        self._clock = clock
        self._fresh_id = fresh_id
        self._known: dict[KommoAccount, Credentials] = {}
        self._refreshing: dict[KommoAccount, asyncio.Task[Credentials]] = {}

    async def current(self, account: KommoAccount, generation: int) -> Credentials:
        """Return the credentials of a generation, or of a later one.

        Raises:
            TerminalError: the account is not connected any more.
        """
        known = self._known.get(account)
        if known is not None and known.generation >= generation:
            return known
        return await self._read(account)

    async def refreshed(self, account: KommoAccount, old: Credentials) -> Credentials:
        """Return credentials newer than `old`; whoever asks at the same time shares one refresh.

        Raises:
            CredentialsRefused: people must connect the account again.
            TransientError: not now; the token may still work.
        """
        known = self._known.get(account)
        if known is not None and known.generation > old.generation:
            return known
        if (task := self._refreshing.get(account)) is None:
            task = asyncio.create_task(self._renew(account, old), name=f"kommo-refresh-{account.integration_id}")
            self._refreshing[account] = task
            task.add_done_callback(lambda done: self._refreshed(account, done))
        return await asyncio.shield(task)

    def forget(self, account: KommoAccount) -> None:
        """Read it again next time."""
        self._known.pop(account, None)

    async def close(self) -> None:
        """Wait for refreshes: one that is cut off loses the account."""
        await asyncio.gather(*self._refreshing.values(), return_exceptions=True)

    def _refreshed(self, account: KommoAccount, task: "asyncio.Task[Credentials]") -> None:
        self._refreshing.pop(account, None)
        if not task.cancelled():
            task.exception()  # who waited has it; if nobody did any more, it is not lost on anybody

    async def _renew(self, account: KommoAccount, old: Credentials) -> Credentials:
        until = self._clock.monotonic() + WAIT_S
        while True:
            now = await self._read(account)
            if now.generation > old.generation:
                return now
            if now.refresh_token is None:
                raise CredentialsRefused("Kommo refuses the long-lived token: make a new one in Kommo and connect the account again")
            begun_at = self._clock.monotonic()
            if await self._store.begin_refresh(account, now.generation, self._fresh_id(), LEASE_S):
                return await self._refresh(account, now, begun_at + WRITE_S)
            if self._clock.monotonic() > until:
                raise TransientError("another process refreshes the token of the Kommo account")
            await self._clock.sleep(LOOK_S)

    async def _refresh(self, account: KommoAccount, now: Credentials, not_after: float) -> Credentials:
        """Refresh at a moment of the account's pace; nothing is written when another process may have the lease."""
        assert now.refresh_token is not None
        grant = {"grant_type": "refresh_token", "refresh_token": now.refresh_token}

        async def send(slot: Slot) -> NewTokens:
            moment = Moment(slot.at, slot.late_s, not_after)
            return await _tokens(self._wire, now.host, now.client_id or "", now.client_secret, now.redirect_uri, grant, moment)

        try:
            tokens = await self._reservations.keep(account, Priority.ANSWER, not_after, send)
        except CredentialsRefused as error:
            later = await self._read(account)
            if later.generation > now.generation:  # a process that stood still used it before us, and its answer came through
                return later
            raise CredentialsRefused(f"{error}: {_AGAIN}") from None
        except UnknownOutcome as error:
            # The token may be used up. If it is, the next refresh is refused, and that is told; trying is the only way to know.
            raise TransientError(f"the token could not be refreshed: {error}") from None
        await self._keep(account, now.generation, tokens)
        return await self._read(account)

    async def _keep(self, account: KommoAccount, generation: int, tokens: NewTokens) -> None:
        """Store them before anything uses them. A database that is away is waited for: these tokens exist nowhere else."""
        until = self._clock.monotonic() + KEEP_S
        while True:
            try:
                await self._store.store(account, generation, tokens)
            except TransientError:
                if self._clock.monotonic() > until:
                    raise
                await self._clock.sleep(1.0)
            else:
                return

    async def _read(self, account: KommoAccount) -> Credentials:
        found = await self._store.read(account)
        if found is None:
            raise TerminalError("this Kommo account is not connected")
        self._known[account] = found
        return found
