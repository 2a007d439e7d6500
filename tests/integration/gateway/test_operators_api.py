"""An operator's own Telegram, the stop button and customers' files, over the API."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from actors.domain.ids import IntegrationId
from storage.crypto import SecretBox, load_or_create_key
from tests.fakes.telegram_process import TelegramProcess
from tests.integration.gateway.browser import Browser, arrive
from tests.integration.gateway.company import Company, EchoHost, found
from tests.integration.gateway.desk import Desk
from tests.integration.gateway.processes import GatewayProcess

TOKEN = "700:shop-token-700"
LINK = "/api/me/telegram-link"
_CONVERSATION = "insert into conversations (tenant_id, integration_id, key, kind, partition) values ($1, $2, '5', 'chat', 0) returning id"
_MESSAGE = """
insert into messages (tenant_id, conversation_id, version, turn_id, seq, role, body, data)
values ($1, $2, 1, gen_random_uuid(), 0, 'customer', '[photo]', jsonb_build_object('media', $3::jsonb)) returning id"""


@pytest.fixture
def telegram(tmp_path: Path) -> Any:
    process = TelegramProcess(tmp_path / "ledger.jsonl").start()
    yield process
    process.stop()


@pytest.fixture
async def gateway(database: str, redis_url: str, tmp_path: Path, telegram: TelegramProcess) -> AsyncIterator[GatewayProcess]:
    env = {"CALLBOARD_TELEGRAM_API": telegram.url, "CALLBOARD_TELEGRAM_TIMEOUT_S": "1"}
    async with GatewayProcess(database, redis_url, tmp_path, env) as running:
        yield running


async def test_a_person_links_and_unlinks_their_telegram(gateway: GatewayProcess, company: Company, database: str) -> None:
    ann = await arrive(gateway, database, company.tenant_id, "operator", "ann@example.com")
    connection = await asyncpg.connect(database)
    await connection.execute("update integrations set username = 'shop_bot' where channel = 'telegram'")
    status, state, _ = await ann.send("GET", LINK)
    assert (status, state) == (200, {"chat": None, "bots": [{"agent": "Anna", "username": "shop_bot"}]})
    status, made, headers = await ann.send("POST", LINK)
    assert (status, headers["Cache-Control"]) == (201, "no-store")
    assert made["deep_links"] == [{"agent": "Anna", "username": "shop_bot", "url": f"https://t.me/shop_bot?start={made['code']}"}]
    assert (
        await connection.fetchval("select count(*) from operator_codes where position($1 in operator_codes::text) > 0", made["code"]) == 0
    )
    assert (await ann.send("PATCH", LINK, {"available": False}))[0] == 404
    bot = next(iter(company.bots))
    chat = await connection.fetchval(_CONVERSATION, company.tenant_id, bot)
    user = await connection.fetchval("select id from users where email = 'ann@example.com'")
    insert = "insert into operator_chats (user_id, tenant_id, conversation_id) values ($1, $2, $3)"
    await connection.execute(insert, user, company.tenant_id, chat)
    status, state, _ = await ann.send("PATCH", LINK, {"available": False})
    assert (status, state["chat"]["username"], state["chat"]["available"]) == (200, "shop_bot", False)
    assert (await ann.send("DELETE", LINK))[0] == 204
    assert (await ann.send("DELETE", LINK))[0] == 404
    await connection.close()


async def test_without_a_bot_there_is_nothing_to_link_with(gateway: GatewayProcess, company: Company, database: str) -> None:
    ann = await arrive(gateway, database, company.tenant_id, "operator", "ann@example.com")
    connection = await asyncpg.connect(database)
    await connection.execute("update integrations set status = 'paused' where channel = 'telegram'")
    await connection.close()
    status, problem, _ = await ann.send("POST", LINK)
    assert (status, problem["detail"]) == (409, "no Telegram bot is connected: connect one first, then link your own Telegram")


async def test_an_operator_stops_the_company_and_an_agent(desk: Desk, database: str) -> None:
    agent = f"/api/agents/{desk.company.agent_id}"
    assert await state(desk) == (None, [])
    stopped = await desk.do("POST", "/api/tenant/stop", level="operator")
    assert (stopped["company"]["by"], stopped["withdrawn"]) == ("operator", 0)
    await desk.do("POST", f"{agent}/stop", level="operator")
    assert await state(desk) == ("operator", ["Anna"])
    await desk.do("POST", "/api/tenant/resume", level="operator")
    assert await state(desk) == (None, ["Anna"])
    await desk.do("POST", f"{agent}/resume", level="operator")
    await desk.do("POST", f"{agent}/resume", level="operator")  # pressed twice
    assert await state(desk) == (None, [])
    await desk.do("POST", "/api/tenant/stop", level="viewer", expect=403)
    audit = await desk.do("GET", "/api/audit")
    actions = [row["action"] for row in audit["items"] if row["action"].split(".")[1] in ("stopped", "resumed")]
    assert actions == ["agent.resumed", "tenant.resumed", "agent.stopped", "tenant.stopped"]
    assert {row["actor"] for row in audit["items"] if row["action"] in actions} == {"operator"}


async def test_an_operator_closes_a_conversation_and_opens_it(desk: Desk, database: str) -> None:
    said = {"agent_id": str(desk.company.agent_id), "text": "one"}
    async with EchoHost(database):
        conversation = (await desk.do("POST", "/api/chat", said))["conversation_id"]
        path = f"/api/conversations/{conversation}"
        await desk.do("POST", f"{path}/takeover", level="operator")
        await desk.do("POST", f"{path}/close", level="viewer", expect=403)
        closed = await desk.do("POST", f"{path}/close", level="operator", key="c")
        assert (closed["control"], closed["closed_at"] is not None) == ("bot", True)
        assert await shown(desk) == ([], [conversation], [conversation])
        answer = await desk.do("POST", "/api/chat", {**said, "text": "two", "conversation_id": conversation})
        assert answer["reply"]["text"] == "echo: two"  # the bot has it
        assert await shown(desk) == ([conversation], [], [conversation])
        again = await desk.do("POST", f"{path}/close", level="operator", key="c")
        assert again == closed  # sent again it closes nothing that was opened since
        assert await shown(desk) == ([conversation], [], [conversation])
    await desk.do("POST", f"{path}/close", level="operator")
    opened = await desk.do("POST", f"{path}/open", level="operator")
    assert opened["closed_at"] is None
    assert await shown(desk) == ([conversation], [], [conversation])
    await desk.do("POST", f"/api/conversations/{int(conversation) + 1}/close", level="operator", expect=404)
    await desk.do("GET", "/api/conversations?closed=false", expect=422)
    connection = await asyncpg.connect(database)
    told = await connection.fetch(
        "select kind, data->>'by' as by from activity_logs where kind in ('conversation.closed', 'conversation.opened') order by id"
    )
    await connection.close()
    assert [(r["kind"].split(".")[1], r["by"]) for r in told] == [("closed", "operator"), ("closed", "operator"), ("opened", "operator")]


async def shown(desk: Desk) -> tuple[list[str], ...]:
    """Return what is listed: open conversations, closed ones, all."""
    lists = [await desk.do("GET", f"/api/conversations{query}") for query in ("", "?closed=true", "?closed=any")]
    return tuple([[item["id"] for item in found["items"]] for found in lists])


async def state(desk: Desk) -> tuple[str | None, list[str]]:
    shown = await desk.do("GET", "/api/tenant/stop", level="viewer")
    return shown["company"] and shown["company"]["by"], [agent["name"] for agent in shown["agents"]]


async def a_photo(database: str, data_dir: Path, company: Company, telegram: TelegramProcess, **file: Any) -> str:
    """Return the path of a customer's photo, with the real token stored as the product does."""
    await telegram.add_bot(TOKEN)
    bot: IntegrationId = next(iter(company.bots))
    sealed = SecretBox(load_or_create_key(data_dir)).encrypt(TOKEN, str(bot))
    connection = await asyncpg.connect(database)
    await connection.execute("update integrations set token_encrypted = $2 where id = $1", bot, sealed)
    conversation = await connection.fetchval(_CONVERSATION, company.tenant_id, bot)
    media = (
        '[{"kind": "photo", "file_id": "f1"}, {"kind": "document", "file_id": "f2", "name": "счёт \\"1\\".html", "mime_type": "text/html"}]'
    )
    message = await connection.fetchval(_MESSAGE, company.tenant_id, conversation, media)
    await connection.close()
    for file_id in ("f1", "f2"):
        await telegram.control("files", token=TOKEN, file_id=file_id, **(file or {"text": "<script>alert(1)</script>"}))
    return f"/api/conversations/{conversation}/messages/{message}/files"


