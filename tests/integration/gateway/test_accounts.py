"""Logging in: links, passwords, cookies, throttling, and requests from other sites."""

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from gateway.auth import TTL_S
from storage.accounts.throttles import PER_ADDRESS, PER_EMAIL, WINDOW_S
from tests.integration.gateway.browser import PASSWORD, SAME_SITE, Browser, arrive, employ
from tests.integration.gateway.company import Company
from tests.integration.gateway.processes import GatewayProcess

EMAIL = "olga@acme.test"


async def ends(browser: Browser) -> None:
    """Wait until the session is over: no longer than it may be remembered."""
    async with asyncio.timeout(TTL_S + 3):
        while await browser.status() != 401:
            await asyncio.sleep(0.1)


async def execute(dsn: str, statement: str, *arguments: Any) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(statement, *arguments)
    await connection.close()


async def test_a_link_lets_in_once_and_then_says_why_not(gateway: GatewayProcess, company: Company, database: str) -> None:
    user, token = await employ(database, company.tenant_id, "owner", EMAIL)
    browser = Browser(gateway)
    view = await browser.enter(token)
    assert view == {
        "user": {"id": str(user.id), "email": EMAIL, "name": "Owner", "role": "owner", "locale": "ru"},
        "tenant": {"id": str(company.tenant_id), "slug": "acme", "name": "Acme", "locale": "en"},
        "password_set": False,
        "current_needed": False,
    }
    assert (await browser.send("GET", "/api/session"))[1] == view
    assert (await browser.send("GET", "/api/agents"))[1]["items"][0]["id"] == str(company.agent_id)
    status, problem, _ = await Browser(gateway).send("POST", "/api/session/link", {"token": token})
    assert (status, problem["errors"][0]["code"], problem["errors"][0]["pointer"]) == (410, "used", "/token")
    _, old = await employ(database, company.tenant_id, "viewer", "old@acme.test")
    await execute(database, "update login_links set expires_at = now() - interval '1 second' where used_at is null")
    status, problem, _ = await Browser(gateway).send("POST", "/api/session/link", {"token": old})
    assert (status, problem["errors"][0]["code"]) == (410, "expired")
    status, _, _ = await Browser(gateway).send("POST", "/api/session/link", {"token": "x" * 43})
    assert status == 404


async def test_a_newer_link_ends_the_older(gateway: GatewayProcess, company: Company, database: str) -> None:
    user, older = await employ(database, company.tenant_id, "viewer", EMAIL)
    owner = await arrive(gateway, database, company.tenant_id, "owner", "boss@acme.test")
    status, made, headers = await owner.send("POST", f"/api/users/{user.id}/link")
    assert (status, made["expires_in_s"], headers["Cache-Control"]) == (201, 86_400, "no-store")
    base, newer = made["link"].split("/login#token=")
    assert base == gateway.url
    status, problem, _ = await Browser(gateway).send("POST", "/api/session/link", {"token": older})
    assert (status, problem["errors"][0]["code"]) == (410, "ended")
    await Browser(gateway).enter(newer)


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(
    gateway: GatewayProcess, company: Company, database: str, redis_url: str, tmp_path: Path
) -> None:
    _, token = await employ(database, company.tenant_id, "owner", EMAIL)
    browser = Browser(gateway)
    await browser.enter(token)
    assert browser.flags == {"path": "/", "max-age": str(90 * 86_400), "httponly": "True", "samesite": "Lax"}
    assert len(browser.cookie) == 43
    public = tmp_path / "public"
    public.mkdir()
    async with GatewayProcess(database, redis_url, public, {"CALLBOARD_PUBLIC_URL": "https://chat.acme.test"}) as behind_tls:
        _, token = await employ(database, company.tenant_id, "owner", "second@acme.test")
        browser = Browser(behind_tls)
        await browser.enter(token)
        assert browser.flags["secure"] == "True"
        own = {"Origin": "https://chat.acme.test"}
        assert (await browser.send("PATCH", "/api/session", {"name": "O"}, own))[0] == 200
        _, made, _ = await browser.send("POST", "/api/users", {"email": "third@acme.test", "role": "viewer"})
        assert made["link"]["link"].startswith("https://chat.acme.test/login#token=")
        assert (await browser.send("DELETE", "/api/session"))[0] == 204
        assert (browser.cookie, browser.flags["secure"]) == ("", "True")


