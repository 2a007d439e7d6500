"""The stop button: once it is answered nothing of the bot goes out, whatever host, sender or agent is in the middle of what."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from actors.domain.ids import Address, ConversationId, IntegrationId
from actors.ports.inbox import NewInput
from actors.ports.model import ModelAnswer, ModelRequest
from actors.ports.turns import TurnCommit
from storage.inbox import PostgresInbox
from storage.operators.stopping import StopButton, Stopped
from storage.unit_of_work import PostgresTurns
from storage.widgets import Widgets
from tests.fakes.telegram_process import TelegramProcess
from tests.integration.host_lab import HostLab, new_epoch
from tests.integration.office import BOSS, Office
from tests.integration.sender_process import SenderProcess
from tests.integration.shop import Shop, open_shop

CUSTOMER, ANN = 5, 101


@pytest.fixture
async def lab(database: str, tmp_path: Path) -> AsyncIterator[HostLab]:
    async with open_shop(database, tmp_path) as shop:
        yield HostLab(shop)


@pytest.fixture
async def office(lab: HostLab) -> AsyncIterator[Office]:
    async with lab.running(lab.host()):
        yield await Office.open(lab)


@pytest.fixture
def sender(database: str, redis_url: str, tmp_path: Path, telegram: TelegramProcess) -> Iterator[SenderProcess]:
    process = SenderProcess(database, redis_url, tmp_path, telegram.url, lease_s=3.0, timeout_s=1.0)
    yield process
    process.kill()


async def press(shop: Shop, agent: Any = None, *, stop: bool = True) -> Stopped:
    pressed = await StopButton(shop.api).press(shop.tenant_id, agent, BOSS, stop=stop)
    assert pressed is not None
    return pressed


async def test_what_waits_is_withdrawn_and_who_writes_is_handed_to_operators(office: Office) -> None:
    await office.operator("Ann", ANN)
    await office.says(CUSTOMER, "delivery?")
    pressed = await press(office.lab.shop)
    assert (pressed.changed, pressed.withdrawn) == (True, 1)
    assert await office.control(CUSTOMER) == "waiting"  # nobody else will answer this customer
    await office.says(6, "delivery?")
    await office.says(6, "hello?")
    assert await office.messages(6) == [("customer", "delivery?"), ("customer", "hello?")]
    assert (await office.heard(CUSTOMER), await office.heard(6)) == ([], [])
    await office.handoffs.advance(10)
    assert [text.partition(" ")[0] for text in await office.heard(ANN)][-2:] == ["Ivan", "Ivan"]
    await office.answers(ANN, await office.conversation(6), "Ann here")
    assert await office.heard(6) == ["Ann here"]
    await office.later()
    assert "Soon" not in await office.heard(CUSTOMER)
    assert (await press(office.lab.shop)).changed is False
    assert (await press(office.lab.shop, stop=False)).changed is True
    await office.says(7, "delivery?")
    assert await office.heard(7) == ["Tomorrow"]
    assert [a["by"] for a in await office.activity("bot.stopped") + await office.activity("bot.resumed")] == ["boss", "boss"]


async def test_one_agent_is_stopped_alone_and_a_new_endpoint_of_it_too(office: Office) -> None:
    other = await Office.open_beside(office)
    await press(office.lab.shop, office.agent_id)
    await office.says(CUSTOMER, "delivery?")
    await other.says(6, "delivery?")
    assert (await office.heard(CUSTOMER), await other.heard(6)) == ([], ["Tomorrow"])
    late = await office.with_another_bot()
    await late.says(8, "delivery?")
    assert await late.heard(8) == []
    await press(office.lab.shop)
    await press(office.lab.shop, stop=False)  # the company goes on, the agent stays stopped
    await office.says(9, "delivery?")
    await other.says(10, "delivery?")
    assert (await office.heard(9), await other.heard(10)) == ([], ["Tomorrow"])
    state = await StopButton(office.lab.shop.api).state(office.tenant_id)
    assert (state.company, [a.agent_id for a in state.agents]) == (None, [office.agent_id])


async def test_another_company_is_not_concerned(office: Office) -> None:
    other = await Office.open_elsewhere(office.lab)
    await press(office.lab.shop)
    await other.says(6, "delivery?")
    assert await other.heard(6) == ["Tomorrow"]
    assert await StopButton(office.lab.shop.api).press(other.tenant_id, office.agent_id, BOSS, stop=True) is None


async def test_the_web_widget_is_silent_and_the_test_chat_is_not(office: Office) -> None:
    shop = office.lab.shop
    widget = await Widgets(shop.api).create(shop.tenant_id, BOSS, office.agent_id, "site", ["https://x.test"])
    assert widget is not None
    test = await office.lab.add_integration(office.agent_id, "test")
    await press(shop)
    inputs = [
        NewInput(shop.tenant_id, Address(where, "c"), "message", f"{where}", b'{"text": "delivery?", "message_id": "m1"}')
        for where in (IntegrationId(widget.integration_id), test)
    ]
    await office.store(*inputs)
    said = await shop.owner.fetch(
        "select g.channel, m.role from messages m join conversations c on c.id = m.conversation_id"
        " join integrations g on g.id = c.integration_id order by g.channel, m.id"
    )
    assert [(r["channel"], r["role"]) for r in said] == [("test", "customer"), ("test", "agent"), ("web", "customer")]


@pytest.mark.parametrize("moment", ["before the commit", "during the commit", "after the commit"])
async def test_a_turn_that_meets_the_stop(lab: HostLab, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """At every failpoint of a host: either the turn lost, or its row was withdrawn and its customer handed over."""
    office, chance, real = await Office.open(lab), random.Random(7), PostgresTurns.commit
    pressed: list[Stopped] = []

    async def commit(self: PostgresTurns, turns: Sequence[TurnCommit], finished: Sequence[int]) -> list[bool]:
        if pressed or not turns:
            return await real(self, turns, finished)
        if moment == "before the commit":
            pressed.append(await press(lab.shop))
            return await real(self, turns, finished)
        if moment == "during the commit":
            first, second = chance.sample([press(lab.shop), real(self, turns, finished)], 2)
            results = await asyncio.gather(first, second)
            pressed.append(next(r for r in results if isinstance(r, Stopped)))
            return next(r for r in results if isinstance(r, list))
        won = await real(self, turns, finished)
        pressed.append(await press(lab.shop))
        return won

    monkeypatch.setattr(PostgresTurns, "commit", commit)
    async with lab.running(lab.host()):
        for chat in range(5, 15):
            pressed.clear()
            await press(lab.shop, stop=False)
            await office.says(chat, "delivery?")
            async with asyncio.timeout(30):
                while not pressed:
                    await asyncio.sleep(0.01)
            assert await lab.shop.owner.fetchval("select count(*) from outbox where class <> 'operator' and state <> 'withdrawn'") == 0
            assert await office.control(chat) == "waiting"
            assert [m for m in await office.messages(chat) if m[0] == "customer"] == [("customer", "delivery?")]
    assert await lab.shop.owner.fetchval("select count(*) from handoffs where closed_at is null") == 10


class Slow:
    """A model that answers when it may."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.may = asyncio.Event()

    async def answer(self, _: ModelRequest, on_delta: Callable[[str], Awaitable[None]]) -> ModelAnswer:
        self.asked.set()
        await self.may.wait()
        await on_delta("An")
        return ModelAnswer("An answer", "slow")


