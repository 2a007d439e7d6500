"""A bot with customers, and operators with a chat each, on a real host and database; what Telegram would do is done here."""

import asyncio
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

import orjson

from actors.domain.ids import Address, IntegrationId, TenantId
from actors.ports.inbox import NewInput
from storage.accounts.audit import Actor
from storage.accounts.roles import Level
from storage.accounts.users import NewUser, Users
from storage.inbox import PostgresInbox
from storage.integrations import IntegrationAdmin, NewIntegration
from storage.operators.asking import Handoffs
from storage.operators.linking import OperatorLinks
from storage.tenants import Tenants
from tests.integration.host_lab import HostLab

PERSONA = {"name": "Anna", "languages": ["en"], "debounce_s": 0.02, "handoff_limit_s": 60.0, "overdue_text": {"en": "Soon"}}
SCRIPTS = [
    {"id": "delivery", "keywords": ["delivery"], "answer": {"en": "Tomorrow"}},
    {"id": "human", "keywords": ["human"], "answer": {"en": "A colleague will answer"}, "handoff": True},
]
SHOP = {"persona": PERSONA, "scripts": SCRIPTS, "passages": []}
BOSS = Actor("boss")


class Office:
    """One tenant, one bot; chats are numbers."""

    def __init__(self, lab: HostLab, agent: UUID, bot: IntegrationId) -> None:
        self.lab = lab
        self.agent_id = agent
        self.bot = bot
        self.links = OperatorLinks(lab.shop.api)
        self.handoffs = Handoffs(lab.shop.engine)
        self._updates = itertools.count(1)

    @classmethod
    async def open(cls, lab: HostLab, rules: Sequence[Mapping[str, Any]] = (), sequences: Sequence[Mapping[str, Any]] = ()) -> Self:
        agent = await lab.add_agent({**SHOP, "rules": list(rules), "sequences": list(sequences)})
        return cls(lab, agent, await _bot(lab, agent, "700"))

    @classmethod
    async def open_elsewhere(cls, lab: HostLab) -> Self:
        """Return another company's office on the same hosts."""
        tenant_id = await Tenants(lab.shop.api).create("elsewhere", "Elsewhere")
        elsewhere = replace(lab, shop=replace(lab.shop, tenant_id=tenant_id))
        agent = await elsewhere.add_agent(SHOP)
        return cls(elsewhere, agent, await _bot(elsewhere, agent, "701"))

    @classmethod
    async def open_beside(cls, office: "Office") -> Self:
        """Return the office of another agent of the same company."""
        agent = await office.lab.add_agent(SHOP)
        return cls(office.lab, agent, await _bot(office.lab, agent, "702"))

    async def with_another_bot(self) -> "Office":
        """Return an office of the same agent whose bot was connected just now."""
        return Office(self.lab, self.agent_id, await _bot(self.lab, self.agent_id, "703"))

    @property
    def tenant_id(self) -> TenantId:
        return self.lab.shop.tenant_id

    async def hire(self, name: str, role: Level = "operator", locale: str = "en") -> UUID:
        """Return the id of a new user."""
        new = NewUser(f"{name.lower()}@example.com", name, role, locale)
        user, _ = await Users(self.lab.shop.api).invite(self.tenant_id, new, BOSS, "owner")
        return user.id

    async def operator(self, name: str, chat: int, locale: str = "en") -> UUID:
        """Return the id of a new operator whose chat is linked."""
        user_id = await self.hire(name, locale=locale)
        code, _ = await self.links.issue(self.tenant_id, user_id, BOSS)
        await self.says(chat, f"/start {code}")
        return user_id

    async def says(self, chat: int, text: str, name: str = "Ivan", **members: Any) -> None:
        """Somebody writes to the bot."""
        await self.store(self.text(chat, text, name, **members))

    def text(self, chat: int, text: str, name: str = "Ivan", **members: Any) -> NewInput:
        n = next(self._updates)
        now = int(datetime.now(UTC).timestamp())
        sender = {"id": abs(chat), "is_bot": False, "first_name": name}
        return self._input(
            chat, n, {"message": {"message_id": n, "date": now, "chat": _chat(chat), "from": sender, "text": text, **members}}
        )

    async def presses(self, chat: int, data: str) -> None:
        """Somebody presses a button of the bot."""
        await self.store(self.press(chat, data))

    def press(self, chat: int, data: str) -> NewInput:
        n = next(self._updates)
        under = {"message_id": 99, "date": 1, "chat": _chat(chat)}
        return self._input(
            chat, n, {"callback_query": {"id": f"q{n}", "from": {"id": chat, "is_bot": False}, "message": under, "data": data}}
        )

    async def answers(self, chat: int, about: int, text: str) -> None:
        """An operator replies to the newest message about a customer; the sender had noted its id."""
        await self.store(await self.answer(chat, about, text))

    async def answer(self, chat: int, about: int, text: str) -> NewInput:
        noted = await self.lab.shop.owner.fetchval(
            "update outbox set provider_message_id = id::text where id = (select o.id from outbox o join conversations c"
            " on c.id = o.conversation_id where c.key = $1 and o.body->>'about' = $2 order by o.id desc limit 1) returning id",
            str(chat),
            str(about),
        )
        me = {"id": 700, "is_bot": True, "first_name": "Shop"}
        return self.text(chat, text, reply_to_message={"message_id": noted, "date": 1, "chat": _chat(chat), "from": me, "text": "…"})

    async def store(self, *inputs: NewInput) -> None:
        """Take inputs in as the gateway does, and wait until they are handled."""
        await PostgresInbox(self.lab.shop.engine).ingest(list(inputs))
        await self.lab.settled()

    def _input(self, chat: int, n: int, update: dict[str, Any]) -> NewInput:
        raw = json.dumps({"update_id": n, **update}).encode()
        return NewInput(self.tenant_id, Address(self.bot, str(chat)), "message", f"telegram:{self.bot}:{n}", raw)

    async def heard(self, chat: int) -> list[str]:
        """Return what was sent to a chat or waits to be, in order; presses that were acknowledged say nothing."""
        return [body["text"] for body in await self.bodies(chat) if "text" in body]

    async def bodies(self, chat: int) -> list[dict[str, Any]]:
        rows = await self.lab.shop.owner.fetch(
            "select o.body from outbox o join conversations c on c.id = o.conversation_id"
            " where c.key = $1 and o.state <> 'withdrawn' order by o.id",
            str(chat),
        )
        return [orjson.loads(r["body"]) for r in rows]

    async def conversation(self, chat: int) -> int:
        number: int = await self.lab.shop.owner.fetchval("select id from conversations where key = $1", str(chat))
        return number

    async def control(self, chat: int) -> str:
        control: str = await self.lab.shop.owner.fetchval("select control from conversations where key = $1", str(chat))
        return control

    async def messages(self, chat: int) -> list[tuple[str, str]]:
        rows = await self.lab.shop.owner.fetch(
            "select m.role, m.body from messages m join conversations c on c.id = m.conversation_id where c.key = $1 order by m.id",
            str(chat),
        )
        return [(r["role"], r["body"]) for r in rows]

    async def activity(self, kind: str) -> list[dict[str, Any]]:
        rows = await self.lab.shop.owner.fetch("select data from activity_logs where kind = $1 order by id", kind)
        return [orjson.loads(r["data"]) for r in rows]

    async def later(self) -> None:
        """The limit of every open handoff passes; the scheduler looks."""
        await self.lab.shop.owner.execute("update handoffs set next_at = now() where closed_at is null and next_at <> 'infinity'")
        await self.handoffs.advance(100)

    async def asked_meanwhile(self, rounds: int = 2) -> None:
        """Two schedulers look at the same time."""
        for _ in range(rounds):
            await asyncio.gather(self.handoffs.advance(100), self.handoffs.advance(100))


def _chat(chat: int) -> dict[str, Any]:
    return {"id": chat, "type": "private" if chat > 0 else "supergroup"}


async def _bot(lab: HostLab, agent: UUID, account: str) -> IntegrationId:
    new = NewIntegration(agent, "telegram", account, username="shop_bot")
    return await IntegrationAdmin(lab.shop.api, lab.shop.box).create(lab.shop.tenant_id, new)
