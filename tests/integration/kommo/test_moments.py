"""The moments of one process: every request has one of its own, and one that was missed is followed by a wider one."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest

from actors.runtime.clock import SystemClock
from integrations.kommo.limits import GAP_S, LATE_S, Priority, Reservations
from integrations.kommo.wire import NEVER, no_failpoint
from tests.integration.kommo.office import Office

BY = 0.04  # by how much the fake may write later that something came


async def _expired(office: Office) -> None:
    await office.kommo.control("expire", account=1)


async def _moved(office: Office) -> None:
    await office.kommo.control("account", id=1, subdomain="demo", moved=True)


async def _reset(office: Office) -> None:
    await office.kommo.fault("reset_before", path="/api/v4/account")


@pytest.mark.parametrize("happens", [_expired, _moved, _reset])
async def test_what_is_asked_besides_has_a_moment_of_its_own(office: Office, happens: Callable[[Office], Awaitable[None]]) -> None:
    account, client = await office.with_oauth(), office.client()
    await office.get(client, account)
    before = len(office.kommo.requests())
    await happens(office)
    await asyncio.gather(*(office.get(client, account) for _ in range(4)))
    times = sorted(entry["at"] for entry in office.kommo.requests()[before - 1 :])
    assert len(times) > 5
    assert min(later - earlier for earlier, later in pairwise(times)) > GAP_S - LATE_S - BY


async def test_who_missed_moments_has_more_time_and_room_behind_it(office: Office) -> None:
    account = await office.with_token()
    reservations = Reservations(office.pace, SystemClock(), no_failpoint)
    wide = await reservations.wait(account, Priority.ANSWER, NEVER, missed=3)
    following = await reservations.wait(account, Priority.ANSWER, NEVER)
    assert wide.late_s > 2 * GAP_S
    assert following.at - wide.at > GAP_S + wide.late_s - LATE_S
