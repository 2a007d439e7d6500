"""A tab's live stream in tests: frames as they come, waited for by what they say."""

import asyncio
import json
from types import TracebackType
from typing import Any

import aiohttp
import redis.asyncio

from storage.accounts.audit import Actor
from storage.accounts.login_links import LoginLinks
from storage.accounts.users import NewUser, Users
from storage.postgres import Database, Role
from tests.integration.gateway.company import Company
from tests.integration.gateway.processes import GatewayProcess

WAIT_S = 15.0


class Tab:
    """One WebSocket on /api/live."""

    def __init__(self, gateway: GatewayProcess, headers: dict[str, str]) -> None:
        self._gateway = gateway
        self._headers = headers
        self.socket: aiohttp.ClientWebSocketResponse

    async def __aenter__(self) -> "Tab":
        self.socket = await self._gateway.session.ws_connect("/api/live", headers=self._headers)
        assert (await self.frame())["type"] == "hello"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.socket.close()

    async def frame(self) -> dict[str, Any]:
        message = await self.socket.receive(WAIT_S)
        assert message.type is aiohttp.WSMsgType.TEXT, message
        return dict(json.loads(message.data))

    async def until(self, kind: str) -> dict[str, Any]:
        """Return the next frame of this type; those before it are passed over."""
        while True:
            frame = await self.frame()
            if frame["type"] == kind:
                return frame

    async def subscribe(self, *topics: str) -> None:
        """Subscribe; what comes of these topics before the answer is passed over, as pages do: they read after it."""
        await self.socket.send_json({"subscribe": topics})
        for topic in topics:
            assert await self.until("subscribed") == {"type": "subscribed", "topic": topic}

    @property
    def transport(self) -> asyncio.Transport:
        connection = self.socket._response.connection
        assert connection is not None
        transport = connection.transport
        assert isinstance(transport, asyncio.Transport)
        return transport

    async def closed_with(self) -> int:
        """Return the code with which the other side closes; frames before it are passed over."""
        async with asyncio.timeout(WAIT_S):
            while not self.socket.closed:
                await self.socket.receive()
        assert self.socket.close_code is not None
        return self.socket.close_code


async def logged_in(dsn: str, company: Company, email: str = "ivan@example.test") -> str:
    """Return the Cookie header of a fresh session of a new operator."""
    async with await Database.open(dsn, Role.API, "test", size=1) as database:
        user = await Users(database).create(company.tenant_id, NewUser(email, "Ivan", "operator", "en"), Actor("test"))
        links = LoginLinks(database)
        entered = await links.redeem(await links.create(company.tenant_id, user.id, "login", Actor("test")), "test")
    return f"callboard_session={entered.token}"


async def subscriptions(redis_url: str) -> list[str]:
    """Return the channels of conversations and tenants that anybody is subscribed to."""
    async with redis.asyncio.from_url(redis_url, decode_responses=True) as client:
        return sorted(str(channel) for channel in await client.pubsub_channels("callboard:live:*"))
