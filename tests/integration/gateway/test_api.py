"""The JSON API with keys, against real servers and the simplest host."""

import asyncio
import json
from typing import Any
from uuid import UUID

import asyncpg
import redis.asyncio

from tests.integration.gateway.company import Company, EchoHost, found, update
from tests.integration.gateway.processes import GatewayProcess


async def call(
    gateway: GatewayProcess, method: str, path: str, company: Company | None = None, level: Any = "owner", **more: Any
) -> tuple[int, dict[str, Any], dict[str, str]]:
    headers = {**(company.headers(level) if company else {}), **more.pop("headers", {})}
    async with gateway.session.request(method, path, headers=headers, **more) as response:
        if response.status >= 400:
            assert response.content_type == "application/problem+json", await response.text()
        document = json.loads(await response.read() or b"{}")
        if response.status >= 400 and method != "HEAD":
            assert document["status"] == response.status
            assert document["request_id"] == response.headers["X-Request-ID"]
            assert document["type"].startswith("urn:callboard:problem:")
        return response.status, document, dict(response.headers)


async def say(gateway: GatewayProcess, company: Company, text: str, **more: Any) -> dict[str, Any]:
    status, answer, _ = await call(gateway, "POST", "/api/chat", company, json={"agent_id": str(company.agent_id), "text": text, **more})
    assert status == 200, answer
    return answer


async def test_chat_answers_and_a_repetition_is_the_same_answer(gateway: GatewayProcess, company: Company, database: str) -> None:
    async with EchoHost(database):
        first = await say(gateway, company, "  при\x00вет\ud800 ", message_id="m-1")
        assert first["reply"]["text"] == "echo: привет"
        assert set(first) == {"conversation_id", "message_id", "reply", "trace_id"}
        assert await say(gateway, company, "привет", message_id="m-1") == first
        again = await say(gateway, company, "привет", message_id="m-1", conversation_id=first["conversation_id"])
        assert again == first
        second = await say(gateway, company, "ещё", conversation_id=first["conversation_id"])
        assert second["conversation_id"] == first["conversation_id"]
        assert (await say(gateway, company, "новый"))["conversation_id"] != first["conversation_id"]
    path = f"/api/conversations/{first['conversation_id']}/messages"
    _, listed, _ = await call(gateway, "GET", path, company, "viewer")
    assert [(m["role"], m["text"]) for m in listed["items"]] == [
        ("customer", "привет"),
        ("agent", "echo: привет"),
        ("customer", "ещё"),
        ("agent", "echo: ещё"),
    ]
    assert listed["items"][0]["id"] == first["message_id"]
    assert listed["items"][1]["delivery"] is None
    status, trace, _ = await call(gateway, "GET", f"{path}/{first['message_id']}/trace", company, "viewer")
    assert (status, trace["trace_id"], trace["trace"]) == (200, first["trace_id"], {"reason": "echo"})


async def test_chat_as_a_stream(gateway: GatewayProcess, company: Company, database: str) -> None:
    started = await _start_conversation(gateway, company, database)
    url = gateway.env["REDIS_URL"]
    body = {"agent_id": str(company.agent_id), "text": "stream", "conversation_id": started}
    headers = {**company.headers(), "Accept": "text/event-stream"}
    async with redis.asyncio.from_url(url) as client, gateway.session.post("/api/chat", json=body, headers=headers) as response:
        assert response.content_type == "text/event-stream"
        for part in ("Hel", "lo"):
            event = {"type": "delta", "text": part, "turn_id": "t"}
            await client.publish(f"callboard:live:{started}", json.dumps(event))
        async with EchoHost(database):
            text = (await response.read()).decode()
    events = [(block.split("\n")[0][7:], json.loads(block.split("\n")[1][6:])) for block in text.strip().split("\n\n")]
    assert [name for name, _ in events] == ["accepted", "delta", "delta", "message", "done"]
    assert "".join(data["text"] for name, data in events if name == "delta") == "Hello"
    assert events[0][1]["conversation_id"] == started
    assert events[3][1]["reply"]["text"] == "echo: stream"


async def _start_conversation(gateway: GatewayProcess, company: Company, database: str) -> str:
    async with EchoHost(database):
        return str((await say(gateway, company, "start"))["conversation_id"])


