"""Events of Kommo through the host into real PostgreSQL: turns, addresses for answers, echoes, people."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest

from actors.domain.ids import Address, IntegrationId
from actors.ports.carriers import Carrier
from actors.ports.inbox import NewInput
from actors.ports.model import ModelAnswer, ModelRequest
from actors.ports.outbox import Claim, Outcome
from integrations.kommo.forms import parse_form
from integrations.kommo.routing import routed
from storage.carriers import PostgresCarriers
from storage.housekeeping import Housekeeping
from storage.inbox import PostgresInbox
from storage.integrations import IntegrationAdmin, NewIntegration
from storage.outbox import PostgresOutbox
from tests.integration.host_lab import HostLab
from tests.integration.shop import open_shop
from tests.unit.kommo.samples import form, message

PERSONA = {"name": "Anna", "languages": ["en"], "debounce_s": 0.05, "waiting_s": 3600.0}
SCRIPTS = [{"id": "delivery", "keywords": ["delivery"], "answer": {"en": "Delivery is tomorrow"}}]
PASSAGES = [{"id": "wool", "title": "Wool", "text": "Wash wool by hand in cold water.", "language": "en"}]
SHOP = {"persona": {**PERSONA, "model": "m"}, "scripts": SCRIPTS, "passages": PASSAGES}
CHAT = "82026d65-3a9c-4fe5-9e00-93c46c54d3b7"
ACCOUNT = "42"


class Account:
    """A connected account, whose webhooks are stored as the gateway does, and a sender that is driven by hand."""

    def __init__(self, lab: HostLab, integration: IntegrationId, sender: Carrier) -> None:
        self.lab, self.integration, self.sender = lab, integration, sender
        self.outbox = PostgresOutbox(lab.shop.engine)

    @classmethod
    async def open(cls, lab: HostLab) -> "Account":
        agent = await lab.add_agent(SHOP)
        new = NewIntegration(agent, "kommo", ACCOUNT, reply_policy="once", token="t", secret="s")
        integration = await IntegrationAdmin(lab.shop.api, lab.shop.box).create(lab.shop.tenant_id, new)
        sender = Carrier("sender", 0, 1, uuid4(), lab.shop.epoch)
        assert await PostgresCarriers(lab.shop.engine).take(sender, 1)
        return cls(lab, integration, sender)

    async def hears(self, *bodies: bytes, settled: bool = True) -> None:
        news = [self._input(event) for body in bodies for event in routed(ACCOUNT, parse_form(body), body)]
        await PostgresInbox(self.lab.shop.engine).ingest(news)
        await self.lab.signals.kick_partitions([new.address.partition for new in news])
        if settled:
            await self.lab.settled()

    def _input(self, event: Any) -> NewInput:
        return NewInput(self.lab.shop.tenant_id, Address(self.integration, event.key), event.kind, event.dedupe_key, event.raw)

    async def begins(self) -> Claim:
        (claim,) = await self.outbox.claim(self.sender, [], 10, 10, 20.0)
        assert await self.outbox.begin(self.sender, [claim.id])
        return claim

    async def sent(self, claim: Claim, provider_id: str) -> int:
        return await self.outbox.finish(self.sender, [Outcome(claim.id, "sent", provider_message_id=provider_id)])

    async def control(self, key: str = CHAT) -> str:
        found: str = await self.lab.shop.owner.fetchval("select control from conversations where key = $1", key)
        return found

    async def said(self) -> list[tuple[str, str]]:
        rows = await self.lab.shop.owner.fetch("select role, body from messages order by id")
        return [(row["role"], row["body"]) for row in rows]

    async def told(self) -> list[tuple[str, dict[str, Any]]]:
        rows = await self.lab.shop.owner.fetch("select kind, data from activity_logs order by id")
        return [(row["kind"], orjson.loads(row["data"])) for row in rows]


def says(n: int, text: str, age_s: float = 0, **changes: Any) -> bytes:
    return form(message(n, text=text, created_at=int(time.time() - age_s), **changes))


def company(n: int, text: str, **changes: Any) -> bytes:
    return form(message(n, "outgoing_message", text=text, created_at=int(time.time()), **changes))


@pytest.fixture
async def lab(database: str, tmp_path: Path) -> AsyncIterator[HostLab]:
    async with open_shop(database, tmp_path) as shop:
        yield HostLab(shop)


async def test_a_message_is_answered_where_it_came_from(lab: HostLab) -> None:
    account = await Account.open(lab)
    async with lab.running(lab.host()):
        await account.hears(says(1, "delivery?"))
        claim = await account.begins()
    assert claim.address.key == CHAT
    assert claim.policy == "once"
    assert claim.body == {
        "text": "Delivery is tomorrow",
        "chat_id": CHAT,
        "talk_id": "100",
        "contact_id": "864",
        "entity_type": "lead",
        "entity_id": "568",
        "origin": "telegram",
    }


async def test_one_body_for_two_chats_answers_both_in_the_order_of_writing(lab: HostLab) -> None:
    account = await Account.open(lab)
    now = int(time.time())
    parts = [
        message(3, text="delivery, I said", created_at=now),
        message(1, text="hello", created_at=now - 2),
        message(2, text="delivery?", created_at=now, chat_id="another"),
    ]
    body = form({key: value for part in parts for key, value in part.items()})
    async with lab.running(lab.host()):
        await account.hears(body, body)
    rows = await lab.shop.owner.fetch(
        "select c.key, m.role, m.body from messages m join conversations c on c.id = m.conversation_id order by c.key, m.id"
    )
    assert [tuple(row) for row in rows] == [
        (CHAT, "customer", "hello"),
        (CHAT, "customer", "delivery, I said"),
        (CHAT, "agent", "Delivery is tomorrow"),
        ("another", "customer", "delivery?"),
        ("another", "agent", "Delivery is tomorrow"),
    ]


async def test_an_old_message_is_kept_and_not_answered(lab: HostLab) -> None:
    account = await Account.open(lab)
    async with lab.running(lab.host()):
        await account.hears(says(1, "delivery?", age_s=16 * 60))
    assert await account.said() == [("customer", "delivery?")]
    assert (await lab.counts("outbox"))["outbox"] == 0
    assert await account.control() == "waiting"


@pytest.mark.parametrize("order", ["before the 202", "after the 202"])
async def test_the_bot_does_not_silence_itself(lab: HostLab, order: str) -> None:
    account = await Account.open(lab)
    async with lab.running(lab.host()):
        await account.hears(says(1, "delivery?"))
        claim = await account.begins()
        if order == "after the 202":
            assert await account.sent(claim, "sent-1") == 1
        await account.hears(company(2, "Delivery is tomorrow"))
        if order == "before the 202":
            assert await account.sent(claim, "sent-1") == 0
        await account.hears(says(3, "and delivery to Lviv?"))
        assert await account.control() == "bot"
        again = await account.begins()
        await account.hears(company(4, "Delivery is tomorrow"), company(5, "Delivery is tomorrow"))
    assert again.body["text"] == "Delivery is tomorrow"
    assert [row["state"] for row in await lab.shop.rows()] == ["sent", "sent"]
    assert await account.control() == "human"  # the third one is nobody's


async def test_a_person_in_kommo_takes_the_conversation_over(lab: HostLab) -> None:
    account = await Account.open(lab)
    async with lab.running(lab.host()):
        await account.hears(says(1, "delivery?"))
        await account.hears(company(2, "Hi, Olga here", **{"author][name": "Olga"}))
        await account.hears(says(3, "delivery again?"))
    assert await account.said() == [
        ("customer", "delivery?"),
        ("agent", "Delivery is tomorrow"),
        ("operator", "Hi, Olga here"),
        ("customer", "delivery again?"),
    ]
    assert [row["state"] for row in await lab.shop.rows()] == ["withdrawn"]
    assert ("conversation.taken", {"by": "Olga", "was": "bot", "withdrawn": 1}) in await account.told()


class SlowModel:
    """A model that thinks until it is let go; every question is noted."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.may_answer = asyncio.Event()

    async def answer(self, request: ModelRequest, on_delta: Callable[[str], Awaitable[None]]) -> ModelAnswer:
        self.asked.append(request.messages[-1][1])
        await self.may_answer.wait()
        return ModelAnswer("Wash it by hand", "m")

    async def until_asked(self, times: int) -> None:
        async with asyncio.timeout(20):
            while len(self.asked) < times:
                await asyncio.sleep(0.01)