async def test_a_file_is_fetched_and_can_do_no_harm(
    gateway: GatewayProcess, company: Company, desk: Desk, database: str, tmp_path: Path, telegram: TelegramProcess
) -> None:
    files = await a_photo(database, tmp_path, company, telegram)
    listed = await desk.do("GET", files.rpartition("/")[0].rpartition("/")[0])
    assert [(f["number"], f["kind"]) for f in listed["items"][0]["files"]] == [(1, "photo"), (2, "document")]
    for number, media_type, name in (
        (1, "image/jpeg", "photo.jpg"),
        (2, "application/octet-stream", "%D1%81%D1%87%D1%91%D1%82%20%221%22.html"),
    ):
        async with gateway.session.get(f"{files}/{number}", headers=company.headers("viewer")) as response:
            assert (response.status, response.content_type) == (200, media_type)
            assert await response.read() == b"<script>alert(1)</script>"
            assert response.headers["Content-Disposition"] == f"attachment; filename*=UTF-8''{name}"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Content-Security-Policy"].startswith("sandbox")
            assert "no-store" in response.headers["Cache-Control"]
    await desk.do("GET", f"{files}/3", expect=404)
    await desk.do("GET", f"{files}/0", expect=404)
    assert TOKEN not in gateway.logged()


async def test_a_file_that_cannot_be_had_says_so(
    gateway: GatewayProcess, company: Company, desk: Desk, database: str, tmp_path: Path, telegram: TelegramProcess
) -> None:
    files = await a_photo(database, tmp_path, company, telegram)
    for kind, method, status in (
        ("bad_request", "getFile", 410),
        ("unauthorized", "getFile", 410),
        ("html_502", "getFile", 503),
        ("hang_before", "download", 503),
        ("reset_before", "download", 503),
        ("bad_request", "download", 410),
    ):
        await telegram.fault(kind, method=method, times=-1, seconds=30)
        problem = await desk.do("GET", f"{files}/1", expect=status)
        await telegram.control("faults", clear=True)
        assert TOKEN not in str(problem)
    await telegram.control("files", token=TOKEN, file_id="f1", size=20 * 1024 * 1024 + 1)
    await desk.do("GET", f"{files}/1", expect=413)
    await telegram.control("files", token=TOKEN, file_id="f1", size=20 * 1024 * 1024)
    async with gateway.session.get(f"{files}/1", headers=company.headers()) as response:
        assert len(await response.read()) == 20 * 1024 * 1024
    assert TOKEN not in gateway.logged()