async def test_no_answer_in_time_is_504_and_repeating_gets_it(gateway: GatewayProcess, company: Company, database: str) -> None:
    body = {"agent_id": str(company.agent_id), "text": "slow"}
    status, problem, _ = await call(gateway, "POST", "/api/chat", company, json=body)
    assert (status, problem["type"]) == (504, "urn:callboard:problem:no-answer-yet")
    async with EchoHost(database):
        answer = await say(gateway, company, "slow", **problem["repeat_with"])
    assert answer["reply"]["text"] == "echo: slow"
    assert answer["conversation_id"] == problem["repeat_with"]["conversation_id"]
    connection = await asyncpg.connect(database)
    assert await connection.fetchval("select count(*) from inbox") == 1
    await connection.close()


async def test_takeover_reply_and_give_back(gateway: GatewayProcess, company: Company, database: str) -> None:
    async with EchoHost(database) as host:
        conversation = (await say(gateway, company, "one"))["conversation_id"]
        path = f"/api/conversations/{conversation}"
        status, taken, _ = await call(gateway, "POST", f"{path}/takeover", company, "operator")
        assert (status, taken["control"], taken["version"]) == (200, "human", 2)
        silent = await say(gateway, company, "two", conversation_id=conversation)
        assert (silent["reply"], silent["reason"]) == (None, "a person has the conversation")
        key = {"Idempotency-Key": "k1"}
        status, said, _ = await call(gateway, "POST", f"{path}/reply", company, "operator", json={"text": "I am Ivan"}, headers=key)
        assert status == 200
        status, again, headers = await call(gateway, "POST", f"{path}/reply", company, "operator", json={"text": "I am Ivan"}, headers=key)
        assert (status, again, headers["Idempotent-Replayed"]) == (200, said, "true")
        status, _, _ = await call(gateway, "POST", f"{path}/reply", company, "operator", json={"text": "other"}, headers=key)
        assert status == 422
        status, back, _ = await call(gateway, "POST", f"{path}/give-back", company, "operator", json={})
        assert (status, back["control"]) == (200, "bot")
        assert (await say(gateway, company, "three", conversation_id=conversation))["reply"]["text"] == "echo: three"
        host.silent = True
        nothing = await say(gateway, company, "four", conversation_id=conversation)
        assert (nothing["reply"], nothing["reason"]) == (None, "the agent had nothing to say")
    _, listed, _ = await call(gateway, "GET", f"{path}/messages", company)
    roles = [(m["role"], m["text"]) for m in listed["items"] if m["role"] != "customer"]
    assert roles == [("agent", "echo: one"), ("operator", "I am Ivan"), ("agent", "echo: three")]


async def test_delivery_state_is_shown_with_uncertain(gateway: GatewayProcess, company: Company, database: str) -> None:
    (bot, secret), *_ = company.bots.items()
    async with EchoHost(database):
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret}
        async with gateway.session.post(f"/webhooks/telegram/{bot}", json=update(1), headers=headers) as response:
            assert response.status == 200
        async with asyncio.timeout(30):
            while not (items := (await call(gateway, "GET", "/api/conversations?channel=telegram", company))[1]["items"]):
                await asyncio.sleep(0.05)
            conversation = items[0]["id"]
            path = f"/api/conversations/{conversation}/messages"
            while len((await call(gateway, "GET", path, company))[1]["items"]) < 2:
                await asyncio.sleep(0.05)
    status, _, _ = await call(gateway, "POST", f"/api/conversations/{conversation}/takeover", company, "operator")
    assert status == 200
    connection = await asyncpg.connect(database)
    await connection.execute("update outbox set uncertain = 1")
    await connection.close()
    _, listed, _ = await call(gateway, "GET", path, company)
    customer, agent = listed["items"]
    assert customer["delivery"] is None
    assert agent["delivery"]["state"] == "withdrawn"
    assert agent["delivery"]["uncertain"] == 1


async def test_pages_follow_their_cursor_and_refuse_others(gateway: GatewayProcess, company: Company, database: str) -> None:
    async with EchoHost(database):
        made = [(await say(gateway, company, f"n{n}"))["conversation_id"] for n in range(5)]
    seen: list[str] = []
    path = "/api/conversations?limit=2&channel=test"
    while path:
        _, page, headers = await call(gateway, "GET", path, company, "viewer")
        seen += [item["id"] for item in page["items"]]
        path = headers["Link"].split(">")[0][1:] if page["next"] else ""
    assert seen == made[::-1]
    _, page, _ = await call(gateway, "GET", "/api/conversations?limit=2", company)
    for bad in (f"control=human&cursor={page['next']}", "cursor=x", "cursor=%F0%9F", "cursor=" + "A" * 3000, "limit=0", "limit=101"):
        assert (await call(gateway, "GET", f"/api/conversations?{bad}", company))[0] == 422, bad
    for bad in ("limit=x", "limit=-1", "limit=1&limit=2", "foo=1", "agent_id=1", "control=x", "channel=%00"):
        assert (await call(gateway, "GET", f"/api/conversations?{bad}", company))[0] == 422, bad
    _, agents, _ = await call(gateway, "GET", "/api/agents", company, "viewer")
    assert [(a["id"], a["name"]) for a in agents["items"]] == [(str(company.agent_id), "Anna")]
    assert agents["next"] is None


