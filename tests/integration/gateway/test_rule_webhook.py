"""Webhooks of tenants' own systems, against real servers: what is accepted, refused, stored, and kept while PostgreSQL is away."""

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

from gateway.webhooks.rules import MAX_BODY
from storage.embedded_postgres import EmbeddedPostgres
from tests.integration.gateway.company import Company
from tests.integration.gateway.desk import Desk
from tests.integration.gateway.processes import GatewayProcess
from tests.integration.gateway.test_database_away import (  # noqa: F401  # fixtures of the same story
    eventually,
    own_company,
    server,
)


async def address(desk: Desk, agent: str, rule: str = "order") -> str:
    """Return the path of a rule's webhook."""
    shown = await desk.do("GET", f"{agent}/rule-webhook")
    return urlsplit(str(shown["url"])).path.replace("{rule}", rule)


async def post(gateway: GatewayProcess, path: str, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    given: dict[str, Any] = {"data": body} if isinstance(body, bytes) else {"json": body}
    more = {"Content-Type": "application/json"} if isinstance(body, bytes) else {}
    async with gateway.session.post(path, headers={**more, **headers}, **given) as response:
        document: dict[str, Any] = json.loads(await response.text())
        return response.status, document


async def stored(dsn: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch("select * from inbox where convert_from(raw, 'UTF8')::jsonb ->> 'kind' = 'webhook' order by id")
    finally:
        await connection.close()


async def test_a_call_is_stored_once_under_its_key(desk: Desk, database: str) -> None:
    path = await address(desk, await desk.agent())
    body = {"order": {"id": 7, "name": "Ольга"}}
    again = {"Idempotency-Key": "order-7"}
    assert await post(desk.gateway, path, body, **again) == (202, {"ok": True, "duplicate": False})
    assert await post(desk.gateway, path, body, **again) == (202, {"ok": True, "duplicate": True})
    other = path.replace("/order/", "/another/")
    assert (await post(desk.gateway, other, body, **again))[1]["duplicate"] is False
    assert await post(desk.gateway, path, body) == await post(desk.gateway, path, body) == (202, {"ok": True, "duplicate": False})
    rows = await stored(database)
    assert [row["key"] for row in rows] == ["rule:order", "rule:another", "rule:order", "rule:order"]
    assert json.loads(rows[0]["raw"]) == {"kind": "webhook", "payload": {"rule": "order", "body": body}}


async def test_what_is_no_call_is_refused(desk: Desk, company: Company, database: str) -> None:
    path = await address(desk, await desk.agent())
    for body, status in [(b"[1]", 400), (b"{", 400), (b'"x"', 400), (b"", 400), (b'{"a":1,"a":2}', 400), (b" " * (MAX_BODY + 1), 413)]:
        assert (await post(desk.gateway, path, body))[0] == status, body[:20]
    async with desk.gateway.session.post(path, data={"a": "b"}) as response:
        assert response.status == 415
    assert (await post(desk.gateway, path, {}, **{"Idempotency-Key": "x" * 129}))[0] == 422
    odd: list[Any] = ["seven", True, 1.5, -1, [], 2**70]
    for named in odd:
        assert (await post(desk.gateway, path, {"conversation_id": named}))[0] == 422, named
    assert (await post(desk.gateway, path, {"conversation_id": 10**9}))[0] == 404
    bot, secret = next(iter(company.bots.items()))
    seen = set()
    for wrong in (f"{path}x", path.upper(), f"/webhooks/rules/{uuid4()}/order/x", f"/webhooks/rules/{bot}/order/{secret}"):
        status, document = await post(desk.gateway, wrong.replace("/WEBHOOKS/RULES/", "/webhooks/rules/"), {})
        document.pop("request_id")
        seen.add((status, json.dumps(document, sort_keys=True)))
    assert len(seen) == 1
    assert next(iter(seen))[0] == 401
    assert await stored(database) == []


async def test_a_call_may_name_a_conversation_of_the_agent_only(desk: Desk, database: str) -> None:
    agent, other = await desk.agent(), await desk.agent()
    rule = {"name": "R", "key": "order", "trigger": {"on": "webhook"}, "actions": [{"do": "send", "text": {"en": "Ready"}}]}
    await desk.do("POST", f"{agent}/rules", rule, expect=201)
    for one in (agent, other):
        await desk.do("POST", f"{one}/publish", {})
    connection = await asyncpg.connect(database)
    for one in (agent, other):
        await connection.execute(
            "insert into conversations (tenant_id, integration_id, kind, key, partition)"
            " select tenant_id, id, 'chat', 'a', 1 from integrations where agent_id = $1 and channel = 'test'",
            one.rpartition("/")[2],
        )
    ids = [r["id"] for r in await connection.fetch("select id from conversations where key = 'a' order by id")]
    await connection.close()
    path = await address(desk, agent)
    assert (await post(desk.gateway, path, {"conversation_id": ids[1]}))[0] == 404
    assert (await post(desk.gateway, path, {"conversation_id": str(ids[0])}))[0] == 202
    assert [row["key"] for row in await stored(database)] == ["a"]


async def test_a_new_secret_ends_the_old_one_and_only_admins_see_it(desk: Desk, database: str) -> None:
    agent = await desk.agent()
    old = await address(desk, agent)
    assert old == await address(desk, agent)
    assert (await post(desk.gateway, old, {}))[0] == 202
    await desk.do("GET", f"{agent}/rule-webhook", level="operator", expect=403)
    await desk.do("POST", f"{agent}/rule-webhook/rotate", level="operator", expect=403)
    await desk.do("POST", f"{agent}/rule-webhook/rotate")
    new = await address(desk, agent)
    assert new != old
    assert (await post(desk.gateway, new, {}))[0] == 202
    assert (await post(desk.gateway, old, {}))[0] == 401
    assert [item["channel"] for item in (await desk.do("GET", "/api/integrations"))["items"] if item["channel"] == "agent"] == []
    connection = await asyncpg.connect(database)
    told = await connection.fetchval("select count(*) from audit_log where action = 'rules.webhook_secret'")
    await connection.close()
    assert told == 1


async def test_calls_are_kept_while_postgresql_is_away(
    server: EmbeddedPostgres,  # noqa: F811
    own_company: Company,  # noqa: F811
    redis_url: str,
    tmp_path: Path,
) -> None:
    async with GatewayProcess(server.dsn, redis_url, tmp_path) as gateway:
        desk = Desk(gateway, own_company)
        path = await address(desk, await desk.agent())
        assert (await post(gateway, path, {"n": 0}))[0] == 202
        await asyncio.to_thread(server.stop)
        for n in range(1, 6):
            assert (await post(gateway, path, {"n": n}, **{"Idempotency-Key": f"n-{n}"}))[0] == 202
        assert (await post(gateway, f"{path}x", {}))[0] == 401
        assert (await post(gateway, path, {"conversation_id": 1}))[0] == 503  # whose it is cannot be looked up now
        await asyncio.to_thread(server.start)

        async def is_empty() -> bool:
            async with gateway.session.get("/metrics") as response:
                return "callboard_spool_depth 0.0" in await response.text()

        await eventually(is_empty, 30)
        assert (await post(gateway, path, {"n": 5}, **{"Idempotency-Key": "n-5"}))[1]["duplicate"] is True
    assert [json.loads(row["raw"])["payload"]["body"]["n"] for row in await stored(server.dsn)] == list(range(6))
