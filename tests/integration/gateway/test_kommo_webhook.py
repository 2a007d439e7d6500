"""Kommo's webhook against real servers: what is accepted, what is refused, and what is stored of it."""

import json
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from integrations.kommo.forms import MAX_BODY, parse_form
from integrations.kommo.routing import account_of
from tests.integration.gateway.company import Company
from tests.integration.gateway.kommo_hook import Hook, connect, headers, post
from tests.integration.gateway.processes import GatewayProcess, raw_request
from tests.unit.kommo.samples import SAMPLES, SHAPES, form, message
from tests.unit.kommo.test_forms import JUNK

ACCOUNT = "42"


@pytest.fixture
async def hook(database: str, company: Company) -> Hook:
    return await connect(database, company, ACCOUNT)


async def rows(dsn: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch("select * from inbox order by id")
    finally:
        await connection.close()


async def counters(gateway: GatewayProcess) -> dict[str, Any]:
    async with gateway.session.get("/metrics", headers={"Accept": "application/json"}) as response:
        found: dict[str, Any] = await response.json()
    return found


async def test_every_sample_and_every_shape_is_stored(gateway: GatewayProcess, company: Company, database: str) -> None:
    hooks: dict[str, Hook] = {}
    for body in [*SAMPLES.values(), *SHAPES.values()]:
        account = account_of(parse_form(body)) or ACCOUNT
        if account not in hooks:
            hooks[account] = await connect(database, company, account)
        assert (await post(gateway, hooks[account].path, body))[0] == 200
    stored = await rows(database)
    # Of the shapes, one holds four events, one holds two messages, one nothing; those about one message id are one.
    ids = {row["raw"] for row in stored}
    assert len(stored) == len(ids)
    kinds = {json.loads(row["raw"])["entity"] for row in stored}
    assert kinds == {
        *("message", "outgoing_message", "talk", "leads", "contacts", "task", "unsorted", "template", "catalogs", "customers", "planets"),
    }
    counts = (await counters(gateway))["inputs"]
    assert counts["kommo.stored"] == len(stored)
    assert counts["kommo.empty"] == 1


async def test_a_probe_is_answered_with_and_without_a_slash(gateway: GatewayProcess, hook: Hook) -> None:
    for path in (hook.path, f"{hook.path}/"):
        for method in ("GET", "HEAD"):
            async with gateway.session.request(method, path) as response:
                assert response.status == 200
        assert (await post(gateway, path, b""))[0] == 200
    async with gateway.session.get(f"{hook.path}x") as response:
        assert response.status == 401


async def test_a_wrong_secret_and_an_unknown_integration_look_the_same(
    gateway: GatewayProcess, hook: Hook, company: Company, database: str
) -> None:
    body = form(message(1))
    bot, secret = next(iter(company.bots.items()))
    wrong = [
        f"/webhooks/kommo/{hook.integration}/wrong",
        f"/webhooks/kommo/{hook.integration}/{hook.secret.upper()}x",
        f"/webhooks/kommo/{hook.integration}/%F0%9F%98%80",
        f"/webhooks/kommo/{hook.integration}/%00%FF",
        f"/webhooks/kommo/{uuid4()}/{hook.secret}",
        f"/webhooks/kommo/no-id/{hook.secret}",
        f"/webhooks/kommo/{bot}/{secret}",  # a Telegram bot's
    ]
    seen = set()
    for path in wrong:
        async with gateway.session.post(path, data=body, headers=headers()) as response:
            document = json.loads(await response.text())
            assert response.status == 401, path
            document.pop("request_id")
            seen.add(json.dumps(document, sort_keys=True))
    assert len(seen) == 1
    assert await rows(database) == []


async def test_another_account_is_refused_and_counted(gateway: GatewayProcess, hook: Hook, database: str) -> None:
    assert (await post(gateway, hook.path, form({"account[id]": "43"} | message(1))))[0] == 403
    assert (await post(gateway, hook.path, form({"account[id]": ACCOUNT} | message(2))))[0] == 200
    assert len(await rows(database)) == 1
    assert (await counters(gateway))["refused"]["wrong-account"] == 1


async def test_a_batch_is_stored_by_one_commit_in_its_order(gateway: GatewayProcess, hook: Hook, database: str) -> None:
    fields = {key: value for n in range(60) for key, value in message(n, text=f"message {n}", chat_id=f"chat-{n % 7}").items()}
    body = form(fields)
    for _ in range(3):
        assert (await post(gateway, hook.path, body))[0] == 200
    stored = await rows(database)
    assert [json.loads(row["raw"])["item"]["text"] for row in stored] == [f"message {n}" for n in range(60)]
    connection = await asyncpg.connect(database)
    assert await connection.fetchval("select count(distinct xmin::text) from inbox") == 1
    await connection.close()
    assert (await counters(gateway))["inputs"] == {"kommo.stored": 60, "kommo.duplicate": 120}


@pytest.mark.parametrize("name", JUNK)
async def test_junk_is_answered_and_the_gateway_lives(gateway: GatewayProcess, hook: Hook, name: str) -> None:
    status, _ = await post(gateway, hook.path, JUNK[name][:MAX_BODY])
    assert status == 200
    assert (await post(gateway, hook.path, form(message(1))))[0] == 200


async def test_what_was_cut_is_kept_whole_beside_what_was_read(gateway: GatewayProcess, hook: Hook, database: str) -> None:
    body = form(message(1)) + b"&x=1" * 1_000
    assert (await post(gateway, hook.path, body))[0] == 200
    first, whole = await rows(database)
    assert (first["kind"], whole["kind"], whole["key"]) == ("message", "event", "tenant")
    assert json.loads(whole["raw"])["item"]["body"].encode("latin-1") == body


async def test_what_is_no_form_is_refused_with_a_reason(gateway: GatewayProcess, hook: Hook, database: str) -> None:
    for content_type, extra, body, expected in (
        ("application/json", {}, b"{}", 415),
        ("application/x-www-form-urlencoded", {"Content-Encoding": "gzip"}, b"\x1f\x8b", 415),
        ("application/x-www-form-urlencoded", {}, b"a" * (1024 * 1024 + 1), 413),
    ):
        assert (await post(gateway, hook.path, body, {"Content-Type": content_type, **extra}))[0] == expected
    charset = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    assert (await post(gateway, hook.path, form(message(1)), charset))[0] == 200
    assert len(await rows(database)) == 1


async def test_the_secret_is_in_no_log(gateway: GatewayProcess, hook: Hook) -> None:
    await post(gateway, hook.path, form(message(1)))
    await post(gateway, hook.path + "x", form(message(1)))
    head = f"POST {hook.path} HTTP/1.1\r\nHost: x\r\nContent-Length: nonsense\r\n\r\n"
    await raw_request(gateway.port, head.encode())
    assert hook.secret not in gateway.logged()
