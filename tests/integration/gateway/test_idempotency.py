"""Idempotency-Key and If-Match over the API."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest

from tests.integration.gateway.browser import Browser, employ
from tests.integration.gateway.company import Company, EchoHost
from tests.integration.gateway.desk import DELIVERY, Desk
from tests.integration.gateway.processes import GatewayProcess
from tests.integration.gateway.test_api import call

KEY = {"Idempotency-Key": "create-boris"}
BODY = {"name": "Boris"}


async def agents(desk: Desk) -> list[str]:
    return [agent["name"] for agent in (await desk.do("GET", "/api/agents"))["items"]]


async def create(
    gateway: GatewayProcess, company: Company, body: Any = None, level: Any = "admin"
) -> tuple[int, dict[str, Any], dict[str, str]]:
    return await call(gateway, "POST", "/api/agents", company, level, json=body or BODY, headers=KEY)


async def test_a_repeated_request_gets_the_same_answer(gateway: GatewayProcess, company: Company, desk: Desk) -> None:
    first = await create(gateway, company)
    again = await create(gateway, company)
    assert first[0] == again[0] == 201
    assert first[1] == again[1]
    assert (first[2]["Etag"], first[2].get("Idempotent-Replayed")) == ('"1"', None)
    assert (again[2]["Etag"], again[2]["Idempotent-Replayed"], again[2]["Content-Type"]) == ('"1"', "true", first[2]["Content-Type"])
    assert first[2]["X-Request-ID"] != again[2]["X-Request-ID"]
    assert await agents(desk) == ["Anna", "Boris"]


async def test_the_same_key_for_something_else_is_422(gateway: GatewayProcess, company: Company, desk: Desk) -> None:
    await create(gateway, company)
    for body in ({"name": "Vera"}, {"name": "Boris", "persona": {"debounce_s": 1}}):
        status, problem, _ = await create(gateway, company, body)
        assert status == 422, problem
    path = f"/api/agents/{company.agent_id}/duplicate"
    assert (await call(gateway, "POST", path, company, "admin", json=BODY, headers=KEY))[0] == 422
    status, _, headers = await create(gateway, company, level="owner")  # another caller: another request
    assert (status, headers.get("Idempotent-Replayed")) == (201, None)
    assert await agents(desk) == ["Anna", "Boris", "Boris"]


async def test_many_at_once_have_one_effect(gateway: GatewayProcess, company: Company, desk: Desk) -> None:
    answers = await asyncio.gather(*(create(gateway, company) for _ in range(12)))
    assert {status for status, _, _ in answers} == {201}
    assert len({document["id"] for _, document, _ in answers}) == 1
    assert sum("Idempotent-Replayed" not in headers for _, _, headers in answers) == 1
    assert await agents(desk) == ["Anna", "Boris"]


async def test_a_refusal_is_not_kept(gateway: GatewayProcess, company: Company, database: str) -> None:
    async with EchoHost(database):
        said = {"agent_id": str(company.agent_id), "text": "x"}
        _, first, _ = await call(gateway, "POST", "/api/chat", company, json=said)
    unknown = int(first["conversation_id"]) + 1
    status, _, _ = await call(gateway, "POST", f"/api/conversations/{unknown}/takeover", company, headers={"Idempotency-Key": "t"})
    assert status == 404
    connection = await asyncpg.connect(database)
    assert await connection.fetchval("select count(*) from idempotency_keys") == 0
    await connection.close()


@pytest.mark.parametrize("verb", ["takeover", "give-back"])
async def test_control_has_one_effect(gateway: GatewayProcess, company: Company, database: str, verb: str) -> None:
    async with EchoHost(database):
        said = {"agent_id": str(company.agent_id), "text": "x"}
        _, first, _ = await call(gateway, "POST", "/api/chat", company, json=said)
    path = f"/api/conversations/{first['conversation_id']}/{verb}"
    versions = [(await call(gateway, "POST", path, company, headers={"Idempotency-Key": "t"}))[1]["version"] for _ in range(3)]
    assert versions == [2, 2, 2]
    assert (await call(gateway, "POST", path, company))[1]["version"] == 3


async def test_a_link_shown_once_is_shown_again_to_the_same_login_only(gateway: GatewayProcess, company: Company, database: str) -> None:
    _, token = await employ(database, company.tenant_id, "owner", "boss@example.com")
    browser = Browser(gateway)
    await browser.enter(token)
    headers = {"Sec-Fetch-Site": "same-origin", "Idempotency-Key": "invite"}
    body = {"email": "new@example.com", "role": "viewer"}
    status, invited, _ = await browser.send("POST", "/api/users", body, headers=headers)
    assert status == 201
    assert (await browser.send("POST", "/api/users", body, headers=headers))[1] == invited
    # A new password is a new session: the effect is still one, but the link stays shut.
    assert (await browser.send("PUT", "/api/session/password", {"new": "верблюд-на-крыше-7"}))[0] == 200
    status, problem, _ = await browser.send("POST", "/api/users", body, headers=headers)
    assert status == 409
    assert "token" not in json.dumps(problem)
    connection = await asyncpg.connect(database)
    assert await connection.fetchval("select count(*) from users where email = 'new@example.com'") == 1
    await connection.close()


async def test_changes_need_the_version_they_are_about(gateway: GatewayProcess, company: Company) -> None:
    path = f"/api/agents/{company.agent_id}"
    _, _, shown = await call(gateway, "GET", path, company)
    tag = shown["Etag"]
    body = {"name": "Anna II"}
    status, problem, _ = await call(gateway, "PATCH", path, company, json=body)
    assert (status, problem["type"]) == (428, "urn:callboard:problem:version-required")
    for wrong in ("*", "1", f"W/{tag}", f"{tag}, {tag}"):
        assert (await call(gateway, "PATCH", path, company, json=body, headers={"If-Match": wrong}))[0] == 422, wrong
    for stale in ('"999"', '"abc"'):
        status, problem, headers = await call(gateway, "PATCH", path, company, json=body, headers={"If-Match": stale})
        assert (status, problem["type"], headers["Etag"]) == (412, "urn:callboard:problem:stale", tag)
    status, _, changed = await call(gateway, "PATCH", path, company, json=body, headers={"If-Match": tag})
    assert status == 200
    assert changed["Etag"] != tag


async def test_what_the_browser_has_is_not_sent_again(gateway: GatewayProcess, company: Company, desk: Desk) -> None:
    script = await desk.do("POST", f"/api/agents/{company.agent_id}/scripts", DELIVERY, expect=201)
    path = f"/api/agents/{company.agent_id}/scripts/{script['id']}"
    for given, expected in ((script["etag"], 304), (f'"0", W/{script["etag"]}', 304), ('"999"', 200), (script["etag"].strip('"'), 200)):
        assert (await call(gateway, "GET", path, company, headers={"If-None-Match": given}))[0] == expected, given