@pytest.mark.parametrize("hinted", [True, False])
async def test_an_agent_at_work_is_interrupted_or_loses(lab: HostLab, hinted: bool) -> None:
    """The hint may be lost; the commit is the law."""
    office, model = await Office.open(lab), Slow()
    async with lab.running(lab.host(model=model)) as host:
        await PostgresInbox(lab.shop.engine).ingest([office.text(CUSTOMER, "do you repair old watches?")])
        await asyncio.wait_for(model.asked.wait(), 10)
        pressed = await press(lab.shop)
        assert pressed.working == {await office.conversation(CUSTOMER)}
        if hinted:
            await lab.signals.kick_control([ConversationId(n) for n in pressed.working])
            typed = len(lab.signals.typed)
        else:
            model.may.set()
        await lab.settled()
        assert host.status()["steps"] == 0
        if hinted:
            await asyncio.sleep(0.1)
            assert len(lab.signals.typed) == typed
        else:
            assert host.status()["fence_rejections"] >= 1
    assert await office.messages(CUSTOMER) == [("customer", "do you repair old watches?")]
    assert await office.control(CUSTOMER) == "waiting"


async def test_it_holds_on_every_host_at_once(lab: HostLab) -> None:
    await new_epoch(lab.shop, 2)
    office = await Office.open(lab)
    async with lab.running(lab.host(0, 2)), lab.running(lab.host(1, 2)):
        for chat in range(5, 25):
            await office.says(chat, "delivery?")  # both hosts have these in memory
        await press(lab.shop)
        await office.store(*[office.text(chat, "delivery?") for chat in range(5, 45)])
    said = [len([m for m in await office.messages(chat) if m[0] == "agent"]) for chat in range(5, 45)]
    assert said == [1] * 20 + [0] * 20
    assert await lab.shop.owner.fetchval("select count(*) from outbox where state <> 'withdrawn'") == 0