async def test_a_password_replaces_the_link_and_ends_other_sessions(gateway: GatewayProcess, company: Company, database: str) -> None:
    _, token = await employ(database, company.tenant_id, "operator", EMAIL)
    here = Browser(gateway)
    await here.enter(token)
    former = here.twin()
    assert await former.status() == 200
    status, view, _ = await here.send("PUT", "/api/session/password", {"new": PASSWORD})
    assert (status, view["password_set"], view["current_needed"]) == (200, True, True)
    assert here.cookie != former.cookie
    await ends(former)
    there = Browser(gateway)
    assert await there.log_in(f" {EMAIL.upper()} ") == 200
    assert await there.status() == 200
    for body, code in (({"new": "другой-пароль-9"}, "missing"), ({"current": "x", "new": "другой-пароль-9"}, "password-wrong")):
        status, problem, _ = await here.send("PUT", "/api/session/password", body)
        assert (status, problem["errors"][0]["code"], problem["errors"][0]["pointer"]) == (422, code, "/current")
    status, _, _ = await here.send("PUT", "/api/session/password", {"current": PASSWORD, "new": "другой-пароль-9"})
    assert status == 200
    await ends(there)
    assert await here.status() == 200
    assert await there.log_in(EMAIL) == 401
    assert await there.log_in(EMAIL, "другой-пароль-9") == 200


async def test_a_link_helps_who_forgot_the_password(gateway: GatewayProcess, company: Company, database: str) -> None:
    owner = await arrive(gateway, database, company.tenant_id, "owner", "boss@acme.test")
    await arrive(gateway, database, company.tenant_id, "operator", EMAIL)
    _, users, _ = await owner.send("GET", "/api/users")
    (operator,) = [u for u in users["items"] if u["email"] == EMAIL]
    _, made, _ = await owner.send("POST", f"/api/users/{operator['id']}/link")
    browser = Browser(gateway)
    view = await browser.enter(made["link"].split("#token=")[1])
    assert (view["password_set"], view["current_needed"]) == (True, False)
    twin = browser.twin()
    _, unused, _ = await owner.send("POST", f"/api/users/{operator['id']}/link")
    status, _, _ = await browser.send("PUT", "/api/session/password", {"new": "совсем-новый-пароль"})
    assert status == 200
    await ends(twin)
    status, problem, _ = await Browser(gateway).send("POST", "/api/session/link", {"token": unused["link"].split("#token=")[1]})
    assert (status, problem["errors"][0]["code"]) == (410, "ended")
    _, made, _ = await owner.send("POST", f"/api/users/{operator['id']}/link")
    late = Browser(gateway)
    await late.enter(made["link"].split("#token=")[1])
    await execute(database, "update sessions set created_at = now() - interval '61 minutes' where by_link")
    status, problem, _ = await late.send("PUT", "/api/session/password", {"new": "ещё-один-пароль"})
    assert (status, problem["errors"][0]["code"]) == (422, "missing")


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("короткий9", "password-length"),
        ("я" * 257, "password-length"),
        ("olga@acme.TEST", "password-email"),
        ("Password123", "password-common"),
        ("ЙЦУКЕНГШЩЗ", "password-common"),
        ("abababababab", "password-common"),
        ("x" * 1025, "string_too_long"),
        ("", "string_too_short"),
        ("with\x00nul-inside", "value_error"),
        ("lone\ud800surrogate", "string_unicode"),
        (12345678901, "string_type"),
    ],
)
async def test_passwords_that_may_not_be(gateway: GatewayProcess, company: Company, database: str, password: Any, code: str) -> None:
    _, token = await employ(database, company.tenant_id, "viewer", EMAIL)
    browser = Browser(gateway)
    await browser.enter(token)
    status, problem, _ = await browser.send(
        "PUT", "/api/session/password", headers={**SAME_SITE, "Content-Type": "application/json"}, data=json.dumps({"new": password})
    )
    assert (status, problem["errors"][0]["code"], problem["errors"][0]["pointer"]) == (422, code, "/new")


async def test_who_is_unknown_learns_nothing(gateway: GatewayProcess, company: Company, database: str) -> None:
    await arrive(gateway, database, company.tenant_id, "viewer", EMAIL)
    await employ(database, company.tenant_id, "viewer", "invited@acme.test")
    answers = []
    for email, password in ((EMAIL, "wrong"), ("nobody@acme.test", PASSWORD), ("invited@acme.test", "nobody has this password")):
        status, problem, _ = await Browser(gateway).send("POST", "/api/session", {"email": email, "password": password})
        assert status == 401
        answers.append({**problem, "request_id": ""})
    assert answers[0] == answers[1] == answers[2]


