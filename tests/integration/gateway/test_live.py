"""The live stream against a real gateway and Redis: ten tabs, logins that end, readers that do not read, a Redis that goes away."""

import asyncio
import contextlib
import json
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import asyncpg
import pytest
import redis.asyncio

from tests.integration.gateway.company import Company, EchoHost, found
from tests.integration.gateway.live_client import WAIT_S, Tab, logged_in, subscriptions
from tests.integration.gateway.processes import GatewayProcess
from tests.integration.gateway.test_api import call, say


@pytest.fixture
async def conversation(gateway: GatewayProcess, company: Company, database: str) -> str:
    async with EchoHost(database):
        return str((await say(gateway, company, "hello"))["conversation_id"])


async def publish(url: str, channel: str, *events: dict[str, Any]) -> None:
    async with redis.asyncio.from_url(url) as client, client.pipeline(transaction=False) as pipeline:
        for event in events:
            pipeline.publish(channel, json.dumps(event))
        await pipeline.execute()


async def refused(gateway: GatewayProcess, headers: dict[str, str]) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await gateway.session.ws_connect("/api/live", headers=headers)
    return caught.value.status


async def test_ten_tabs_stay_live_and_leave_nothing_behind(
    gateway: GatewayProcess, company: Company, database: str, redis_url: str, conversation: str
) -> None:
    cookie = {"Cookie": await logged_in(database, company), "Origin": gateway.url}
    topic = f"conversation:{conversation}"
    async with AsyncExitStack() as stack:
        tabs = [await stack.enter_async_context(Tab(gateway, cookie)) for _ in range(10)]
        for tab in tabs:
            await tab.subscribe(topic, "conversations")
        assert len(await subscriptions(redis_url)) == 2  # of the process, however many tabs
        status, _, _ = await call(gateway, "POST", f"/api/conversations/{conversation}/takeover", company)
        assert status == 200
        for tab in tabs:
            frames = {frame["type"]: frame for frame in (await tab.frame(), await tab.frame())}
            assert frames["control"] == {"type": "control", "topic": topic, "control": "human", "version": 2}
            assert frames["conversations"] == {"type": "conversations", "topic": "conversations", "messages": [], "changed": [conversation]}
        path = f"/api/conversations/{conversation}/reply"
        _, said, _ = await call(gateway, "POST", path, company, json={"text": "I am Ivan"})
        for tab in tabs:
            hint = await tab.until("message")
            assert hint == {"type": "message", "topic": topic, "id": said["message_id"], "role": "operator"}
        await tabs[0].socket.send_json({"unsubscribe": [topic]})
        assert (await tabs[0].until("unsubscribed"))["topic"] == topic
        assert len(await subscriptions(redis_url)) == 2
    await nothing_left(redis_url)


async def nothing_left(redis_url: str) -> None:
    async with asyncio.timeout(WAIT_S):
        while await subscriptions(redis_url):
            await asyncio.sleep(0.02)


async def test_only_our_own_pages_and_known_callers(gateway: GatewayProcess, company: Company, database: str) -> None:
    cookie = await logged_in(database, company)
    assert await refused(gateway, {}) == 401
    assert await refused(gateway, {"Authorization": "Bearer cb_" + "x" * 43}) == 401
    assert await refused(gateway, {"Cookie": cookie}) == 403
    assert await refused(gateway, {"Cookie": cookie, "Origin": "https://evil.example"}) == 403
    assert await refused(gateway, {"Cookie": cookie, "Origin": "null"}) == 403
    assert await refused(gateway, {**company.headers("viewer"), "Origin": "https://evil.example"}) == 403
    status, problem, _ = await call(gateway, "GET", "/api/live", company)
    assert (status, problem["type"]) == (426, "urn:callboard:problem:upgrade-required")
    async with Tab(gateway, company.headers("viewer")) as tab:
        await tab.subscribe("conversations")


async def test_topics_of_others_are_not_there(gateway: GatewayProcess, company: Company, database: str, conversation: str) -> None:
    stranger = await found(database, "stranger")
    async with Tab(gateway, stranger.headers()) as tab:
        for topic in (f"conversation:{conversation}", "conversation:0", f"conversation:{2**63}", "conversation:x", "callboard", "*"):
            await tab.socket.send_json({"subscribe": [topic]})
            refusal = await tab.frame()
            assert (refusal["type"], refusal["code"], refusal["topic"]) == ("error", "not-found", topic)
        await tab.subscribe("conversations")
        async with Tab(gateway, company.headers()) as own:
            await own.subscribe("conversations")
            await call(gateway, "POST", f"/api/conversations/{conversation}/takeover", company)
            assert (await own.frame())["changed"] == [conversation]
        await tab.socket.send_json({"unsubscribe": ["conversations"]})
        assert (await tab.frame())["type"] == "unsubscribed"  # and nothing of the other company before it


