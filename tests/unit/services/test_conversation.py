"""The use case of a turn: what is committed for which inputs."""

import asyncio
import threading
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest

from actors.domain.catalogue import Catalogue, catalogue
from actors.domain.ids import Address, AgentId, ConversationId, InboxId, IntegrationId, TenantId, TurnId
from actors.ports.conversations import ConversationRecord
from actors.ports.inbox import InboxRow
from actors.ports.turns import TurnCommit
from actors.services.agent import AgentService
from actors.services.catalogues import CatalogueMissing, Catalogues
from actors.services.conversation import DIED_ALONE, AgentStep, ConversationService
from actors.services.history import LIMIT, History
from integrations.kommo.outgoing import text_of
from integrations.telegram.outgoing import calls_of
from integrations.test_chat.parser import TestChatParser
from tests.fakes.stores import FakeCatalogue
from tests.fakes.world import World

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SHOP: dict[str, Any] = {
    "persona": {"name": "Anna", "languages": ["en", "ru"], "handoff_text": {"en": "A colleague will answer.", "ru": "Коллега ответит."}},
    "scripts": [],
    "passages": [{"id": "wool", "title": "Blanket care", "text": "Wash a wool blanket in cold water.", "language": "en"}],
}


class StillClock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("no turn sleeps")


class CountedIds:
    def __init__(self) -> None:
        self._n = 0

    def turn_id(self) -> TurnId:
        self._n += 1
        return TurnId(UUID(int=self._n))


class Lab:
    def __init__(self, channel: str = "telegram") -> None:
        self.world = World()
        self.bot = self.world.add_integration(channel)
        self.world.publish(self.bot.agent_id, SHOP)
        self.catalogues = Catalogues(FakeCatalogue(self.world))
        clock = StillClock()
        parsers = dict.fromkeys(("telegram", "test", "kommo"), TestChatParser())
        self.service = ConversationService(clock, CountedIds(), parsers, self.catalogues, AgentService(clock))

    async def loaded(self) -> "Lab":
        await self.catalogues.ensure([self.record()])
        return self

    def record(self, control: str = "bot", policy: str = "repeat_once", channel: str = "") -> ConversationRecord:
        address = Address(IntegrationId(self.bot.id), "1")
        agent_id = AgentId(self.bot.agent_id)
        return ConversationRecord(
            ConversationId(9), TenantId(self.bot.tenant_id), address, 4, control, b"{}", agent_id, channel or self.bot.channel, policy
        )

    def row(self, inbox_id: int, raw: Any, kind: Any = "message", attempts: int = 0) -> InboxRow:
        body = raw if isinstance(raw, bytes) else orjson.dumps(raw)
        return InboxRow(InboxId(inbox_id), TenantId(self.bot.tenant_id), Address(self.bot.id, "1"), kind, body, NOW, 0.0, attempts)

    def decide(self, record: ConversationRecord, *rows: InboxRow) -> TurnCommit:
        decided = self.service.decide(record, rows)
        assert not isinstance(decided, AgentStep)
        return decided


@pytest.fixture
async def lab() -> Lab:
    return await Lab().loaded()


def trace(commit: TurnCommit) -> dict[str, Any]:
    stored: dict[str, Any] = orjson.loads(zlib.decompress(commit.trace))
    return stored


async def test_several_messages_are_one_turn_with_one_answer(lab: Lab) -> None:
    commit = lab.decide(lab.record(), lab.row(1, {"text": "How do I wash"}), lab.row(2, {"text": "a wool blanket?", "message_id": 77}))
    assert [(m.role, m.inbox_id, m.external_id) for m in commit.messages] == [
        ("customer", 1, None),
        ("customer", 2, "77"),
        ("agent", None, None),
    ]
    assert [item.state for item in commit.inputs] == ["done", "done"]
    assert [(row.seq, row.policy, row.body) for row in commit.outbox] == [(2, "repeat_once", {"text": commit.messages[2].body})]
    assert commit.expected_version == 4
    assert trace(commit)["inputs"] == [1, 2]


SHOWN = {
    "scripts": [
        {
            "id": "sizes",
            "keywords": ["sizes"],
            "answer": {"en": "Which one?"},
            "buttons": [{"label": {"en": "Small", "ru": "Малый"}}, {"label": {"en": "Chart"}, "url": "https://shop.example/sizes"}],
            "attachment": {"kind": "photo", "url": "https://shop.example/sizes.jpg"},
        }
    ]
}


async def test_what_is_shown_with_an_answer_goes_with_it_as_the_channel_can() -> None:
    lab = Lab()
    lab.world.publish(lab.bot.agent_id, {**SHOP, **SHOWN})
    await lab.loaded()
    commit = lab.decide(lab.record(), lab.row(1, {"text": "sizes?"}))
    shown = {"buttons": [{"text": "Small", "url": ""}, {"text": "Chart", "url": "https://shop.example/sizes"}]}
    attached = {"kind": "photo", "url": "https://shop.example/sizes.jpg"}
    assert commit.messages[1].data == {**shown, "attachment": attached}
    [row] = commit.outbox
    rows = [[{"text": "Small", "data": "0"}], [{"text": "Chart", "url": "https://shop.example/sizes"}]]
    assert row.body == {"text": "Which one?", "buttons": rows, "media": attached}
    assert len(calls_of(row.body)) == 1
    [row] = lab.decide(lab.record(channel="kommo"), lab.row(2, {"text": "sizes?"})).outbox
    assert row.body == {"text": "Which one?\nhttps://shop.example/sizes.jpg\n• Small\n• Chart: https://shop.example/sizes"}
    assert text_of(row.body) == row.body["text"]


