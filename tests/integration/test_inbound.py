"""Inputs that only Telegram has, through the host into real PostgreSQL."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from actors.domain.ids import Address, IntegrationId, TenantId
from actors.ports.inbox import NewInput
from storage.inbox import PostgresInbox
from storage.integrations import IntegrationAdmin, NewIntegration
from tests.integration.host_lab import HostLab
from tests.integration.shop import open_shop

PERSONA = {"name": "Anna", "languages": ["en"], "debounce_s": 0.05, "waiting_s": 3600.0, "late_text": {"en": "Sorry"}}
SHOP = {"persona": PERSONA, "scripts": [{"id": "delivery", "keywords": ["delivery"], "answer": {"en": "Tomorrow"}}], "passages": []}
CUSTOMER = {"id": 5, "is_bot": False}


@pytest.fixture
async def lab(database: str, tmp_path: Path) -> AsyncIterator[HostLab]:
    async with open_shop(database, tmp_path) as shop:
        yield HostLab(shop)


class Chat:
    """One bot, one chat, whose updates are stored as the gateway would."""

    def __init__(self, lab: HostLab, bot: IntegrationId, chat_id: int) -> None:
        self._lab = lab
        self._bot = bot
        self._chat = {"id": chat_id, "type": "private" if chat_id > 0 else "supergroup"}
        self._sent = 0

    @classmethod
    async def open(cls, lab: HostLab, chat_id: int = 5, username: str = "shop_bot") -> "Chat":
        agent = await lab.add_agent(SHOP)
        new = NewIntegration(agent, "telegram", "700", username=username)
        return cls(lab, await IntegrationAdmin(lab.shop.api, lab.shop.box).create(lab.shop.tenant_id, new), chat_id)

    async def happens(self, *updates: dict[str, Any]) -> None:
        await PostgresInbox(self._lab.shop.engine).ingest([self._input(update) for update in updates])
        await self._lab.settled()

    def _input(self, update: dict[str, Any]) -> NewInput:
        self._sent += 1
        address = Address(self._bot, str(self._chat["id"]))
        raw = json.dumps({"update_id": self._sent, **update}).encode()
        return NewInput(TenantId(self._lab.shop.tenant_id), address, "message", f"telegram:700:{self._chat['id']}:{self._sent}", raw)

    def says(self, message_id: int, kind: str = "message", **members: Any) -> dict[str, Any]:
        now = int(datetime.now(UTC).timestamp())
        return {kind: {"message_id": message_id, "date": now, "chat": self._chat, "from": CUSTOMER, **members}}

    def presses(self, data: str, label: str) -> dict[str, Any]:
        keyboard = {"inline_keyboard": [[{"text": label, "callback_data": data}]]}
        under = {"message_id": 99, "date": 1, "chat": self._chat, "reply_markup": keyboard}
        return {"callback_query": {"id": "q1", "from": CUSTOMER, "message": under, "data": data}}

    def member(self, status: str) -> dict[str, Any]:
        return {"my_chat_member": {"chat": self._chat, "from": CUSTOMER, "new_chat_member": {"status": status}}}


async def messages(lab: HostLab) -> list[tuple[str, str]]:
    return [(r["role"], r["body"]) for r in await lab.shop.owner.fetch("select role, body from messages order by id")]


async def data(lab: HostLab) -> list[dict[str, Any]]:
    return [orjson.loads(r["data"]) for r in await lab.shop.owner.fetch("select data from messages where data is not null order by id")]


async def test_an_album_is_one_message_with_all_its_files(lab: HostLab) -> None:
    chat = await Chat.open(lab)
    async with lab.running(lab.host()):
        files = [chat.says(n, photo=[{"file_id": f"f{n}", "file_size": 5}], media_group_id="77") for n in (1, 2)]
        await chat.happens(*files, chat.says(3, photo=[{"file_id": "f3"}], media_group_id="77", caption="delivery of these?"))
    assert await messages(lab) == [("customer", "delivery of these?"), ("agent", "Tomorrow")]
    (kept,) = await data(lab)
    assert [item["file_id"] for item in kept["media"]] == ["f1", "f2", "f3"]
    assert await lab.counts("outbox") == {"outbox": 1}


async def test_an_edit_changes_what_was_said_and_is_not_answered(lab: HostLab) -> None:
    chat = await Chat.open(lab)
    async with lab.running(lab.host()):
        await chat.happens(chat.says(1, text="delivery to Lvov?"))
        await chat.happens(chat.says(1, "edited_message", text="delivery to Lviv?"), chat.says(8, "edited_message", text="never seen"))
        await chat.happens(chat.says(1, "edited_message", text="delivery to Lutsk?"))
        await chat.happens(chat.says(2, text="delivry"), chat.says(2, "edited_message", text="delivery by air"))
    assert await messages(lab) == [
        ("customer", "delivery to Lutsk?"),
        ("agent", "Tomorrow"),
        ("customer", "delivery by air"),
        ("agent", "Tomorrow"),
    ]
    assert await data(lab) == [{"edited": ["delivery to Lvov?", "delivery to Lviv?"]}, {"edited": ["delivry"]}]


async def test_a_pressed_button_is_acknowledged_first_even_while_a_person_speaks(lab: HostLab) -> None:
    chat = await Chat.open(lab)
    async with lab.running(lab.host()):
        await chat.happens(chat.presses("d", "Delivery"))
        await lab.shop.owner.execute("select conversation_control(tenant_id, id, 'human', 'ann') from conversations")
        await chat.happens(chat.presses("d", "Delivery"))
    rows = await lab.shop.owner.fetch("select class, body, state from outbox order by id")
    assert [(r["class"], orjson.loads(r["body"]), r["state"]) for r in rows] == [
        ("operator", {"callback_query_id": "q1"}, "pending"),
        ("reply", {"text": "Tomorrow"}, "withdrawn"),
        ("operator", {"callback_query_id": "q1"}, "pending"),
    ]
    assert [m for m in await messages(lab) if m[0] == "customer"] == [("customer", "Delivery")] * 2


async def test_a_block_ends_rows_and_timers_and_is_over_when_the_customer_writes(lab: HostLab) -> None:
    chat = await Chat.open(lab)
    async with lab.running(lab.host()):
        await chat.happens(chat.says(1, text="do you repair watches?"))
        assert await lab.counts("timers") == {"timers": 1}
        await chat.happens(chat.member("kicked"))
        assert await lab.counts("timers") == {"timers": 0}
        assert [r["state"] for r in await lab.shop.owner.fetch("select state from outbox")] == ["failed"]
        assert await lab.shop.owner.fetchval("select (state->>'blocked')::bool from conversations")
        await chat.happens(chat.member("member"), chat.says(2, text="delivery?"))
    assert await lab.shop.owner.fetchval("select state->>'blocked' from conversations") is None
    assert [r["state"] for r in await lab.shop.owner.fetch("select state from outbox order by id")] == ["failed", "pending"]
    kinds = [r["kind"] for r in await lab.shop.owner.fetch("select kind from activity_logs where kind like 'contact.%' order by id")]
    assert kinds == ["contact.blocked", "contact.unblocked"]


async def test_messages_of_an_outage_are_apologised_for_once(lab: HostLab) -> None:
    chat = await Chat.open(lab)
    yesterday = int((datetime.now(UTC) - timedelta(hours=20)).timestamp())
    async with lab.running(lab.host()):
        await chat.happens(chat.says(1, text="delivery?", date=yesterday))
        await chat.happens(chat.says(2, text="hello? delivery?", date=yesterday + 60))
        assert await lab.shop.owner.fetchval("select control from conversations") == "waiting"
        await chat.happens(chat.says(3, text="delivery today?"))
    assert [body for role, body in await messages(lab) if role == "agent"] == ["Sorry", "Tomorrow"]
    assert len(await messages(lab)) == 5


@pytest.mark.parametrize(
    ("text", "answered"), [("delivery, friends", False), ("@shop_bot delivery?", True), ("@other_bot delivery?", False)]
)
async def test_a_group_is_answered_only_when_it_speaks_to_this_bot(lab: HostLab, text: str, answered: bool) -> None:
    chat = await Chat.open(lab, -7)
    async with lab.running(lab.host()) as host:
        await chat.happens(chat.says(1, text=text))
        ignored = host.status()["ignored"]
    assert (await messages(lab) == []) is not answered
    assert ignored == ({} if answered else {"message.not_addressed": 1})


async def test_two_robots_end_in_silence_and_a_handoff(lab: HostLab) -> None:
    chat = await Chat.open(lab)
    async with lab.running(lab.host()):
        for number in range(1, 6):
            await chat.happens(chat.says(number, text="I am away. Delivery?"))
    assert [body for role, body in await messages(lab) if role == "agent"] == ["Tomorrow", "Tomorrow"]
    assert await lab.shop.owner.fetchval("select control from conversations") == "waiting"
    logged = await lab.shop.owner.fetch("select data from activity_logs where kind = 'conversation.robots'")
    assert [orjson.loads(r["data"]) for r in logged] == [{"reason": "the same text 3 times in a row"}]
