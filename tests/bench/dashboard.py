"""What the dashboard costs with a million rows of activity: a filter that five rows pass, the summary of 30 days, and the page itself."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from uuid import UUID

import asyncpg

from actors.domain.ids import TenantId
from storage.accounts.audit import Actor
from storage.accounts.login_links import LoginLinks
from storage.accounts.users import NewUser, Users
from storage.catalogue import Agents
from storage.embedded_redis import EmbeddedRedis
from storage.migrate import migrate
from storage.postgres import Database, Role
from storage.rollups import PostgresActivity
from storage.summaries import Range, Summaries
from storage.tenants import Tenants
from storage.updates import UpdateFilter, Updates
from tests.bench.console import enter, fresh_pages
from tests.integration.gateway.processes import GatewayProcess

ROWS = 1_000_000
ASKED = 300  # times each question is asked
AGENTS, DAYS, RARE = 5, 30, 5
_NAME, _SLUG = "bench_dashboard", "bench"
_INTEGRATIONS = """
insert into integrations (id, tenant_id, agent_id, channel, account, shard)
select gen_random_uuid(), $1, a.id, c.channel, a.id || c.channel, 0
from agents a cross join unnest(array['telegram', 'web', 'kommo']) c (channel) where a.tenant_id = $1"""
_CONVERSATIONS = """
insert into conversations (tenant_id, integration_id, key, kind, partition)
select $1, i.id, n::text, 'chat', 0 from integrations i cross join generate_series(1, 200) n where i.tenant_id = $1"""
# Spread over 30 days and as many transactions as a new server has had; every 4th turn is handed off, every 100th row an
# error; five rows of one kind lie far back.
_FILL = """
with c as (select array_agg(c.id order by c.id) ids, array_agg(i.agent_id order by c.id) agents
           from conversations c join integrations i on i.id = c.integration_id where c.tenant_id = $1)
insert into activity_logs (tenant_id, kind, agent_id, conversation_id, data, at, xid)
select $1,
  case when n % ($2::int / $3::int) = 7 then 'contact.unreachable' when n % 100 = 0 then 'delivery.failed'
       when n % 4 = 0 then 'turn.handed_off' else 'turn.answered' end,
  c.agents[1 + n % cardinality(c.ids)], c.ids[1 + n % cardinality(c.ids)],
  jsonb_build_object('mode', 'model', 'messages', 1, 'seconds', round((0.3 + 60 * random() ^ 4)::numeric, 3)),
  now() - make_interval(secs => ($2 - n)::float8 / $2 * $4::float8 * 86400), (1 + n::bigint * 600 / $2)::text::xid8
