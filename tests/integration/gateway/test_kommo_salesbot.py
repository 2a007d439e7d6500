"""Where Salesbots ask for answers, against real servers: what is accepted, what is refused, and PostgreSQL away."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import asyncpg
import pytest

from storage.accounts.audit import Actor
from storage.crypto import SecretBox, load_or_create_key
from storage.embedded_postgres import EmbeddedPostgres
from storage.kommo_connections import KommoConnections, NewKommo
from storage.postgres import Database, Role
from tests.fakes.kommo.salesbots import signed
from tests.integration.gateway.company import Company
from tests.integration.gateway.kommo_hook import Hook
from tests.integration.gateway.processes import GatewayProcess
from tests.integration.gateway.test_database_away import (  # noqa: F401  # fixtures of the same story
    eventually,
    own_company,
    server,
)

SECRET = "0123456789abcdef" * 4
LIMIT_S = 1.3  # a budget of 0.7 s, and what a machine shared with other tests may take


async def connect(dsn: str, company: Company, data_dir: Path, account: int = 42, secret: str | None = SECRET) -> Hook:
    """Connect an account as the callback does; without a secret as with a token."""
    keys = ("client", secret, "https://x.example/back") if secret else (None, None, None)
    refresh, lives = ("r", 86_400.0) if secret else (None, None)
    new = NewKommo(company.agent_id, account, "shop.kommo.com", "Shop", "a", refresh, lives, *keys)
    async with await Database.open(dsn, Role.API, "test", size=1) as database:
        connections = KommoConnections(database, SecretBox(load_or_create_key(data_dir)))
        connected = await connections.connect(company.tenant_id, Actor("olga"), new)
    return Hook(connected.account.integration_id, str(account), connected.webhook_secret)


def request(n: int = 1, secret: str = SECRET, host: str = "shop.kommo.com", **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {"iss": "https://shop.kommo.com", "nbf": now, "iat": now, "exp": now + 60, "account_id": 42, "entity_type": 2, "entity_id": 5}
    url = f"https://{host}/api/v4/salesbot/77/continue/{n}"
    return {"token": signed(claims | changes, secret, "HS256"), "data": {"message": "hello"}, "return_url": url}


async def ask(gateway: GatewayProcess, hook: Hook, body: Any) -> int:
    async with gateway.session.post(f"{hook.path}/widget", json=body) as response:
        await response.read()
        return response.status


async def stored(dsn: str) -> list[tuple[str, str]]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("select key, raw from inbox order by id")
    finally:
        await connection.close()
    return [(row["key"], json.loads(row["raw"])["item"]["path"].rpartition("/")[2]) for row in rows]


async def test_what_kommo_signed_is_stored_once_and_all_else_refused(
    gateway: GatewayProcess, company: Company, database: str, tmp_path: Path
) -> None:
    hook = await connect(database, company, tmp_path)
    first = request(1)
    assert set(await asyncio.gather(*(ask(gateway, hook, first) for _ in range(20)))) == {200}
    form = aiohttp.FormData({"token": request()["token"], "return_url": request(2)["return_url"], "data[message]": "hello"})
    async with gateway.session.post(f"{hook.path}/widget", data=form) as response:
        assert response.status == 200
    refused: dict[int, list[Any]] = {
        401: [request(secret="f" * 64), request(exp=1), request(account_id=43), request(iss="https://evil.kommo.com")],
        403: [request(host="evil.kommo.com"), request(host="shop.kommo.com.evil.example")],
        400: [{}, [], {"token": "x"}, "text"],
    }
    for status, bodies in refused.items():
        assert [await ask(gateway, hook, body) for body in bodies] == [status] * len(bodies), status
    other = Hook(hook.integration, hook.account)
    assert await ask(gateway, other, request(3)) == 401
    async with gateway.session.post(f"{hook.path}/widget", data=b"<xml/>", headers={"Content-Type": "text/xml"}) as response:
        assert response.status == 415
    async with gateway.session.post(f"{hook.path}/widget", json={"token": "x" * 70_000}) as response:
        assert response.status == 413
    assert await stored(database) == [("lead:5", "1"), ("lead:5", "2")]
    assert hook.secret not in gateway.logged()


async def test_without_the_integrations_keys_nothing_can_be_checked(
    gateway: GatewayProcess, company: Company, database: str, tmp_path: Path
) -> None:
    hook = await connect(database, company, tmp_path, secret=None)
    assert await ask(gateway, hook, request()) == 409
    await connect(database, company, tmp_path)  # by allowing the access: it works at once
    await asyncio.sleep(0.6)
    assert await ask(gateway, hook, request()) == 200


async def test_the_address_is_shown_to_who_administers(gateway: GatewayProcess, company: Company, database: str, tmp_path: Path) -> None:
    hook = await connect(database, company, tmp_path)
    path = f"/api/agents/{company.agent_id}/integrations/kommo/{hook.integration}/salesbot-step"
    async with gateway.session.get(path, headers=company.headers("admin")) as response:
        assert (await response.json())["url"].endswith(f"{hook.path}/widget")
    async with gateway.session.get(path, headers=company.headers("operator")) as response:
        assert response.status == 403
    async with gateway.session.get(path.replace(str(hook.integration), str(uuid4())), headers=company.headers()) as response:
        assert response.status == 404


@pytest.mark.alone
async def test_nothing_is_refused_or_lost_while_postgresql_is_stopped(
    server: EmbeddedPostgres,  # noqa: F811
    own_company: Company,  # noqa: F811
    redis_url: str,
    tmp_path: Path,
) -> None:
    hook = await connect(server.dsn, own_company, tmp_path)

    bodies = [request(n) for n in range(12)]

    async def asks(gateway: GatewayProcess, numbers: range) -> None:
        for n in numbers:
            started = time.monotonic()
            assert await ask(gateway, hook, bodies[n]) == 200
            assert time.monotonic() - started < LIMIT_S

    async with GatewayProcess(server.dsn, redis_url, tmp_path) as gateway:
        await asks(gateway, range(3))
        await asyncio.to_thread(server.stop)
        await asks(gateway, range(3, 10))
        assert await ask(gateway, hook, request(secret="f" * 64)) == 401
    async with GatewayProcess(server.dsn, redis_url, tmp_path) as gateway:  # started while it is away
        await asks(gateway, range(8, 12))  # two of them repeated
        await asyncio.to_thread(server.start)

        async def is_empty() -> bool:
            async with gateway.session.get("/metrics") as response:
                return "callboard_spool_depth 0.0" in await response.text()

        await eventually(is_empty, 30)
    assert await stored(server.dsn) == [("lead:5", str(n)) for n in range(12)]


@pytest.mark.alone
async def test_answers_are_in_time(gateway: GatewayProcess, company: Company, database: str, tmp_path: Path) -> None:
    hook = await connect(database, company, tmp_path)
    took = []
    for n in range(200):
        started = time.monotonic()
        assert await ask(gateway, hook, request(n)) == 200
        took.append(time.monotonic() - started)
    took.sort()
    print(f"asked 200 times: p50 {took[100] * 1e3:.1f} ms, p99 {took[197] * 1e3:.1f} ms")
    assert took[-1] < 2.0  # Kommo's limit
