"""Conversations recorded by a real host: every kind of turn, many times."""

import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

from actors.domain.agent.tools import ToolCall
from actors.domain.errors import TransientError
from actors.domain.ids import Address, IntegrationId
from actors.domain.trace import from_bytes
from actors.ports.inbox import NewInput
from actors.ports.model import ModelAnswer, ModelRequest
from storage.conversations import ConversationControl
from storage.inbox import PostgresInbox
from storage.timers import PostgresTimers
from tests.integration.host_lab import HostLab

DATA = Path(__file__).parents[2] / "data" / "retrieval"
_NUMBERS = count(1)


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


QUESTIONS = [row["q"] for row in lines("natural_en")]
STRANGE = [row["q"] for row in lines("out_of_scope_en")]
DEFINITION: dict[str, Any] = {
    "persona": {
        "name": "Anna",
        "languages": ["en"],
        "debounce_s": 0.05,
        "searches": True,
        "tools": [
            {
                "name": "note",
                "description": "The customer wants something to be kept in mind.",
                "parameters": [{"name": "what"}],
                # A rule waits for this tag, so what a tool did shows in the next turn.
                "actions": [{"do": "set_variable", "name": "noted", "value": "{tool.what}"}, {"do": "add_tag", "tag": "noted"}],
            }
        ],
    },
    "scripts": [
        {"id": "hours", "name": "Opening hours", "phrases": ["opening hours"], "answer": {"en": "From 10 to 19."}},
        {"id": "person", "phrases": ["talk to a human"], "handoff": True, "answer": {"en": "One moment."}},
        {"id": "thanks", "phrases": ["thanks"], "alone": True, "answer": {"en": "You are welcome."}},
        {
            "id": "booking",
            "name": "A booking",
            "phrases": ["book a table"],
            "finish": {"en": "{variable.guests}, {variable.guest}: booked."},
            "steps": [
                {"id": "guests", "ask": {"en": "How many guests?"}, "expects": "number", "remember": "guests", "attempts": 2},
                {"id": "guest", "ask": {"en": "Your name?"}, "remember": "guest"},
                {
                    "id": "sure",
                    "ask": {"en": "{variable.guests} for {variable.guest}?"},
                    "expects": "yes_no",
                    "next": [{"when": {"fact": "answer.text", "op": "is", "value": "no"}, "goto": "guests"}],
                },
            ],
        },
    ],
    "passages": [{"id": row["id"], "title": row["id"], "text": row["text"]} for row in lines("kb_en")],
    "rules": [
        {
            "id": "night",
            "name": "At night",
            "trigger": {"on": "message_received"},
            "when": {"all": [{"fact": "message.text", "op": "contains", "value": "at night"}]},
            "actions": [
                {"do": "send", "text": {"en": "We sleep."}},
                {"do": "add_tag", "tag": "late"},
                {"do": "call_webhook", "url": "https://shop.example/hook"},
            ],
        },
        {
            "id": "again",
            "trigger": {"on": "message_received"},
            "when": {
                "all": [
                    {"fact": "conversation.tags", "op": "has", "value": "late"},
                    {"fact": "message.text", "op": "contains", "value": "refund"},
                ]
            },
            "actions": [{"do": "hand_off"}],
        },
        {
            "id": "noted",
            "trigger": {"on": "message_received"},
            "when": {"all": [{"fact": "conversation.tags", "op": "has", "value": "noted"}]},
            "actions": [{"do": "remove_tag", "tag": "noted"}],
        },
        {"id": "booked", "trigger": {"on": "script_finished", "of": "booking"}, "actions": [{"do": "add_tag", "tag": "booked"}]},
        {"id": "remind", "trigger": {"on": "no_reply", "after_s": 900}, "actions": [{"do": "send", "text": {"en": "Still there?"}}]},
    ],
}


class Oracle:
    """A model as a function: it fails at a fifth of the questions, wants a person at a seventh, and never says the same twice."""

    def __init__(self) -> None:
        self.asked = 0

    async def answer(self, request: ModelRequest, on_delta: Callable[[str], Awaitable[None]]) -> ModelAnswer:
        self.asked += 1
        question = sum(request.messages[-1][1].encode())
        if question % 5 == 0:
            raise TransientError("the model is away")
        if question % 7 == 0:
            return ModelAnswer("[[handoff]]", "oracle")
        if question % 3 == 0 and not request.rounds:
            looked_for = json.dumps({"query": QUESTIONS[question % len(QUESTIONS)]})
            calls = (
                ToolCall("1", "note", '{"what": "a gift"}'),
                ToolCall("2", "search_knowledge", looked_for),
                ToolCall("3", "gone", "{}"),
            )
            return ModelAnswer("", "oracle", 10, 5, calls)
        return ModelAnswer(f"Answer {self.asked} to: {request.messages[-1][1][:40]}", "oracle", 10, 5)