from c cross join generate_series(1, $2::int) n"""
_MARKS = """
insert into activity_marks (at, low, high)
select min(at), min(xid::text::bigint)::text::xid8, (max(xid::text::bigint) + 1)::text::xid8
from (select at, xid, ntile(600) over (order by xid, id) part from activity_logs) a group by part on conflict do nothing"""


async def dashboard_ms(owner_dsn: str, rows: int = ROWS, asked: int = ASKED) -> dict[str, float]:
    """Return the p99 of both questions in ms, and the rate at which rows are counted."""
    owner = await asyncpg.connect(owner_dsn, server_settings={"jit": "off"})
    await owner.execute(f"create database {_NAME}")
    dsn = owner_dsn.replace("/postgres?", f"/{_NAME}?", 1)
    try:
        return await measure(dsn, rows, asked) | {"dashboard_load_ms": await _load_ms(dsn)}
    finally:
        await owner.execute(f"drop database {_NAME} with (force)")
        await owner.close()


async def measure(dsn: str, rows: int, asked: int) -> dict[str, float]:
    """Fill a database and ask; every answer is compared with a recount."""
    await migrate(dsn)
    owner = await asyncpg.connect(dsn, server_settings={"jit": "off"}, timeout=10, command_timeout=600)
    async with await Database.open(dsn, Role.ENGINE, "bench", size=1) as engine, await Database.open(dsn, Role.API, "bench", size=1) as api:
        try:
            tenant = await _fill(owner, api, rows)
            rate = await _count(engine, rows)
            agent = await owner.fetchval("select agent_id from activity_logs where kind = 'contact.unreachable' limit 1")
            return {
                "updates_1m_p99_ms": await _updates(Updates(api), tenant, agent, asked),
                "summary_1m_p99_ms": await _summary(Summaries(api), tenant, owner, asked),
                "activity_counted_per_s": rate,
            }
        finally:
            await owner.close()


async def _fill(owner: "asyncpg.Connection[asyncpg.Record]", api: Database, rows: int) -> TenantId:
    tenant = await Tenants(api).create(_SLUG, "Bench")
    for number in range(AGENTS):
        await Agents(api).create(tenant, f"Agent {number}", {"persona": {"languages": ["en"]}, "scripts": [], "passages": []})
    await owner.execute(_INTEGRATIONS, tenant)
    await owner.execute(_CONVERSATIONS, tenant)
    await owner.execute("delete from activity_logs")
    await owner.execute(_FILL, tenant, rows, RARE, float(DAYS))
    await owner.execute(_MARKS)
    await owner.execute("vacuum analyze activity_logs")
    return tenant


async def _count(engine: Database, rows: int) -> float:
    store, counted, started = PostgresActivity(engine), 0, time.perf_counter()
    while not (portion := await store.count(500)).whole:
        counted += len(portion.facts)
    assert counted + len(portion.facts) == rows
    return rows / (time.perf_counter() - started)


async def _updates(updates: Updates, tenant: TenantId, agent: UUID, asked: int) -> float:
    since = datetime.now(UTC) - timedelta(days=DAYS + 1)
    rare = ("contact.unreachable", "agent.published")
    questions = [
        UpdateFilter(rare),
        UpdateFilter(rare, since=since),
        UpdateFilter(rare, since=since, until=datetime.now(UTC)),
        UpdateFilter(rare, agent),
    ]
    assert len((await updates.older(tenant, questions[0], None, 51)).facts) == RARE

    async def ask(number: int) -> None:
        assert 0 < len((await updates.older(tenant, questions[number % len(questions)], None, 51)).facts) <= RARE

    return await _p99(ask, asked)


async def _summary(summaries: Summaries, tenant: TenantId, owner: "asyncpg.Connection[asyncpg.Record]", asked: int) -> float:
    until = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    range_ = Range(until - timedelta(days=DAYS), until)
    exact = await owner.fetchrow(
        "select count(*) filter (where kind like 'turn.%') turns, count(*) filter (where kind = 'turn.handed_off') handoffs "
        "from activity_logs where at >= $1 and at < $2",
        range_.since,
        range_.until,
    )

    async def ask(_: int) -> None:
        found = await summaries.read(tenant, range_, "day")
        assert exact is not None
        assert sum(t.messages for t in found.of.values()) == exact["turns"]
        assert sum(t.handoffs for t in found.of.values()) == exact["handoffs"]

    return await _p99(ask, asked)


async def _load_ms(dsn: str) -> float:
    """Return the ms from the start of a navigation with an empty cache until counters, chart and updates are there, the median."""
    async with await Database.open(dsn, Role.API, "bench", size=1) as api:
        tenant = await Tenants(api).by_slug(_SLUG)
        assert tenant is not None
        with tempfile.TemporaryDirectory(prefix="callboard-bench-") as home:
            loads = sorted(await _loads(dsn, api, tenant.id, Path(home)))
    return loads[len(loads) // 2]


async def _loads(dsn: str, api: Database, tenant: TenantId, home: Path) -> list[float]:
    home.chmod(0o711)
    owner = await Users(api).create(tenant, NewUser("owner@bench.invalid", "Owner", "owner", "ru"), Actor("bench"))
    token = await LoginLinks(api).create(tenant, owner.id, "login", Actor("bench"))
    redis, took = EmbeddedRedis(home), []
    redis_url = redis.start()
    try:
        async with GatewayProcess(dsn, redis_url, home) as gateway:
            cookie, _ = await asyncio.to_thread(enter, gateway.url, token)
            async for page in fresh_pages(gateway.url, cookie):
                await page.goto(f"/manage/{tenant}", wait_until="commit")
                for part in ("[data-counter]", "[data-part=answered]", "[data-kind]"):
                    await page.locator(part).first.wait_for()
                took.append(float(await page.evaluate("performance.now()")))
    finally:
        redis.stop()
    return took


async def _p99(ask: Callable[[int], Awaitable[None]], asked: int) -> float:
    durations = []
    for number in range(asked):
        started = time.perf_counter()
        await ask(number)
        durations.append(time.perf_counter() - started)
    return sorted(durations)[ceil(0.99 * asked) - 1] * 1e3
