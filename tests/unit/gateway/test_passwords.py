"""Passwords: what may be one, the same work for everybody, and no waiting of others."""

import asyncio
import time

import pytest
from argon2 import PasswordHasher, Type, extract_parameters

from gateway import passwords
from gateway.passwords import MAX_LENGTH, MAX_WAITING, MIN_LENGTH, Passwords, check_policy
from gateway.problems import Problem

GOOD = "верблюд-на-крыше"


@pytest.fixture
def hasher() -> Passwords:
    return Passwords()


async def test_a_password_matches_its_own_hash_only(hasher: Passwords) -> None:
    stored = await hasher.hash(GOOD)
    assert stored.startswith("$argon2id$")
    assert await hasher.hash(GOOD) != stored
    assert await hasher.matches(GOOD, stored)
    assert not await hasher.matches(GOOD + " ", stored)
    assert not await hasher.matches("", stored)
    assert not await hasher.matches(GOOD, "no hash at all")


async def test_the_same_letters_match_however_they_are_written(hasher: Passwords) -> None:
    assert await hasher.matches("caf\u00e9-\ufb01lm-12", await hasher.hash("cafe\u0301-film-12"))


async def test_who_is_unknown_costs_the_same_work_and_never_matches(hasher: Passwords) -> None:
    """The structure that makes times equal: the stand-in has the parameters of a real hash."""
    stored, stand_in = extract_parameters(await hasher.hash(GOOD)), extract_parameters(passwords._DUMMY)
    assert stored == stand_in
    assert (stored.type, stored.memory_cost) == (Type.ID, 19_456)
    assert PasswordHasher().verify(passwords._DUMMY, "nobody has this password"), "it is a hash that is really compared with"
    assert not await hasher.matches("nobody has this password", None)


async def test_older_parameters_are_renewed(hasher: Passwords) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(GOOD)
    assert await hasher.matches(GOOD, old)
    renewed = await hasher.renewed(GOOD, old)
    assert extract_parameters(renewed) == extract_parameters(passwords._DUMMY)
    assert await hasher.matches(GOOD, renewed)
    assert await hasher.renewed(GOOD, renewed) == renewed


@pytest.mark.alone
async def test_hashing_does_not_hold_up_the_loop_and_has_an_end(hasher: Passwords) -> None:
    longest, last = 0.0, time.monotonic()
    work = [asyncio.create_task(hasher.hash(GOOD)) for _ in range(MAX_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Problem) as refused:
        await hasher.hash(GOOD)
    assert refused.value.status == 503
    assert refused.value.headers["Retry-After"]
    last = time.monotonic()
    while not all(task.done() for task in work):
        await asyncio.sleep(0.001)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    total = sum(len(task.result()) for task in work)
    assert total > MAX_WAITING
    assert longest < 0.2, "all of it takes a second of two cores"
    assert await hasher.hash(GOOD)


@pytest.mark.parametrize("password", [GOOD, "x1y" * 4, "correct horse battery staple", "ab1" + "я" * (MAX_LENGTH - 3), "    six    "])
def test_what_may_be_a_password(password: str) -> None:
    check_policy(password, "olga@acme.test", "/new")


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("x" * (MIN_LENGTH - 1), "password-length"),
        ("xyz" * MAX_LENGTH, "password-length"),
        ("Olga.Petrova@Acme.test", "password-email"),
        ("OLGA.petrova", "password-email"),
        ("1234567890", "password-common"),
        ("QWERTYUIOP", "password-common"),
        ("пароль12345", "password-common"),
        ("1010101010", "password-common"),
        ("Callboard123", "password-common"),
        ("\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19\uff10", "password-common"),  # full-width digits
    ],
)
def test_what_may_not(password: str, code: str) -> None:
    with pytest.raises(Problem) as refused:
        check_policy(password, "olga.petrova@acme.test", "/new")
    assert (refused.value.status, refused.value.errors[0].code, refused.value.errors[0].pointer) == (422, code, "/new")


def test_common_passwords_are_long_enough_to_matter() -> None:
    assert all(len(word) >= MIN_LENGTH and word == word.casefold() for word in passwords._COMMON)
