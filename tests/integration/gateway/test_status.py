"""/health and /metrics: the shape people rely on, and one truth."""

import asyncio
import json
from pathlib import Path

import asyncpg

from storage.embedded_redis import EmbeddedRedis
from storage.heartbeat import Heartbeats
from storage.postgres import Database, Role
from tests.integration.gateway.company import Company, update
from tests.integration.gateway.processes import GatewayProcess
from tests.integration.gateway.test_database_away import eventually, health


async def metrics(gateway: GatewayProcess) -> dict[str, float]:
    async with gateway.session.get("/metrics") as response:
        assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        lines = (await response.text()).splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}


async def test_shape_without_and_with_a_stage(gateway: GatewayProcess, company: Company, database: str) -> None:
    async def redis_is_seen() -> bool:
        return bool((await health(gateway))[1]["redis"]["connected"])  # type: ignore[index]

    await eventually(redis_is_seen)
    status, document = await health(gateway)
    assert status == 200
    assert document == {
        "status": "degraded",
        "service": "gateway",
        "postgres": {"connected": True, "error": None},
        "redis": {"connected": True, "error": None, "lastError": None, "reconnectAttempts": 0},
        "ray": {"connected": False, "actors": 0},
        "worker": {
            "concurrency": 5,
            "queueName": "agent-jobs",
            "jobsProcessing": 0,
            "jobsQueued": 0,
            "jobsDone": 0,
            "jobsFailed": 0,
            "jobsDead": 0,
            "oldestAgeS": 0.0,
        },
    }
    async with await Database.open(database, Role.ENGINE, "stage", size=1) as opened:
        await Heartbeats(opened).write("stage", {"ray": {"actors": {"host-0": "alive", "host-1": "alive", "sender-0": "starting"}}})

        async def is_ok() -> bool:
            return (await health(gateway))[1]["status"] == "ok"

        await eventually(is_ok)
        assert (await health(gateway))[1]["ray"] == {"connected": True, "actors": 2}
        for odd in ({}, {"ray": None}, {"ray": {"actors": 3}}):
            await Heartbeats(opened).write("stage", odd)
            await asyncio.sleep(1.1)
            assert (await health(gateway))[1]["ray"] == {"connected": True, "actors": 0}
        await opened.fetch("update heartbeats set at = now() - interval '11 seconds'")
        await asyncio.sleep(1.1)
    document = (await health(gateway))[1]
    assert (document["status"], document["ray"]) == ("degraded", {"connected": False, "actors": 0})


async def test_counters_and_json_form(gateway: GatewayProcess, company: Company) -> None:
    (bot, secret), *_ = company.bots.items()
    headers = {"X-Telegram-Bot-Api-Secret-Token": secret}
    for _ in range(2):
        async with gateway.session.post(f"/webhooks/telegram/{bot}", json=update(1), headers=headers) as response:
            assert response.status == 200
    async with gateway.session.post(f"/webhooks/telegram/{bot}", json=update(1)) as response:
        assert response.status == 401
    seen = await metrics(gateway)
    assert seen['callboard_inputs_total{channel="telegram",verdict="stored"}'] == 1
    assert seen['callboard_inputs_total{channel="telegram",verdict="duplicate"}'] == 1
    assert seen['callboard_refused_total{reason="unauthorized"}'] == 1
    assert seen["callboard_ingest_seconds_count"] == 2
    assert seen["callboard_spool_depth"] == 0
    async with gateway.session.get("/metrics", headers={"Accept": "application/json"}) as response:
        document = json.loads(await response.text())
    assert document["jobs"] == {
        "total": 0,
        "completed": 0,
        "failed": 0,
        "processing": 0,
        "queued": 0,
        "dead": 0,
        "cancelled": 0,
        "oldestAgeS": 0.0,
    }
    assert document["inputs"] == {"telegram.stored": 1, "telegram.duplicate": 1}
    assert document["redis"] == (await health(gateway))[1]["redis"]


async def test_what_nobody_knows_and_what_nobody_acts_on_is_counted(gateway: GatewayProcess, company: Company, database: str) -> None:
    bot = next(iter(company.bots))
    connection = await asyncpg.connect(database)
    try:
        conversation = await connection.fetchval(
            "insert into conversations (tenant_id, integration_id, key, kind, partition) values ($1, $2, '7', 'chat', 0) returning id",
            company.tenant_id,
            bot,
        )
        await connection.execute(
            "insert into outbox (tenant_id, conversation_id, integration_id, shard, turn_id, seq, class, policy, state, uncertain, body) "
            "values ($1, $2, $3, 0, gen_random_uuid(), 0, 'reply', 'repeat_once', 'sent', 2, '{}')",
            company.tenant_id,
            conversation,
            bot,
        )
        await connection.execute("insert into placement (epoch, hosts, senders, installation) values (1, 2, 1, gen_random_uuid())")
        for part, ignored in enumerate(({"poll": 2}, {"poll": 1, 'a "kind"': 4})):
            await connection.execute(
                "insert into carriers (kind, part, generation, epoch, pid, status) values ('host', $1, gen_random_uuid(), 1, 1, $2)",
                part,
                json.dumps({"ignored": ignored}),
            )
    finally:
        await connection.close()
    await asyncio.sleep(1.1)  # the probe keeps what it saw for a second
    seen = await metrics(gateway)
    assert seen['callboard_uncertain{channel="telegram"}'] == 2
    assert (seen['callboard_ignored{kind="poll"}'], seen['callboard_ignored{kind="other"}']) == (3, 4)
    async with gateway.session.get("/api/integrations", headers=company.headers("viewer")) as response:
        items = (await response.json())["items"]
    assert {item["channel"]: item["uncertain"] for item in items} == {"test": 0, "telegram": 2}


async def test_redis_away_loses_nothing_and_is_said_by_both(company: Company, database: str, servers_dir: Path, tmp_path: Path) -> None:
    directory = servers_dir / "away"
    directory.mkdir()
    directory.chmod(0o711)
    server = EmbeddedRedis(directory)
    url = server.start()
    (bot, secret), *_ = company.bots.items()
    headers = {"X-Telegram-Bot-Api-Secret-Token": secret}
    async with GatewayProcess(database, url, tmp_path) as gateway:
        await asyncio.to_thread(server.stop)

        async def is_away() -> bool:
            return not (await health(gateway))[1]["redis"]["connected"]  # type: ignore[index]

        await eventually(is_away)
        for number in range(20):
            async with gateway.session.post(f"/webhooks/telegram/{bot}", json=update(number), headers=headers) as response:
                assert response.status == 200
        status, document = await health(gateway)
        assert (status, document["status"]) == (200, "degraded")
        assert document["redis"]["lastError"]  # type: ignore[index]
        assert document["redis"]["reconnectAttempts"] > 0  # type: ignore[index]
        assert (await metrics(gateway))['callboard_up{component="redis"}'] == 0
        await asyncio.to_thread(server.start)

        async def is_back() -> bool:
            return not await is_away()

        await eventually(is_back)
        assert (await health(gateway))[1]["redis"]["lastError"]  # type: ignore[index]
    server.stop()
