"""One HTTP request to Kommo: bounded in time and size, stopped before its first byte where it would be too late."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace, TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import orjson
from aiohttp import (
    ClientError,
    ClientPayloadError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
    TraceConfig,
    TraceRequestHeadersSentParams,
)

from actors.domain.errors import TransientError
from actors.ports.time import Ticks
from integrations.kommo.errors import LeaseOver, Missed, error_of_failure, result_of

NEVER = float("inf")
MAX_BODY = 8 * 1024 * 1024  # 250 leads with many fields are below one
_PER_HOST = 20  # an account has seven requests a second
READING = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Moment:
    """When the first byte of a request is written, on the monotonic clock: at `at`, `late_s` later at the most, never after `not_after`."""

    at: float = 0.0
    late_s: float = NEVER
    not_after: float = NEVER


NOW = Moment()


def no_failpoint(_: str) -> None:
    """No failpoints."""


@dataclass(slots=True)
class _Attempt:
    """One request: when its first byte may be written, and whether it may have been."""

    moment: Moment
    written: bool = False


class Wire:
    """The connections of a process to Kommo. `api` replaces every account's address, for tests."""

    def __init__(self, clock: Ticks, timeout_s: float, api: str = "", pass_: Callable[[str], None] = no_failpoint) -> None:
        self._clock = clock
        self._pass = pass_
        self._timeout = ClientTimeout(total=timeout_s)
        self._api = api.rstrip("/")
        self._session: ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    def base(self, host: str) -> str:
        """Return where an account's API is."""
        return self._api or f"https://{host}"

    async def ask(
        self,
        method: str,
        host: str,
        path: str,
        *,
        token: str | None = None,
        body: Any = None,
        moment: Moment = NOW,
        harmless: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the JSON of the answer; None if it is empty.

        Args:
            method: of HTTP; what only reads may be repeated by whoever asks.
            host: the account's; `path` may be a whole address, as `_links.next` is: only its path and query are used.
            path: with the query.
            token: an access token.
            body: becomes JSON.
            moment: when to write it; the connection is made before.
            harmless: repeating it changes nothing, though it is no GET.
            headers: further ones, as a signature over the body's bytes.

        Raises:
            Missed: its moment had passed.
            CallboardError: see errors.py.
        """
        attempt, reading = _Attempt(moment), harmless or method in READING
        data = None if body is None else orjson.dumps(body)
        sent = {"Accept": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        sent |= ({} if data is None else {"Content-Type": "application/json"}) | dict(headers or {})
        try:
            async with self._opened().request(
                method,
                self.base(host) + _relative(path),
                data=data,
                headers=sent,
                timeout=self._timeout,
                allow_redirects=False,
                trace_request_ctx=attempt,
            ) as answer:
                content = await _content(answer)
                status, media = answer.status, answer.content_type
        except LeaseOver:
            raise TransientError("the time for this request was over before it was written") from None
        except (ClientError, TimeoutError, OSError) as failure:
            raise error_of_failure(failure, written=attempt.written, reading=reading) from None
        return result_of(status, media, content, reading=reading)

    def _opened(self) -> ClientSession:
        if self._session is None or self._session.closed:
            trace = TraceConfig()
            trace.on_request_headers_sent.append(self._before_first_byte)
            connector = TCPConnector(limit=0, limit_per_host=_PER_HOST)
            self._session = ClientSession(connector=connector, trace_configs=[trace], cookie_jar=DummyCookieJar())
        return self._session

    async def _before_first_byte(self, _: ClientSession, context: SimpleNamespace, __: TraceRequestHeadersSentParams) -> None:
        """The HTTP client calls this when a connection is there and nothing has been written to it: the last moment to stop."""
        attempt: _Attempt = context.trace_request_ctx
        moment = attempt.moment
        while (early_s := moment.at - self._clock.monotonic()) > 0:  # a timer may fire a little early
            await self._clock.sleep(early_s)
        self._pass("kommo.before_write")
        now = self._clock.monotonic()
        if now > moment.not_after:
            raise LeaseOver
        if attempt.written or now > moment.at + moment.late_s:  # the client repeats what reads, on a new connection, by itself
            raise Missed
        attempt.written = True


async def _content(answer: ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in answer.content.iter_any():
        content += chunk
        if len(content) > MAX_BODY:
            raise ClientPayloadError("the answer is too large")
    return bytes(content)


def _relative(address: str) -> str:
    """A link in an answer names a host; the token goes to the account's own one only."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
