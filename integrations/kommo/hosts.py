"""Addresses of accounts. Tokens and secrets go to these only, whatever a link, a redirect or a browser says."""

import base64
import binascii
import re
from typing import Any

import orjson

from actors.domain.errors import TerminalError

_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\.(?:kommo\.com|amocrm\.ru|amocrm\.com)")
_CONTINUE = re.compile(
    r"https://([a-z0-9][a-z0-9-]{0,62})\.(?:kommo\.com|amocrm\.ru|amocrm\.com)"
    r"(/api/v4/(?:salesbot|marketingbot)/[0-9]{1,18}/continue/[0-9]{1,18})"
)
_SUBDOMAIN = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_PLATFORMS = {"kommo": "www.kommo.com", "amocrm": "www.amocrm.ru"}


def account_host(text: str) -> str:
    """Return the host of an account, given as people copy it: `shop`, `shop.kommo.com` or an address out of the browser.

    Raises:
        TerminalError: it is none of Kommo's.
    """
    host = text.strip().lower().removeprefix("https://").partition("/")[0].rstrip(".")
    if _SUBDOMAIN.fullmatch(host):
        host = f"{host}.kommo.com"
    if not _ACCOUNT.fullmatch(host):
        raise TerminalError("this is no address of a Kommo account; it looks like shop.kommo.com")
    return host


def authorize_host(platform: str) -> str:
    """Return where people allow access."""
    return _PLATFORMS[platform]


def api_domain(access_token: str) -> str | None:
    """Return the host that knows where a token's account is; the token says it, unsigned as far as we know, so it must be Kommo's."""
    claims = _claims(access_token)
    domain = claims.get("api_domain")
    return domain if isinstance(domain, str) and _ACCOUNT.fullmatch(domain) else None


def continue_path(return_url: str, host: str) -> str | None:
    """Return where a Salesbot of the account at `host` takes its answer; None: the address is not one of its own.

    An account has several domains; its subdomain is the same in all of them. The token goes to `host` all the same.
    """
    found = _CONTINUE.fullmatch(return_url)
    return found[2] if found and found[1] == host.partition(".")[0] else None


def is_issuer(issuer: Any, host: str) -> bool:
    """Whether a token was made by the account at `host`: it says its address."""
    try:
        return isinstance(issuer, str) and account_host(issuer).partition(".")[0] == host.partition(".")[0]
    except TerminalError:
        return False


def _claims(token: str) -> dict[str, Any]:
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}
