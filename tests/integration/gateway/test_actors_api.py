"""What the stage says about actors as administrators see it, and that only the demo may end processes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg

from storage.carriers import PostgresPlacement
from storage.heartbeat import Heartbeats
from storage.postgres import Database, Role
from tests.integration.gateway.company import INSTALLATION, Company, EchoHost, found
from tests.integration.gateway.desk import Desk
from tests.integration.gateway.processes import GatewayProcess

HOST = {
    "kind": "host",
    "number": 1,
    "state": "alive",
    "generation": uuid4().hex,
    "epoch": 3,
    "age_s": 12.5,
    "pid": 4711,
    "rss": 90_000_000,
    "status": {"mailbox": 2, "activations": 7, "turns": 40, "ignored": {"poll": 1}},
    "restarts": 1,
    "why": "died",
}


async def beat(database: str, **more: Any) -> None:
    async with await Database.open(database, Role.ENGINE, "test", size=1) as opened:
        ray = {"connected": True, "actors": {"host-1": "alive"}, "dashboard": "127.0.0.1:8265"}
        await Heartbeats(opened).write("stage", {"ray": ray, "cast": [HOST], "standby": False, **more})


async def test_actors_are_shown_while_the_stage_speaks(desk: Desk, database: str) -> None:
    before = await desk.do("GET", "/api/actors")
    assert (before["connected"], before["actors"], before["age_s"]) == (False, [], None)
    await beat(database)
    shown = await desk.do("GET", "/api/actors")
    (host,) = shown["actors"]
    assert (shown["connected"], shown["dashboard"], shown["trials"]) == (True, "127.0.0.1:8265", False)
    assert (host["name"], host["pid"], host["mailbox"], host["activations"], host["memory"]) == ("host-1", 4711, 2, 7, 90_000_000)
    assert (host["restarts"], host["why"], host["figures"]) == (1, "died", {"mailbox": 2, "activations": 7, "turns": 40})
    owner = await asyncpg.connect(database)
    await owner.execute("update heartbeats set at = now() - interval '11 s'")
    await owner.close()
    assert (await desk.do("GET", "/api/actors"))["connected"] is False


async def test_a_conversation_is_found_by_its_own_company_only(desk: Desk, company: Company, database: str) -> None:
    async with EchoHost(database):
        said = await desk.do("POST", "/api/chat", {"agent_id": str(company.agent_id), "text": "hello"})
    async with await Database.open(database, Role.ENGINE, "test", size=1) as opened:
        assert await PostgresPlacement(opened).claim(INSTALLATION, 4, 1)
    placed = await desk.do("GET", f"/api/conversations/{said['conversation_id']}/actor")
    assert (placed["actor"], placed["open_inputs"], placed["control"]) == (f"host-{placed['partition'] % 4}", 0, "bot")
    other = Desk(desk.gateway, await found(database, "other", bots=0))
    await other.do("GET", f"/api/conversations/{said['conversation_id']}/actor", expect=404)


@asynccontextmanager
async def supervisor(path: Path, answer: dict[str, Any], heard: list[Any]) -> AsyncIterator[None]:
    """Somebody who hears what the gateway asks a supervisor for."""

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(json.loads(await reader.readline()))
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(hear, path)
    yield
    server.close()


async def test_only_the_demo_ends_processes(database: str, redis_url: str, tmp_path: Path) -> None:
    path, heard = tmp_path / "control.sock", list[Any]()
    demo, other = await found(database, "demo", bots=0), await found(database, "acme", bots=0)
    await beat(database)
    async with GatewayProcess(database, redis_url, tmp_path, {"CALLBOARD_CONTROL_SOCKET": str(path)}) as gateway:
        mine, theirs = Desk(gateway, demo), Desk(gateway, other)
        assert ((await mine.do("GET", "/api/actors"))["trials"], (await theirs.do("GET", "/api/actors"))["trials"]) == (True, False)
        away = await mine.do("POST", "/api/actors/trials", {"what": "redis"}, expect=503)
        assert away["detail"] == "the supervisor does not answer"
        async with supervisor(path, {"pid": 4711}, heard):
            refused = await theirs.do("POST", "/api/actors/trials", {"what": "host", "number": 1}, expect=409)
            assert refused["detail"] == "only the demo company may end processes"
            await mine.do("POST", "/api/actors/trials", {"what": "host", "number": 1}, level="operator", expect=403)
            await mine.do("POST", "/api/actors/trials", {"what": "host", "number": 7}, expect=409)
            assert heard == []
            assert (await mine.do("POST", "/api/actors/trials", {"what": "host", "number": 1}))["pid"] == 4711
            await mine.do("POST", "/api/actors/trials", {"what": "postgres"})
        assert heard == [{"what": "host", "pid": 4711}, {"what": "postgres", "pid": None}]
        path.unlink(missing_ok=True)
        async with supervisor(path, {"error": "this actor is not there any more"}, heard):
            await mine.do("POST", "/api/actors/trials", {"what": "host", "number": 1}, expect=409)
        audit = await mine.do("GET", "/api/audit?action=trial.begun")
        assert [row["after"]["what"] for row in audit["items"]] == ["host", "postgres", "host", "redis"]
