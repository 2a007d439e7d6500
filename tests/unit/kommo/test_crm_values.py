"""What people write as numbers, and which changes of a lead are our own."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from actors.domain.conversation import ConversationState
from actors.domain.crm_events import _echo
from actors.domain.ids import InboxId
from actors.domain.messages import CrmEvent
from integrations.kommo.crm_values import number_of

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1200", "1200"),
        ("1 200,50", "1200.50"),
        ("1\u00a0200", "1200"),
        ("1,200", "1200"),
        ("1,200,300.5", "1200300.5"),
        ("12,5", "12.5"),
        ("1027700132195", "1027700132195"),
        ("-3", "-3"),
        ("nan", None),
        ("inf", None),
        ("1e400", None),
        ("about 5", None),
        ("", None),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, value: str | None) -> None:
    assert number_of(text) == (None if value is None else Decimal(value))


@pytest.mark.parametrize(
    ("echo", "facts", "ours"),
    [
        ({"fields": {"5": "x" * 2_000}}, {"lead.field.5": "x" * 500}, True),
        ({"fields": {"5": "A, B"}}, {"lead.field.5": "B, A"}, True),
        ({"fields": {"5": "A"}}, {"lead.field.5": "B"}, False),
        ({"fields": {}, "price": 700}, {"lead.price": 700}, True),
        ({"fields": {}, "price": 700}, {"lead.price": 800}, False),
        ({"fields": {"5": "True"}}, {"lead.field.5": "1"}, True),
        ({"fields": {"5": "True"}}, {"lead.field.5": "0"}, False),
    ],
)
def test_a_change_of_ours_is_known_when_it_is_heard_of(echo: dict[str, Any], facts: dict[str, Any], ours: bool) -> None:
    at = NOW.timestamp()
    event = CrmEvent(InboxId(1), NOW, "lead.updated", facts=facts, changed_at=at)
    state = ConversationState(echoes=({"what": "fields", "at": at, **echo},))
    assert _echo(event, state)[0] is ours
