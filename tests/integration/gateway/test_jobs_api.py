"""Jobs over the API, done by the worker as it is composed for an installation."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg

from tests.integration.gateway.company import Company, EchoHost
from tests.integration.gateway.desk import Desk
from tests.integration.gateway.test_api import call


async def ended(desk: Desk, job_id: str) -> Any:
    async with asyncio.timeout(20):
        while (job := await desk.do("GET", f"/api/jobs/{job_id}", level="viewer"))["state"] in {"queued", "running"}:
            await asyncio.sleep(0.05)
    return job


@contextlib.asynccontextmanager
async def owner(database: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


async def insert(database: str, company: Company, state: str, **columns: Any) -> str:
    names = "".join(f", {name}" for name in columns)
    values = "".join(f", ${n}" for n in range(3, 3 + len(columns)))
    async with owner(database) as connection:
        statement = f"insert into jobs (tenant_id, name, state{names}) values ($1, 'crm:sync', $2{values}) returning id::text"
        return str(await connection.fetchval(statement, company.tenant_id, state, *columns.values()))


async def test_an_export_is_asked_for_done_and_fetched(desk: Desk, company: Company, database: str, tmp_path: Path, sync: None) -> None:
    async with EchoHost(database):
        for text in ("hello", "привет"):
            await desk.do("POST", "/api/chat", {"agent_id": str(company.agent_id), "text": text}, level="owner")
    known = '{"name": "Ann", "language": "en", "tags": ["vip"], "variables": {"size": "XL"}, "turns": 1}'
    photo = '{"media": [{"kind": "photo", "file_id": "x", "size": 7}]}'
    async with owner(database) as connection:
        first = await connection.fetchval(
            "update conversations set state = $1 where id = (select min(id) from conversations) returning id", known
        )
        await connection.execute("update messages set data = $1 where conversation_id = $2 and role = 'customer'", photo, first)
        await connection.execute(  # an operator's own chat with the bot is no customer's
            """insert into conversations (tenant_id, integration_id, kind, key, partition, state)
               select tenant_id, integration_id, kind, 'operator', 0, '{"operator": "x"}' from conversations where id = $1""",
            first,
        )
    asked = await desk.do("POST", "/api/exports/conversations", key="once", expect=202)
    again = await desk.do("POST", "/api/exports/conversations", key="once", expect=202)
    assert again["job_id"] == asked["job_id"]
    job = await ended(desk, asked["job_id"])
    assert (job["name"], job["state"], job["error"], job["created_by"]) == ("conversations:export", "done", None, "admin")
    assert job["progress"] == {"done": 2, "total": 2, "note": ""}
    assert {name: job["result"][name] for name in ("conversations", "messages")} == {"conversations": 2, "messages": 4}
    assert "parts" not in job["result"]
    path = f"/api/exports/{asked['job_id']}/file"
    async with desk.gateway.session.get(path, headers=company.headers("admin")) as response:
        body = await response.read()
        assert (response.status, response.content_type) == (200, "application/x-ndjson")
        assert response.headers["Content-Disposition"].startswith('attachment; filename="conversations-')
        assert len(body) == job["result"]["size"]
    lines = [json.loads(line) for line in body.splitlines()]
    assert [line["type"] for line in lines] == ["contact", "conversation", "message", "message"] * 2
    assert [line["text"] for line in lines if line["type"] == "message"] == ["hello", "echo: hello", "привет", "echo: привет"]
    assert lines[1]["contact_id"] == lines[0]["id"]
    contact = {name: lines[0][name] for name in ("name", "language", "tags", "variables", "blocked")}
    assert contact == {"name": "Ann", "language": "en", "tags": ["vip"], "variables": {"size": "XL"}, "blocked": False}
    assert (lines[1]["agent"], lines[2]["files"]) == ("Anna", [{"kind": "photo", "size": 7}])
    assert {"turn_id", "external_id", "sources", "delivery"} <= lines[3].keys()
    status, _, _ = await call(desk.gateway, "GET", path, company, "operator")
    assert status == 403
    for part in (tmp_path / "exports" / asked["job_id"]).iterdir():
        part.unlink()
    status, document, _ = await call(desk.gateway, "GET", path, company, "admin")
    assert (status, document["detail"]) == (410, "this export is not kept any more: ask for a new one")
    audit = await desk.do("GET", f"/api/audit?subject=job:{asked['job_id']}")
    assert [(row["action"], row["actor"]) for row in audit["items"]] == [("job.requested", "admin")]


async def test_old_activity_goes_when_asked_for(desk: Desk, company: Company, database: str, sync: None) -> None:
    async with EchoHost(database):
        for text in ("old", "new"):
            await desk.do("POST", "/api/chat", {"agent_id": str(company.agent_id), "text": text}, level="owner")
    async with owner(database) as connection:
        await connection.execute(
            "insert into activity_logs (tenant_id, kind, at) select $1, 'x', now() - interval '400 days' from generate_series(1, 2500)",
            company.tenant_id,
        )
        await connection.execute(
            "update traces set created_at = now() - interval '366 days' where turn_id = (select turn_id from traces limit 1)"
        )
        counts = "select (select count(*) from activity_logs), (select count(*) from traces), (select count(*) from messages)"
        activity, traces, messages = await connection.fetchrow(counts)
        (schedule,) = (await desk.do("GET", "/api/schedules", level="viewer"))["items"]
        asked = await desk.do("POST", f"/api/schedules/{schedule['id']}/run", expect=202)
        job = await ended(desk, asked["job_id"])
        assert (job["state"], job["result"]) == (
            "done",
            {"deleted": 2501, "activity_days": 365, "traces_days": 30, "conversations_days": None},
        )
        assert job["progress"] == {"done": 2501, "total": 2501, "note": ""}
        assert tuple(await connection.fetchrow(counts)) == (activity - 2500, traces - 1, messages)


async def test_lists_are_filtered_and_paged(desk: Desk, company: Company, database: str) -> None:
    ids = [await insert(database, company, state) for state in ("done", "dead", "queued", "done", "failed")]
    first = await desk.do("GET", "/api/jobs?limit=2", level="viewer")
    second = await desk.do("GET", f"/api/jobs?limit=2&cursor={first['next']}", level="viewer")
    assert [job["id"] for job in first["items"] + second["items"]] == ids[:0:-1]
    done = await desk.do("GET", "/api/jobs?state=done&name=crm:sync", level="viewer")
    assert [job["id"] for job in done["items"]] == [ids[3], ids[0]]
    assert (await desk.do("GET", "/api/jobs?name=crm:other", level="viewer"))["items"] == []
    await desk.do("GET", "/api/jobs?state=gone", level="viewer", expect=422)


async def test_what_is_cancelled_and_retried(desk: Desk, company: Company, database: str) -> None:
    waiting = await insert(database, company, "queued")
    running = await insert(database, company, "running")
    dead = await insert(database, company, "dead", error="busy", attempts=5, dedupe_key="k")
    for id_, state, wanted in ((waiting, "cancelled", False), (running, "running", True)):
        job = await desk.do("POST", f"/api/jobs/{id_}/cancel")
        assert (job["state"], job["cancel_requested"]) == (state, wanted)
    refused = await desk.do("POST", f"/api/jobs/{waiting}/cancel", expect=409)
    assert refused["detail"] == "this job has ended already: there is nothing to cancel"
    await desk.do("POST", f"/api/jobs/{running}/retry", expect=409)
    retried = await desk.do("POST", f"/api/jobs/{dead}/retry")
    assert (retried["state"], retried["attempts"], retried["error"]) == ("queued", 0, None)
    other = await insert(database, company, "dead", dedupe_key="k")
    refused = await desk.do("POST", f"/api/jobs/{other}/retry", expect=409)
    assert refused["detail"] == "the same work is on its way in another job: wait for that one"
    await desk.do("POST", f"/api/jobs/{uuid4()}/retry", expect=404)
    await desk.do("POST", f"/api/jobs/{dead}/cancel", level="operator", expect=403)
    audit = await desk.do("GET", "/api/audit")
    assert [row["action"] for row in audit["items"] if row["action"].startswith("job.")] == [
        "job.retried",
        "job.cancelled",
        "job.cancelled",
    ]


async def test_an_export_that_is_not_there(desk: Desk, company: Company, database: str) -> None:
    waiting = await desk.do("POST", "/api/exports/conversations", expect=202)
    same = await desk.do("POST", "/api/exports/conversations", expect=202)
    assert same["job_id"] == waiting["job_id"]
    await desk.do("GET", f"/api/exports/{waiting['job_id']}/file", expect=409)
    sync = await insert(database, company, "done", result='{"parts": ["../../secret"], "size": 1}')
    await desk.do("GET", f"/api/exports/{sync}/file", expect=404)


async def test_schedules_are_changed_by_version(desk: Desk, company: Company) -> None:
    (schedule,) = (await desk.do("GET", "/api/schedules", level="viewer"))["items"]
    assert (schedule["key"], schedule["cron"], schedule["time_zone"], schedule["enabled"]) == (
        "activity:retention",
        "17 3 * * *",
        "UTC",
        True,
    )
    path = f"/api/schedules/{schedule['id']}"
    changed = await desk.do("PATCH", path, {"cron": "0 4 * * 0", "time_zone": "Europe/Moscow"}, match='"1"')
    assert (changed["cron"], changed["etag"], changed["next_at"][11:16]) == ("0 4 * * 0", '"2"', "01:00")
    await desk.do("PATCH", path, {"enabled": False}, match='"1"', expect=412)
    assert (await desk.do("PATCH", path, {"enabled": False}, match='"2"'))["enabled"] is False
    for body, pointer in (({"cron": "61 * * * *"}, "/cron"), ({"time_zone": "Mars/Olympus"}, "/time_zone")):
        refused = await desk.do("PATCH", path, body, match='"3"', expect=422)
        assert refused["errors"][0]["pointer"] == pointer
