"""Actions against real PostgreSQL, a real sender process and a real receiver: once, signed, in their own lane."""

import asyncio
import hmac
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from aiohttp import web

from actors.domain.ids import Address, ConversationId, IntegrationId
from actors.ports.carriers import Carrier
from actors.ports.turns import ActionRow
from actors.runtime.action_loop import ActionLoop
from actors.runtime.clock import SystemClock
from actors.services.acting import Acting
from integrations.http.egress import Egress
from integrations.http.webhook_runner import KIND, WebhookRunner
from storage.actions import Actions, PostgresActions
from storage.carriers import PostgresCarriers
from storage.conversations import PostgresConversations
from storage.crypto import load_or_create_key
from storage.integrations import IntegrationAdmin, NewIntegration
from storage.signing_keys import webhook_secret
from storage.unit_of_work import PostgresTurns
from tests.contract.labs import Endpoint, turn
from tests.fakes.telegram_process import TelegramProcess
from tests.integration.sender_process import SenderProcess
from tests.integration.shop import Shop


@dataclass
class Receiver:
    """A tenant's own system: answers what its script says, notes what came."""

    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)  # then 200
    released: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        status = self.answers.pop(0) if self.answers else 200
        if status == 0:
            await self.released.wait()
        return web.Response(status=status or 200, text="thanks", headers={"Location": "/"} if status == 302 else {})

    def marks(self) -> list[Any]:
        return [orjson.loads(body)["data"]["n"] for _, body in self.got]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    app = web.Application()
    app.router.add_post("/hook", found.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield found
    found.released.set()
    await runner.cleanup()


@pytest.fixture
def sender(
    database: str, redis_url: str, tmp_path: Path, telegram: TelegramProcess, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SenderProcess]:
    monkeypatch.setenv("CALLBOARD_WEBHOOKS_PRIVATE", "true")
    process = SenderProcess(database, redis_url, tmp_path, telegram.url, lease_s=4.0, timeout_s=1.0)
    yield process
    process.kill()


@dataclass
class Doer:
    """The loop of a sender in this process; `private` as the setting."""

    shop: Shop
    data_dir: Path
    private: bool = True
    task: "asyncio.Task[None] | None" = None
    resources: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self) -> None:
        carrier = Carrier("sender", 0, 1, uuid4(), self.shop.epoch)
        assert await PostgresCarriers(self.shop.engine).take(carrier, 1)
        egress = await self.resources.enter_async_context(Egress(1.6, private=self.private))
        key = load_or_create_key(self.data_dir)
        runners = {KIND: WebhookRunner(egress, lambda tenant: webhook_secret(key, tenant), SystemClock())}
        acting = Acting(carrier, PostgresActions(self.shop.engine), runners)
        self.task = asyncio.create_task(ActionLoop(acting, SystemClock()).run())


@pytest.fixture
async def doer(shop: Shop, tmp_path: Path) -> AsyncIterator[Doer]:
    found = Doer(shop, tmp_path)
    yield found
    if found.task:
        found.task.cancel()
        await asyncio.gather(found.task, return_exceptions=True)
    await found.resources.aclose()


async def conversation(shop: Shop, integration: IntegrationId, key: str = "5") -> ConversationId:
    [record] = await PostgresConversations(shop.engine).activate([(shop.tenant_id, Address(integration, key))])
    return record.id


async def act(shop: Shop, integration: IntegrationId, numbers: list[int], url: str, kind: str = "webhook.call", key: str = "5") -> UUID:
    """Commit a turn that asks for actions; return its id."""
    agent_id: Any = shop.agent_id
    chat = await conversation(shop, integration, key)
    version = await shop.owner.fetchval("select version from conversations where id = $1", chat)
    rows = tuple([ActionRow(place, kind, {"url": url, "data": {"n": n}}, "night") for place, n in enumerate(numbers)])
    made = turn(Endpoint(shop.tenant_id, agent_id, integration), chat, version)
    assert await PostgresTurns(shop.engine).commit([replace(made, actions=rows, agent_id=agent_id)], []) == [True]
    return made.turn_id


