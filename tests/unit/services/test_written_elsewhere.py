"""What a person writes in Kommo in a chat of ours, and what is only a copy of another conversation."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from actors.domain.ids import InboxId
from actors.ports.turns import SettledInput, TurnCommit, Wrote
from actors.services.conversation import MOST_TRIES
from tests.unit.services.test_conversation import Lab

QUESTION = {"text": "How do I wash a wool blanket?"}
WROTE = {"kind": "operator_wrote", "id": "m-1", "text": "I am here", "name": "Olga"}


@pytest.fixture
async def lab() -> Lab:
    return await Lab().loaded()


def nothing_said(commit: TurnCommit) -> bool:
    return not [message for message in commit.messages if message.role == "agent"] and not commit.outbox


async def test_a_person_who_writes_answers_for_the_bot(lab: Lab) -> None:
    assert not nothing_said(lab.decide(lab.record(), lab.row(1, QUESTION)))
    for rows in (
        [lab.row(1, QUESTION), lab.row(2, WROTE, "event")],
        [lab.row(2, WROTE, "event"), lab.row(3, QUESTION)],
        [lab.row(2, WROTE, "event")],
    ):
        commit = lab.decide(lab.record(), *rows)
        assert nothing_said(commit)
        assert commit.wrote == (Wrote(InboxId(2), "kommo:m-1", "I am here", "Olga"),)
        assert {item.state for item in commit.inputs} == {"done"}


@pytest.mark.parametrize("channel", ["telegram", "web", "test"])
async def test_events_at_channels_of_ours_are_told_apart(channel: str) -> None:
    lab = await Lab(channel).loaded()
    assert lab.decide(lab.record(), lab.row(1, WROTE, "event")).wrote
    others: list[Any] = [{"kind": "other"}, [], b"no json", {"text": "x"}]
    for raw in others:
        commit = lab.decide(lab.record(), lab.row(1, raw, "event"))
        assert (commit.wrote, commit.ignored, commit.inputs) == ((), ("event",), (SettledInput(InboxId(1)),))
    dead = lab.decide(lab.record(), lab.row(1, {**WROTE, "text": ""}, "event"))
    assert [item.state for item in dead.inputs] == ["dead"]
    told = lab.decide(lab.record(), lab.row(1, WROTE))
    assert told.wrote == (), "a customer's message that looks like it is none"


MIRROR: list[tuple[Any, Any]] = [
    ({"entity": "message", "action": "add", "item": {"id": "m", "chat_id": "c", "text": "delivery?"}}, "message"),
    ({"entity": "outgoing_message", "action": "add", "item": {"id": "m", "chat_id": "c", "text": "hello"}}, "event"),
    (b"no json", "message"),
    ({"kind": "give_back"}, "timer"),
]


@pytest.mark.parametrize(("raw", "kind"), MIRROR)
@pytest.mark.parametrize("attempts", [0, MOST_TRIES + 1])
async def test_a_copy_of_another_conversation_says_nothing(raw: Any, kind: Any, attempts: int) -> None:
    lab = await Lab("kommo").loaded()
    record = replace(lab.record(), state=orjson.dumps({"mirror": True}))
    commit = lab.decide(record, lab.row(1, raw, kind, attempts=attempts))
    assert (commit.messages, commit.outbox, commit.activity, commit.control, commit.overheard) == ((), (), (), None, ())
    assert (commit.inputs, commit.ignored) == ((SettledInput(InboxId(1)),), ("mirror",))
    assert orjson.loads(commit.state)["mirror"] is True, "it stays one"
