"""The pace of an account over processes, by the ledger of the fake."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import orjson

from tests.integration.kommo.asker import worst_lag
from tests.integration.kommo.office import Office

COUNT = 30  # of each process: at 6.6 a second about nine seconds
SLACK = 0.60  # of the pace, on a machine that is busy with other things


async def test_two_processes_with_an_expired_token_keep_one_pace_and_refresh_once(office: Office, database: str, tmp_path: Path) -> None:
    account = await office.with_oauth()
    await office.kommo.control("expire", account=1)
    order = {"dsn": database, "api": office.kommo.url, "data_dir": str(tmp_path), "count": COUNT}
    order |= {"tenant": str(account.tenant_id), "integration": str(account.integration_id)}
    command = [sys.executable, "-m", "tests.integration.kommo.asker"]
    askers = [await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE) for _ in range(2)]
    asking = asyncio.gather(*(asker.communicate(orjson.dumps(order)) for asker in askers))
    lags = [await worst_lag(asking)]
    for printed, said in await asking:
        assert said == b"", said.decode()
        lags.append(float(printed))
    allowed = int((1 + max(lags)) * 6.6) + 1  # 0.06 s late still make seven
    asked = office.kommo.requests("/api/v4/account")
    assert sum(entry["status"] == 200 for entry in asked) == 2 * COUNT
    assert office.kommo.most_in_a_second() <= allowed
    if allowed <= 7:
        assert {entry["status"] for entry in office.kommo.requests()} <= {200, 302, 401}  # never 429
    assert (await office.kommo.control("state"))["refreshes"] == 1
    took = asked[-1]["at"] - asked[0]["at"]
    assert len(asked) / took > 6.6 * SLACK