async def test_keys_and_roles(gateway: GatewayProcess, company: Company, database: str) -> None:
    for header in (None, "", "Bearer", "Bearer x", "Basic abc", f"Bearer cb_{'x' * 43}", "Bearer ключ", f"Bearer {company.keys['owner']}x"):
        headers = {"Authorization": header} if header is not None else {}
        status, _, answered = await call(gateway, "GET", "/api/agents", headers=headers)
        assert status == 401, header
        assert answered["WWW-Authenticate"].startswith("Bearer")
    conversation = await _start_conversation(gateway, company, database)
    writes = [("/api/chat", {"agent_id": str(company.agent_id), "text": "x"})]
    writes += [(f"/api/conversations/{conversation}/{verb}", {"text": "x"} if verb == "reply" else {}) for verb in VERBS]
    for path, body in writes:
        assert (await call(gateway, "POST", path, company, "viewer", json=body))[0] == 403, path
    connection = await asyncpg.connect(database)
    await connection.execute("update api_keys set revoked_at = now() where role = 'admin'")
    await connection.close()
    assert (await call(gateway, "GET", "/api/agents", company, "admin"))[0] == 401


VERBS = ("takeover", "give-back", "reply")


async def test_nothing_of_another_tenant_on_any_route(gateway: GatewayProcess, company: Company, database: str) -> None:
    other = await found(database, "other")
    async with EchoHost(database):
        mine = await say(gateway, company, "canary of acme", message_id="m")
        theirs = await say(gateway, other, "canary of other")
    conversation, message = mine["conversation_id"], mine["message_id"]
    reads = ["/api/agents", "/api/conversations", f"/api/conversations?agent_id={company.agent_id}"]
    for path in reads:
        _, document, _ = await call(gateway, "GET", path, other)
        text = json.dumps(document)
        assert str(company.agent_id) not in text, path
        assert conversation not in [item["id"] for item in document["items"]], path
    refused: list[tuple[str, str, Any]] = [
        ("GET", f"/api/conversations/{conversation}/messages", None),
        ("GET", f"/api/conversations/{conversation}/messages/{message}/trace", None),
        ("GET", f"/api/conversations/{theirs['conversation_id']}/messages/{message}/trace", None),
        ("POST", f"/api/conversations/{conversation}/takeover", {}),
        ("POST", f"/api/conversations/{conversation}/give-back", {}),
        ("POST", f"/api/conversations/{conversation}/reply", {"text": "x"}),
        ("POST", "/api/chat", {"agent_id": str(company.agent_id), "text": "x"}),
        ("POST", "/api/chat", {"agent_id": str(company.agent_id), "text": "x", "conversation_id": conversation, "message_id": "m"}),
        ("POST", "/api/chat", {"agent_id": str(other.agent_id), "text": "x", "conversation_id": conversation, "message_id": "m"}),
    ]
    for method, path, body in refused:
        status, document, _ = await call(gateway, method, path, other, **({"json": body} if body is not None else {}))
        assert status == 404, (path, document)
        assert "canary" not in json.dumps(document)
    (bot, _), (_, secret) = next(iter(company.bots.items())), next(iter(other.bots.items()))
    headers = {"X-Telegram-Bot-Api-Secret-Token": secret}
    assert (await call(gateway, "POST", f"/webhooks/telegram/{bot}", headers=headers, json=update(1)))[0] == 401
    connection = await asyncpg.connect(database)
    assert await connection.fetchval("select count(*) from inbox where tenant_id = $1", company.tenant_id) == 1
    assert await connection.fetchval("select version from conversations where id = $1", int(conversation)) == 1
    await connection.close()


