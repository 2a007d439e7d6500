"""What is done in Kommo, against the strict fake: once, about the right lead, whatever goes wrong on the way."""

import asyncio
from typing import Any

import pytest

from storage.actions import Actions
from tests.integration.kommo.acting import acting, ask, chat, ended, look
from tests.integration.kommo.office import CHAT, Office

TELEGRAM: dict[str, Any] = {"name": "Anna"}
LEAD = ("kommo.lead", {"name": "Order"})
TASK = ("kommo.task", {"text": "Call back", "due_at": 2_000_000_000})


async def test_a_lead_of_somebody_new_its_contact_and_what_is_done_with_them(office: Office) -> None:
    account = await office.with_token()
    bot, _ = await office.shop.add_bot("700")
    found = await look(office.kommo)
    pipeline, user = found["pipelines"][0], found["users"][0]["id"]
    size = next(field["id"] for field in found["fields"] if field["entity_type"] == "leads")
    turn = (
        ("kommo.contact", {"name": "Anna", "phone": "+7 999 123-45-67"}),
        LEAD,
        ("kommo.move", {"pipeline": pipeline["id"], "stage": 142}),
        ("kommo.fields", {"on": "lead", "fields": {str(size): "L"}, "price": "1 200"}),
        ("kommo.tags", {"on": "lead", "tags": ["hot", "spring"]}),
        ("kommo.note", {"on": "contact", "text": "Asked for spring"}),
        ("kommo.responsible", {"on": "contact", "user": user}),
        TASK,
    )
    await ask(office, bot, "5", *turn, state=TELEGRAM)
    async with acting(office):
        rows = await ended(office)
    assert [(row["state"], row["attempts"], row["error"]) for row in rows] == [("done", 1, None)] * len(turn)
    there = await look(office.kommo)
    [contact], [lead], [note], [task] = there["contacts"], there["leads"], there["notes"], there["tasks"]
    assert (contact["name"], contact["custom_fields_values"][0]["values"][0]["value"]) == ("Anna", "+7 999 123-45-67")
    assert (lead["name"], lead["status_id"], lead["price"]) == ("Order", 142, 1200)
    assert lead["custom_fields_values"] == [{"field_id": size, "values": [{"value": "L"}]}]
    assert [tag["name"] for tag in lead["_embedded"]["tags"]] == ["Callboard", "hot", "spring"]
    assert lead["_embedded"]["contacts"] == [{"id": contact["id"], "is_main": True}]
    assert (note["entity_id"], note["params"]["text"].partition("\n")[0]) == (contact["id"], "Asked for spring")
    assert (task["entity_id"], task["complete_till"]) == (lead["id"], 2_000_000_000)
    assert rows[1]["result"] == {"integration": str(account.integration_id), "lead_id": lead["id"], "found": False}
    assert office.kommo.most_in_a_second() <= 7


async def test_what_is_there_is_found(office: Office) -> None:
    """The lead of a chat; the contact of a number, however it is written; the open lead of a contact, not a closed one."""
    account = await office.with_token()
    bot, _ = await office.shop.add_bot("700")
    talk = await office.kommo.talk(CHAT)
    about = {"reply_to": {"entity_type": "lead", "entity_id": str(talk["entity_id"]), "contact_id": str(talk["contact_id"])}}
    await ask(office, account.integration_id, CHAT, LEAD, TASK, state=about)
    phone = [{"field_code": "PHONE", "values": [{"value": "8 (999) 123-45-67"}]}]
    known = await office.kommo.control("person-adds", account=1, kind="contacts", name="Anna", custom_fields_values=phone)
    embedded = {"contacts": [{"id": known["id"]}]}
    await office.kommo.control("person-adds", account=1, kind="leads", name="Lost", status_id=143, _embedded=embedded)
    open_lead = await office.kommo.control("person-adds", account=1, kind="leads", name="Open", _embedded=embedded)
    await asyncio.sleep(1.0)  # until Kommo's search knows of what a person made
    await ask(office, bot, "5", ("kommo.contact", {"name": "A.", "phone": "+79991234567"}), LEAD, state=TELEGRAM)
    async with acting(office):
        rows = await ended(office)
    assert [row["result"].get("lead_id") for row in rows] == [talk["entity_id"], talk["entity_id"], None, open_lead["id"]]
    assert rows[2]["result"]["contact_id"] == known["id"]
    assert [entry["kind"] for entry in office.kommo.entries("made")] == ["contacts", "leads", "leads", "tasks"]