async def test_a_file_is_its_companys_only(
    gateway: GatewayProcess, company: Company, database: str, tmp_path: Path, telegram: TelegramProcess
) -> None:
    files = await a_photo(database, tmp_path, company, telegram)
    other = await found(database, "other")
    async with gateway.session.get(f"{files}/1", headers=other.headers()) as response:
        assert response.status == 404
    assert (await Browser(gateway).send("GET", f"{files}/1"))[0] == 401


async def test_a_conversation_is_given_to_a_colleague(gateway: GatewayProcess, company: Company, database: str) -> None:
    ann = await arrive(gateway, database, company.tenant_id, "operator", "ann@example.com")
    await arrive(gateway, database, company.tenant_id, "viewer", "vera@example.com")
    _, colleagues, _ = await ann.send("GET", "/api/colleagues")
    emails = [one["email"] for one in colleagues["items"]]
    assert ("ann@example.com" in emails, "vera@example.com" in emails) == (True, False)
    me = next(one["id"] for one in colleagues["items"] if one["email"] == "ann@example.com")
    connection = await asyncpg.connect(database)
    chat = await connection.fetchval(_CONVERSATION, company.tenant_id, next(iter(company.bots)))
    viewer = await connection.fetchval("select id from users where email = 'vera@example.com'")
    here, listed = f"/api/conversations/{chat}", f"/api/conversations?assigned_to={me}"
    assert (await ann.send("GET", listed))[1]["items"] == []
    status, given, _ = await ann.send("PUT", f"{here}/assigned", {"user_id": me})
    assert (status, given["assigned_to"], given["control"]) == (200, {"id": me, "name": "Operator"}, "bot")
    assert [item["id"] for item in (await ann.send("GET", listed))[1]["items"]] == [str(chat)]
    for somebody in (str(viewer), "00000000-0000-4000-8000-000000000000"):
        status, refused, _ = await ann.send("PUT", f"{here}/assigned", {"user_id": somebody})
        assert (status, refused["errors"][0]["pointer"]) == (422, "/user_id")
    assert (await ann.send("PUT", "/api/conversations/999/assigned", {"user_id": me}))[0] == 404
    assert (await ann.send("PUT", f"{here}/assigned", {"user_id": None}))[1]["assigned_to"] is None
    told = await connection.fetch("select data ->> 'to', data ->> 'by' from activity_logs where kind = 'conversation.assigned' order by id")
    assert [tuple(row) for row in told] == [("Operator", "Operator"), ("", "Operator")]
    await connection.close()