@pytest.mark.alone
async def test_a_person_does_not_wait_for_a_model_that_hangs(lab: HostLab) -> None:
    account, model = await Account.open(lab), SlowModel()
    async with lab.running(lab.host(model=model)):
        await account.hears(says(1, "how do I wash wool?"), settled=False)
        await model.until_asked(1)
        started = time.monotonic()
        await account.hears(company(2, "Hi, Olga here"))  # everything: the question is settled without an answer
        assert time.monotonic() - started < 5.0
    assert await account.control() == "human"
    assert [role for role, _ in await account.said()] == ["operator", "customer"]
    assert (await lab.counts("outbox"))["outbox"] == 0


async def test_an_echo_while_the_model_works_does_not_lose_the_question(lab: HostLab) -> None:
    account, model = await Account.open(lab), SlowModel()
    async with lab.running(lab.host(model=model)):
        await account.hears(says(1, "delivery?"))
        claim = await account.begins()
        await account.hears(says(2, "how do I wash wool?"), settled=False)
        await model.until_asked(1)
        await account.hears(company(3, "Delivery is tomorrow"), settled=False)
        await model.until_asked(2)
        model.may_answer.set()
        await lab.settled()
        assert await account.sent(claim, "x") == 0
    assert (await account.said())[-1] == ("agent", "Wash it by hand")
    assert await account.control() == "bot"


