"""Files of customers, from Telegram's servers. No bot framework: the gateway imports this.

The Bot API takes two steps: getFile names a path, below which the bytes are read. Both URLs hold the bot's token, so no
error of the driver is ever shown: it may hold the URL.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar
from yarl import URL

from actors.domain.errors import TerminalError, TransientError
from actors.ports.media import MediaFile, TooLarge

CHUNK = 64 * 1024
_OK = 200
_NOT_NOW = (429, 500, 502, 503, 504)


class TelegramFiles:
    """One session for all bots, opened at the first use."""

    def __init__(self, api: str, timeout_s: float) -> None:
        self._api = api.rstrip("/")
        self._timeout = ClientTimeout(total=None, connect=timeout_s, sock_read=timeout_s)
        self._session: ClientSession | None = None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    @asynccontextmanager
    async def open(self, token: str, file_id: str, limit: int) -> AsyncIterator[MediaFile]:
        """Open a file for the length of a block.

        Raises:
            TooLarge: above the limit.
            TerminalError: Telegram has it no longer, or not for this bot.
            TransientError: Telegram does not answer.
        """
        path, size = await self._path(token, file_id)
        if size is not None and size > limit:
            raise TooLarge(f"the file has {size} bytes; at most {limit} are fetched")
        async with self._get(URL(f"{self._api}/file/bot{token}/{path}", encoded=False)) as response:
            _check(response.status, "the file")
            known = size if size is not None else response.content_length
            if known is not None and known > limit:
                raise TooLarge(f"the file has {known} bytes; at most {limit} are fetched")
            yield MediaFile(known, _chunks(response, limit))

    async def _path(self, token: str, file_id: str) -> tuple[str, int | None]:
        url = URL(f"{self._api}/bot{token}/getFile").with_query(file_id=file_id)
        async with self._get(url) as response:
            _check(response.status, "getFile")
            found = _result(await response.content.read(CHUNK))
        path, size = found.get("file_path"), found.get("file_size")
        # It becomes part of a URL: it must not lead out of the bot's own folder.
        if not isinstance(path, str) or not path or path.startswith("/") or ".." in path.split("/") or "?" in path or "#" in path:
            raise TerminalError("Telegram names no usable path for the file")
        return path, size if type(size) is int else None

    @asynccontextmanager
    async def _get(self, url: URL) -> AsyncIterator[ClientResponse]:
        if self._session is None:  # inside the running loop
            self._session = ClientSession(timeout=self._timeout, cookie_jar=DummyCookieJar(), headers={"Accept-Encoding": "identity"})
        try:
            async with self._session.get(url, allow_redirects=False) as response:
                yield response
        except (ClientError, TimeoutError, OSError):
            raise TransientError("Telegram does not answer; try again") from None


async def _chunks(response: ClientResponse, limit: int) -> AsyncIterator[bytes]:
    read = 0
    try:
        async for chunk in response.content.iter_chunked(CHUNK):
            read += len(chunk)
            if read > limit:
                raise TooLarge(f"the file has more than {limit} bytes")
            yield chunk
    except (ClientError, TimeoutError, OSError):
        raise TransientError("Telegram broke off in the middle; try again") from None


def _check(status: int, what: str) -> None:
    if status in _NOT_NOW:
        raise TransientError(f"{what}: Telegram answers {status}; try again")
    if status != _OK:
        raise TerminalError(f"{what}: Telegram answers {status}: the file is gone, or the bot's token does not work any more")


def _result(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise TransientError("getFile: Telegram's answer is no JSON; try again") from None
    result = found.get("result") if isinstance(found, dict) else None
    if not isinstance(result, dict):
        raise TerminalError("getFile: Telegram does not know the file")
    return result
