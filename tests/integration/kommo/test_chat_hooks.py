"""Hooks of the Chats API: whose they are, once for many deliveries, while the database is away, and what they do to the bot."""

import asyncio
import hashlib
import hmac
import signal
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest

from actors.domain.ids import Address, IntegrationId
from integrations.kommo.chat_ids import chat_id
from storage.accounts.audit import Actor
from storage.crypto import SecretBox, load_or_create_key
from storage.embedded_postgres import EmbeddedPostgres
from storage.kommo_channels import ChannelState, KommoChannels, NewChannel
from storage.postgres import Database, Role
from tests.integration.gateway.company import Company, found
from tests.integration.gateway.processes import GatewayProcess
from tests.integration.gateway.test_database_away import eventually, own_company, server  # noqa: F401  # fixtures of the same story
from tests.integration.gateway.test_who_may import connect_kommo
from tests.integration.kommo.showing import SECRET, Stage

COUNTS = """
select (select count(*) from messages where role = 'operator'), (select count(*) from outbox where class = 'operator'),
  (select count(*) from inbox where kind = 'event')"""


@pytest.fixture
async def company(database: str) -> Company:
    return await found(database, "acme")


def hook(chat: str, message_id: str, text: str = "hello") -> bytes:
    about = {
        "conversation": {"id": "ref", "client_id": chat},
        "sender": {"id": "x", "name": "Olga"},
        "message": {"id": message_id, "text": text},
    }
    return orjson.dumps({"account_id": "a", "time": 1, "message": about})


async def send(gateway: GatewayProcess, scope: str, body: bytes, secret: str = SECRET) -> int:
    signature = hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()
    headers = {"Content-Type": "application/json", "X-Signature": signature}
    async with gateway.session.post(f"/webhooks/kommo-chats/{scope}", data=body, headers=headers) as answer:
        await answer.read()
        return answer.status


async def own_channel(dsn: str, company: Company, data_dir: Path) -> ChannelState:
    """Connect a channel through the stores."""
    account = await connect_kommo(company, dsn, data_dir)
    channel, amojo = str(uuid4()), str(uuid4())
    async with await Database.open(dsn, Role.API, "test", size=1) as api:
        new = NewChannel(channel, amojo, f"{channel}_{amojo}", "", "Shop", SECRET)
        channels = KommoChannels(api, SecretBox(load_or_create_key(data_dir)))
        return await channels.connect(company.tenant_id, Actor("olga"), company.agent_id, account, new)


def chat_of(company: Company, data_dir: Path, key: str = "7") -> str:
    address = Address(IntegrationId(next(iter(company.bots))), key)
    return chat_id(SecretBox(load_or_create_key(data_dir)).derive, company.tenant_id, address)


