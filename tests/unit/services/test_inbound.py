"""The use case of a turn with the inputs that only Telegram has."""

from dataclasses import replace
from typing import Any

import pytest

from actors.ports.conversations import ConversationRecord
from actors.ports.inbox import InboxRow
from actors.ports.turns import OutboxRow, Revision
from actors.services.agent import AgentService
from actors.services.conversation import ConversationService
from integrations.telegram.parser import TelegramParser
from tests.unit.services.test_conversation import CountedIds, Lab, StillClock


@pytest.fixture
async def lab() -> Lab:
    lab = await Lab().loaded()
    clock = StillClock()
    lab.service = ConversationService(clock, CountedIds(), {"telegram": TelegramParser()}, lab.catalogues, AgentService(clock))
    return lab


def in_group(lab: Lab, username: str = "shop_bot") -> ConversationRecord:
    return replace(lab.record(), account="700", username=username)


def update(lab: Lab, inbox_id: int, kind: str = "message", **members: Any) -> InboxRow:
    chat = members.pop("chat", {"id": 5, "type": "private"})
    return lab.row(inbox_id, {"update_id": inbox_id, kind: {"message_id": inbox_id, "chat": chat, "from": {"id": 5}, **members}})


async def test_an_album_is_one_turn_and_one_message(lab: Lab) -> None:
    rows = [update(lab, n, photo=[{"file_id": f"f{n}"}], media_group_id="77") for n in (1, 2, 3)]
    commit = lab.decide(lab.record(), *rows)
    (message,) = [m for m in commit.messages if m.role == "customer"]
    assert (message.inbox_id, message.body) == (1, "[album: 3 files]")
    assert message.data is not None
    assert [item["file_id"] for item in message.data["media"]] == ["f1", "f2", "f3"]
    assert [item.inbox_id for item in commit.inputs] == [1, 2, 3]
    assert len(commit.outbox) == 1


async def test_an_edit_of_an_earlier_message_is_a_revision_and_nothing_is_said(lab: Lab) -> None:
    commit = lab.decide(lab.record(), update(lab, 9, "edited_message", text="how do I wash it?"))
    assert commit.revisions == (Revision("9", "how do I wash it?"),)
    assert (commit.messages, commit.outbox) == ((), ())


async def test_a_pressed_button_is_acknowledged_before_it_is_answered(lab: Lab) -> None:
    keyboard = {"inline_keyboard": [[{"text": "wash a wool blanket", "callback_data": "w"}]]}
    under = {"message_id": 3, "chat": {"id": 5}, "reply_markup": keyboard}
    query = {"id": "q1", "from": {"id": 5}, "message": under, "data": "w"}
    commit = lab.decide(lab.record(), lab.row(1, {"update_id": 1, "callback_query": query}))
    assert commit.outbox[0] == OutboxRow(-1, "operator", "repeat_once", {"callback_query_id": "q1"})
    assert (commit.outbox[1].seq, commit.outbox[1].delivery_class) == (1, "reply")
    assert commit.messages[0].body == "wash a wool blanket"


GROUP = [("wash a wool blanket", False), ("@shop_bot wash a wool blanket", True), ("/wash@other_bot", False)]


@pytest.mark.parametrize(("text", "heard"), GROUP)
async def test_a_group_is_answered_only_when_it_speaks_to_this_bot(lab: Lab, text: str, heard: bool) -> None:
    commit = lab.decide(in_group(lab), update(lab, 1, text=text, chat={"id": -7, "type": "group"}))
    assert (len(commit.messages) > 1, len(commit.outbox)) == (heard, int(heard))
    assert commit.ignored == (() if heard else ("message.not_addressed",))


async def test_a_block_ends_what_waits(lab: Lab) -> None:
    row = update(lab, 1, "my_chat_member", new_chat_member={"status": "kicked"})
    commit = lab.decide(lab.record(), row)
    assert commit.stop_sending == "the customer blocked the bot"
    assert b'"blocked":true' in commit.state
    assert [row.kind for row in commit.activity] == ["contact.blocked"]


async def test_unknown_kinds_are_counted(lab: Lab) -> None:
    commit = lab.decide(lab.record(), update(lab, 1, "message_reaction"), update(lab, 2, new_chat_members=[{}]))
    assert commit.ignored == ("message_reaction", "message.new_chat_members")
    assert [item.state for item in commit.inputs] == ["done", "done"]
