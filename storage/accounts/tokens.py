"""Random tokens of sessions and links: given away once, stored as a hash."""

import hashlib
import secrets
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Token:
    """A fresh secret (256 bits, 43 url-safe characters) and what is stored of it."""

    plain: str
    stored: bytes

    def __repr__(self) -> str:
        return "Token(…)"


def fresh_token(prefix: str = "") -> Token:
    """Return a token that nobody has seen yet."""
    plain = prefix + secrets.token_urlsafe(32)
    return Token(plain, stored_form(plain))


def stored_form(plain: str) -> bytes:
    """Return sha256: 256 random bits need no salt."""
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).digest()
