"""The web chat widget against a real gateway: whose pages may use it, whose conversation it is, and that it is the same line."""

import json
from typing import Any

import asyncpg
import redis.asyncio

from tests.integration.gateway.company import Company, EchoHost, found
from tests.integration.gateway.processes import GatewayProcess
from tests.integration.gateway.test_api import call
from tests.integration.gateway.visitor import SITE, Visitor, add_widget


async def test_a_visitor_is_answered_and_finds_the_conversation_again(gateway: GatewayProcess, company: Company, database: str) -> None:
    widget = await add_widget(gateway, company)
    assert widget["script"] == f'<script src="{gateway.url}/widget.js" data-agent="{widget["token"]}" async></script>'
    visitor = Visitor(gateway, widget["token"])
    assert (await visitor.begin())["agent"] == "Anna"
    assert await visitor.read() == []
    assert await visitor.write(" при\x00вет ", "m-1") == 202
    assert await visitor.write("привет", "m-1") == 202  # the page repeats what it does not know to be stored
    async with EchoHost(database), visitor.events() as events:
        own, answer = await events.next(), await events.next()
        assert (own["role"], own["text"]) == ("customer", "привет")
        assert (answer["role"], answer["text"]) == ("agent", "echo: привет")
        assert await visitor.write("ещё", "m-2") == 202
        assert [(await events.next())["text"], (await events.next())["text"]] == ["ещё", "echo: ещё"]
    again = Visitor(gateway, widget["token"])
    again.secret = visitor.secret
    assert (await again.begin())["visitor"] == visitor.secret
    assert [said["text"] for said in await again.read()] == ["привет", "echo: привет", "ещё", "echo: ещё"]
    assert [said["text"] for said in await again.read(answer["id"])] == ["ещё", "echo: ещё"]
    other = Visitor(gateway, widget["token"])
    await other.begin()
    assert other.secret != visitor.secret
    assert await other.read() == []
    status, _, _ = await other.ask("GET", "events")
    assert status == 404  # nothing was said yet
    await nothing_stored_of(database, visitor.secret)


async def nothing_stored_of(database: str, secret: str) -> None:
    """A copy of the database lets nobody into a visitor's conversation."""
    connection = await asyncpg.connect(database)
    rows = await connection.fetch("select c::text as row from conversations c union all select convert_from(raw, 'UTF8') from inbox")
    await connection.close()
    assert len(rows) == 3
    assert not any(secret in row["row"] for row in rows)


async def test_an_operator_answers_a_visitor(gateway: GatewayProcess, company: Company, database: str) -> None:
    visitor = Visitor(gateway, (await add_widget(gateway, company))["token"])
    await visitor.begin()
    await visitor.write("Is anybody there?", "m-1")
    async with EchoHost(database), visitor.events() as events:
        await events.next()
        assert (await events.next())["text"] == "echo: Is anybody there?"
        _, listed, _ = await call(gateway, "GET", "/api/conversations?channel=web", company, "viewer")
        (conversation,) = listed["items"]
        path = f"/api/conversations/{conversation['id']}"
        status, _, _ = await call(gateway, "POST", f"{path}/reply", company, "operator", json={"text": "I am Ivan"})
        assert status == 200
        said = await events.next()
        assert (said["role"], said["text"]) == ("operator", "I am Ivan")
        await visitor.write("Thank you", "m-2")
        assert (await events.next())["text"] == "Thank you"
    _, messages, _ = await call(gateway, "GET", f"{path}/messages", company)
    assert [m["text"] for m in messages["items"]][-2:] == ["I am Ivan", "Thank you"]  # the bot is silent
    connection = await asyncpg.connect(database)
    assert await connection.fetchval("select count(*) from outbox") == 0  # what is stored is delivered
    await connection.close()


async def test_parts_of_an_answer_are_streamed(gateway: GatewayProcess, company: Company, database: str, redis_url: str) -> None:
    visitor = Visitor(gateway, (await add_widget(gateway, company))["token"])
    await visitor.begin()
    await visitor.write("hello", "m-1")
    connection = await asyncpg.connect(database)
    conversation = await connection.fetchval("select id from conversations order by id desc limit 1")
    await connection.close()
    async with visitor.events() as events, redis.asyncio.from_url(redis_url) as client:
        await client.publish(f"callboard:live:{conversation}", json.dumps({"type": "delta", "text": "Hel", "turn_id": "t"}))
        assert await events.next("delta") == {"turn_id": "t", "text": "Hel"}
        async with EchoHost(database):
            assert (await events.next())["text"] == "hello"
            assert (await events.next())["text"] == "echo: hello"


