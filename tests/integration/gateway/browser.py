"""A browser as far as sessions go: keeps its cookie, says which site a request comes from; and people who use it."""

import json
from collections.abc import Mapping
from http.cookies import SimpleCookie
from typing import Any
from uuid import UUID

from storage.accounts.audit import COMMAND_LINE
from storage.accounts.login_links import LoginLinks
from storage.accounts.roles import Level
from storage.accounts.users import NewUser, User, Users
from storage.postgres import Database, Role
from tests.integration.gateway.processes import GatewayProcess

SAME_SITE = {"Sec-Fetch-Site": "same-origin"}
PASSWORD = "верблюд-на-крыше-7"
Answered = tuple[int, dict[str, Any], Mapping[str, str]]


class Browser:
    """One browser with at most one session."""

    def __init__(self, gateway: GatewayProcess, cookie: str = "") -> None:
        self.gateway = gateway
        self.cookie = cookie
        self.flags: dict[str, str] = {}

    async def send(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] = SAME_SITE, **more: Any) -> Answered:
        """Send a request; refusals must have our form."""
        sent = {**headers, **({"Cookie": f"callboard_session={self.cookie}"} if self.cookie else {})}
        if body is not None:
            more["json"] = body
        async with self.gateway.session.request(method, path, headers=sent, **more) as response:
            document: dict[str, Any] = json.loads(await response.read() or b"{}")
            if response.status >= 400:
                assert response.content_type == "application/problem+json", document
                assert document["status"] == response.status
            if set_cookie := response.headers.get("Set-Cookie"):
                self._keep(set_cookie)
            return response.status, document, response.headers

    async def enter(self, token: str) -> dict[str, Any]:
        """Log in by a one-time link."""
        status, view, _ = await self.send("POST", "/api/session/link", {"token": token})
        assert status == 200, view
        return view

    async def log_in(self, email: str, password: str = PASSWORD) -> int:
        """Log in with a password; return the status."""
        status, _, _ = await self.send("POST", "/api/session", {"email": email, "password": password})
        return status

    async def status(self) -> int:
        """Return the status of looking at one's session."""
        return (await self.send("GET", "/api/session"))[0]

    def twin(self, gateway: GatewayProcess | None = None) -> "Browser":
        """Return a browser with the same cookie."""
        return Browser(gateway or self.gateway, self.cookie)

    def _keep(self, header: str) -> None:
        (morsel,) = SimpleCookie(header).values()
        assert morsel.key == "callboard_session"
        self.cookie = morsel.value
        self.flags = {name: str(value) for name, value in morsel.items() if value}


async def employ(dsn: str, tenant_id: UUID, role: Level, email: str) -> tuple[User, str]:
    """Make a user and return them with the token of a link."""
    async with await Database.open(dsn, Role.API, "test", size=1) as database:
        user = await Users(database).create(tenant_id, NewUser(email, role.title(), role, "ru"), COMMAND_LINE)
        return user, await LoginLinks(database).create(tenant_id, user.id, "login", COMMAND_LINE)


async def arrive(gateway: GatewayProcess, dsn: str, tenant_id: UUID, role: Level, email: str) -> Browser:
    """Return the browser of a new user who came by a link and set PASSWORD."""
    _, token = await employ(dsn, tenant_id, role, email)
    browser = Browser(gateway)
    await browser.enter(token)
    status, view, _ = await browser.send("PUT", "/api/session/password", {"new": PASSWORD})
    assert status == 200, view
    return browser
