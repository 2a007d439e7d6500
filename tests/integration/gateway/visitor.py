"""A visitor's page in tests: what a widget does, request by request."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tests.integration.gateway.company import Company
from tests.integration.gateway.processes import GatewayProcess
from tests.integration.gateway.test_api import call

SITE = "https://shop.example"


async def add_widget(gateway: GatewayProcess, company: Company, **body: Any) -> dict[str, Any]:
    path = f"/api/agents/{company.agent_id}/widgets"
    status, made, _ = await call(gateway, "POST", path, company, "admin", json={"origins": [SITE], **body})
    assert status == 201, made
    return {**made, "etag": f'"{made["version"]}"', "path": f"{path}/{made['id']}"}


class Visitor:
    """A page of a site that holds the widget of a token."""

    def __init__(self, gateway: GatewayProcess, token: str, origin: str = SITE) -> None:
        self._gateway = gateway
        self._base = f"/api/widget/{token}"
        self.origin = origin
        self.secret = ""

    def headers(self) -> dict[str, str]:
        return {"Origin": self.origin, **({"X-Callboard-Visitor": self.secret} if self.secret else {})}

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, dict[str, Any], Mapping[str, str]]:
        headers = {**self.headers(), **more.pop("headers", {})}
        return await call(self._gateway, method, f"{self._base}/{path}", headers=headers, **more)

    async def begin(self) -> dict[str, Any]:
        status, session, _ = await self.ask("POST", "session")
        assert status == 200, session
        self.secret = session["visitor"]
        return session

    async def write(self, text: str, message_id: str) -> int:
        status, _, _ = await self.ask("POST", "messages", json={"text": text, "message_id": message_id})
        return status

    async def read(self, after: str = "") -> list[dict[str, Any]]:
        status, listed, _ = await self.ask("GET", f"messages?after={after}" if after else "messages")
        assert status == 200, listed
        return list(listed["items"])

    @asynccontextmanager
    async def events(self, after: str = "") -> AsyncIterator["Stream"]:
        path = f"{self._base}/events?after={after}" if after else f"{self._base}/events"
        async with self._gateway.session.get(path, headers=self.headers()) as response:
            assert response.status == 200, await response.text()
            assert response.headers["Access-Control-Allow-Origin"] == self.origin
            yield Stream(response.content)


class Stream:
    """Events as they come."""

    def __init__(self, content: Any) -> None:
        self._content = content

    async def next(self, name: str = "message") -> dict[str, Any]:
        """Return the next event of this name; others are passed over."""
        async with asyncio.timeout(30):
            while True:
                block = (await self._content.readuntil(b"\n\n")).decode()
                if block.startswith(f"event: {name}\n"):
                    return dict(json.loads(block.partition("data: ")[2]))