async def stored(dsn: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("select key, kind, convert_from(raw, 'UTF8')::json->>'id' from inbox order by id")
    await connection.close()
    return [tuple(row) for row in rows]


async def test_only_genuine_hooks_come_in(database: str, company: Company, redis_url: str, tmp_path: Path) -> None:
    state = await own_channel(database, company, tmp_path)
    chat, scope = chat_of(company, tmp_path), state.scope_id
    async with GatewayProcess(database, redis_url, tmp_path) as gateway:
        body = hook(chat, "m-1")
        assert await send(gateway, scope, body, "0" * 40) == 401
        assert await send(gateway, f"{uuid4()}_{uuid4()}", body) == 401
        assert await send(gateway, scope[:-1], body) == 401
        async with gateway.session.post(f"/webhooks/kommo-chats/{scope}", data=body) as answer:
            assert answer.status == 401
        assert await send(gateway, scope, b"no json") == 400
        assert await send(gateway, scope, b" " * 300_000) == 413
        assert await stored(database) == []
        for left in (
            b'{"action":{"typing":{"user":{"id":"x"}}}}',
            hook("", "m-2"),
            hook("my_int-d5a421f7f218", "m-3"),
            hook(f"{chat}x", "m-4"),
        ):
            assert await send(gateway, scope, left) == 200
        assert await stored(database) == []
        assert await send(gateway, scope, body) == 200
        assert await stored(database) == [("7", "event", "m-1")]
        await _other_secret(database, state, tmp_path)
        assert await send(gateway, scope, hook(chat, "m-5"), "1" * 40) == 200, "a secret that was just changed works at once"
        assert await stored(database) == [("7", "event", "m-1"), ("7", "event", "m-5")]


async def _other_secret(dsn: str, state: ChannelState, data_dir: Path) -> None:
    connection = await asyncpg.connect(dsn)
    sealed = SecretBox(load_or_create_key(data_dir)).encrypt("1" * 40, str(state.id))
    await connection.execute("update kommo_channels set secret_encrypted = $1", sealed)
    await connection.close()
    await asyncio.sleep(0.6)  # a wrong signature asks anew this often


async def test_hooks_wait_in_the_spool_while_postgresql_is_stopped(
    server: EmbeddedPostgres,  # noqa: F811
    own_company: Company,  # noqa: F811
    redis_url: str,
    tmp_path: Path,
) -> None:
    state = await own_channel(server.dsn, own_company, tmp_path)
    chat, scope = chat_of(own_company, tmp_path), state.scope_id
    async with GatewayProcess(server.dsn, redis_url, tmp_path) as gateway:
        assert await send(gateway, scope, hook(chat, "m-0")) == 200
        await asyncio.to_thread(server.stop)
        for n in range(1, 6):
            assert await send(gateway, scope, hook(chat, f"m-{n}")) == 200
        assert await send(gateway, scope, hook(chat, "m-9"), "0" * 40) == 401
    async with GatewayProcess(server.dsn, redis_url, tmp_path) as gateway:  # started while it is away
        assert await send(gateway, scope, hook(chat, "m-6")) == 200
        await asyncio.to_thread(server.start)
        assert await send(gateway, scope, hook(chat, "m-3")) == 200

        async def is_empty() -> bool:
            async with gateway.session.get("/metrics") as response:
                return "callboard_spool_depth 0.0" in await response.text()

        await eventually(is_empty, 30)
    assert await stored(server.dsn) == [("7", "event", f"m-{n}") for n in range(7)]


async def test_a_manager_silences_the_bot_once_for_many_deliveries(stage: Stage) -> None:
    stage.begin("host", "sync")  # nobody sends: the bot's answer waits
    await stage.connect()
    await stage.customer(7, "delivery?")
    await stage.until("exists (select from outbox where class = 'reply' and state = 'pending')")
    await stage.until_shown([("customer", "delivery?")])
    sent = await stage.manager("I am here", name="Olga")
    assert (sent["statuses"], sent["echo"]) == ([200], [200])
    scope, body = sent["path"].rpartition("/")[2], sent["body"].encode()
    async with GatewayProcess(stage.dsn, stage.env["REDIS_URL"], stage.data_dir, stage.env) as second:
        a, b = stage.gateway, second
        assert await asyncio.gather(*(send(side, scope, body) for side in (a, b, a, b, a))) == [200] * 5
        await a.stop(signal.SIGKILL)
        a.spawn()
        await a.up()
        assert [await send(side, scope, body) for side in (a, b)] == [200, 200]
    await stage.until("not exists (select from inbox where state = 'pending')")
    assert [tuple(row) for row in await stage.owner.fetch(COUNTS)] == [(1, 1, 2)]  # the second event is the echo, at the copy's address
    rows = await stage.owner.fetch("select class, state, body->>'text' from outbox order by id")
    assert [tuple(row) for row in rows] == [("reply", "withdrawn", "Tomorrow"), ("operator", "pending", "I am here")]
    said = await stage.owner.fetchrow(
        "select m.*, c.control, c.held_by from messages m join conversations c on c.id = m.conversation_id where role = 'operator'"
    )
    assert said is not None
    assert (said["body"], said["external_id"], said["control"], said["held_by"]) == ("I am here", f"kommo:{sent['id']}", "human", None)
    taken = await stage.owner.fetchval("select data->>'by' from activity_logs where kind = 'conversation.taken'")
    assert taken == "Olga"
    stage.begin("sender")
    await stage.until_sent(7, ["I am here"])
    await stage.settled()
    assert await stage.shown() == [[("customer", "delivery?"), ("manager", "I am here")]], "what nobody got is not shown"
