"""Dialogues on real hosts and PostgreSQL: every message twice, hosts that race and die, versions that change under them, people."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from actors.domain.trace import from_bytes
from actors.ports.inbox import NewInput
from actors.runtime.host.conversation_host import ConversationHost
from storage.accounts.audit import Actor
from storage.authoring.scripts import Scripts
from storage.authoring.versions import Versions
from storage.conversations import ConversationControl
from storage.inbox import PostgresInbox
from storage.postgres import Database
from tests.integration.host_lab import HostLab, new_epoch
from tests.integration.shop import open_shop

OLGA = Actor("Olga")
ORDER: dict[str, Any] = {
    "id": "order",
    "name": "An order",
    "phrases": ["order"],
    "answer": {"en": "Gladly."},
    "finish": {"en": "{variable.count} {variable.size}, {variable.name}: noted."},
    "steps": [
        {
            "id": "count",
            "ask": {"en": "How many?"},
            "expects": "number",
            "remember": "count",
            "retry": {"en": "A number, please."},
            "next": [{"when": {"fact": "answer.number", "op": "more", "value": 100}, "goto": "hand_off"}],
        },
        {
            "id": "size",
            "ask": {"en": "Which size?"},
            "expects": "choice",
            "options": [{"value": "small", "label": {"en": "Small"}}, {"value": "big", "label": {"en": "Big"}}],
            "remember": "size",
            "next": [{"when": {"fact": "answer.text", "op": "is", "value": "small"}, "goto": "name"}],
        },
        {"id": "colour", "ask": {"en": "Which colour?"}, "remember": "colour"},
        {"id": "name", "ask": {"en": "Your name?"}, "remember": "name"},
    ],
}
SIZES = "Which size?\n1. Small\n2. Big"
SHOP: dict[str, Any] = {
    "persona": {"name": "Anna", "languages": ["en"], "debounce_s": 0.0, "handoff_text": {"en": "Calling a colleague."}},
    "scripts": [ORDER, {"id": "delivery", "keywords": ["delivery"], "answer": {"en": "Tomorrow."}}],
    "rules": [
        {
            "id": "done",
            "name": "An order is there",
            "trigger": {"on": "script_finished", "of": "order"},
            "actions": [{"do": "notify", "text": "{variable.count} {variable.size} for {variable.name}"}],
        }
    ],
}
_NUMBERS = count(1)


@pytest.fixture
async def lab(database: str, tmp_path: Path) -> AsyncIterator[HostLab]:
    async with open_shop(database, tmp_path) as shop:
        yield HostLab(shop)


class Customer:
    """Somebody who writes to a bot; the channel brings every message twice."""

    def __init__(self, lab: HostLab, bot: Any, chat: int) -> None:
        self._lab, self._bot, self._chat = lab, bot, chat

    def message(self, text: str) -> NewInput:
        return self._lab.message(self._bot, self._chat, next(_NUMBERS), text)

    async def say(self, *texts: str) -> None:
        """Say one thing after another."""
        for text in texts:
            message = self.message(text)
            inbox = PostgresInbox(self._lab.shop.engine)
            await asyncio.gather(inbox.ingest([message]), inbox.ingest([message]))
            await self._lab.settled()
            await inbox.ingest([message])  # once more, when it was answered
            await self._lab.settled()

    async def row(self) -> Any:
        return await self._lab.shop.owner.fetchrow(
            "select id, control, state::text as state from conversations where integration_id = $1 and key = $2", self._bot, str(self._chat)
        )

    async def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((await self.row())["state"])
        return found

    async def heard(self) -> list[str]:
        rows = await self._lab.shop.owner.fetch(
            "select body from messages where conversation_id = $1 and role = 'agent' order by id", (await self.row())["id"]
        )
        return [r["body"] for r in rows]

    async def told(self) -> list[dict[str, Any]]:
        rows = await self._lab.shop.owner.fetch(
            "select t.body from traces t where t.conversation_id = $1 order by t.created_at", (await self.row())["id"]
        )
        return [from_bytes(r["body"]).get("dialogue", {}) for r in rows]


async def customer(lab: HostLab, definition: dict[str, Any] = SHOP) -> tuple[UUID, Customer]:
    agent = await lab.add_agent(definition)
    return agent, Customer(lab, await lab.add_integration(agent), 7)


async def notices(lab: HostLab) -> list[str]:
    return [
        json.loads(r["data"])["text"]
        for r in await lab.shop.owner.fetch("select data::text as data from activity_logs where kind = 'operator.notice' order by id")
    ]


async def test_a_question_is_asked_again_until_it_is_answered_and_the_end_wakes_its_rule_once(lab: HostLab) -> None:
    _, anna = await customer(lab)
    async with lab.running(lab.host()):
        await anna.say("I want to order", "a few", "3", "1", "Anna", "thank you")
    assert (await anna.heard())[:5] == ["Gladly.\n\nHow many?", "A number, please.", SIZES, "Your name?", "3 small, Anna: noted."]
    state = await anna.state()
    assert ("dialogue" in state, state["variables"]) == (False, {"count": "3", "size": "small", "name": "Anna"})
    assert await notices(lab) == ["3 small for Anna"]
    steps = [(t.get("step"), t.get("understood"), t.get("why"), t.get("goto")) for t in await anna.told()]
    assert steps == [
        (None, None, None, "count"),
        ("count", None, "it is no number", "count"),
        ("count", "3", None, "size"),
        ("size", "small", None, "name"),
        ("name", "Anna", None, "finish"),
        (None, None, None, None),
    ]


async def test_hosts_that_race_and_die_ask_every_question_once(lab: HostLab, database: str) -> None:
    agent = await lab.add_agent(SHOP)
    bot, rng = await lab.add_integration(agent), random.Random(7)
    people = [Customer(lab, bot, chat) for chat in range(1, 13)]
    await new_epoch(lab.shop, 2)

    def racing(part: int) -> Callable[[Database], ConversationHost]:
        return lambda db: lab.host(part, 2, database=db, greedy=True, rng=rng, deadly=0.3)

    inbox = PostgresInbox(lab.shop.engine)
    async with lab.kept_alive(database, racing(0), racing(1)):
        for text in ("order", "many", "5", "big", "blue", "Anna"):
            said = [person.message(text) for person in people]
            await asyncio.gather(inbox.ingest(said), inbox.ingest(said[::-1]))
            await lab.settled(60)
    asked = ["Gladly.\n\nHow many?", "A number, please.", SIZES, "Which colour?", "Your name?", "5 big, Anna: noted."]
    assert [await person.heard() for person in people] == [asked] * len(people)
    assert await notices(lab) == ["5 big for Anna"] * len(people)
    assert lab.deaths + lab.fenced > 0


async def test_it_is_left_by_a_word_and_by_calling_people(lab: HostLab) -> None:
    _, anna = await customer(lab)
    async with lab.running(lab.host()):
        await anna.say("order", "cancel", "delivery?", "order", "500", "delivery?")
    goodbye = "All right, let us leave it at that."
    assert await anna.heard() == ["Gladly.\n\nHow many?", goodbye, "Tomorrow.", "Gladly.\n\nHow many?", "Calling a colleague.", "Tomorrow."]
    assert ((await anna.row())["control"], "dialogue" in await anna.state()) == ("waiting", False)
    assert await notices(lab) == []


async def test_people_who_take_or_close_the_conversation_end_it(lab: HostLab) -> None:
    _, anna = await customer(lab)
    control, tenant = ConversationControl(lab.shop.api), lab.shop.tenant_id
    async with lab.running(lab.host()):
        await anna.say("order")
        found = (await anna.row())["id"]
        assert "dialogue" in await anna.state()
        assert await control.take_over(tenant, found, "Olga")
        assert "dialogue" not in await anna.state()
        assert await control.give_back(tenant, found, "Olga")
        await anna.say("delivery?", "order")
        assert "dialogue" in await anna.state()
        assert await control.close(tenant, found, "Olga")
        assert "dialogue" not in await anna.state()
        await anna.say("delivery?")
    assert (await anna.heard())[-3:] == ["Tomorrow.", "Gladly.\n\nHow many?", "Tomorrow."]


async def test_a_publication_in_the_middle_is_met_where_the_dialogue_stands(lab: HostLab) -> None:
    agent, anna = await customer(lab)
    scripts, versions, tenant = Scripts(lab.shop.api), Versions(lab.shop.api), lab.shop.tenant_id

    async def publish(**changes: Any) -> None:
        [order, _] = await scripts.all(tenant, agent)
        assert await scripts.replace(tenant, OLGA, agent, order.id, order.version, {**ORDER, **changes})
        assert await versions.publish(tenant, OLGA, agent)

    count_, size, colour, name = ORDER["steps"]
    async with lab.running(lab.host()):
        await anna.say("order", "3")
    await publish(steps=[count_, {**size, "ask": {"en": "How big?"}}, {**name, "ask": {"en": "Who are you?"}}])
    async with lab.running(lab.host()):  # another one knows at once what others notice within two seconds
        await anna.say("none of them", "1")
    assert (await anna.heard())[-2:] == ["I could not understand the answer.\n\nHow big?\n1. Small\n2. Big", "Who are you?"]
    await publish(steps=[count_, {**size, "next": []}, colour], finish={"en": "Noted."})  # the step it stands at is gone
    async with lab.running(lab.host()):
        await anna.say("delivery?")
    assert (await anna.heard())[-1] == "Tomorrow."
    assert "dialogue" not in await anna.state()
    assert (await anna.told())[-1]["why"] == "its step is gone"


async def test_nobody_answers_in_time(lab: HostLab) -> None:
    _, anna = await customer(lab)
    past = "update conversations set state = jsonb_set(state, '{dialogue,asked_at}', '1'), version = version + 1"
    async with lab.running(lab.host()):
        await anna.say("order")
        await lab.shop.owner.execute(past)
    async with lab.running(lab.host()):
        await anna.say("delivery?")
    assert await anna.heard() == ["Gladly.\n\nHow many?", "Tomorrow."]
    assert (await anna.told())[-1]["why"] == "nobody answered in time"