async def test_turns_that_race_for_a_contact_make_one_contact_and_one_lead(office: Office) -> None:
    """Eight chats of one number, in a Kommo whose search does not know of what is new."""
    await office.with_token()
    await office.kommo.control("account", id=1, index_lag_s=3600)
    bot, _ = await office.shop.add_bot("700")
    wanted = ("kommo.contact", {"name": "Anna", "phone": "+79991234567"})
    for key in range(8):
        await ask(office, bot, str(key), wanted, LEAD, state=TELEGRAM)
    async with acting(office):
        rows = await ended(office)
    assert {row["state"] for row in rows} == {"done"}
    there = await look(office.kommo)
    assert (len(there["contacts"]), len(there["leads"])) == (1, 1)
    assert sum(row["result"]["found"] is False for row in rows) == 2


@pytest.mark.parametrize("fault", ["hang_after", "reset_after", "error_504_after", "garbage_after", "error_500_before", "too_many"])
async def test_no_double_whatever_the_answer(office: Office, fault: str) -> None:
    """Taken and not answered, or not taken and not answered: the next try looks. The name is all there is to look for."""
    await office.with_token()
    bot, _ = await office.shop.add_bot("700")
    turn = (("kommo.contact", {"name": "Anna"}), LEAD, TASK, ("kommo.note", {"text": "Hello"}))
    kinds = ("contacts", "leads", "tasks", "notes")
    for path in kinds:
        await office.kommo.fault(fault, path=f"/{path}", method="POST", seconds=3.0)
    await ask(office, bot, "5", *turn, state=TELEGRAM)
    await ask(office, bot, "6", *turn, state=TELEGRAM)  # another Anna
    async with acting(office):
        rows = await ended(office)
    assert {row["state"] for row in rows} == {"done"}
    assert sum(row["attempts"] - 1 for row in rows) >= len(kinds)
    there = await look(office.kommo)
    assert {name: len(there[name]) for name in kinds} == dict.fromkeys(kinds, 2)


async def test_what_cannot_be_done_says_why_and_what_depends_on_it_too(office: Office) -> None:
    bot, _ = await office.shop.add_bot("700")
    await ask(office, bot, "1", LEAD)
    async with acting(office):
        [row] = await ended(office)
        assert (row["state"], row["error"]) == ("failed", "this agent has no Kommo account: connect one")
        await office.with_token()
        await ask(office, bot, "2", TASK)
        await ask(office, bot, "3", ("kommo.lead", {"name": "Order", "pipeline": 4711, "stage": 1}), TASK)
        _, lonely, wrong, dependent = await ended(office)
    assert (lonely["state"], lonely["error"]) == ("failed", "no lead in Kommo is known here: let the rule find or create one before")
    assert wrong["error"] == "Kommo: 400 Request validation failed; pipeline_id: NotSupportedChoice"
    assert dependent["error"] == f"the lead was not made: {wrong['error']}"
    assert office.kommo.entries("made") == []


async def test_a_person_may_try_again_what_looks_first(office: Office) -> None:
    await office.with_token()
    bot, _ = await office.shop.add_bot("700")
    await ask(office, bot, "1", LEAD, TASK)
    async with acting(office):
        _, task = await ended(office)
        await office.shop.owner.execute("update actions set state = 'unknown' where id = $1", task["id"])
        assert await Actions(office.shop.api).retry(office.shop.tenant_id, task["id"], "olga")
        _, again = await ended(office)
    assert (again["state"], again["result"]["found"]) == ("done", True)
    assert len((await look(office.kommo))["tasks"]) == 1


async def test_a_command_goes_to_the_leads_chat(office: Office) -> None:
    account = await office.with_token()
    talk = await office.kommo.talk(CHAT)
    alone = await office.kommo.control("person-adds", account=1, kind="leads", name="Alone")
    command = ("kommo.tell", {"actions": [{"do": "send", "text": {"en": "Hello"}}], "name": "Hello"})
    for lead in (talk["entity_id"], alone["id"]):
        await ask(office, account.integration_id, f"lead:{lead}", command)
    await chat(office, account.integration_id, CHAT)
    async with acting(office):
        told, not_told = await ended(office)
    assert (told["state"], told["result"]["chat_id"]) == ("done", CHAT)
    assert (not_told["state"], not_told["error"]) == ("failed", "the lead has no chat in Kommo: nothing was said")
    rows = await office.shop.owner.fetch("select key, kind from inbox where kind = 'result'")
    assert [tuple(row) for row in rows] == [(CHAT, "result")]