async def test_what_a_question_lists_already_is_not_written_twice() -> None:
    options = [{"value": "Small"}, {"value": "Large"}]
    step = {"id": "size", "ask": {"en": "Which size?"}, "expects": "choice", "options": options}
    lab = Lab()
    lab.world.publish(
        lab.bot.agent_id, {**SHOP, "scripts": [{"id": "o", "keywords": ["order"], "steps": [step], "finish": {"en": "Noted"}}]}
    )
    await lab.loaded()
    listed = "Which size?\n1. Small\n2. Large"
    [row] = lab.decide(lab.record(channel="kommo"), lab.row(1, {"text": "order"})).outbox
    assert row.body == {"text": listed}
    [row] = lab.decide(lab.record(), lab.row(2, {"text": "order"})).outbox
    assert row.body == {"text": listed, "buttons": [[{"text": "Small", "data": "0"}], [{"text": "Large", "data": "1"}]]}


async def test_the_channels_policy_is_fixed_with_the_row(lab: Lab) -> None:
    assert lab.decide(lab.record(policy="once"), lab.row(1, {"text": "blanket"})).outbox[0].policy == "once"


async def test_the_test_chat_needs_no_delivery() -> None:
    lab = await Lab("test").loaded()
    commit = lab.decide(lab.record(), lab.row(1, {"text": "wash a wool blanket"}))
    assert commit.messages[-1].role == "agent"
    assert commit.outbox == ()


async def test_what_cannot_be_read_is_dead_and_the_rest_is_answered(lab: Lab) -> None:
    commit = lab.decide(lab.record(), lab.row(1, b"{"), lab.row(2, {"text": "wash a wool blanket"}), lab.row(3, {"text": 5}))
    assert [(item.inbox_id, item.state) for item in commit.inputs] == [(1, "dead"), (2, "done"), (3, "dead")]
    assert [row.kind for row in commit.activity].count("message.dead") == 2
    assert commit.messages[0].inbox_id == 2


async def test_nothing_is_said_about_what_nobody_can_read(lab: Lab) -> None:
    commit = lab.decide(lab.record(), lab.row(1, b"\x00"))
    assert (commit.messages, commit.outbox, commit.control) == ((), (), None)
    assert [item.state for item in commit.inputs] == ["dead"]
    assert [row.kind for row in commit.activity] == ["message.dead"]


async def test_a_row_that_died_alone_three_times_is_not_even_parsed(lab: Lab) -> None:
    commit = lab.decide(lab.record(), lab.row(1, b"what kills", attempts=4))
    assert [(item.state, item.reason) for item in commit.inputs] == [("dead", DIED_ALONE)]
    assert commit.control == "waiting"
    assert [row.body for row in commit.outbox] == [{"text": "A colleague will answer."}]


async def test_a_dead_letter_is_silent_while_a_person_has_the_conversation(lab: Lab) -> None:
    commit = lab.decide(lab.record(control="human"), lab.row(1, b"what kills", attempts=4))
    assert commit.outbox == ()
    assert commit.control is None


async def test_a_reason_is_storable_text(lab: Lab) -> None:
    commit = lab.service.dead_letter(lab.record(), lab.row(1, b""), "bad \x00 \ud800" + "x" * 10_000)
    reason = commit.inputs[0].reason
    assert reason is not None
    assert len(reason) <= 500
    assert reason.startswith("bad  x")


async def test_timers_and_other_inputs_are_settled_without_a_word(lab: Lab) -> None:
    timer = lab.row(1, {"kind": "give_back", "payload": {"from": "waiting"}}, "timer")
    commit = lab.decide(lab.record(control="waiting"), timer, lab.row(2, {}, "event"), lab.row(3, {}, "timer"))
    assert commit.control == "bot"
    assert commit.messages == ()
    assert [item.state for item in commit.inputs] == ["done", "done", "dead"]


async def test_an_agent_without_a_catalogue_is_not_decided_for(lab: Lab) -> None:
    other = Lab()
    with pytest.raises(CatalogueMissing):
        other.decide(other.record(), other.row(1, {"text": "hi"}))


async def test_a_version_that_cannot_be_used_leaves_the_last_good_one(lab: Lab) -> None:
    lab.world.publish(lab.bot.agent_id, {"persona": {"debounce_s": "soon"}})
    await lab.catalogues.refresh()
    assert lab.catalogues.of(lab.record()).version == 2
    lab.world.publish(lab.bot.agent_id, SHOP)
    await lab.catalogues.refresh()
    assert lab.catalogues.of(lab.record()).version == 4


async def test_a_large_catalogue_keeps_nobody_else_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    lab, go_on = Lab(), threading.Event()

    def build(agent_id: AgentId, version: int, definition: Mapping[str, Any]) -> Catalogue:
        go_on.wait(10)
        return catalogue(agent_id, version, definition)

    monkeypatch.setattr("actors.services.catalogues.PATIENCE_S", 0.01)
    catalogues = Catalogues(FakeCatalogue(lab.world), build)
    await catalogues.ensure([lab.record()])
    with pytest.raises(CatalogueMissing):
        catalogues.of(lab.record())
    go_on.set()
    async with asyncio.timeout(5):
        while catalogues.persona(lab.record()).name != "Anna":
            await asyncio.sleep(0.01)
    await catalogues.close()


def test_history_keeps_the_last_twenty_in_order() -> None:
    history = History(("customer", f"вопрос {n}") for n in range(30))
    history.extend([("agent", "ответ\x00"), ("operator", "")])
    assert len(history.messages()) == LIMIT
    assert history.messages()[-3:] == [("customer", "вопрос 29"), ("agent", "ответ"), ("operator", "")]
    assert History().messages() == []