async def test_only_pages_of_its_own_sites(gateway: GatewayProcess, company: Company) -> None:
    widget = await add_widget(gateway, company)
    visitor, stranger = Visitor(gateway, widget["token"]), Visitor(gateway, widget["token"], "https://evil.example")
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-callboard-visitor"}
    status, _, headers = await visitor.ask("OPTIONS", "messages", headers=preflight)
    assert (status, headers["Access-Control-Allow-Origin"], headers["Vary"]) == (204, SITE, "Origin")
    assert "X-Callboard-Visitor" in headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in headers
    await visitor.begin()
    stranger.secret = visitor.secret
    for method, path, body in (
        ("OPTIONS", "messages", None),
        ("POST", "session", None),
        ("GET", "messages", None),
        ("GET", "events", None),
        ("POST", "messages", {"text": "x", "message_id": "m"}),
    ):
        for origin in ("https://evil.example", "null", SITE.replace("https", "http"), f"{SITE}.evil.example", f"{SITE}:444"):
            stranger.origin = origin
            status, _, headers = await stranger.ask(method, path, json=body)
            assert status == (204 if method == "OPTIONS" else 403), (method, path, origin)
            # That it is refused may be read, nothing else may: a page would take it for a line that is down.
            assert headers["Access-Control-Allow-Origin"] == "*"
    status, _, _ = await call(gateway, "GET", f"/api/widget/{widget['token']}/messages", headers={"X-Callboard-Visitor": visitor.secret})
    assert status == 403  # no browser says nothing about where a page is from
    status, _, headers = await visitor.ask("POST", "messages", json={"text": "", "message_id": "m"})
    assert (status, headers["Access-Control-Allow-Origin"]) == (422, SITE)  # refusals can be read, too
    visitor.secret = "cbv_" + "?" * 43
    assert (await visitor.ask("GET", "messages"))[0] == 401


async def test_a_widget_is_changed_and_taken_off(gateway: GatewayProcess, company: Company, database: str) -> None:
    widget = await add_widget(gateway, company, name=" Shop ", origins=["HTTPS://Shop.Example:443/", "http://магазин.рф:8080"])
    assert widget["name"] == "Shop"
    assert widget["origins"] == ["https://shop.example", "http://xn--80aairftm.xn--p1ai:8080"]
    path, stale = widget["path"], {"If-Match": widget["etag"]}
    status, changed, _ = await call(gateway, "PATCH", path, company, "admin", json={"enabled": False}, headers=stale)
    assert (status, changed["enabled"], changed["version"], changed["name"]) == (200, False, 2, "Shop")
    assert (await call(gateway, "PATCH", path, company, "admin", json={"name": "x"}, headers=stale))[0] == 412
    assert (await call(gateway, "DELETE", path, company, "admin"))[0] == 428
    off = Visitor(gateway, widget["token"])
    assert (await off.ask("POST", "session"))[0] == 404
    current = {"If-Match": f'"{changed["version"]}"'}
    assert (await call(gateway, "DELETE", path, company, "admin", headers=current))[0] == 204
    assert (await call(gateway, "GET", path, company))[0] == 404
    _, listed, _ = await call(gateway, "GET", f"/api/agents/{company.agent_id}/widgets", company, "viewer")
    assert listed["items"] == []
    connection = await asyncpg.connect(database)
    status_of = await connection.fetchval("select status from integrations where id = $1", widget["integration_id"])
    actions = [r["action"] for r in await connection.fetch("select action from audit_log where subject like 'widget:%' order by id")]
    await connection.close()
    assert status_of == "disconnected"
    assert actions == ["widget.created", "widget.changed", "widget.deleted"]


async def test_owners_mistakes_and_other_peoples_widgets(gateway: GatewayProcess, company: Company, database: str) -> None:
    path = f"/api/agents/{company.agent_id}/widgets"
    for origin in (
        "*",
        "https://*.shop.example",
        "shop.example",
        "https://shop.example/page",
        "ftp://shop.example",
        "https://",
        "https://a b",
    ):
        status, _, _ = await call(gateway, "POST", path, company, "admin", json={"origins": [origin]})
        assert status == 422, origin
    assert (await call(gateway, "POST", path, company, "admin", json={"origins": []}))[0] == 422
    assert (await call(gateway, "POST", path, company, "operator", json={"origins": [SITE]}))[0] == 403
    widget = await add_widget(gateway, company)
    stranger = await found(database, "stranger")
    assert (await call(gateway, "GET", widget["path"], stranger))[0] == 404
    headers = {"If-Match": widget["etag"]}
    assert (await call(gateway, "PATCH", widget["path"], stranger, json={"enabled": False}, headers=headers))[0] == 404
    assert (await call(gateway, "DELETE", widget["path"], stranger, headers=headers))[0] == 404
    assert (await call(gateway, "POST", path, stranger, json={"origins": [SITE]}))[0] == 404
    for token in ("cbw_" + "x" * 22, "x", "cbw_" + "x" * 22 + "%00"):
        assert (await Visitor(gateway, token).ask("POST", "session"))[0] == 404


async def test_a_visitor_who_writes_too_much_waits(gateway: GatewayProcess, company: Company) -> None:
    widget = await add_widget(gateway, company)
    visitor = Visitor(gateway, widget["token"])
    await visitor.begin()
    statuses = [await visitor.write("x", f"m-{number}") for number in range(20)]
    assert set(statuses) == {202, 429}
    assert statuses[:8] == [202] * 8
    status, problem, headers = await visitor.ask("POST", "messages", json={"text": "x", "message_id": "m"})
    assert (status, problem["type"]) == (429, "urn:callboard:problem:too-many-requests")
    assert 1 <= int(headers["Retry-After"]) <= 5
    others: list[Any] = []
    for _ in range(4):  # one address, many visitors: the address has a limit of its own
        other = Visitor(gateway, widget["token"])
        await other.begin()
        others += [await other.write("x", f"m-{number}") for number in range(9)]
    assert others[:8] == [202] * 8
    assert others.count(202) <= 34
