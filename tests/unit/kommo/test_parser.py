"""What stored events say."""

import contextlib
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.errors import InvalidInput
from actors.domain.ids import Address, InboxId, IntegrationId, TenantId
from actors.domain.messages import CompanySpoke, CrmEvent, IgnoredInput, InboundMessage, Input
from actors.ports.inbox import InboxRow
from integrations.kommo.facts import facts_of
from integrations.kommo.forms import Tree, parse_form
from integrations.kommo.parser import KommoParser
from integrations.kommo.routing import routed
from tests.unit.kommo.samples import SAMPLES, SHAPES, form, message

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
AT = int(NOW.timestamp())


def row(raw: bytes, kind: Any = "message") -> InboxRow:
    return InboxRow(InboxId(1), TenantId(UUID(int=1)), Address(IntegrationId(UUID(int=2)), "x"), kind, raw, NOW, 0.0, 0)


def parse(body: bytes) -> list[Input]:
    return [KommoParser().parse(row(event.raw, event.kind)) for event in routed("42", parse_form(body), body)]


def said(body: bytes) -> InboundMessage:
    (item,) = parse(body)
    assert isinstance(item, InboundMessage)
    return item


def test_a_message() -> None:
    item = said(SAMPLES["message_add_telegram"])
    assert (item.text, item.author, item.external_id) == ("f", "Anna Example", "cb7aedad-fa25-46ba-ae92-76136099cab8")
    assert item.reply_to == {
        "chat_id": "82026d65-3a9c-4fe5-9e00-93c46c54d3b7",
        "talk_id": "100",
        "contact_id": "86408889",
        "entity_type": "lead",
        "entity_id": "56825665",
        "origin": "telegram",
    }
    assert (item.said_at, item.answer_within_s, item.spoken, item.media, item.data) == (1695482791.0, 900.0, True, None, None)
    assert item.age_s == NOW.timestamp() - 1695482791


def test_a_message_of_a_chat_without_a_lead() -> None:
    assert said(SHAPES["no lead"]).reply_to == {
        "chat_id": "82026d65-3a9c-4fe5-9e00-93c46c54d3b7",
        "talk_id": "100",
        "contact_id": "864",
        "origin": "telegram",
    }


def test_old_bodies_name_the_element_only() -> None:
    item = said(form(message(0, entity_type=None, entity_id=None, element_type=2, element_id=9)))
    assert item.reply_to is not None
    assert (item.reply_to["entity_type"], item.reply_to["entity_id"]) == ("lead", "9")


@pytest.mark.parametrize(
    ("changes", "text", "media"),
    [
        ({"message_type": "voice", "attachment][link": "https://x.test/a.ogg"}, "[voice message]", {"kind": "voice", "url": "https://x.test/a.ogg"}),
        (
            {"attachment][type": "file", "attachment][link": "l", "attachment][file_name": "a.pdf"},
            "[file: a.pdf]",
            {"kind": "file", "url": "l", "name": "a.pdf"},
        ),
        ({"attachment][link": "l"}, "[file]", {"kind": "file", "url": "l"}),
        ({"message_type": "sticker"}, "[sticker]", {"kind": "sticker"}),
        ({"message_type": "new kind", "attachment][link": "l"}, "[new kind]", {"kind": "new kind", "url": "l"}),
    ],
)  # fmt: skip
def test_media_are_data(changes: dict[str, str], text: str, media: dict[str, str]) -> None:
    item = said(form(message(0, text="", **changes)))
    assert (item.text, item.spoken, item.media, item.data) == (text, False, media["kind"], {"media": [media]})


def test_a_text_beside_a_file_is_the_text() -> None:
    item = said(form(message(0, text="look", **{"attachment][type": "picture", "attachment][link": "l"})))
    assert (item.text, item.spoken, item.media) == ("look", True, "picture")


def test_a_message_that_says_nothing_is_ignored() -> None:
    assert parse(form(message(0, text=" "))) == [IgnoredInput(InboxId(1), NOW, "message.empty")]


def test_times_that_are_none() -> None:
    for created_at in ("", "0", "soon", "99999999999999", str(AT + 60)):
        assert said(form(message(0, created_at=created_at))).age_s == 0.0


def test_text_is_cleaned() -> None:
    body = form(message(0)).replace(b"=hello", b"=a%00b%ED%A0%80c")
    assert said(body).text == "ab\ufffd\ufffd\ufffdc"


def test_what_the_company_wrote_is_no_customers_message() -> None:
    (item,) = parse(SAMPLES["outgoing_message_add_manager"])
    assert item == CompanySpoke(InboxId(1), NOW, "msg-cap-1", "Hello from manager", "person", "Anna Example", 1725530000.0)
    (bot,) = parse(SHAPES["outgoing of a bot"])
    assert isinstance(bot, CompanySpoke)
    assert bot.by == "bot"
    (inside,) = parse(SHAPES["message that is outgoing"])
    assert isinstance(inside, CompanySpoke)
    assert inside.by == "person"


