"""Where a request comes from: the page that sent it, and the network address of the browser."""

import ipaddress
from urllib.parse import urlsplit

from aiohttp import web

from gateway.problems import Problem

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Origins:
    """Knows our own origin.

    Args:
        public_url: the address people use, if it is known: https makes cookies `Secure`.
        proxies: how many proxies in front of us append to X-Forwarded-For; what more of it there is, anybody may have written.
    """

    def __init__(self, public_url: str, proxies: int = 0) -> None:
        self._public_url = public_url.rstrip("/")
        self._own = _origin(public_url)
        self._proxies = proxies
        self.secure = urlsplit(public_url).scheme == "https"

    def is_own(self, request: web.Request) -> bool:
        """Return whether the browser says that a page of ours, or the person at the address bar, sent this.

        `Sec-Fetch-Site` is set by the browser and out of reach of pages. Browsers without it send `Origin` with writes
        and WebSocket handshakes.
        """
        site = request.headers.get("Sec-Fetch-Site")
        if site is not None:
            return site in {"same-origin", "none"}
        return self.is_own_origin(request)

    def is_own_origin(self, request: web.Request) -> bool:
        """Return whether `Origin` is the host that was asked, or our public address."""
        origin = request.headers.get("Origin", "")
        given = _origin(origin)
        return given is not None and (given == self._own or urlsplit(origin).netloc.lower() == request.host.lower())

    def require_own(self, request: web.Request) -> None:
        """Refuse a write with a cookie that another site's page may have sent.

        Raises:
            Problem: 403.
        """
        if request.method not in SAFE and not self.is_own(request):
            raise Problem(403, "a request with a session cookie must come from a page of this site", reason="cross-site")

    def refuse_foreign(self, request: web.Request) -> None:
        """Refuse what a browser sent for another site's page, where no cookie is needed: a login. Programs pass.

        Raises:
            Problem: 403.
        """
        if {"Sec-Fetch-Site", "Origin"} & request.headers.keys() and not self.is_own(request):
            raise Problem(403, "another site's page may not log in here", reason="cross-site")

    def login_url(self, request: web.Request, token: str) -> str:
        """Return the address of a one-time link; what follows # is never sent to a server, so it is in no log."""
        return f"{self._public_url or f'{request.scheme}://{request.host}'}/login#token={token}"

    def address(self, request: web.Request) -> str:
        """Return the network address of the browser; of IPv6 the /64, which is one customer's."""
        forwarded = [hop.strip() for header in request.headers.getall("X-Forwarded-For", []) for hop in header.split(",")]
        if self._proxies and len(forwarded) >= self._proxies:
            return _network(forwarded[-self._proxies])
        return _network(request.remote or "")


def _origin(url: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(url)
        default = {"http": 80, "https": 443}.get(parts.scheme)
        return (parts.scheme, f"{parts.hostname}:{parts.port or default}") if parts.hostname and default else None
    except ValueError:
        return None


def _network(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return str(address)