async def test_events_of_the_crm_have_their_own_addresses_and_are_told(lab: HostLab) -> None:
    account = await Account.open(lab)
    moved = form({"leads[status][0][id]": 5, "leads[status][0][status_id]": 7, "leads[status][0][old_status_id]": 6})
    company_added = form({"contacts[add][0][id]": 8, "contacts[add][0][type]": "company"})
    async with lab.running(lab.host()):
        await account.hears(moved, form({"contacts[add][0][id]": 9, "contacts[add][0][type]": "contact"}), company_added, b"x[y][0][z]=1")
    rows = await lab.shop.owner.fetch("select key, kind from conversations order by key")
    assert [tuple(row) for row in rows] == [("contact:9", "contact"), ("lead:5", "lead"), ("tenant", "tenant")]
    assert sorted(await account.told()) == [
        ("company.added", {"id": "8", "type": "company"}),
        ("contact.added", {"id": "9", "type": "contact"}),
        ("lead.moved", {"id": "5", "status_id": "7", "old_status_id": "6"}),
    ]
    assert await account.said() == []
    assert await lab.shop.owner.fetchval("select count(*) from inbox where state = 'done'") == 4


async def test_a_message_without_a_chat_is_dead_and_told(lab: HostLab) -> None:
    account = await Account.open(lab)
    async with lab.running(lab.host()):
        await account.hears(form(message(1, chat_id=None)))
    assert [kind for kind, _ in await account.told()] == ["message.dead"]
    assert (await lab.counts("outbox", "messages")) == {"outbox": 0, "messages": 0}


async def test_identical_events_are_one_for_two_hours(lab: HostLab) -> None:
    account, house = await Account.open(lab), Housekeeping(lab.shop.engine)
    deleted = form({"task[delete][0][id]": 7})
    await account.hears(deleted, deleted, says(1, "hello"), settled=False)
    age = "update inbox_keys set received_at = now() - interval '{} minutes'"
    for minutes, expected in ((119, 2), (121, 3)):
        await lab.shop.owner.execute(age.format(minutes))
        await house.tidy()
        await account.hears(deleted, says(1, "hello"), settled=False)
        assert await lab.counts("inbox") == {"inbox": expected}
