"""The one way out to addresses that people name. Where it leads is checked when the socket is made: names can be made to lie."""

import ipaddress
import logging
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp

from actors.domain.errors import CallboardError, TerminalError, TransientError, UnknownOutcome, Unreachable

log = logging.getLogger(__name__)
CONNECT_S = 4.0
KEPT = 2_048  # bytes of an answer; more is not read
_NOT_PUBLIC = "the address is not public"
_WAITS_AT_MOST_S = 3_600.0
_LATER = frozenset({408, 409, 423, 425, 429, 500, 502, 503, 504})  # the receiver says that it did not take it
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last 32 bits


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    text: str


@dataclass(frozen=True, slots=True)
class Received:
    """What an address answered; the body as it was sent, encoded or not."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class TooLarge(TerminalError):
    """What an address answers is larger than it may be."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"it is larger than {limit} bytes")


class AddressRefused(PermissionError):
    """The address is private, local or otherwise not for everybody."""

    def __init__(self) -> None:
        super().__init__(_NOT_PUBLIC)


class Egress:
    """A pool of connections to public addresses only. Redirects are not followed, cookies not kept, proxies not used."""

    def __init__(self, timeout_s: float = 8.0, *, private: bool = False) -> None:
        """Take what one call may last, and `private` to allow one's own networks: for tests, and for receivers beside Callboard."""
        connector = aiohttp.TCPConnector(limit=0, socket_factory=_any_socket if private else _public_socket)
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(CONNECT_S, timeout_s / 2)),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # a bomb stays small
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a body once and return the answer if it is a 2xx.

        Raises:
            TransientError: it was not taken; again later.
            TerminalError: it was refused, or may not be sent there.
            UnknownOutcome: it was sent, and no answer came.
        """
        check_url(url)
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                # Its status says how it went, whatever becomes of the rest.
                return _verdict(response, await _beginning(response))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise _unconnected(url, error) from error
        except aiohttp.InvalidURL as error:
            raise TerminalError(f"no web address: {error}") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnknownOutcome(f"sent, but no answer came: {type(error).__name__}") from error

    async def get(self, url: str, headers: Mapping[str, str], limit: int) -> Received:
        """Fetch an address once, whatever it answers; a redirect is an answer, too.

        Raises:
            TransientError: nothing came, or not all.
            TerminalError: it may not be asked, or is no address.
            TooLarge: it has more than `limit` bytes.
        """
        check_url(url)
        try:
            async with self._session.get(url, headers=headers, allow_redirects=False) as response:
                return Received(response.status, response.headers, await _all_of(response, limit))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise _unconnected(url, error) from error
        except aiohttp.InvalidURL as error:
            raise TerminalError(f"no web address: {error}") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.info("no answer from %s: %r", urlsplit(url).netloc, error)
            raise TransientError("the site took the question and gave no answer") from error


def _unconnected(url: str, error: Exception) -> CallboardError:
    if _NOT_PUBLIC in repr(getattr(error, "os_error", "")):
        return TerminalError(f"{_NOT_PUBLIC}: {urlsplit(url).hostname}")
    log.info("no connection to %s: %r", urlsplit(url).netloc, error)
    if isinstance(error, aiohttp.ClientSSLError):
        return Unreachable("the site does not answer over a secure connection (https)")
    unknown = isinstance(error, aiohttp.ClientConnectorDNSError)
    return Unreachable("there is no site of this name" if unknown else "the site does not answer")


async def _all_of(response: aiohttp.ClientResponse, limit: int) -> bytes:
    if (response.content_length or 0) > limit:
        raise TooLarge(limit)
    found = bytearray()
    async for chunk in response.content.iter_any():
        found += chunk
        if len(found) > limit:
            raise TooLarge(limit)
    return bytes(found)


def check_url(url: str) -> None:
    """Refuse what is no plain web address.

    Raises:
        TerminalError: with the reason.
    """
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        sound = False
    if not sound:
        raise TerminalError("no web address: it begins with https:// and names a host")
    if parts.username or parts.password:
        raise TerminalError("a web address with a password in it would be written to logs")


def is_public(address: str) -> bool:
    """Return whether an IP address is everybody's; addresses that carry an IPv4 address inside are judged by that one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    inner = _inner(ip) if isinstance(ip, ipaddress.IPv6Address) else None
    return (inner or ip).is_global and not (inner or ip).is_multicast


def _inner(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)


def _public_socket(info: tuple[Any, ...]) -> socket.socket:
    if not is_public(info[4][0]):
        raise AddressRefused
    return _any_socket(info)


def _any_socket(info: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol = info[:3]
    return socket.socket(family, kind, protocol)


async def _beginning(response: aiohttp.ClientResponse) -> str:
    try:
        return (await response.content.read(KEPT)).decode("utf-8", "replace").replace("\x00", "")
    except (aiohttp.ClientError, TimeoutError, OSError):
        return ""


def _verdict(response: aiohttp.ClientResponse, text: str) -> Answer:
    status = response.status
    if 200 <= status < 300:
        return Answer(status, text)
    if status in _LATER:
        raise TransientError(f"it answered {status}", _retry_after(response.headers.get("Retry-After", "")))
    hint = ": redirects are not followed, use the final address" if 300 <= status < 400 else ""
    raise TerminalError(f"it answered {status}{hint}")


def _retry_after(value: str) -> float | None:
    return min(float(value), _WAITS_AT_MOST_S) if value.isascii() and value.isdigit() else None
