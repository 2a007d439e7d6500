"""What Kommo signs for us."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import jwt

ALGORITHMS = ("HS256", "HS512")  # documented is the first, seen is the second; nothing else, `none` least of all
CLOCKS_S = 60.0  # so far clocks may be apart


def is_disconnect(client_id: str, account_id: str, signature: str, client_secret: str) -> bool:
    """Return whether Kommo itself says that an account took its access back."""
    expected = hmac.new(client_secret.encode(), f"{client_id}|{account_id}".encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.strip().lower().encode())


def claims_of(token: str, client_secret: str) -> Mapping[str, Any] | None:
    """Return what a token says that Kommo signed with an integration's secret key; None: it did not, or the token is over."""
    required = ["exp", "nbf", "iss", "account_id"]
    options: Any = {"require": required, "verify_aud": False}  # the audience is an address of ours, which may have changed
    try:
        claims: dict[str, Any] = jwt.decode(token, client_secret, algorithms=list(ALGORITHMS), leeway=CLOCKS_S, options=options)
    except (jwt.InvalidTokenError, UnicodeError):
        return None
    return claims
