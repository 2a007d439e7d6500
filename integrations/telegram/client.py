"""The Bot API over one HTTP session that all bots share.

aiogram's types, methods and session; its way to build and to validate a call (multipart forms, pydantic results) is
replaced by JSON both ways, which takes a fraction of the CPU: here results are few and read by key.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, cast

import orjson
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.methods import TelegramMethod
from aiogram.methods.base import TelegramType
from aiogram.utils.token import TokenValidationError
from aiohttp import (
    ClientError,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TraceConfig,
    TraceRequestHeadersSentParams,
)
from yarl import URL

from actors.domain.errors import CredentialsRefused, UnknownOutcome
from actors.ports.time import Clock
from integrations.telegram.errors import LeaseOver, error_of_failure, result_of

_JSON = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
_NEVER = float("inf")


class RawGetUpdates(TelegramMethod[list[Any]]):
    """`getUpdates` whose result is left as it came: one malformed update must not spoil its batch."""

    __returning__ = list
    __api_method__ = "getUpdates"

    offset: int | None = None
    limit: int = 100
    timeout: int = 0
    allowed_updates: list[str] | None = None


class RawCall(TelegramMethod[Any]):
    """Any other method."""

    __returning__ = object
    __api_method__ = ""

    name: str
    arguments: dict[str, Any]


@dataclass(slots=True)
class _Attempt:
    """One request: until when its first byte may be written, and whether it may have been."""

    not_after: float
    written: bool = False


class SharedSession(AiohttpSession):
    """One connection pool for all bots; errors are those of actors/domain/errors.py."""

    def __init__(self, api: str, clock: Clock, timeout_s: float) -> None:
        # No limit of the pool: a long poll holds a connection, and waiting for one would eat the timeout of a send.
        super().__init__(api=TelegramAPIServer.from_base(api), limit=0, timeout=timeout_s)
        self._clock = clock

    async def create_session(self) -> ClientSession:
        """Return the session; it is created once, inside the running loop."""
        if self._session is None or self._session.closed:
            trace = TraceConfig()
            trace.on_request_headers_sent.append(self._before_first_byte)
            connector = self._connector_type(**self._connector_init)
            self._session = ClientSession(connector=connector, trace_configs=[trace], cookie_jar=DummyCookieJar())
        return self._session

    async def make_request(self, bot: Bot, method: TelegramMethod[TelegramType], timeout: int | None = None) -> TelegramType:
        """Carry out a call of aiogram's own methods, too, with our errors."""
        name, payload = method.__api_method__, method.model_dump(exclude_none=True, warnings=False)
        if isinstance(method, RawCall):
            name, payload = method.name, method.arguments
        return cast(TelegramType, await self.call(bot.token, name, payload, self.timeout if timeout is None else timeout))

    async def call(self, token: str, method: str, payload: Mapping[str, Any], timeout_s: float, not_after: float = _NEVER) -> Any:
        """Return the result of one Bot API call that takes at most `timeout_s`, connecting included.

        Raises:
            LeaseOver: `not_after` had passed before anything was written.
            CallboardError: see errors.py.
        """
        session, attempt = await self.create_session(), _Attempt(not_after)
        try:
            async with session.post(
                _url(self.api, token, method),
                data=orjson.dumps(payload),
                headers=_JSON,
                timeout=_timeout(timeout_s),
                allow_redirects=False,
                trace_request_ctx=attempt,
            ) as response:
                body = await response.read()
        except (ClientError, TimeoutError, OSError) as failure:
            raise error_of_failure(failure, written=attempt.written) from None
        return result_of(response.status, body)

    async def _before_first_byte(self, _: ClientSession, context: SimpleNamespace, __: TraceRequestHeadersSentParams) -> None:
        """The HTTP client calls this when a connection is there and nothing has been written to it: the last moment to stop."""
        attempt: _Attempt = context.trace_request_ctx
        if self._clock.monotonic() > attempt.not_after:
            raise LeaseOver
        attempt.written = True


@lru_cache(maxsize=4096)
def _url(api: TelegramAPIServer, token: str, method: str) -> URL:
    return URL(api.api_url(token, method), encoded=True)


@lru_cache(maxsize=16)
def _timeout(seconds: float) -> ClientTimeout:
    return ClientTimeout(total=seconds)


class TelegramClient:
    """The few methods Callboard uses."""

    def __init__(self, api: str, clock: Clock, timeout_s: float = 8.0) -> None:
        self._session = SharedSession(api.rstrip("/"), clock, timeout_s)
        self._timeout_s = timeout_s
        self._bots: dict[str, Bot] = {}

    @property
    def timeout_s(self) -> float:
        """Return the longest a call may take, in seconds."""
        return self._timeout_s

    async def send(self, token: str, method: str, payload: Mapping[str, Any], not_after: float = _NEVER) -> str:
        """Carry out one call that a customer sees and return the id of the message; empty if the call makes none.

        Raises:
            LeaseOver: `not_after` had passed; nothing was written.
            CallboardError: see errors.py.
        """
        # A plain dict: building and dumping aiogram's model was a third of the CPU of a send.
        result = await self._session.call(self._bot(token).token, method, payload, self._timeout_s, not_after)
        if result is True:
            return ""
        message_id = result.get("message_id") if isinstance(result, dict) else None
        if type(message_id) is not int:
            raise UnknownOutcome(f"an answer of {method} without message_id")
        return str(message_id)

    async def get_updates(self, token: str, offset: int | None, timeout_s: int) -> list[Any]:
        """Wait up to `timeout_s` for updates; the request itself may take the usual timeout longer."""
        bot = self._bot(token)
        method = RawGetUpdates(offset=offset, timeout=timeout_s)
        updates = await bot(method, request_timeout=timeout_s + int(self._timeout_s))
        if not isinstance(updates, list):
            raise UnknownOutcome("an answer of getUpdates that is no list")
        return updates

    async def delete_webhook(self, token: str) -> None:
        """Stop the push, so that updates can be polled; what waits is kept."""
        await self._call(token, "deleteWebhook", {"drop_pending_updates": False})

    async def typing(self, token: str, chat_id: int, thread_id: int | None = None) -> None:
        """Show the typing indicator for about 5 s."""
        arguments = {"chat_id": chat_id, "action": "typing"}
        await self._call(token, "sendChatAction", arguments if thread_id is None else arguments | {"message_thread_id": thread_id})

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def _call(self, token: str, name: str, arguments: dict[str, Any]) -> Any:
        return await self._bot(token)(RawCall(name=name, arguments=arguments))

    def _bot(self, token: str) -> Bot:
        if (bot := self._bots.get(token)) is None:
            try:
                bot = Bot(token, session=self._session)
            except TokenValidationError:
                raise CredentialsRefused("the token is not of the form 123456:ABC...") from None
            self._bots[token] = bot
        return bot
