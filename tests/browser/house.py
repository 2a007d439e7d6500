"""An installation with people in it, as the browser tests need it."""

import asyncio
import json
import shutil
import urllib.request
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import asyncpg

from tests.browser.model_thread import ModelThread
from tests.fakes.kommo.process import KommoProcess
from tests.fakes.telegram_process import TelegramProcess
from tests.integration.installation import Installation

PASSWORD = "тёплый плед у камина"


class House:
    """`callboard run` with the demo shop, fakes of what is outside, and sessions for whom a test needs. Without a model it has no key."""

    def __init__(
        self, model: ModelThread | None, telegram: TelegramProcess, kommo: KommoProcess, more: Mapping[str, str] | None = None
    ) -> None:
        self.telegram = telegram
        self.kommo = kommo
        env = {"CALLBOARD_TELEGRAM_API": telegram.url, "CALLBOARD_KOMMO_API": kommo.url, "CALLBOARD_REPLY_WAIT_S": "20"}
        if model is not None:
            self.model = model
            env |= {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": model.base_url, "CALLBOARD_MODEL_PRICES": '{"served": [2, 8]}'}
        self.installation = Installation(env={**env, "CALLBOARD_PAGES_PRIVATE": "true", **(more or {})})

    @property
    def url(self) -> str:
        return self.installation.url

    def link(self) -> str:
        """A fresh one-time link of the demo's owner."""
        done = self.installation.callboard("login-link", "--tenant", "demo")
        assert done.returncode == 0, done.stderr
        return next(word for word in done.stdout.split() if "#token=" in word)

    def invite(self, role: str, locale: str = "ru") -> "Person":
        """A new user with a password and a session."""
        email = f"{role}-{uuid4().hex[:8]}@shop.example"
        invited = self.installation.post("/api/users", {"email": email, "name": "Ирина", "role": role, "locale": locale})
        token = invited["link"]["link"].split("#token=")[1]
        cookie, session = self._session("POST", "/api/session/link", {"token": token})
        cookie, session = self._session("PUT", "/api/session/password", {"new": PASSWORD}, cookie)
        return Person(email, session["tenant"]["id"], cookie)

    async def rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Look into the database."""
        connection = await asyncpg.connect(self.installation.run_json["database_url"], timeout=10)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()

    async def until(self, query: str, *arguments: object, timeout_s: float = 30) -> None:
        """Wait until the query says true."""
        async with asyncio.timeout(timeout_s):
            while not (await self.rows(query, *arguments))[0][0]:
                await asyncio.sleep(0.1)

    def _session(self, method: str, path: str, body: dict[str, Any], cookie: str = "") -> tuple[str, dict[str, Any]]:
        headers = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin", "Cookie": f"callboard_session={cookie}"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as response:
            given = response.headers["Set-Cookie"].split(";")[0].split("=", 1)[1]
            return given, json.load(response)


class Person:
    """Somebody who is logged in."""

    def __init__(self, email: str, tenant_id: str, cookie: str) -> None:
        self.email = email
        self.tenant_id = tenant_id
        self.cookie = cookie

    def path(self, page: str) -> str:
        return f"/manage/{self.tenant_id}/{page}"


def chromium() -> str:
    """Debian's Chromium; nothing is downloaded. Its headless shell is the same engine without the windows that nobody sees."""
    found = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    assert found, "the browser tests need Chromium: apt-get install chromium-headless-shell"
    return found
