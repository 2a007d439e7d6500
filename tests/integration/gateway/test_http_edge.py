"""Senders that break the rules of HTTP or take their time: a clear 4xx, and nobody else waits."""

import asyncio
import json
import signal
import time
from pathlib import Path

import asyncpg
import pytest

from tests.integration.gateway.company import Company, update
from tests.integration.gateway.processes import GatewayProcess, raw_request

pytestmark = pytest.mark.alone

POST = b"POST /webhooks/telegram/%s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-Telegram-Bot-Api-Secret-Token: %s\r\n"


def head(company: Company, more: bytes) -> bytes:
    (bot, secret), *_ = company.bots.items()
    return POST % (str(bot).encode(), secret.encode()) + more + b"\r\n\r\n"


async def test_broken_http_is_a_problem_document(gateway: GatewayProcess, company: Company, database: str) -> None:
    chunked = head(company, b"Transfer-Encoding: chunked\r\nConnection: close")
    cases = {
        "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        "bad version": b"GET /health HTTP/9.9\r\nHost: x\r\n\r\n",
        "header without colon": b"GET /health HTTP/1.1\r\nnonsense\r\n\r\n",
        "header of 20 KB": b"GET /health HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        "path of 20 KB": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        "length is text": head(company, b"Content-Length: x\r\nConnection: close"),
        "two lengths": head(company, b"Content-Length: 2\r\nContent-Length: 3\r\nConnection: close") + b"{}",
        "length and chunked": head(company, b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\nConnection: close")
        + b"2\r\n{}\r\n0\r\n\r\n",
        "chunk size is text": chunked + b"zz\r\n{}\r\n0\r\n\r\n",
        "chunk size lies": chunked + b"1\r\n{}\r\n0\r\n\r\n",
    }
    for name, request in cases.items():
        answer = await raw_request(gateway.port, request)
        assert answer.startswith(b"HTTP/1.1 4") or answer.startswith(b"HTTP/1.0 4"), (name, answer)
        assert b"application/problem+json" in answer, (name, answer)
    connection = await asyncpg.connect(database)
    assert await connection.fetchval("select count(*) from inbox") == 0
    await connection.close()
    assert "Traceback" not in gateway.logged()


async def test_slow_senders_are_ended_and_nobody_else_waits(gateway: GatewayProcess, company: Company) -> None:
    (bot, secret), *_ = company.bots.items()
    writers = []
    for _ in range(300):
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(head(company, b"Content-Length: 500000"))
        writers.append(writer)
    for _ in range(300):
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(b"POST /webhooks/telegram/x HTTP/1.1\r\nX-A: ")
        writers.append(writer)

    async def dribble() -> None:
        while True:
            for writer in writers:
                if not writer.is_closing():
                    writer.write(b"1")
            await asyncio.sleep(0.5)

    dribbling = asyncio.create_task(dribble())
    slow_body = asyncio.create_task(raw_request(gateway.port, head(company, b"Content-Length: 100"), timeout_s=30))
    slow_head = asyncio.create_task(raw_request(gateway.port, b"POST / HTTP/1.1\r\n", timeout_s=30))
    headers = {"X-Telegram-Bot-Api-Secret-Token": secret}
    times = []
    for number in range(300):
        started = time.monotonic()
        async with gateway.session.post(f"/webhooks/telegram/{bot}", json=update(number), headers=headers) as response:
            assert response.status == 200
        times.append(time.monotonic() - started)
        await asyncio.sleep(0.01)
    started = time.monotonic()
    answer = await slow_body
    assert answer.startswith(b"HTTP/1.1 408 "), answer
    assert await slow_head == b""  # closed without a word: there was no request
    assert time.monotonic() - started < 20
    dribbling.cancel()
    for writer in writers:
        writer.close()
    assert sorted(times)[int(len(times) * 0.9)] < 0.1


async def test_sigterm_finishes_what_was_begun(company: Company, database: str, redis_url: str, tmp_path: Path) -> None:
    (bot, secret), *_ = company.bots.items()
    async with GatewayProcess(database, redis_url, tmp_path) as gateway:
        body = json.dumps(update(1)).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(head(company, b"Content-Length: %d\r\nConnection: close" % len(body)) + body[:10])
        await writer.drain()
        await asyncio.sleep(0.2)
        assert gateway.process
        started = time.monotonic()
        gateway.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.3)
        writer.write(body[10:])
        assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        writer.close()
        assert await asyncio.to_thread(gateway.process.wait, 10) == 0
        assert time.monotonic() - started < 6
    connection = await asyncpg.connect(database)
    assert await connection.fetchval("select count(*) from inbox") == 1
    await connection.close()
    assert str(bot)
    assert secret not in gateway.logged()


async def test_kill_between_two_gateways_refuses_no_connection(company: Company, database: str, redis_url: str, tmp_path: Path) -> None:
    (bot, secret), *_ = company.bots.items()
    async with GatewayProcess(database, redis_url, tmp_path) as gateway:
        await gateway.stop(signal.SIGKILL)
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret}
        url = f"/webhooks/telegram/{bot}"
        waiting = asyncio.create_task(gateway.session.post(url, json=update(1), headers=headers))
        await asyncio.sleep(0.3)
        gateway.spawn()  # on the same socket, with the same spool
        response = await waiting
        assert response.status == 200