async def test_the_phone_stops_the_bot_and_lets_it_go(office: Office) -> None:
    await office.operator("Ann", ANN, "ru")
    await office.says(ANN, "/stop")
    asked = (await office.bodies(ANN))[-1]
    assert asked["text"].startswith("Остановить бота для всех клиентов «Shop»?")
    await office.says(CUSTOMER, "delivery?")
    assert await office.heard(CUSTOMER) == ["Tomorrow"]  # asked, not pressed
    await office.presses(ANN, asked["buttons"][0][0]["data"])
    assert (await office.heard(ANN))[-1].startswith("Бот молчит. Отозвано сообщений: 1.")
    await office.says(6, "delivery?")
    assert await office.heard(6) == []
    await office.says(ANN, "/go")
    await office.presses(ANN, (await office.bodies(ANN))[-1]["buttons"][0][0]["data"])
    await office.says(7, "delivery?")
    assert await office.heard(7) == ["Tomorrow"]
    audited = await office.lab.shop.owner.fetch("select action, actor from audit_log where action like 'tenant.%' order by id")
    assert [tuple(r) for r in audited] == [("tenant.stopped", "Ann"), ("tenant.resumed", "Ann")]
    await office.presses(66, "op:stop")  # a stranger
    await office.says(8, "delivery?")
    assert await office.heard(8) == ["Tomorrow"]


async def test_everybody_presses_while_everybody_writes(lab: HostLab) -> None:
    """Stops from the console and from phones, resumes, turns of all: nobody waits for ever, nothing is lost or spoken."""
    office = await Office.open(lab)
    async with lab.running(lab.host()):
        for n, name in enumerate(("Ann", "Boris", "Cleo")):
            await office.operator(name, 101 + n)
        writing = [office.text(chat, "delivery?") for chat in range(5, 65)]
        phones = [office.press(101 + n % 3, "op:stop" if n % 2 else "op:go") for n in range(12)]
        everything = [*writing, *phones]
        random.Random(3).shuffle(everything)

        async def console() -> None:
            for n in range(12):
                await press(lab.shop, stop=bool(n % 2))

        async def gateways() -> None:
            for n in range(0, len(everything), 6):
                await PostgresInbox(lab.shop.engine).ingest(everything[n : n + 6])

        await asyncio.gather(console(), console(), gateways())
        await press(lab.shop)
        await lab.settled(60.0)
    assert await lab.shop.owner.fetchval("select count(*) from outbox where class <> 'operator' and state <> 'withdrawn'") == 0
    assert await lab.shop.owner.fetchval("select count(*) from messages where role = 'customer'") == 60
    assert await lab.shop.owner.fetchval("select count(*) from conversations where control = 'bot' and key::int < 100") == 0


@pytest.mark.parametrize("failpoint", ["sender.before_begin", "sender.after_begin", "sender.after_send"])
async def test_a_sender_that_stood_still_at_the_stop(shop: Shop, telegram: TelegramProcess, sender: SenderProcess, failpoint: str) -> None:
    """A sender that wakes up after the stop sends at the most what it had begun before."""
    bot, token = await shop.add_bot("700")
    await telegram.add_bot(token)
    await shop.add_rows(bot, CUSTOMER, ["one", "two", "three"])
    sender.start(shop.epoch, f"{failpoint}:1:stop")
    async with asyncio.timeout(90):
        while not sender.stopped():
            await asyncio.sleep(0.02)
    await press(shop)
    told = len(telegram.accepted())
    sender.signal(signal.SIGCONT)
    await shop.until("not exists (select from outbox where state in ('pending', 'claimed', 'sending')) or bots_sweep() < 0")
    await shop.add_rows(bot, CUSTOMER, ["person"], delivery_class="operator")
    await shop.settled()
    after = [e["text"] for e in telegram.accepted()][told:]
    assert after[-1] == "person"
    assert len(after) - 1 <= (failpoint == "sender.after_begin")  # it was as good as on the wire
    assert {r["text"] for r in await shop.rows() if r["state"] == "withdrawn"} >= {"two", "three"}


async def test_what_comes_back_for_a_retry_after_the_stop_is_not_sent(shop: Shop, telegram: TelegramProcess, sender: SenderProcess) -> None:
    bot, token = await shop.add_bot("700")
    await telegram.add_bot(token)
    await telegram.fault("hang_before", chat=str(CUSTOMER), times=1, seconds=60)
    await shop.add_rows(bot, CUSTOMER, ["late"])
    sender.start(shop.epoch)
    await shop.until("exists (select from outbox where state = 'sending')", 90.0)
    await press(shop)
    await shop.until("exists (select from outbox where uncertain = 1 and state = 'pending')")
    await asyncio.sleep(3.0)  # it is claimed again, and not begun
    assert telegram.accepted() == []
    await shop.engine.fetchval("select bots_sweep()")
    await shop.until("exists (select from outbox where state = 'unknown')")  # it may have been read the first time
    assert await shop.owner.fetchval("select control from conversations") == "waiting"