async def ended(shop: Shop) -> list[Any]:
    await until(shop, "not exists (select from actions where state in ('pending', 'claimed', 'sending'))")
    return await shop.owner.fetch("select * from actions order by id")


async def until(shop: Shop, condition: str) -> None:
    async with asyncio.timeout(90):
        while not await shop.owner.fetchval(f"select {condition}"):
            await asyncio.sleep(0.03)


async def test_a_call_is_signed_and_what_came_back_is_kept(shop: Shop, doer: Doer, receiver: Receiver, tmp_path: Path) -> None:
    bot, _ = await shop.add_bot("700")
    turn_id = await act(shop, bot, [1, 2], receiver.url)
    await doer.start()
    first, second = await ended(shop)
    got = {"status": 200, "text": "thanks"}
    assert [(r["state"], r["attempts"], orjson.loads(r["result"])) for r in (first, second)] == [("done", 1, got)] * 2
    assert receiver.marks() == [1, 2]
    headers, body = receiver.got[0]
    secret = webhook_secret(load_or_create_key(tmp_path), shop.tenant_id)
    expected = hmac.new(secret.encode(), f"{headers['X-Callboard-Timestamp']}.".encode() + body, sha256).hexdigest()
    assert headers["X-Callboard-Signature"] == f"v1={expected}"
    assert headers["X-Callboard-Key"] == orjson.loads(body)["key"] == f"{turn_id}/0"
    told = await shop.owner.fetch("select kind, turn_id, data->>'rule' as rule from activity_logs where kind like 'action.%'")
    assert [tuple(r) for r in told] == [("action.done", turn_id, "night")] * 2


@pytest.mark.parametrize(
    ("answers", "state", "calls"),
    [([503, 429], "done", 3), ([404], "failed", 1), ([302], "failed", 1), ([0], "unknown", 1)],
)
async def test_a_failure_ends_as_its_answer_says(
    shop: Shop, doer: Doer, receiver: Receiver, answers: list[int], state: str, calls: int
) -> None:
    bot, _ = await shop.add_bot("700")
    receiver.answers = answers
    await act(shop, bot, [1], receiver.url)
    await doer.start()
    [row] = await ended(shop)
    assert (row["state"], len(receiver.got)) == (state, calls)
    assert bool(row["error"]) is (state != "done")
    assert await shop.owner.fetchval("select count(*) from activity_logs where kind = $1", f"action.{state}") == 1


async def test_what_failed_or_is_unknown_is_tried_again_when_a_person_says_so(shop: Shop, doer: Doer, receiver: Receiver) -> None:
    bot, _ = await shop.add_bot("700")
    receiver.answers = [404]
    await act(shop, bot, [1], receiver.url)
    await doer.start()
    [row] = await ended(shop)
    actions = Actions(shop.api)
    again = await actions.retry(shop.tenant_id, row["id"], "olga")
    assert again is not None
    assert (again.state, again.error) == ("pending", None)
    assert [r["state"] for r in await ended(shop)] == ["done"]
    same = await actions.retry(shop.tenant_id, row["id"], "olga")
    assert same is not None
    assert same.state == "done"
    assert receiver.marks() == [1, 1]


async def test_actions_and_messages_of_a_conversation_do_not_wait_for_each_other(
    shop: Shop, telegram: TelegramProcess, sender: SenderProcess, receiver: Receiver
) -> None:
    bot, token = await shop.add_bot("700")
    await telegram.add_bot(token)
    receiver.answers = [503]  # the first comes back for a retry a second later
    await act(shop, bot, [1, 2], receiver.url)
    await act(shop, bot, [3], receiver.url, key="6")
    await shop.add_rows(bot, 5, ["hello"])
    sender.start(shop.epoch)
    await until(shop, "exists (select from outbox where state = 'sent')")
    assert receiver.marks() != [1, 1, 2]  # the answer did not wait for the actions
    assert {r["state"] for r in await ended(shop)} == {"done"}
    mine = [n for n in receiver.marks() if n != 3]
    assert mine == [1, 1, 2]  # and the second not before the first had ended