async def test_attempts_are_throttled_for_all_processes_until_the_window_ends(
    gateway: GatewayProcess, company: Company, database: str, redis_url: str, tmp_path: Path
) -> None:
    await arrive(gateway, database, company.tenant_id, "viewer", EMAIL)
    other_dir = tmp_path / "other"
    other_dir.mkdir()
    async with GatewayProcess(database, redis_url, other_dir) as other:
        browsers = (Browser(gateway), Browser(other))
        tried = await asyncio.gather(*(browsers[n % 2].log_in(EMAIL, f"wrong {n}") for n in range(PER_EMAIL + 4)))
        assert sorted(tried) == [401] * PER_EMAIL + [429] * 4
        for browser in browsers:
            status, problem, headers = await browser.send("POST", "/api/session", {"email": EMAIL, "password": PASSWORD})
            assert (status, problem["type"]) == (429, "urn:callboard:problem:too-many-requests")
            assert WINDOW_S - 60 < int(headers["Retry-After"]) <= WINDOW_S + 1
        await execute(database, f"update login_throttles set began_at = began_at - interval '{WINDOW_S - 5} seconds'")
        status, _, headers = await browser.send("POST", "/api/session", {"email": EMAIL, "password": PASSWORD})
        assert (status, 1 <= int(headers["Retry-After"]) <= 6) == (429, True)
        await execute(database, "update login_throttles set began_at = began_at - interval '6 seconds'")
        assert await browser.log_in(EMAIL) == 200
        tried = [await browser.log_in(EMAIL, "wrong") for _ in range(PER_EMAIL)]
        assert tried == [401] * PER_EMAIL, "a success forgets the attempts before it"


async def test_one_network_address_cannot_try_many_users(company: Company, database: str, redis_url: str, tmp_path: Path) -> None:
    async with GatewayProcess(database, redis_url, tmp_path, {"CALLBOARD_PROXIES": "1"}) as gateway:
        await arrive(gateway, database, company.tenant_id, "viewer", EMAIL)

        async def attempt(number: int, forwarded: str) -> int:
            headers = {**SAME_SITE, "X-Forwarded-For": forwarded}
            body = {"email": f"user{number}@acme.test", "password": "wrong"}
            return (await Browser(gateway).send("POST", "/api/session", body, headers))[0]

        tried = [
            await attempt(n, f"10.9.9.{n}, 203.0.113.7") for n in range(PER_ADDRESS + 2)
        ]  # what the client wrote itself is not believed
        assert tried == [401] * PER_ADDRESS + [429] * 2
        assert await attempt(0, "203.0.113.8") == 401
        ours = {**SAME_SITE, "X-Forwarded-For": "203.0.113.8"}
        for _ in range(PER_ADDRESS + 2):  # successes are not counted
            assert (await Browser(gateway).send("POST", "/api/session", {"email": EMAIL, "password": PASSWORD}, ours))[0] == 200


async def test_guessing_the_current_password_is_throttled_too(gateway: GatewayProcess, company: Company, database: str) -> None:
    browser = await arrive(gateway, database, company.tenant_id, "viewer", EMAIL)
    body = {"current": "guess", "new": "другой-пароль-9"}
    tried = [(await browser.send("PUT", "/api/session/password", body))[0] for _ in range(PER_EMAIL + 1)]
    assert tried == [422] * PER_EMAIL + [429]


async def test_requests_of_other_sites_are_refused(gateway: GatewayProcess, company: Company, database: str) -> None:
    browser = await arrive(gateway, database, company.tenant_id, "owner", EMAIL)
    foreign: list[dict[str, str]] = [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": gateway.url},
        {"Sec-Fetch-Site": "x"},
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
        {"Origin": f"{gateway.url}.evil.test"},
        {"Origin": "http://[broken"},
        {},
    ]
    for headers in foreign:
        assert (await browser.send("PATCH", "/api/session", {"name": "X"}, headers))[0] == 403, headers
        assert (await browser.send("DELETE", "/api/session", None, headers))[0] == 403, headers
        assert (await browser.send("GET", "/api/session", None, headers))[0] == 200, headers
        if headers:
            body = {"email": EMAIL, "password": PASSWORD}
            assert (await Browser(gateway).send("POST", "/api/session", body, headers))[0] == 403, headers
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": gateway.url}):
        assert (await browser.send("PATCH", "/api/session", {"name": "Olga"}, headers))[0] == 200, headers
    program = {**company.headers(), "Sec-Fetch-Site": "cross-site"}  # a key is no cookie: no browser adds it by itself
    assert (await Browser(gateway).send("PATCH", f"/api/tenants/{company.tenant_id}", {"name": "Acme 2"}, program))[0] == 200


