"""Connecting accounts over the API, with a real gateway and the fake Kommo."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from tests.fakes.kommo.process import KommoProcess
from tests.integration.gateway.company import Company, found
from tests.integration.gateway.processes import GatewayProcess

CLIENT = {"client_id": "client-1", "client_secret": "secret-1"}


class PatientGateway(GatewayProcess):
    """Waits longer for its start: what is tested here needs a gateway, a sender's and Kommo's processes on one machine."""

    async def up(self) -> None:
        async with asyncio.timeout(90), self.session.get("/health", timeout=aiohttp.ClientTimeout(total=90)) as response:
            assert response.status in (200, 503)


@pytest.fixture
async def company(database: str) -> Company:
    return await found(database, "acme")


@pytest.fixture
async def gateway(database: str, redis_url: str, tmp_path: Path, kommo: KommoProcess) -> AsyncIterator[GatewayProcess]:
    running = PatientGateway(
        database, redis_url, tmp_path, {"CALLBOARD_KOMMO_API": kommo.url, "CALLBOARD_PUBLIC_URL": "https://cb.example"}
    )
    async with running:
        back = "https://cb.example/oauth/kommo/callback"
        await kommo.control("client", client_id="client-1", secret="secret-1", redirect_uri=back)
        yield running


@pytest.fixture
async def owner(database: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


async def call(gateway: GatewayProcess, company: Company, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    async with gateway.session.request(method, path, json=body, headers=company.headers("admin")) as answer:
        return answer.status, await answer.json()


async def allowed(gateway: GatewayProcess, company: Company) -> str:
    """Begin, allow at Kommo's page, and return the path to which the browser is sent back."""
    status, begun = await call(gateway, company, "POST", f"/api/agents/{company.agent_id}/integrations/kommo/oauth", CLIENT)
    assert status == 201, begun
    assert begun["redirect_uri"] == "https://cb.example/oauth/kommo/callback"
    async with aiohttp.ClientSession() as browser, browser.get(begun["authorize_url"], allow_redirects=False) as answer:
        location: str = answer.headers["Location"]
    return location.removeprefix("https://cb.example")


async def visit(gateway: GatewayProcess, path: str, language: str = "en") -> tuple[int, str]:
    async with gateway.session.get(path, headers={"Accept-Language": language}) as answer:
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        return answer.status, await answer.text()