async def test_a_takeover_keeps_what_was_decided_before(shop: Shop, doer: Doer, receiver: Receiver) -> None:
    bot, _ = await shop.add_bot("700")
    await act(shop, bot, [1], receiver.url)
    await shop.owner.execute("select * from conversation_control($1, (select id from conversations), 'human', 'olga')", shop.tenant_id)
    await doer.start()
    assert [r["state"] for r in await ended(shop)] == ["done"]


@pytest.mark.parametrize(("failpoint", "calls"), [("action.after_begin:1", 0), ("action.after_run:1", 1)])
async def test_a_sender_that_dies_leaves_at_most_one_call(
    shop: Shop, telegram: TelegramProcess, sender: SenderProcess, receiver: Receiver, failpoint: str, calls: int
) -> None:
    bot, _ = await shop.add_bot("700")
    await act(shop, bot, [1], receiver.url)
    sender.start(shop.epoch, failpoint)
    await asyncio.to_thread(sender.wait, 90)
    sender.start(shop.epoch)
    assert {r["state"] for r in await ended(shop)} == {"unknown"}
    assert len(receiver.got) == calls


async def test_what_dies_before_begin_is_done_by_the_next(
    shop: Shop, telegram: TelegramProcess, sender: SenderProcess, receiver: Receiver
) -> None:
    bot, _ = await shop.add_bot("700")
    await act(shop, bot, [1], receiver.url)
    sender.start(shop.epoch, "action.before_begin:1")
    await asyncio.to_thread(sender.wait, 90)
    sender.start(shop.epoch)
    assert [r["state"] for r in await ended(shop)] == ["done"]
    assert receiver.marks() == [1]


async def test_a_test_conversation_says_what_it_would_do_unless_told_to_act(shop: Shop, doer: Doer, receiver: Receiver) -> None:
    chat = await shop.owner.fetchval("select id from integrations where channel = 'test'")
    chat = chat or await _test_chat(shop)
    await act(shop, chat, [1], receiver.url)
    actions, conversation_id = Actions(shop.api), await conversation(shop, chat)
    assert await actions.acts(shop.tenant_id, conversation_id) is False
    assert await actions.set_acts(shop.tenant_id, conversation_id, True) is True
    await act(shop, chat, [2], receiver.url)
    await doer.start()
    assert [r["state"] for r in await ended(shop)] == ["would_do", "done"]
    assert receiver.marks() == [2]
    bot, _ = await shop.add_bot("700")
    assert await actions.set_acts(shop.tenant_id, await conversation(shop, bot), False) is None


async def _test_chat(shop: Shop) -> IntegrationId:
    return await IntegrationAdmin(shop.api, shop.box).create(shop.tenant_id, NewIntegration(shop.agent_id, "test", str(shop.agent_id)))


async def test_nobodys_kind_and_private_addresses_fail(shop: Shop, doer: Doer, receiver: Receiver) -> None:
    doer.private = False
    bot, _ = await shop.add_bot("700")
    for number, url in enumerate(
        [receiver.url, receiver.url.replace("127.0.0.1", "localhost"), "http://[::ffff:127.0.0.1]:1/", "ftp://x/"]
    ):
        await act(shop, bot, [number], url, key=str(number))
    await act(shop, bot, [9], receiver.url, kind="moon.land", key="9")
    await doer.start()
    rows = await ended(shop)
    assert [(r["state"], r["error"].partition(":")[0]) for r in rows] == [
        ("failed", "the address is not public"),
        ("failed", "the address is not public"),
        ("failed", "the address is not public"),
        ("failed", "no web address"),
        ("failed", "nobody carries out moon.land here"),
    ]
    assert receiver.got == []
