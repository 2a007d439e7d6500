"""Attempts to log in, counted for all processes; the count holds for a window and then starts again."""

import hashlib
from dataclasses import dataclass

from storage.postgres import Database

WINDOW_S = 900
PER_EMAIL = 10  # a person who mistypes ten times in a quarter of an hour has forgotten it: a link helps
PER_ADDRESS = 50  # an office behind one address

# Counts before the password is looked at, so that attempts at the same time are all counted. A refused attempt does
# not prolong the window.
_COUNT = """
insert into login_throttles as t (key, tries, began_at) values ($1, 1, now())
on conflict (key) do update set
  tries = case when t.began_at <= now() - $2 * interval '1 second' then 1 else least(t.tries, 1000000) + 1 end,
  began_at = case when t.began_at <= now() - $2 * interval '1 second' then now() else t.began_at end
returning tries, extract(epoch from began_at - now())::float8 + $2::float8"""
_BACK = "update login_throttles set tries = greatest(tries - 1, 0) where key = $1"


@dataclass(frozen=True, slots=True)
class Throttled:
    """Too many attempts; in so many seconds the next is looked at."""

    seconds: float


class LoginThrottles:
    """Counts per e-mail address, whether it exists or not, and per network address; needs the role callboard_api."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def attempt(self, email: str, address: str) -> Throttled | None:
        """Count an attempt; what is returned says that it must be refused."""
        # The network address first: who is refused there cannot use up somebody's attempts.
        for key, limit in ((_key("address", address), PER_ADDRESS), (_key("email", email), PER_EMAIL)):
            rows = await self._database.fetch(_COUNT, key, WINDOW_S)
            tries, seconds = rows[0].values()
            if tries > limit:
                return Throttled(max(seconds, 1.0))
        return None

    async def succeeded(self, email: str, address: str) -> None:
        """Forget the attempts of an address that was right, and take this one back from where it came from."""
        await self._database.fetch("delete from login_throttles where key = $1", _key("email", email))
        await self._database.fetch(_BACK, _key("address", address))


def _key(kind: str, name: str) -> bytes:
    return hashlib.sha256(f"{kind}:{name}".encode("utf-8", "surrogatepass")).digest()