async def test_an_account_is_connected_by_allowing_the_access(
    gateway: GatewayProcess, company: Company, kommo: KommoProcess, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    back = await allowed(gateway, company)
    status, page = await visit(gateway, back)
    assert (status, "is connected" in page) == (200, True), page
    row = await owner.fetchrow("select * from integrations where channel = 'kommo'")
    assert row is not None
    assert (row["account"], row["status"], row["reply_policy"], row["problem"]) == ("1", "live", "once", None)
    [hook] = (await kommo.control("state"))["webhooks"]["1"]
    where, _, secret = hook["destination"].rpartition("/")
    assert where == f"https://cb.example/webhooks/kommo/{row['id']}"
    assert hashlib.sha256(secret.encode()).digest() == row["secret_hash"]
    assert {"add_message", "add_outgoing_message"} <= set(hook["settings"])
    path = f"/api/agents/{company.agent_id}/integrations/kommo/{row['id']}"
    status, shown = await call(gateway, company, "GET", path)
    assert status == 200
    assert (shown["host"], shown["access"], shown["sent_this_month"], shown["salesbot"]) == ("demo.kommo.com", "oauth", 0, None)
    status, shown = await call(gateway, company, "PATCH", path, {"salesbot": {"bot_id": 77, "field_id": 501}})
    assert (status, shown["salesbot"]) == (200, {"bot_id": 77, "field_id": 501})
    # A second visit with the same state, and nobody's state.
    for again in (back, back.replace("state=", "state=x")):
        status, page = await visit(gateway, again, "ru")
        assert (status, "больше не действует" in page) == (400, True)
    assert (await visit(gateway, "/oauth/kommo/callback?error=access_denied"))[0] == 400
    logged = gateway.logged()
    assert not any(secret in logged for secret in (secret, "secret-1", back.partition("code=")[2][:32]))
    audit = [r["action"] for r in await owner.fetch("select action from audit_log where subject like 'integration:%' order by id")]
    assert audit == ["integration.connected", "integration.changed"]


async def test_the_secret_goes_to_kommo_only(gateway: GatewayProcess, company: Company, kommo: KommoProcess) -> None:
    back = await allowed(gateway, company)
    for referer in ("evil.example", "demo.kommo.com.evil.example", "evil.example%2Fdemo.kommo.com", ""):
        status, _ = await visit(gateway, back.replace("demo.kommo.com", referer))
        assert status == 400
    assert kommo.requests("/access_token") == []
    assert (await visit(gateway, back))[0] == 200  # nothing was used up


async def test_an_account_is_connected_with_a_long_lived_token(
    gateway: GatewayProcess, company: Company, kommo: KommoProcess, database: str, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    path = f"/api/agents/{company.agent_id}/integrations/kommo"
    status, problem = await call(gateway, company, "POST", path, {"address": "demo", "token": "wrong"})
    assert (status, problem["errors"][0]["pointer"]) == (422, "/token")
    status, _ = await call(gateway, company, "POST", path, {"address": "shop.example", "token": "demo-token"})
    assert status == 422
    status, shown = await call(gateway, company, "POST", path, {"address": "https://demo.kommo.com/", "token": "demo-token"})
    assert (status, shown["access"], shown["host"], shown["problem"]) == (201, "long_lived", "demo.kommo.com", None)
    await kommo.control("account", id=1, subdomain="demo", token="newer-token")
    status, again = await call(gateway, company, "POST", path, {"address": "demo", "token": "newer-token"})
    assert (status, again["id"]) == (201, shown["id"])
    assert len((await kommo.control("state"))["webhooks"]["1"]) == 1
    stranger = await found(database, "stranger")
    status, problem = await call(
        gateway, stranger, "POST", f"/api/agents/{stranger.agent_id}/integrations/kommo", {"address": "demo", "token": "newer-token"}
    )
    assert (status, "another company" in problem["detail"]) == (409, True)
    assert await owner.fetchval("select count(*) from integrations where channel = 'kommo'") == 1
    # Kommo cannot be asked: nothing changes.
    await kommo.fault("error_500_before", path="/account")
    status, problem = await call(gateway, company, "POST", path, {"address": "demo", "token": "newer-token"})
    assert status == 503


async def test_a_webhook_that_cannot_be_set_is_shown_and_repeated(gateway: GatewayProcess, company: Company, kommo: KommoProcess) -> None:
    path = f"/api/agents/{company.agent_id}/integrations/kommo"
    await kommo.fault("error_500_before", path="/webhooks")
    status, shown = await call(gateway, company, "POST", path, {"address": "demo", "token": "demo-token"})
    assert (status, "connect again" in shown["problem"]) == (201, True)
    status, shown = await call(gateway, company, "POST", path, {"address": "demo", "token": "demo-token"})
    assert (status, shown["problem"]) == (201, None)


async def test_kommo_says_that_the_access_was_taken_back(
    gateway: GatewayProcess, company: Company, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    assert (await visit(gateway, await allowed(gateway, company)))[0] == 200
    signature = hmac.new(b"secret-1", b"client-1|1", hashlib.sha256).hexdigest()
    path = "/oauth/kommo/disconnected?account_id={}&client_uuid=client-1&signature={}"
    for account, signed in (("1", "0" * 64), ("1", ""), ("2", signature), ("x", signature), ("9" * 30, signature)):
        async with gateway.session.get(path.format(account, signed)) as answer:
            assert answer.status == 401
    assert await owner.fetchval("select status from integrations where channel = 'kommo'") == "live"
    async with gateway.session.get(path.format("1", signature)) as answer:
        assert answer.status == 200
    row = await owner.fetchrow("select status, problem from integrations where channel = 'kommo'")
    assert row is not None
    assert (row["status"], "taken back" in row["problem"]) == ("broken", True)
    assert (await visit(gateway, await allowed(gateway, company)))[0] == 200
    assert await owner.fetchval("select status from integrations where channel = 'kommo'") == "live"


async def test_without_a_public_address_it_says_what_to_do(
    database: str, redis_url: str, tmp_path: Path, company: Company, kommo: KommoProcess
) -> None:
    async with PatientGateway(database, redis_url, tmp_path, {"CALLBOARD_KOMMO_API": kommo.url}) as gateway:
        path = f"/api/agents/{company.agent_id}/integrations/kommo"
        for suffix, body in (("", {"address": "demo", "token": "demo-token"}), ("/oauth", CLIENT)):
            status, problem = await call(gateway, company, "POST", path + suffix, body)
            assert (status, "CALLBOARD_PUBLIC_URL" in problem["detail"]) == (409, True)
