"""The pace of an account over processes, by the ledger of the fake: no second has more than seven requests, whoever stands still."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

import orjson
import pytest

from actors.ports.kommo import KommoAccount
from integrations.kommo.limits import GAP_S
from tests.integration.kommo.office import Office

COUNT = 30  # of each process: at 6.6 a second about nine seconds
SLACK = 0.60  # of the pace, on a machine that is busy with other things
STOOD_S = 1.5
ALLOWED = {200, 302, 401}  # never 429


async def test_two_processes_with_an_expired_token_keep_one_pace_and_refresh_once(office: Office, database: str, tmp_path: Path) -> None:
    account = await office.with_oauth()
    await office.kommo.control("expire", account=1)
    askers = [await _asker(office, database, tmp_path, account) for _ in range(2)]
    took = [await _ended(asker) for asker in askers]
    asked = _strict(office)
    assert (await office.kommo.control("state"))["refreshes"] == 1
    assert len(asked) / (asked[-1]["at"] - asked[0]["at"]) > 6.6 * SLACK
    answers, syncs = ([s for process in took for s in process[name]] for name in ("ANSWER", "SYNC"))
    assert sorted(answers)[len(answers) // 2] < sorted(syncs)[len(syncs) // 2]


@pytest.mark.parametrize("point", ["kommo.after_reserve", "kommo.before_write"])
async def test_a_process_that_stood_still_takes_new_moments(office: Office, database: str, tmp_path: Path, point: str) -> None:
    account = await office.with_token()
    stopping = await _asker(office, database, tmp_path, account, f"{point}:12:stop")
    other = await _asker(office, database, tmp_path, account)
    async with asyncio.timeout(30):
        while not _is_stopped(stopping):
            await asyncio.sleep(0.01)
    await asyncio.sleep(STOOD_S)
    stopping.send_signal(signal.SIGCONT)
    await asyncio.gather(_ended(stopping), _ended(other))
    _strict(office)


async def test_processes_that_are_stopped_again_and_again(office: Office, database: str, tmp_path: Path) -> None:
    account = await office.with_token()
    askers = [await _asker(office, database, tmp_path, account) for _ in range(2)]
    ends = asyncio.gather(*(_ended(asker) for asker in askers))
    await office.kommo.until("/api/v4/account", 5)
    for turn in range(10):
        asker = askers[turn % 2]
        if asker.returncode is None and not ends.done():
            asker.send_signal(signal.SIGSTOP)
            await asyncio.sleep(0.05 + 0.11 * turn)
            asker.send_signal(signal.SIGCONT)
            await asyncio.sleep(0.2)
    await ends
    _strict(office)


async def test_a_reserved_moment_is_on_disk_before_it_is_used(office: Office) -> None:
    account = await office.with_token()
    for _ in range(5):
        given = await office.pace.reserve(account, GAP_S, 60.0)
        assert given is not None
        assert given.granted
        rest = "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), pg_current_wal_flush_lsn())"
        assert await office.shop.owner.fetchval(rest) < 100


def _strict(office: Office) -> list[Any]:
    """Check the ledger; return the requests that were answered."""
    answered = [entry for entry in office.kommo.requests("/api/v4/account") if entry["status"] == 200]
    assert len(answered) == 2 * COUNT
    assert office.kommo.most_in_a_second() <= 7
    assert {entry["status"] for entry in office.kommo.requests()} <= ALLOWED
    return answered


async def _asker(office: Office, database: str, data_dir: Path, account: KommoAccount, failpoint: str = "") -> Process:
    order = {"dsn": database, "api": office.kommo.url, "data_dir": str(data_dir), "count": COUNT}
    order |= {"tenant": str(account.tenant_id), "integration": str(account.integration_id)}
    command = [sys.executable, "-m", "tests.integration.kommo.asker"]
    env = os.environ | {"FAILPOINT": failpoint}
    asker = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=env)
    assert asker.stdin is not None
    asker.stdin.write(orjson.dumps(order))
    asker.stdin.close()
    return asker


async def _ended(asker: Process) -> dict[str, list[float]]:
    printed, said = await asker.communicate()
    assert said == b"", said.decode()
    took: dict[str, list[float]] = orjson.loads(printed)
    return took


def _is_stopped(asker: Process) -> bool:
    return Path(f"/proc/{asker.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