async def test_telegram_conversation_cannot_be_continued_as_test_chat(gateway: GatewayProcess, company: Company, database: str) -> None:
    (bot, secret), *_ = company.bots.items()
    async with EchoHost(database):
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret}
        async with gateway.session.post(f"/webhooks/telegram/{bot}", json=update(1), headers=headers) as response:
            assert response.status == 200
        async with asyncio.timeout(30):
            while not (items := (await call(gateway, "GET", "/api/conversations", company))[1]["items"]):
                await asyncio.sleep(0.05)
        body = {"agent_id": str(company.agent_id), "text": "x", "conversation_id": items[0]["id"]}
        assert (await call(gateway, "POST", "/api/chat", company, json=body))[0] == 404


def chat_flaws(agent_id: UUID) -> list[tuple[Any, str]]:
    """Bodies of /api/chat that are JSON but not acceptable, with the pointer of the flaw."""
    good = {"agent_id": str(agent_id), "text": "x"}
    return [
        ({}, "/agent_id"),
        ([], ""),
        ("x", ""),
        ({**good, "tenant_id": "t"}, "/tenant_id"),
        ({**good, "a/b~c": 1}, "/a~1b~0c"),
        ({**good, "text": ""}, "/text"),
        ({**good, "text": " \n "}, "/text"),
        ({**good, "text": "\x00\x00"}, "/text"),
        ({**good, "text": 5}, "/text"),
        ({**good, "text": None}, "/text"),
        ({**good, "text": ["x"]}, "/text"),
        ({**good, "text": "x" * 16_385}, "/text"),
        ({**good, "agent_id": "x"}, "/agent_id"),
        ({**good, "agent_id": 1}, "/agent_id"),
        ({**good, "message_id": ""}, "/message_id"),
        ({**good, "message_id": "a b"}, "/message_id"),
        ({**good, "message_id": "я"}, "/message_id"),
        ({**good, "message_id": "x" * 129}, "/message_id"),
        ({**good, "message_id": 1}, "/message_id"),
        ({**good, "conversation_id": "0"}, "/conversation_id"),
        ({**good, "conversation_id": "-1"}, "/conversation_id"),
        ({**good, "conversation_id": "1e3"}, "/conversation_id"),
        ({**good, "conversation_id": "٣"}, "/conversation_id"),
        ({**good, "conversation_id": "9" * 40}, "/conversation_id"),
        ({**good, "conversation_id": True}, "/conversation_id"),
    ]


async def test_bodies_that_are_not_acceptable(gateway: GatewayProcess, company: Company, database: str) -> None:
    for body, pointer in chat_flaws(company.agent_id):
        status, problem, _ = await call(gateway, "POST", "/api/chat", company, json=body)
        assert status == 422, (body, problem)
        assert problem["errors"][0].get("pointer", "") == pointer, (body, problem)
        assert set(problem["errors"][0]) <= {"detail", "code", "pointer"}
    raw = [b"", b"{", b'{"agent_id":"x","agent_id":"y","text":"x"}', b'{"text":1e400}', b"[" * 200_000, b'{"text":"\xff"}']
    for body in raw:
        headers = {"Content-Type": "application/json"}
        assert (await call(gateway, "POST", "/api/chat", company, data=body, headers=headers))[0] == 400, body[:40]
    assert (await call(gateway, "POST", "/api/chat", company, data=b"x" * 300_000, headers={"Content-Type": "application/json"}))[0] == 413
    assert (await call(gateway, "POST", "/api/chat", company, data=b"{}", headers={"Content-Type": "text/plain"}))[0] == 415
    big = {"agent_id": str(company.agent_id), "text": "x", "conversation_id": "9223372036854775808"}
    assert (await call(gateway, "POST", "/api/chat", company, json=big))[0] == 404
    connection = await asyncpg.connect(database)
    assert await connection.fetchval("select count(*) from inbox") == 0
    await connection.close()


async def test_paths_that_name_nothing(gateway: GatewayProcess, company: Company) -> None:
    for number in ("0", "-1", "x", "1.0", "9223372036854775808", "99999999999999999999999", "%00", "1%27", "٣", "1"):
        for method, path in (("GET", "messages"), ("GET", f"messages/{number}/trace"), ("POST", "takeover"), ("POST", "give-back")):
            assert (await call(gateway, method, f"/api/conversations/{number}/{path}", company))[0] == 404
    assert (await call(gateway, "GET", "/api/nothing", company))[0] == 404
    assert (await call(gateway, "DELETE", "/api/agents", company))[0] == 405
