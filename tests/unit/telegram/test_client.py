"""Over real sockets: whether a first byte was written decides between transient and unknown."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from actors.domain.errors import CredentialsRefused, TransientError, UnknownOutcome
from actors.runtime.clock import SystemClock
from integrations.telegram.client import TelegramClient
from integrations.telegram.errors import LeaseOver

TOKEN = "123:a-token-of-a-bot"
HI = {"chat_id": 5, "text": "hi"}
BODY = b'{"ok":true,"result":{"message_id":17}}'
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Counts connections and the bytes it was sent."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.connections = 0
        self.received = b""
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while data := await reader.read(65536):
                self.received += data
                if b'"text"' in data:
                    await self._answer(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[Server]:
    server = Server(answer)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()


@asynccontextmanager
async def client_of(url: str, timeout_s: float = 0.5) -> AsyncIterator[TelegramClient]:
    client = TelegramClient(url, SystemClock(), timeout_s)
    try:
        yield client
    finally:
        await client.close()


async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(OK)


async def hang(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    await asyncio.sleep(2)


async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(OK[:-5])
    writer.close()


async def test_a_message_returns_its_id_and_connections_are_kept() -> None:
    async with serving(accept) as server, client_of(server.url) as client:
        assert await client.send(TOKEN, "sendMessage", {"chat_id": 5, "text": "привет"}) == "17"
        assert await client.send("124:another-bot", "sendMessage", {"chat_id": 5, "text": "hi", "message_thread_id": 7}) == "17"
        assert server.connections == 1
        assert b"POST /bot124:another-bot/sendMessage" in server.received
        assert b'"message_thread_id":7' in server.received


@pytest.mark.parametrize("answer", [hang, close, reset, cut])
async def test_a_failure_after_the_first_byte_is_unknown(answer: Answer) -> None:
    async with serving(answer) as server, client_of(server.url) as client:
        with pytest.raises(UnknownOutcome) as caught:
            await client.send(TOKEN, "sendMessage", HI)
        assert TOKEN not in str(caught.value)


async def test_a_refused_connection_is_transient() -> None:
    async with client_of("http://127.0.0.1:1") as client:
        with pytest.raises(TransientError):
            await client.send(TOKEN, "sendMessage", HI)


async def test_a_name_that_does_not_resolve_is_transient() -> None:
    async with client_of("http://telegram.invalid", 2.0) as client:
        with pytest.raises(TransientError):
            await client.send(TOKEN, "sendMessage", HI)


async def test_a_tls_handshake_that_fails_is_transient() -> None:
    async with serving(accept) as server, client_of(server.url.replace("http", "https")) as client:
        with pytest.raises(TransientError) as caught:
            await client.send(TOKEN, "sendMessage", HI)
        assert TOKEN not in str(caught.value)


async def test_a_connection_that_cannot_be_made_in_time_is_transient() -> None:
    """A listener whose backlog is full answers no handshake: nothing was written when the timeout ends."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(held.getsockname())
        async with client_of(f"http://127.0.0.1:{held.getsockname()[1]}") as client:
            with pytest.raises(TransientError, match="Timeout"):
                await client.send(TOKEN, "sendMessage", HI)
        for filler in fillers:
            filler.close()


async def test_not_a_byte_is_written_after_the_last_moment() -> None:
    async with serving(accept) as server, client_of(server.url) as client:
        past = SystemClock().monotonic() - 0.001
        with pytest.raises(LeaseOver):
            await client.send(TOKEN, "sendMessage", HI, not_after=past)
        await asyncio.sleep(0.05)
        assert server.received == b""
        assert await client.send(TOKEN, "sendMessage", HI, not_after=SystemClock().monotonic() + 5) == "17"


@pytest.mark.parametrize("token", ["", "abc", "12 3:abcdef", ":abcdef", "12:"])
async def test_a_malformed_token_never_leaves_the_house(token: str) -> None:
    async with serving(accept) as server, client_of(server.url) as client:
        with pytest.raises(CredentialsRefused):
            await client.send(token, "sendMessage", HI)
        assert server.connections == 0
