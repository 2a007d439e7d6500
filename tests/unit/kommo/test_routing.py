"""Where each event of a body goes, and under which key it is stored once."""

from typing import Any

import orjson
import pytest

from integrations.kommo.forms import parse_form
from integrations.kommo.routing import Routed, account_of, routed
from tests.unit.kommo.samples import SAMPLES, SHAPES, form, message

CHAT = "82026d65-3a9c-4fe5-9e00-93c46c54d3b7"


def route(body: bytes) -> list[Routed]:
    return routed("42", parse_form(body), body)


def places(body: bytes) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    for event in route(body):
        stored = orjson.loads(event.raw)
        found.append((event.kind, f"{stored['entity']}.{stored['action']}", event.key))
    return found


@pytest.mark.parametrize(
    ("sample", "place"),
    [
        ("company_add_linked_leads_doc", ("event", "contacts.add", "tenant")),
        ("company_delete_doc", ("event", "contacts.delete", "tenant")),
        ("contacts_add_with_headers", ("event", "contacts.add", "contact:59509713")),
        ("contacts_update_responsible_doc", ("event", "contacts.update", "contact:34879209")),
        ("leads_add", ("event", "leads.add", "lead:5033244")),
        ("leads_delete_doc", ("event", "leads.delete", "lead:99773994")),
        ("leads_note_text_doc", ("event", "leads.note", "lead:20423016")),
        ("leads_responsible_doc", ("event", "leads.responsible", "lead:39982400")),
        ("leads_status_doc", ("event", "leads.status", "lead:39982400")),
        ("leads_update_with_headers", ("event", "leads.update", "lead:10625658")),
        ("message_add_doc", ("message", "message.add", "33b41601-443b-9108-6938ae6b7935")),
        ("message_add_telegram", ("message", "message.add", CHAT)),
        ("message_add_waba_text", ("message", "message.add", "fed23c2b-27b4-4ebd-ac94-e71549729f56")),
        ("outgoing_message_add_manager", ("event", "outgoing_message.add", "56d31982-8c4f-4944-90ca-7eb2a90806ea")),
        ("talk_add_doc", ("event", "talk.add", "lead:5500755")),
        ("talk_update_read_doc", ("event", "talk.update", "lead:5500755")),
        ("task_add_doc", ("event", "task.add", "lead:20423016")),
        ("task_delete_doc", ("event", "task.delete", "tenant")),
        ("unsorted_add_form_doc", ("event", "unsorted.add", "tenant")),  # its ids are placeholders
    ],
)
def test_samples(sample: str, place: tuple[str, str, str]) -> None:
    assert places(SAMPLES[sample]) == [place]


def test_no_sample_is_without_a_test() -> None:
    assert len(SAMPLES) == 19


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("two messages", [("message", "message.add", CHAT), ("message", "message.add", "other")]),
        ("unwrapped message", [("message", "message.add", CHAT)]),
        ("media without text", [("message", "message.add", CHAT)]),
        ("no lead", [("message", "message.add", CHAT)]),
        ("message that is outgoing", [("event", "outgoing_message.add", CHAT)]),
        ("odd characters", [("message", "message.add", CHAT)]),
        ("old account", [("event", "leads.add", "lead:5")]),
        (
            "several entities",
            [
                ("event", "leads.add", "lead:1"),
                ("event", "leads.status", "lead:1"),
                ("event", "task.add", "tenant"),
                ("event", "contacts.add", "contact:3"),
            ],
        ),
        ("scalar and map", [("event", "contacts.note", "contact:8")]),
        ("task in a list in a list", [("event", "task.update", "lead:9")]),
        ("accepted", [("event", "unsorted.delete", "lead:4")]),
        ("template", [("event", "template.add", "tenant")]),
        ("catalog", [("event", "catalogs.add", "tenant")]),
        ("customer", [("event", "customers.add", "tenant")]),
        ("stage hook", [("event", "leads.mail_in", "lead:5")]),
        ("talk closed", [("event", "talk.update", "contact:3")]),
        ("outgoing of a bot", [("event", "outgoing_message.add", CHAT)]),
        ("unknown entity", [("event", "planets.add", "tenant")]),
        ("nothing", []),
    ],
)
def test_shapes(shape: str, expected: list[tuple[str, str, str]]) -> None:
    assert places(SHAPES[shape]) == expected


def test_no_shape_is_without_a_test() -> None:
    assert len(SHAPES) == 19


def test_a_message_is_stored_once_from_whichever_side_it_is_seen() -> None:
    incoming, outgoing = message(0, type="outgoing"), message(0, "outgoing_message")
    keys = {event.dedupe_key for fields in (incoming, outgoing) for event in route(form(fields))}
    assert keys == {"kommo:42:00000000-0000-4000-8000-000000000000"}


def test_events_without_an_id_are_one_if_they_are_identical() -> None:
    lead = {"leads[update][0][id]": 5, "leads[update][0][updated_at]": 1_700_000_000, "leads[update][0][price]": 1}
    (first,), (same,) = route(form(lead)), route(form(dict(reversed(lead.items()))))
    (other,) = route(form(lead | {"leads[update][0][price]": 2}))
    assert first.dedupe_key == same.dedupe_key != other.dedupe_key
    assert first.dedupe_key.startswith("kommo-event:42:leads.update:5:1700000000:")
    both = route(form(lead | {k.replace("update]", "status]"): v for k, v in lead.items()}))
    assert len({event.dedupe_key for event in both}) == 2


@pytest.mark.parametrize("changes", [{"chat_id": None}, {"chat_id": "a b"}, {"chat_id": "tenant"}, {"chat_id": "lead:5"}])
def test_a_message_without_a_chat_is_kept_for_people(changes: dict[str, Any]) -> None:
    assert places(form(message(0, **changes))) == [("event", "message.add", "tenant")]


def test_a_message_without_an_id_is_kept_for_people() -> None:
    (event,) = route(form(message(0, id=None)))
    assert (event.kind, event.key, event.dedupe_key.partition(":")[0]) == ("event", "tenant", "kommo-event")


def test_a_body_that_was_cut_is_kept_whole() -> None:
    body = form(message(0)) + b"&x=" + b"&y" * 1_000 + b"&message[add][1][id]=lost"
    first, whole = route(body)
    assert first.kind == "message"
    stored = orjson.loads(whole.raw)
    assert (stored["entity"], stored["item"]["body"].encode("latin-1"), stored["item"]["events"]) == ("cut", body, "1")


def test_the_account_is_read_wherever_it_stands() -> None:
    assert account_of(parse_form(SAMPLES["leads_add"])) == "93962027"
    assert account_of(parse_form(SAMPLES["message_add_telegram"])) == "11652539"
    assert account_of(parse_form(SAMPLES["message_add_doc"])) == ""
