"""What an operator wants in their own chat."""

from datetime import UTC, datetime
from typing import Any

import pytest

from actors.domain.conversation import ConversationState
from actors.domain.effects import AcknowledgePress, OperatorMove
from actors.domain.ids import InboxId
from actors.domain.messages import GroupTalk, InboundMessage, Input, MessageEdited, TimerFired
from actors.domain.operator_words import Said, notice, take_or_give_back, words
from actors.domain.operators import operator_effects

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CUSTOMER, OPERATOR = ConversationState(), ConversationState(operator="u1")
CODE = "op_ABCDEFGHI2"


def said(text: str, **more: Any) -> InboundMessage:
    return InboundMessage(InboxId(1), NOW, text, **more)


def pressed(data: str) -> InboundMessage:
    return said("Take", press="q1", spoken=False, data={"pressed": {"data": data}})


@pytest.mark.parametrize("text", ["hello", "/start", "/start promo", "op_ lower", "my order op_ABCDEFGHI2 please", "/stop"])
def test_a_customer_stays_a_customer(text: str) -> None:
    assert operator_effects(CUSTOMER, [said(text)]) is None


@pytest.mark.parametrize("text", [CODE, f" {CODE} ", f"/start {CODE}", f"/start@shop_bot {CODE}"])
@pytest.mark.parametrize("state", [CUSTOMER, OPERATOR])
def test_a_code_links(text: str, state: ConversationState) -> None:
    assert operator_effects(state, [said(text, author="Ann")]) == (OperatorMove("link", text=CODE, name="Ann"),)


def test_a_malformed_code_is_a_wrong_code_and_no_question() -> None:
    assert operator_effects(CUSTOMER, [said("/start op_short")]) == (OperatorMove("link", text="op_short"),)


def test_a_code_in_a_group_is_not_taken() -> None:
    assert operator_effects(CUSTOMER, [said(f"/start {CODE}", group=GroupTalk())]) is None


def test_an_operators_button_in_a_strangers_chat_says_so() -> None:
    assert operator_effects(CUSTOMER, [pressed("op:take:7")]) == (AcknowledgePress("q1"), OperatorMove("stranger"))
    assert operator_effects(CUSTOMER, [pressed("some:button")]) is None


@pytest.mark.parametrize(
    ("data", "move"),
    [
        ("op:take:7", OperatorMove("take", 7)),
        ("op:back:7", OperatorMove("back", 7)),
        ("op:stop", OperatorMove("stop")),
        ("op:go", OperatorMove("go")),
        ("op:take:0", OperatorMove("help")),
        ("op:take:99999999999999999999", OperatorMove("help")),
        ("other", OperatorMove("help")),
    ],
)
def test_buttons(data: str, move: OperatorMove) -> None:
    assert operator_effects(OPERATOR, [pressed(data)]) == (AcknowledgePress("q1"), move)


def test_what_is_written() -> None:
    answer = {"in_reply_to": {"message_id": "42", "text": "…"}}
    items: list[Input] = [
        said("Yes", data=answer),
        said("[photo]", data=answer, spoken=False),
        said("Yes"),
        said("/stop"),
        said("/go@shop_bot"),
        said("/start"),
        said("/unknown"),
        MessageEdited(InboxId(2), NOW, "1", "changed"),
        TimerFired(InboxId(3), NOW, "give_back"),
    ]
    kinds = ["reply", "wordless", "lost", "ask_stop", "ask_go", "help", "lost"]
    effects = operator_effects(OPERATOR, items)
    assert effects is not None
    assert [e.kind for e in effects if isinstance(e, OperatorMove)] == kinds
    assert effects[0] == OperatorMove("reply", answers="42", text="Yes")


def test_a_notice_fits_into_one_message_in_both_languages() -> None:
    long = [Said("customer", "ж" * 9_000)] * 9
    for locale in ("ru", "en", "de"):
        text = notice("handoff", locale, "Пётр {x}", long)
        assert len(text.encode("utf-16-le")) // 2 < 4_096
        assert text.count("👤") == 6
        assert "Пётр {x}" in text
    assert words("take", "de") == "Take"
    assert [b["text"] for row in take_or_give_back("ru", 7) for b in row] == ["Взять", "Вернуть боту"]
