"""Users, keys, the company and the audit log: who may change what, and that every change is told."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest

from gateway.auth import TTL_S
from storage.accounts.roles import RANK, Level
from tests.integration.gateway.browser import Browser, arrive, employ
from tests.integration.gateway.company import Company, found
from tests.integration.gateway.processes import GatewayProcess

LEVELS: tuple[Level, ...] = ("viewer", "operator", "admin", "owner")


async def ask(
    gateway: GatewayProcess, company: Company, level: Level, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, dict[str, Any]]:
    status, document, _ = await Browser(gateway).send(method, path, body, {**company.headers(level), **headers})
    return status, document


async def invite(gateway: GatewayProcess, company: Company, level: Level, role: Level, email: str) -> tuple[int, dict[str, Any]]:
    return await ask(gateway, company, level, "POST", "/api/users", {"email": email, "role": role})


async def test_an_invited_user_comes_in_with_the_role_given(gateway: GatewayProcess, company: Company) -> None:
    status, made = await invite(gateway, company, "admin", "operator", " Ivan@Acme.Test")
    assert status == 201
    assert (made["user"]["email"], made["user"]["role"], made["user"]["locale"]) == ("ivan@acme.test", "operator", "en")
    assert (made["user"]["password_set"], made["user"]["seen_at"]) == (False, None)
    browser = Browser(gateway)
    view = await browser.enter(made["link"]["link"].split("#token=")[1])
    assert view["user"]["id"] == made["user"]["id"]
    assert (await browser.send("GET", "/api/users"))[0] == 403
    status, listed = await ask(gateway, company, "admin", "GET", "/api/users")
    assert [u["id"] for u in listed["items"]] == [made["user"]["id"]]
    assert listed["items"][0]["seen_at"].endswith("Z")
    status, one = await ask(gateway, company, "admin", "GET", f"/api/users/{made['user']['id']}")
    assert (status, one) == (200, listed["items"][0])


async def test_an_address_belongs_to_one_user_of_the_installation(gateway: GatewayProcess, company: Company, database: str) -> None:
    other = await found(database, "other")
    assert (await invite(gateway, company, "owner", "viewer", "ivan@acme.test"))[0] == 201
    for asking in (company, other):
        status, problem = await invite(gateway, asking, "owner", "viewer", "IVAN@acme.test")
        assert (status, problem["errors"][0]["code"], problem["errors"][0]["pointer"]) == (409, "email-taken", "/email")


async def test_nobody_raises_above_himself(gateway: GatewayProcess, company: Company) -> None:
    ids: dict[Level, str] = {}
    for role in LEVELS:
        ids[role] = (await invite(gateway, company, "owner", role, f"{role}@acme.test"))[1]["user"]["id"]
    for level in LEVELS:
        for role in LEVELS:
            wanted = 201 if level == "owner" or (level == "admin" and role != "owner") else 403
            assert (await invite(gateway, company, level, role, f"{role}{level}@acme.test"))[0] == wanted, (level, role)
            key = {"name": "k", "role": role}
            assert (await ask(gateway, company, level, "POST", "/api/api-keys", key))[0] == wanted, (level, role)
    for method, body in (("PATCH", {"role": "admin"}), ("PATCH", {"name": "X"}), ("DELETE", None), ("POST", None)):
        path = f"/api/users/{ids['owner']}" + ("/link" if method == "POST" else "")
        assert (await ask(gateway, company, "admin", method, path, body))[0] == 403, method
    assert (await ask(gateway, company, "admin", "PATCH", f"/api/users/{ids['viewer']}", {"role": "owner"}))[0] == 403
    assert (await ask(gateway, company, "admin", "PATCH", f"/api/users/{ids['viewer']}", {"role": "admin"}))[0] == 200


async def test_the_last_owner_stays(gateway: GatewayProcess, company: Company, database: str) -> None:
    browser = await arrive(gateway, database, company.tenant_id, "owner", "first@acme.test")
    me = (await browser.send("GET", "/api/session"))[1]["user"]["id"]
    for method, body in (("PATCH", {"role": "admin"}), ("DELETE", None)):
        status, problem, _ = await browser.send(method, f"/api/users/{me}", body)
        assert (status, problem["errors"][0]["code"]) == (409, "last-owner")
    _, second, _ = await browser.send("POST", "/api/users", {"email": "second@acme.test", "role": "owner"})
    assert (await browser.send("PATCH", f"/api/users/{me}", {"role": "operator"}))[0] == 200
    status, _ = await ask(gateway, company, "owner", "DELETE", f"/api/users/{second['user']['id']}")
    assert status == 409


async def test_a_lost_role_and_a_removed_user_end_within_seconds(gateway: GatewayProcess, company: Company, database: str) -> None:
    owner = await arrive(gateway, database, company.tenant_id, "owner", "boss@acme.test")
    browser = await arrive(gateway, database, company.tenant_id, "admin", "ivan@acme.test")
    assert (await browser.send("GET", "/api/audit"))[0] == 200
    ivan = (await browser.send("GET", "/api/session"))[1]["user"]["id"]
    assert (await owner.send("PATCH", f"/api/users/{ivan}", {"role": "viewer"}))[0] == 200
    async with asyncio.timeout(TTL_S + 3):
        while (await browser.send("GET", "/api/audit"))[0] != 403:
            await asyncio.sleep(0.1)
    assert (await owner.send("DELETE", f"/api/users/{ivan}"))[0] == 204
    async with asyncio.timeout(TTL_S + 3):
        while await browser.status() != 401:
            await asyncio.sleep(0.1)
    assert await browser.log_in("ivan@acme.test") == 401
    for method in ("GET", "DELETE"):
        assert (await owner.send(method, f"/api/users/{ivan}"))[0] == 404
    assert (await owner.send("POST", "/api/users", {"email": "ivan@acme.test", "role": "viewer"}))[0] == 201, "his address is free"


async def test_keys_are_shown_once_and_end(gateway: GatewayProcess, company: Company) -> None:
    status, made = await ask(gateway, company, "admin", "POST", "/api/api-keys", {"name": "the shop's site", "role": "operator"})
    assert status == 201
    assert made["key"].startswith(made["prefix"])
    assert len(made["prefix"]) == 9
    bearer = {"Authorization": f"Bearer {made['key']}"}
    assert (await Browser(gateway).send("GET", "/api/agents", None, bearer))[0] == 200
    _, listed = await ask(gateway, company, "admin", "GET", "/api/api-keys")
    assert made["key"] not in json.dumps(listed)
    (mine,) = [k for k in listed["items"] if k["id"] == made["id"]]
    assert (mine["name"], mine["role"], mine["prefix"]) == ("the shop's site", "operator", made["prefix"])
    assert mine["last_used_at"] >= mine["created_at"]
    (owners,) = [k for k in listed["items"] if k["role"] == "owner"]
    assert (await ask(gateway, company, "admin", "DELETE", f"/api/api-keys/{owners['id']}"))[0] == 403
    assert (await ask(gateway, company, "admin", "DELETE", f"/api/api-keys/{made['id']}"))[0] == 204
    assert (await ask(gateway, company, "admin", "DELETE", f"/api/api-keys/{made['id']}"))[0] == 404
    async with asyncio.timeout(TTL_S + 3):
        while (await Browser(gateway).send("GET", "/api/agents", None, bearer))[0] != 401:
            await asyncio.sleep(0.1)


async def test_a_repeated_request_makes_one_key_and_answers_the_same(gateway: GatewayProcess, company: Company) -> None:
    body, key = {"name": "k", "role": "viewer"}, {"Idempotency-Key": "once"}
    first = await ask(gateway, company, "admin", "POST", "/api/api-keys", body, **key)
    again = await ask(gateway, company, "admin", "POST", "/api/api-keys", body, **key)
    assert first == again
    _, listed = await ask(gateway, company, "admin", "GET", "/api/api-keys")
    assert [k["name"] for k in listed["items"]].count("k") == 1


async def test_one_sees_and_changes_ones_own_company(gateway: GatewayProcess, company: Company, database: str) -> None:
    other = await found(database, "other")
    status, listed = await ask(gateway, company, "viewer", "GET", "/api/tenants")
    assert (status, listed) == (
        200,
        {"items": [{"id": str(company.tenant_id), "slug": "acme", "name": "Acme", "locale": "en"}], "next": None},
    )
    mine = f"/api/tenants/{company.tenant_id}"
    status, changed = await ask(gateway, company, "admin", "PATCH", mine, {"name": "Акме", "locale": "ru"})
    assert (status, changed["name"], changed["locale"], changed["slug"]) == (200, "Акме", "ru", "acme")
    assert await ask(gateway, company, "viewer", "GET", mine) == (200, changed)
    assert (await ask(gateway, company, "operator", "PATCH", mine, {"name": "X"}))[0] == 403
    for bad in ({"name": " "}, {"name": "x" * 121}, {"locale": "de"}, {"slug": "x"}, {"name": "\x00"}):
        assert (await ask(gateway, company, "admin", "PATCH", mine, bad))[0] == 422, bad
    for method, body in (("GET", None), ("PATCH", {"name": "X"})):
        assert (await ask(gateway, company, "owner", method, f"/api/tenants/{other.tenant_id}", body))[0] == 404


async def test_nothing_of_another_company(gateway: GatewayProcess, company: Company, database: str) -> None:
    other = await found(database, "other")
    user, _ = await employ(database, other.tenant_id, "viewer", "canary@other.test")
    _, keys = await ask(gateway, other, "owner", "GET", "/api/api-keys")
    for method, path, body in (
        ("GET", f"/api/users/{user.id}", None),
        ("PATCH", f"/api/users/{user.id}", {"role": "viewer"}),
        ("DELETE", f"/api/users/{user.id}", None),
        ("POST", f"/api/users/{user.id}/link", None),
        ("DELETE", f"/api/api-keys/{keys['items'][0]['id']}", None),
    ):
        assert (await ask(gateway, company, "owner", method, path, body))[0] == 404, (method, path)
    for path in ("/api/users", "/api/api-keys", "/api/audit"):
        status, document = await ask(gateway, company, "owner", "GET", path)
        assert status == 200
        assert str(other.tenant_id) not in json.dumps(document)
        assert "canary" not in json.dumps(document)


async def test_every_change_is_told_without_secrets(gateway: GatewayProcess, company: Company, database: str) -> None:
    owner = await arrive(gateway, database, company.tenant_id, "owner", "boss@acme.test")
    me = (await owner.send("GET", "/api/session"))[1]["user"]["id"]
    _, made, _ = await owner.send("POST", "/api/users", {"email": "ivan@acme.test", "name": "Ivan", "role": "viewer"})
    ivan = made["user"]["id"]
    await owner.send("PATCH", f"/api/users/{ivan}", {"role": "operator", "name": "Ivan"})
    await owner.send("PATCH", f"/api/users/{ivan}", {"role": "operator"})  # changes nothing
    _, link, _ = await owner.send("POST", f"/api/users/{ivan}/link")
    await owner.send("DELETE", f"/api/users/{ivan}")
    _, key, _ = await owner.send("POST", "/api/api-keys", {"name": "k", "role": "viewer"})
    await owner.send("DELETE", f"/api/api-keys/{key['id']}")
    await owner.send("PATCH", f"/api/tenants/{company.tenant_id}", {"name": "Acme & Co"})
    assert (await owner.send("POST", "/api/users", {"email": "boss@acme.test", "role": "viewer"}))[0] == 409  # is not told
    _, log, _ = await owner.send("GET", f"/api/audit?user_id={me}")
    told = [(row["action"], row["subject"], row["before"], row["after"]) for row in reversed(log["items"])]
    assert told == [
        ("session.opened", f"user:{me}", None, {"by": "link"}),
        ("user.password_set", f"user:{me}", None, None),
        ("user.invited", f"user:{ivan}", None, {"email": "ivan@acme.test", "name": "Ivan", "role": "viewer"}),
        ("user.changed", f"user:{ivan}", {"role": "viewer"}, {"role": "operator"}),
        ("user.link_made", f"user:{ivan}", None, None),
        ("user.removed", f"user:{ivan}", {"email": "ivan@acme.test", "name": "Ivan", "role": "operator"}, None),
        ("api_key.created", f"api_key:{key['id']}", None, {"name": "k", "role": "viewer", "prefix": key["prefix"]}),
        ("api_key.revoked", f"api_key:{key['id']}", {"name": "k", "role": "viewer"}, None),
        ("tenant.changed", f"tenant:{company.tenant_id}", {"name": "Acme"}, {"name": "Acme & Co"}),
    ]
    assert {row["actor"] for row in log["items"]} == {"Owner"}
    connection = await asyncpg.connect(database)
    dump = await connection.fetchval("select string_agg(a::text, ' ') from audit_log a")
    stored = await connection.fetchval("select string_agg(s::text, ' ') from sessions s") + await connection.fetchval(
        "select string_agg(l::text, ' ') from login_links l"
    )
    await connection.close()
    for secret in (made["link"]["link"].split("=")[1], link["link"].split("=")[1], key["key"], owner.cookie, "argon2"):
        assert secret not in dump
        assert secret not in stored


async def test_the_audit_log_is_read_in_pages_and_filtered(gateway: GatewayProcess, company: Company) -> None:
    for number in range(5):
        await invite(gateway, company, "admin", "viewer", f"u{number}@acme.test")
    seen: list[str] = []
    path = "/api/audit?limit=2&action=user.invited"
    while path:
        status, page, headers = await Browser(gateway).send("GET", path, None, company.headers("admin"))
        assert status == 200
        seen += [row["after"]["email"] for row in page["items"]]
        path = headers["Link"].split(">")[0][1:] if page["next"] else ""
    assert seen == [f"u{number}@acme.test" for number in reversed(range(5))]
    _, all_rows = await ask(gateway, company, "admin", "GET", "/api/audit")
    assert {row["key_id"] is not None for row in all_rows["items"] if row["action"] == "user.invited"} == {True}
    subject = all_rows["items"][0]["subject"]
    _, filtered = await ask(gateway, company, "admin", "GET", f"/api/audit?subject={subject}")
    assert [row["subject"] for row in filtered["items"]] == [subject]
    for bad in ("user_id=x", "action=%00", "action=", "cursor=x", "limit=0", "foo=1", "subject=я"):
        assert (await ask(gateway, company, "admin", "GET", f"/api/audit?{bad}"))[0] == 422, bad
    assert (await ask(gateway, company, "operator", "GET", "/api/audit"))[0] == 403


@pytest.mark.parametrize("path", ["/api/users", "/api/api-keys"])
async def test_lists_in_pages(gateway: GatewayProcess, company: Company, path: str) -> None:
    for number in range(3):
        await invite(gateway, company, "owner", "viewer", f"u{number}@acme.test")
    _, whole = await ask(gateway, company, "admin", "GET", path)
    first_status, first = await ask(gateway, company, "admin", "GET", f"{path}?limit=2")
    assert first_status == 200
    _, second = await ask(gateway, company, "admin", "GET", f"{path}?limit=2&cursor={first['next']}")
    assert first["items"] + second["items"] == whole["items"]
    assert len(whole["items"]) >= 3


async def test_ids_that_name_nothing(gateway: GatewayProcess, company: Company) -> None:
    for name in ("x", "%00", "%ff", "я", "0" * 36, "00000000-0000-0000-0000-000000000000"):
        for method, path, body in (("GET", "/api/users", None), ("DELETE", "/api/api-keys", None), ("GET", "/api/tenants", None)):
            assert (await ask(gateway, company, "owner", method, f"{path}/{name}", body))[0] == 404, (path, name)


def test_the_roles_are_in_order() -> None:
    assert sorted(RANK, key=RANK.__getitem__) == list(LEVELS)