@pytest.mark.parametrize(
    ("name", "kind", "told"),
    [
        ("leads_status_doc", "lead.moved", {"status_id": "72798223", "old_status_id": "10868721", "pipeline_id": "9166634"}),
        ("leads_add", "lead.added", {"id": "5033244", "name": "AASDASD", "price": "89516"}),
        ("leads_update_with_headers", "lead.updated", {"id": "10625658"}),
        ("leads_delete_doc", "lead.deleted", {"id": "99773994"}),
        ("leads_responsible_doc", "lead.reassigned", {"old_responsible_user_id": "32298099"}),
        ("leads_note_text_doc", "note.added", {"text": "texto da nota", "note_type": "4"}),
        ("contacts_add_with_headers", "contact.added", {"name": "Абиба абибович"}),
        ("contacts_update_responsible_doc", "contact.updated", {"old_responsible_user_id": "86675418"}),
        ("company_add_linked_leads_doc", "company.added", {"name": "Nome da Empresa"}),
        ("company_delete_doc", "company.deleted", {"id": "10221499"}),
        ("task_add_doc", "task.added", {"text": "Texto da tarefa"}),
        ("task_delete_doc", "task.deleted", {"id": "1143830"}),
        ("talk_add_doc", "talk.opened", {"talk_id": "191"}),
        ("talk_update_read_doc", "talk.read", {"is_read": "1"}),
        ("unsorted_add_form_doc", "unsorted.added", {"category": "forms"}),
        ("template", "template.reviewed", {"id": "1"}),
        ("catalog", "catalog.added", {"id": "1"}),
        ("customer", "customer.added", {"id": "1"}),
        ("stage hook", "lead.mail_in", {"id": "5"}),
        ("talk closed", "talk.closed", {"is_in_work": "0"}),
        ("accepted", "unsorted.accepted", {"uid": "u"}),
        ("scalar and map", "note.added", {"element_id": "8"}),
        ("task in a list in a list", "task.updated", {"id": "7"}),
    ],
)
def test_events_of_the_crm(name: str, kind: str, told: dict[str, str]) -> None:
    (item,) = parse({**SAMPLES, **SHAPES}[name])
    assert isinstance(item, CrmEvent)
    assert item.kind == kind
    assert told.items() <= item.data.items()


def test_no_phone_number_is_told() -> None:
    (item,) = parse(SAMPLES["contacts_update_responsible_doc"])
    assert isinstance(item, CrmEvent)
    assert "1067611668" not in str(item.data)


def test_what_nobody_knows_is_ignored_and_what_was_cut_is_told() -> None:
    assert parse(SHAPES["unknown entity"]) == [IgnoredInput(InboxId(1), NOW, "planets.add")]
    *_, cut = parse(b"a=1" + b"&b" * 1_000)
    assert cut == CrmEvent(InboxId(1), NOW, "webhook.cut", {"events": "0"})


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b'"x"', b"{}", b'{"entity":"message","action":"add","item":{}}', b'{"entity":"message","action":"add","item":1}'],
)
def test_what_cannot_be_understood_says_so(raw: bytes) -> None:
    with pytest.raises(InvalidInput):
        KommoParser().parse(row(raw))


_PATHS = st.lists(st.sampled_from(["id", "text", "author", "type", "attachment", "link", "add", "0", "note", "chat_id", ""]), max_size=4)


@given(
    st.sampled_from(["message", "outgoing_message", "leads", "contacts", "talk", "task", "unsorted", "add"]),
    st.lists(st.tuples(_PATHS, st.text(max_size=8)), max_size=12),
)
def test_no_form_breaks_routing_or_parsing(entity: str, fields: list[tuple[list[str], str]]) -> None:
    body = form([(f"{entity}[add][0]" + "".join(f"[{name}]" for name in path), value) for path, value in fields])
    for event in routed("42", parse_form(body), body):
        with contextlib.suppress(InvalidInput):
            assert KommoParser().parse(row(event.raw, event.kind)).inbox_id == 1


def test_facts_of_a_lead_are_read_whatever_the_shape_of_its_fields() -> None:
    custom: Tree = {
        "0": {"id": "1", "values": {"0": {"value": "a"}, "1": {"value": "b", "enum": "7"}}},
        "1": {"id": "2", "values": {"0": "1725915600"}},
        "2": {"id": "3", "values": {"value": "2", "enum": "5"}},
        "3": {"id": "4"},
    }
    item: Tree = {
        "id": "5",
        "status_id": "142",
        "pipeline_id": "7",
        "price": "900",
        "tags": {"0": {"id": "1", "name": "hot"}},
        "custom_fields": custom,
    }
    facts = facts_of("leads", item)
    assert facts == {
        "lead.id": "5",
        "lead.status": "142",
        "lead.pipeline": "7",
        "lead.stage": "7:142",
        "lead.price": 900,
        "lead.tags": ["hot"],
        "lead.field.1": "a, b",
        "lead.field.2": "1725915600",
        "lead.field.3": "2",
    }
    assert facts_of("contacts", {"id": "5", "type": "company"}) == {}


def test_facts_of_a_task_name_what_it_is_about() -> None:
    task = {"id": 7, "element_type": 2, "element_id": 9, "task_type": 1, "text": "Call", "responsible_user_id": 3, "updated_at": AT}
    body = {f"task[update][0][{name}]": value for name, value in {**task, "action_close": 1, "result][text": "Agreed"}.items()}
    (closed,) = parse(form(body))
    assert isinstance(closed, CrmEvent)
    assert (closed.kind, closed.changed_at) == ("task.closed", AT)
    assert closed.facts == {
        "task.id": "7",
        "task.kind": "1",
        "task.responsible": "3",
        "task.text": "Call",
        "task.result": "Agreed",
        "lead.id": "9",
    }
    assert facts_of("task", {"id": "7", "element_type": "1", "element_id": "5"}) == {"task.id": "7", "contact.id": "5"}
    assert facts_of("task", {"id": "7", "element_type": "12", "element_id": "5"}) == {"task.id": "7"}  # a customer's
