"""The API of connected accounts: a moment of the account's pace, a current token, one request, an answer or one of our errors.

Nothing that may have been carried out is repeated here. What was definitely refused is asked once more where the reason
is cured in between: a token that was over, an account that moved.
"""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from actors.domain.errors import CredentialsRefused, TerminalError, UnknownOutcome
from actors.ports.kommo import Credentials, KommoAccount, KommoCredentials, KommoPace
from actors.ports.time import Ticks
from integrations.kommo.errors import BLOCKED_S, AccountMoved, AddressBlocked, TokenRefused, TooFast
from integrations.kommo.hosts import account_host, api_domain
from integrations.kommo.limits import Priority, Reservations, Slot
from integrations.kommo.oauth import Tokens
from integrations.kommo.wire import NEVER, Moment, Wire, no_failpoint

log = logging.getLogger(__name__)

PAGE = 250  # the most that Kommo gives at once
MAX_PAGES = 10_000
_WHEREABOUTS = "/oauth2/account/current/subdomain"
Query = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class _Asked:
    """One call of `ask`."""

    account: KommoAccount
    method: str
    address: str
    body: Any
    priority: Priority
    not_after: float
    harmless: bool


class KommoClient:
    """Requests on behalf of connected accounts; one for a process."""

    def __init__(
        self,
        wire: Wire,
        credentials: KommoCredentials,
        pace: KommoPace,
        clock: Ticks,
        fresh_id: Callable[[], UUID],
        pass_: Callable[[str], None] = no_failpoint,
    ) -> None:
        self._wire = wire
        self._credentials = credentials
        self._pace = pace
        self._reservations = Reservations(pace, clock, pass_)
        self._tokens = Tokens(credentials, wire, clock, fresh_id, self._reservations)

    async def close(self) -> None:
        """Finish refreshes, close connections."""
        await self._tokens.close()
        await self._wire.close()

    async def ask(
        self,
        account: KommoAccount,
        method: str,
        path: str,
        *,
        priority: Priority,
        query: Query | None = None,
        body: Any = None,
        not_after: float = NEVER,
        harmless: bool = False,
    ) -> Any:
        """Return the JSON of the answer; None where Kommo has nothing (204).

        Args:
            account: on whose behalf.
            method: of HTTP.
            path: as `/api/v4/leads`, or a link of an answer.
            priority: what goes first where the account's pace is short.
            query: of a path without one.
            body: becomes JSON.
            not_after: on the monotonic clock; after it no byte is written.
            harmless: repeating it changes nothing, so that an unknown outcome is none.

        Raises:
            CredentialsRefused: the account must be connected again.
            CallboardError: see errors.py.
        """
        asked = _Asked(account, method, f"{path}?{urlencode(query)}" if query else path, body, priority, not_after, harmless)
        slot = await self._reservations.wait(account, priority, not_after)
        credentials = await self._tokens.current(account, slot.generation)
        if slot.stale and credentials.generation == slot.generation and credentials.refresh_token is not None:
            credentials = await self._tokens.refreshed(account, credentials)
            slot = await self._reservations.wait(account, priority, not_after)
        try:
            return await self._in_time(asked, credentials, slot)
        except TokenRefused as refused:
            log.info("integration %s: %s", account.integration_id, refused)
            again = await self._tokens.refreshed(account, credentials)
        except AccountMoved as moved:
            again = await self._follow(asked, credentials, moved)
        try:
            return await self._in_time(asked, again)
        except (TokenRefused, AccountMoved) as error:
            raise CredentialsRefused(f"{error}: connect the account again") from None

    async def pages(
        self, account: KommoAccount, path: str, key: str, *, priority: Priority, query: Query | None = None
    ) -> AsyncIterator[Any]:
        """Yield the items of all pages.

        Args:
            account: whose.
            path: of the list, as `/api/v4/leads`.
            key: of the items in `_embedded`: the plural name of the entity.
            priority: see `ask`.
            query: filters; the size of a page is the largest.

        Raises:
            CallboardError: see errors.py; what was yielded before is right.
        """
        answer = await self.ask(account, "GET", path, priority=priority, query={"limit": PAGE, **(query or {})})
        for _ in range(MAX_PAGES):
            for item in embedded(answer, key):
                yield item
            following = _next(answer)
            if following is None:
                return
            answer = await self.ask(account, "GET", following, priority=priority)
        raise TerminalError(f"Kommo's list {path} does not end")

    async def _in_time(self, asked: "_Asked", credentials: Credentials, slot: Slot | None = None) -> Any:
        """Ask at the moment; where it was missed, at another one."""

        async def send(slot: Slot) -> Any:
            return await self._once(asked, credentials, Moment(slot.at, slot.late_s, asked.not_after))

        return await self._reservations.keep(asked.account, asked.priority, asked.not_after, send, slot)

    async def _once(self, asked: "_Asked", credentials: Credentials, moment: Moment) -> Any:
        try:
            return await self._wire.ask(
                asked.method,
                credentials.host,
                asked.address,
                token=credentials.access_token,
                body=asked.body,
                moment=moment,
                harmless=asked.harmless,
            )
        except AddressBlocked as error:
            log.error("Kommo blocks the network address of this server: all Kommo accounts wait for %.0f s", BLOCKED_S)
            await self._pace.block(asked.account, BLOCKED_S, str(error))
            raise
        except TooFast as error:
            await self._pace.slow_down(asked.account, error.retry_after_s or 1.0)
            raise

    async def _follow(self, asked: "_Asked", credentials: Credentials, moved: AccountMoved) -> Credentials:
        """Ask the host that the token names where its account is now, and remember that."""
        account, knows = asked.account, api_domain(credentials.access_token)
        if knows is None:
            raise CredentialsRefused(f"{moved}: connect the account again") from None
        host = _host_of(await self._whereabouts(asked, knows, credentials))
        if host is None:
            raise CredentialsRefused(f"{moved}: connect the account again") from None
        log.warning("integration %s: the Kommo account moved to %s", account.integration_id, host)
        await self._credentials.moved(account, host)
        self._tokens.forget(account)
        return await self._tokens.current(account, 0)

    async def _whereabouts(self, asked: "_Asked", knows: str, credentials: Credentials) -> Any:
        async def send(slot: Slot) -> Any:
            moment = Moment(slot.at, slot.late_s, asked.not_after)
            return await self._wire.ask("GET", knows, _WHEREABOUTS, token=credentials.access_token, moment=moment)

        try:
            return await self._reservations.keep(asked.account, asked.priority, asked.not_after, send)
        except (TerminalError, UnknownOutcome):
            return None


def embedded(answer: Any, key: str) -> list[Any]:
    """Return the items of a list; none where Kommo answered 204."""
    if answer is None:
        return []
    found = answer.get("_embedded", {}).get(key, []) if isinstance(answer, dict) and isinstance(answer.get("_embedded"), dict) else None
    if not isinstance(found, list):
        raise TerminalError(f"Kommo's answer holds no list of {key}")
    return found


def has_next(answer: Any) -> bool:
    """Whether a list goes on behind this page."""
    return _next(answer) is not None


def _next(answer: Any) -> str | None:
    links = answer.get("_links") if isinstance(answer, dict) else None
    following = links.get("next") if isinstance(links, dict) else None
    href = following.get("href") if isinstance(following, dict) else None
    return href if isinstance(href, str) and href else None


def _host_of(answer: Any) -> str | None:
    """Return the account's host out of `{"subdomain", "domain"}`; None if it is none of Kommo's."""
    if not isinstance(answer, dict):
        return None
    subdomain, domain = str(answer.get("subdomain", "")), str(answer.get("domain", ""))
    try:
        return account_host(domain if domain.startswith(f"{subdomain}.") and subdomain else f"{subdomain}.{domain}")
    except TerminalError:
        return None