async def test_a_login_that_ends_ends_its_streams(gateway: GatewayProcess, company: Company, database: str) -> None:
    headers = {"Cookie": await logged_in(database, company), "Origin": gateway.url}
    async with Tab(gateway, headers) as tab, Tab(gateway, company.headers("viewer")) as by_key, Tab(gateway, company.headers()) as other:
        connection = await asyncpg.connect(database)
        await connection.execute("delete from sessions")
        await connection.execute("update api_keys set revoked_at = now() where name = 'viewer'")
        await connection.close()
        assert await tab.closed_with() == 4401
        assert await by_key.closed_with() == 4401
        await other.subscribe("conversations")


async def test_three_bad_messages_are_enough(gateway: GatewayProcess, company: Company) -> None:
    async with Tab(gateway, company.headers()) as tab:
        await tab.socket.send_str("{")
        assert (await tab.frame())["code"] == "bad-message"
        await tab.socket.send_json({"subscribe": "conversations"})
        assert (await tab.frame())["code"] == "bad-message"
        await tab.subscribe("conversations")
        await tab.socket.send_bytes(b'{"subscribe": []}')
        assert (await tab.frame())["code"] == "bad-message"
        assert await tab.closed_with() == 4400
    async with Tab(gateway, company.headers()) as tab:
        await tab.socket.send_json({"subscribe": ["x" * 5000]})
        assert await tab.closed_with() == aiohttp.WSCloseCode.MESSAGE_TOO_BIG


async def test_a_reader_that_does_not_read_is_let_go_and_hinders_nobody(
    gateway: GatewayProcess, company: Company, redis_url: str, conversation: str
) -> None:
    topic, channel = f"conversation:{conversation}", f"callboard:live:{conversation}"
    async with Tab(gateway, company.headers()) as slow, Tab(gateway, company.headers()) as quick:
        await slow.subscribe(topic)
        await quick.subscribe(topic)
        transport = slow.transport
        transport.pause_reading()
        deltas = [{"type": "delta", "text": "x" * 4000, "turn_id": str(n)} for n in range(200)]
        for _ in range(60):  # 48 MB: more than all buffers on the way and the queue hold
            await publish(redis_url, channel, *deltas)
            for expected in deltas:
                assert (await quick.frame())["turn_id"] == expected["turn_id"]
        transport.resume_reading()
        assert await slow.closed_with() == 4408


async def test_limits(gateway: GatewayProcess, company: Company, database: str, conversation: str) -> None:
    async with EchoHost(database):
        more = [str((await say(gateway, company, f"hello {n}"))["conversation_id"]) for n in range(32)]
    topics = [f"conversation:{number}" for number in more]
    async with AsyncExitStack() as stack:
        tabs = [await stack.enter_async_context(Tab(gateway, company.headers())) for _ in range(16)]
        assert await refused(gateway, company.headers()) == 429
        await stack.enter_async_context(Tab(gateway, company.headers("admin")))
        await tabs[0].subscribe(*topics)
        await tabs[0].socket.send_json({"subscribe": [topics[0], f"conversation:{conversation}"]})
        assert (await tabs[0].frame())["code"] == "too-many"
        await tabs[0].socket.send_json({"unsubscribe": topics[:1], "subscribe": [f"conversation:{conversation}"]})
        assert (await tabs[0].until("subscribed"))["topic"] == f"conversation:{conversation}"
        await tabs[1].socket.close()
        await there_is_room(gateway, company)


async def there_is_room(gateway: GatewayProcess, company: Company) -> None:
    """Return once one more tab is let in: a closed one makes room in a moment."""
    async with asyncio.timeout(WAIT_S):
        while True:
            with contextlib.suppress(aiohttp.WSServerHandshakeError):
                async with Tab(gateway, company.headers()):
                    return


async def test_when_redis_comes_back_pages_are_told_to_look_again(
    gateway: GatewayProcess, company: Company, redis_url: str, conversation: str
) -> None:
    async with Tab(gateway, company.headers()) as tab:
        await tab.subscribe("conversations", f"conversation:{conversation}")
        async with redis.asyncio.from_url(redis_url) as client:
            await client.client_kill_filter(_type="pubsub")
        assert await tab.frame() == {"type": "reconnected"}
        await call(gateway, "POST", f"/api/conversations/{conversation}/takeover", company)
        assert {(await tab.frame())["type"], (await tab.frame())["type"]} == {"control", "conversations"}


async def test_a_gateway_that_stops_says_so_at_once(gateway: GatewayProcess, company: Company) -> None:
    async with Tab(gateway, company.headers()) as tab:
        started = asyncio.get_running_loop().time()
        stopping = asyncio.create_task(gateway.stop())
        assert await tab.closed_with() == aiohttp.WSCloseCode.SERVICE_RESTART
        assert await stopping == 0
        assert asyncio.get_running_loop().time() - started < 3