async def test_logging_out_and_in_again(gateway: GatewayProcess, company: Company, database: str) -> None:
    browser = await arrive(gateway, database, company.tenant_id, "viewer", EMAIL)
    before = browser.twin()
    assert await browser.log_in(EMAIL) == 200
    assert browser.cookie != before.cookie
    assert await before.status() == 401, "a login ends the session that the browser had"
    stolen = browser.twin()
    status, _, headers = await browser.send("DELETE", "/api/session")
    assert (status, browser.cookie, browser.flags["max-age"]) == (204, "", "0")
    assert headers["Cache-Control"] == "no-store"
    assert await stolen.status() == 401
    assert (await browser.send("DELETE", "/api/session"))[0] == 401


async def test_a_session_ends_unused_and_at_last_in_any_case(gateway: GatewayProcess, company: Company, database: str) -> None:
    browser = await arrive(gateway, database, company.tenant_id, "viewer", EMAIL)
    assert await browser.status() == 200
    await execute(database, "update sessions set expires_at = now() - interval '1 second'")
    await ends(browser)


async def test_one_may_change_ones_own_name_and_language(gateway: GatewayProcess, company: Company, database: str) -> None:
    browser = await arrive(gateway, database, company.tenant_id, "viewer", EMAIL)
    status, view, _ = await browser.send("PATCH", "/api/session", {"name": "  Ольга \x00", "locale": "en"})
    assert (status, view["user"]["name"], view["user"]["locale"]) == (200, "Ольга", "en")
    assert (await browser.send("PATCH", "/api/session", {"role": "owner"}))[0] == 422


async def test_a_key_has_no_session(gateway: GatewayProcess, company: Company) -> None:
    bearer = company.headers()
    for method, path, body in (
        ("GET", "/api/session", None),
        ("DELETE", "/api/session", None),
        ("PATCH", "/api/session", {"name": "x"}),
        ("PUT", "/api/session/password", {"new": PASSWORD}),
    ):
        assert (await Browser(gateway).send(method, path, body, bearer))[0] == 404, (method, path)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"email": "\xd0\xbe\xd0\xbb\xd1\x8f@acme.test", "password": "x"}',
        b'{"email": "a\\u0000@acme.test", "password": "x"}',
        b'{"email": "a@acme.test", "password": "x\\u0000"}',
        b'{"email": "a@acme.test", "password": "\\ud800"}',
        b'{"email": "\\ud800@acme.test", "password": "x"}',
        b'{"email": "no-at-sign", "password": "x"}',
        b'{"email": "' + b"a" * 300 + b'@acme.test", "password": "x"}',
        b'{"email": "a@acme.test"}',
        b'{"email": "a@acme.test", "password": null}',
        b'{"email": "a@acme.test", "password": "x", "tenant": "acme"}',
        b'{"email": ["a@acme.test"], "password": "x"}',
    ],
)
async def test_logins_that_are_not_acceptable(gateway: GatewayProcess, raw: bytes) -> None:
    status, _, _ = await Browser(gateway).send("POST", "/api/session", headers={"Content-Type": "application/json"}, data=raw)
    assert status == 422


@pytest.mark.parametrize("cookie", ["x", "я" * 43, "x" * 43, "a b", '"', "x" * 44, "\\000" * 10, "=;=;"])
async def test_cookies_that_are_not_ours(gateway: GatewayProcess, cookie: str) -> None:
    assert await Browser(gateway, cookie).status() == 401


@pytest.mark.parametrize("token", ["", "x", "я" * 43, "x" * 44, "\x00" * 43, None, 5])
async def test_links_that_are_not_ours(gateway: GatewayProcess, token: Any) -> None:
    assert (await Browser(gateway).send("POST", "/api/session/link", {"token": token}))[0] == 422
