"""An agent with rules of every kind, and customers who write at random."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from actors.domain.ids import Address, IntegrationId
from actors.domain.jobs import Mark
from actors.ports.inbox import NewInput
from actors.ports.jobs import JobLease, NewJob
from actors.services.jobs.rule_back_test import BackTestPayload, RuleBackTest
from storage.accounts.audit import Actor
from storage.back_tests import BackTestEvent, PostgresBackTests, TenantBackTests
from storage.inbox import PostgresInbox
from storage.jobs.queue import PostgresJobQueue
from storage.jobs.views import TenantJobs
from storage.timers import PostgresTimers
from tests.integration.host_lab import HostLab

TEXTS = ("delivery?", "delivery at night", "are you there at night?", "a blanket please", "call a human", "thanks", "vip", "how much?")
_NUMBERS = count(1)


def has(fact: str, op: str, value: Any = None) -> dict[str, Any]:
    return {"fact": fact, "op": op} if value is None else {"fact": fact, "op": op, "value": value}


def rule(key: str, on: str, when: Mapping[str, Any], *actions: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    trigger: dict[str, Any] = {"on": on, **{name: more.pop(name) for name in ("after_s", "of") if name in more}}
    return {"id": key, "trigger": trigger, "when": when, "actions": list(actions) or [NOTE], **more}


NOTE: dict[str, Any] = {"do": "notify", "text": "look"}
ANY: dict[str, Any] = {"all": []}
NIGHT = has("message.text", "contains", "night")
RULES: list[dict[str, Any]] = [
    rule("first", "conversation_started", ANY, {"do": "add_tag", "tag": "new"}),
    rule("greeted", "message_received", has("conversation.tags", "has", "new"), {"do": "remove_tag", "tag": "new"}),
    rule("vip", "message_received", has("message.text", "is", "vip"), {"do": "add_tag", "tag": "vip"}, wakes=True),
    rule("tagged", "tag_set", ANY, {"do": "set_variable", "name": "seen", "value": "yes"}, of="vip"),
    rule("known", "message_received", has("variable.seen", "is", "yes"), limit="daily"),
    rule("once", "message_received", NIGHT, {"do": "send", "text": {"en": "We sleep."}}, limit="once"),
    rule("cool", "message_received", {"any": [NIGHT, has("message.text", "starts_with", "delivery")]}, cooldown_s=1.5),
    # Nobody knows the price: neither it nor its opposite.
    rule("open", "message_received", {"not": has("lead.price", "more", 5)}),
    rule("mixed", "message_received", {"any": [has("lead.price", "more", 5), {"not": has("message.length", "more", 6)}]}, stops=True),
    rule("behind", "message_received", {"not": {"all": [NIGHT, has("time.hour", "at_most", 23)]}}),
    rule("script", "script_matched", has("conversation.tags", "has_not", "vip"), of="delivery", cooldown_s=1.0),
    rule("passed", "handed_off", has("conversation.control", "is", "waiting")),
    rule("silent", "no_reply", ANY, {"do": "send", "text": {"en": "Still there?"}}, after_s=900, limit="once"),
]
DEFINITION: dict[str, Any] = {
    "persona": {"name": "Anna", "languages": ["en"], "debounce_s": 0.0},
    "scripts": [
        {"id": "delivery", "phrases": ["delivery"], "answer": {"en": "Tomorrow"}},
        {"id": "human", "phrases": ["call a human"], "answer": {}, "handoff": True},
    ],
    "passages": [{"id": "wool", "title": "Blanket", "text": "A wool blanket costs 900.", "language": "en"}],
    "rules": RULES,
}


@dataclass
class Context:
    """A try of a job, as the worker gives it."""

    lease: JobLease
    attempt: int = 1
    checkpoint: Mapping[str, Any] = field(default_factory=dict)

    async def report(self, mark: Mark) -> None: ...


@dataclass
class World:
    """Customers of one bot, and what rules did."""

    lab: HostLab
    agent_id: UUID
    bot: IntegrationId
    rng: random.Random

    async def talk(self, chats: int, waves: int) -> None:
        """Let customers write in waves; a host runs."""
        for wave in range(waves):
            said = [(chat, self.rng.choice(TEXTS)) for chat in range(chats) if self.rng.random() < 0.8]
            await PostgresInbox(self.lab.shop.engine).ingest([self._message(chat, text) for chat, text in said])
            await self.lab.settled()
            if wave % 3 == 1:
                await self.lab.shop.owner.execute("update timers set due_at = now() - interval '1 second'")
                await PostgresTimers(self.lab.shop.engine).fire(10_000)
                await self.lab.settled()
            await asyncio.sleep(self.rng.random() * 0.5)  # some cool-downs end in between

    async def fired(self, key: str) -> Counter[tuple[UUID, str]]:
        """Return on which events of which turns a rule fired, by the activity."""
        sql = "select turn_id, data ->> 'on' as on from activity_logs where kind = 'rule.fired' and agent_id = $1 and data ->> 'rule' = $2"
        return Counter([(r["turn_id"], r["on"]) for r in await self.lab.shop.owner.fetch(sql, self.agent_id, key)])

    async def back_test(
        self, tried: Mapping[str, Any], saved: Mapping[str, Any] | None = None, days: int = 7
    ) -> tuple[Mapping[str, Any], list[BackTestEvent]]:
        """Ask for a back-test of a rule at its place and carry it out as the worker does; return its result and its events."""
        shop, keys = self.lab.shop, [known["id"] for known in RULES]
        before = keys[: keys.index(tried["id"])] if tried["id"] in keys else keys
        payload = BackTestPayload(
            agent_id=self.agent_id, rule_id=uuid4(), tried=dict(tried), saved=dict(saved) if saved else None, before=before, days=days
        )
        job_id = await TenantJobs(shop.api).request(shop.tenant_id, NewJob(RuleBackTest, payload), Actor("Olga"))
        [job] = await PostgresJobQueue(shop.engine).exchange(uuid4(), (), 1, 60.0)
        result = await RuleBackTest(PostgresBackTests(shop.engine)).run(payload, Context(job.lease))
        return result, await TenantBackTests(shop.api).page(shop.tenant_id, job_id, None, None, 0, 100_000)

    def _message(self, chat: int, text: str) -> NewInput:
        number = next(_NUMBERS)
        who = {"id": chat + 1, "type": "private"}
        raw = {"update_id": number, "message": {"message_id": number, "date": 1, "chat": who, "from": who, "text": text}}
        address = Address(self.bot, str(chat + 1))
        return NewInput(self.lab.shop.tenant_id, address, "message", f"back:{number}", json.dumps(raw).encode())


async def a_world(lab: HostLab, definition: Mapping[str, Any], seed: int) -> World:
    agent_id = await lab.add_agent(dict(definition))
    return World(lab, agent_id, await lab.add_integration(agent_id), random.Random(seed))


def fires(events: Sequence[BackTestEvent]) -> Counter[tuple[UUID, str]]:
    return Counter([(event.turn_id, event.body["on"]) for event in events if event.outcome in {"fired", "gained"}])
