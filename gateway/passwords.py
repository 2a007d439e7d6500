"""Passwords: argon2id in threads of its own, so that hashing never holds up the messages; and what may be one."""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.problems import Problem, invalid, unavailable

T = TypeVar("T")

MIN_LENGTH, MAX_LENGTH = 10, 256
AT_ONCE = 2  # 19 MiB and about 30 ms of a core each
MAX_WAITING = 40  # more are told to come back: about 0.6 s of waiting

# OWASP's Password Storage Cheat Sheet: argon2id with 19 MiB, two passes, one lane.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# What an unknown user's password is compared with: whoever measures our answers learns nothing.
_DUMMY: Final = _HASHER.hash("nobody has this password")

# The head of every list of leaked passwords, as far as it is long enough, and what people make of ours.
_HEAD = """
0000000000 1111111111 1234567890 0123456789 9876543210 0987654321 1234554321 12345678910 123456789a 123456789q a123456789
q123456789 1q2w3e4r5t 1q2w3e4r5t6y q1w2e3r4t5 q1w2e3r4t5y6 1qaz2wsx3edc qazwsxedcrfv qwertyuiop qwerty12345 qwerty123456
qwerty1234 qwertyuiop123 1234qwerasdf asdfghjkl123 zxcvbnm123 password12 password123 password1234 password12345 passw0rd123
p@ssw0rd123 mypassword adminadmin admin12345 admin123456 administrator letmein123 welcome123 welcome1234 iloveyou123
iloveyou12 football123 baseball123 sunshine123 princess123 superman123 changeme123 testtest123 test123456 abcdefghij
abcdef12345 abc1234567 aaaaaaaaaa йцукенгшщз йцукен12345 йцукенгшщзхъ пароль12345 пароль123456 парольпароль мойпароль123
qwertyйцукен ghbdtnghbdtn callboard1 callboard12 callboard123 callboard1234 callboardcallboard
"""
_COMMON: Final = frozenset(_HEAD.split())


class Passwords:
    """Hashes and compares, at most AT_ONCE at the same time."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")
        self._waiting = 0

    def close(self) -> None:
        """End the threads; what waits is given up."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def hash(self, password: str) -> str:
        """Return the hash to store.

        Raises:
            Problem: 503, too many wait already.
        """
        return await self._in_thread(lambda: _HASHER.hash(normal(password)))

    async def matches(self, password: str, stored: str | None) -> bool:
        """Return whether this is the password; without a stored hash, no after the same time.

        Raises:
            Problem: 503, too many wait already.
        """
        right = await self._in_thread(lambda: _verify(normal(password), stored or _DUMMY))
        return right and stored is not None

    async def renewed(self, password: str, stored: str) -> str:
        """Return the hash to keep for a password that is right: a new one if today's parameters are others."""
        return await self.hash(password) if _HASHER.check_needs_rehash(stored) else stored

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._waiting >= MAX_WAITING:
            raise unavailable("too many logins at the same time; try again")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def check_policy(password: str, email: str, pointer: str) -> None:
    """Refuse what is too short, too long, or among the first things anybody would try.

    Raises:
        Problem: 422 with the pointer.
    """
    text = normal(password)
    plain = text.casefold()
    if not MIN_LENGTH <= len(text) <= MAX_LENGTH:
        raise invalid(f"{MIN_LENGTH} to {MAX_LENGTH} characters", "password-length", pointer=pointer)
    if plain in {email, email.partition("@")[0]}:
        raise invalid("not the e-mail address", "password-email", pointer=pointer)
    if plain in _COMMON or len(set(plain)) < 3:
        raise invalid("one of the most common passwords; take another one", "password-common", pointer=pointer)


def normal(password: str) -> str:
    """Return one form for what keyboards and systems write differently (NIST SP 800-63B: NFKC)."""
    return unicodedata.normalize("NFKC", password)


def _verify(password: str, stored: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def not_this_person() -> Problem:
    """Return the refusal of a login; it says the same whatever was wrong."""
    return Problem(401, "the e-mail address or the password is wrong", reason="login-refused", headers={"WWW-Authenticate": "Bearer"})
