"""Connecting a channel of our own over the API, with a real gateway and the fake Kommo."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.fakes.kommo.process import KommoProcess
from tests.integration.gateway.company import Company, found
from tests.integration.gateway.desk import Desk
from tests.integration.kommo.test_connecting import PatientGateway

SECRET = "f2d7f8704eff95087ed45b23ba99c0b5aac8278e"


@pytest.fixture
async def company(database: str) -> Company:
    return await found(database, "acme")


@pytest.fixture
async def desk(database: str, redis_url: str, tmp_path: Path, kommo: KommoProcess, company: Company) -> AsyncIterator[Desk]:
    env = {"CALLBOARD_KOMMO_API": kommo.url, "CALLBOARD_PUBLIC_URL": "https://cb.example"}
    async with PatientGateway(database, redis_url, tmp_path, env) as gateway:
        yield Desk(gateway, company)


@pytest.fixture
async def path(desk: Desk, company: Company) -> str:
    agent = f"/api/agents/{company.agent_id}/integrations"
    account = await desk.do("POST", f"{agent}/kommo", {"address": "demo", "token": "demo-token"}, expect=201)
    return f"{agent}/{account['id']}/own-channel"


def body(channel: str, **more: str) -> dict[str, str]:
    return {"channel_id": channel, "secret": SECRET, "bot_id": str(uuid4()), "title": "Shop", **more}


async def test_only_what_kommo_accepts_is_connected(desk: Desk, path: str, kommo: KommoProcess, database: str, company: Company) -> None:
    channel = str(uuid4())
    hook_url = "https://cb.example/webhooks/kommo-chats/:scope_id"
    shown = await desk.do("GET", path)
    assert (shown["state"], shown["hook_url"], shown["connected_at"]) == ("none", hook_url, None)
    refused = await desk.do("PUT", path, body(channel), expect=422)
    assert (refused["errors"][0]["code"], refused["errors"][0]["pointer"]) == ("no-such-channel", "/channel_id")
    await kommo.control("channel", id=channel, secret=SECRET)
    refused = await desk.do("PUT", path, body(channel, secret="0" * 40), expect=422)
    assert (refused["errors"][0]["code"], refused["errors"][0]["pointer"]) == ("signature-refused", "/secret")
    assert (await desk.do("GET", path))["state"] == "none"
    for wrong in ({"secret": "short"}, {"channel_id": "x"}, {"bot_id": "7"}, {"title": "x" * 61}, {"more": ""}):
        await desk.do("PUT", path, body(channel, **wrong), expect=422)
    await desk.do("PUT", path, body(channel), level="operator", expect=403)
    sent = body(channel)
    shown = await desk.do("PUT", path, sent)
    assert shown == await desk.do("GET", path)
    assert shown.pop("etag") == ""
    scope_id = shown.pop("scope_id")
    assert scope_id.startswith(f"{channel}_")
    assert shown.pop("connected_at")
    assert shown == {
        "state": "connected",
        **{name: sent[name] for name in ("channel_id", "bot_id", "title")},
        "hook_url": hook_url,
        "problem": None,
        "problem_code": None,
        "shown_chats": 0,
        "waiting_messages": 0,
        "last_shown_at": None,
    }
    await _only_sealed(database)
    await _told(desk, path, channel)


async def _only_sealed(database: str) -> None:
    connection = await asyncpg.connect(database)
    row = await connection.fetchrow("select * from kommo_channels")
    logs = await connection.fetchval(
        "select jsonb_agg(to_jsonb(a))::text || (select jsonb_agg(to_jsonb(l))::text from activity_logs l) from audit_log a"
    )
    await connection.close()
    assert row is not None
    assert SECRET.encode() not in row["secret_encrypted"]
    assert SECRET not in logs


async def _told(desk: Desk, path: str, channel: str) -> None:
    """Giving it up is told, and what was connected is nobody's then."""
    subject = f"integration:{path.split('/')[-2]}"
    await desk.do("DELETE", path, expect=204)
    await desk.do("DELETE", path, expect=204)
    assert (await desk.do("GET", path))["state"] == "none"
    rows: list[Any] = (await desk.do("GET", f"/api/audit?subject={subject}&action=integration.changed", level="owner"))["items"]
    assert [(row["after"]["own_channel"] or {}).get("channel_id") for row in rows] == [None, channel]


async def test_a_channel_is_connected_once(
    desk: Desk, path: str, kommo: KommoProcess, database: str, redis_url: str, tmp_path: Path, company: Company
) -> None:
    channel = str(uuid4())
    await kommo.control("channel", id=channel, secret=SECRET)
    await kommo.control("account", id=2, subdomain="second", token="second-token")
    agent = f"/api/agents/{company.agent_id}/integrations"
    second = await desk.do("POST", f"{agent}/kommo", {"address": "second", "token": "second-token"}, expect=201)
    await desk.do("PUT", path, body(channel))
    refused = await desk.do("PUT", f"{agent}/{second['id']}/own-channel", body(channel), expect=409)
    assert refused["errors"][0]["code"] == "connected-elsewhere"
    await desk.do("GET", f"{agent}/{uuid4()}/own-channel", expect=404)
    await kommo.fault("error_500_before", path="/connect")
    await desk.do("PUT", path, body(channel, title="Other"), expect=503)
    assert (await desk.do("GET", path))["title"] == "Shop"