@dataclass
class Recorder:
    """Lets the customers of one bot talk with a host that runs."""

    lab: HostLab
    bot: IntegrationId

    def update(self, chat: int, text: str, **more: Any) -> NewInput:
        number = next(_NUMBERS)
        who = {"id": chat, "type": "private"}
        message = {"message_id": number, "date": int(time.time()), "chat": who, "from": {"id": chat, "first_name": "Ira"}, "text": text}
        raw = {"update_id": number, "message": {**message, **more}}
        return NewInput(self.lab.shop.tenant_id, Address(self.bot, str(chat)), "message", f"replay:{number}", json.dumps(raw).encode())

    async def say(self, said: Mapping[int, Sequence[str]]) -> None:
        """Store what customers say, all at once, and wait until it is answered."""
        await PostgresInbox(self.lab.shop.engine).ingest([self.update(chat, text) for chat, texts in said.items() for text in texts])
        await self.lab.settled()

    async def control(self, chat: int, *, take: bool) -> None:
        control, tenant_id = ConversationControl(self.lab.shop.api), self.lab.shop.tenant_id
        found = await self.lab.shop.owner.fetchval(
            "select id from conversations where integration_id = $1 and key = $2", self.bot, str(chat)
        )
        if take:
            await control.take_over(tenant_id, found, "Olga")
            await control.reply(tenant_id, found, UUID(int=chat * 1_000 + next(_NUMBERS)), "A person writes.", "Olga")
        else:
            await control.give_back(tenant_id, found, "Olga")

    async def edit(self, chat: int) -> None:
        """Let a customer change the first message and ask for something else at once."""
        row = await self.lab.shop.owner.fetchrow(
            """select m.external_id from messages m join conversations c on c.id = m.conversation_id
               where c.integration_id = $1 and c.key = $2 and m.role = 'customer' order by m.id limit 1""",
            self.bot,
            str(chat),
        )
        assert row is not None
        number = next(_NUMBERS)
        who = {"id": chat, "type": "private"}
        message = {"message_id": int(row["external_id"]), "date": int(time.time()), "chat": who, "from": {"id": chat}, "text": "changed"}
        raw = json.dumps({"update_id": number, "edited_message": {**message, "edit_date": int(time.time())}}).encode()
        inbox = PostgresInbox(self.lab.shop.engine)
        await inbox.ingest([NewInput(self.lab.shop.tenant_id, Address(self.bot, str(chat)), "message", f"replay:{number}", raw)])

    async def slip(self, chats: Sequence[int]) -> None:
        """Let customers write something and change it at once: both rows are one message."""
        inputs = []
        for chat in chats:
            first = self.update(chat, "opening hours")
            number, message = next(_NUMBERS), json.loads(first.raw)["message"]
            raw = {"update_id": number, "edited_message": {**message, "edit_date": message["date"], "text": "are you there at night?"}}
            inputs += [first, replace(first, dedupe_key=f"replay:{number}", raw=json.dumps(raw).encode())]
        await PostgresInbox(self.lab.shop.engine).ingest(inputs)
        await self.lab.settled()

    async def remember(self) -> None:
        """Let the silence pass that the rule waits for."""
        await self.lab.shop.owner.execute("update timers set due_at = now() - interval '1 second'")
        await PostgresTimers(self.lab.shop.engine).fire(10_000)
        await self.lab.settled()

    async def book(self, chats: Sequence[int]) -> None:
        """Let customers walk through a dialogue: some think of something else, or leave, or do not say what was asked."""
        ways = (["2", "Ira", "yes"], ["are you open?", "opening hours?", "2"], ["none", "really none"], ["stop"], ["4", "Ira", "no", "5"])
        await self.say({chat: ["book a table"] for chat in chats})
        for number in range(max(len(way) for way in ways)):
            said = {chat: ways[chat // 2 % len(ways)][number : number + 1] for chat in chats}
            await self.say({chat: texts for chat, texts in said.items() if texts})

    async def talk(self, chats: Sequence[int]) -> None:
        """Let every customer have a conversation of its own kind."""
        await self.say({chat: ["/start" if chat % 4 == 0 else "what are your opening hours?"] for chat in chats})
        await self.say({chat: [QUESTIONS[chat % len(QUESTIONS)]] for chat in chats})
        for chat in chats:
            if chat % 6 == 0:
                await self.edit(chat)
        await self.say({chat: _burst(chat) for chat in chats if chat % 2})
        await self.say({chat: ["are you open at night?"] for chat in chats if chat % 3 == 0})
        await self.say({chat: ["1"] for chat in chats if chat % 3 == 1})
        await self.remember()
        await self.slip([chat for chat in chats if chat % 7 == 0])
        await self.say({chat: [STRANGE[chat % len(STRANGE)]] for chat in chats if chat % 2 == 0})
        await self.book([chat for chat in chats if chat % 2])
        await self.say({chat: ["I want a refund", "a refund please"] for chat in chats if chat % 3 == 0})
        taken = [chat for chat in chats if chat % 5 == 0]
        for chat in taken:
            await self.control(chat, take=True)
        await self.say({chat: ["is anybody there?"] for chat in taken})
        for chat in taken:
            await self.control(chat, take=False)
        await self.say({chat: ["I want to talk to a human" if chat % 2 else QUESTIONS[(chat * 7) % len(QUESTIONS)]] for chat in chats})
        await self.say({chat: ["opening hours?"] for chat in chats if chat % 4 == 1})


def _burst(chat: int) -> list[str]:
    return ["hello", f"one more thing {chat}", QUESTIONS[(chat + 11) % len(QUESTIONS)]]


async def kinds(lab: HostLab) -> Counter[str]:
    """Count conversations by the kinds of turns they have."""
    found: Counter[str] = Counter()
    seen: dict[int, set[str]] = {}
    for row in await lab.shop.owner.fetch("select conversation_id, body from traces"):
        trace = from_bytes(row["body"])
        has = seen.setdefault(row["conversation_id"], set())
        has.add(trace.get("mode") or "silent")
        has |= {"burst"} if len(trace["inputs"]) > 1 else set()
        has |= {"dialogue"} if (trace.get("dialogue") or {}).get("goto") == "finish" else set()
        has |= {"tool"} if (trace.get("prompt") or {}).get("calls") else set()
        has |= {"failed model"} if (trace.get("prompt") or {}).get("failure") else set()
    for has in seen.values():
        found.update(has)
    return found
