"""Rules on events of Kommo, from its webhook to what is done there and back: a real host, the strict fake, its webhooks."""

import time
from typing import Any

import orjson
import pytest
from aiohttp import web

from actors.domain.ids import Address
from actors.ports.inbox import NewInput
from actors.ports.kommo import KommoAccount
from integrations.kommo.account_api import subscribe
from integrations.kommo.forms import parse_form
from integrations.kommo.routing import routed
from storage.enrolling import PostgresSequences
from storage.inbox import PostgresInbox
from storage.rule_hooks import RuleHooks
from tests.integration.host_lab import HostLab
from tests.integration.kommo.acting import OPEN, acting, look
from tests.integration.kommo.office import CHAT, Office
from tests.unit.kommo.samples import form

WON = {"all": [{"fact": "lead.status", "op": "is", "value": "142"}]}
HELLO = {"do": "send", "text": {"en": "You have got it!"}}
TASK = {"do": "crm_task", "text": "Congratulate on {lead.name}", "due_s": 3600}


def rules(stage: tuple[int, int], size: int) -> list[dict[str, Any]]:
    """A change of the lead by a rule is the very event that it waits for."""
    fill = {"do": "crm_fields", "fields": {str(size): "L"}}
    back = {"do": "crm_move", "pipeline": stage[0], "stage": stage[1]}
    return [
        {"id": "won", "trigger": {"on": "lead_moved"}, "when": WON, "actions": [TASK, HELLO]},
        {"id": "lost", "trigger": {"on": "lead_moved"}, "actions": [back, {"do": "crm_tags", "tags": ["again"]}]},
        {"id": "changed", "trigger": {"on": "lead_updated"}, "when": {"not": WON}, "actions": [fill]},
        {"id": "new", "trigger": {"on": "lead_added"}, "actions": [{"do": "crm_note", "text": "Hello, {lead.name}"}]},
    ]


@pytest.fixture
async def lab(office: Office) -> HostLab:
    return HostLab(office.shop)


class Receiver:
    """Our webhook, as far as it stores events."""

    def __init__(self, office: Office, account: KommoAccount) -> None:
        self._office = office
        self._account = account

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        news = [
            NewInput(self._account.tenant_id, Address(self._account.integration_id, event.key), event.kind, event.dedupe_key, event.raw)
            for event in routed("1", parse_form(body), body)
        ]
        await PostgresInbox(self._office.shop.engine).ingest(news)
        return web.Response()

    async def open(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/", self.receive)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        await subscribe(self._office.client(), self._account, url)
        return runner


async def test_events_wake_rules_our_own_changes_do_not_and_words_reach_the_chat(office: Office, lab: HostLab) -> None:
    there = await look(office.kommo)
    pipeline = there["pipelines"][0]
    size = next(field["id"] for field in there["fields"] if field["entity_type"] == "leads")
    persona = {"name": "Anna", "languages": ["en"], "debounce_s": 0.0}
    office.shop.agent_id = await lab.add_agent({"persona": persona, "rules": rules((pipeline["id"], 1), size)})
    account = await office.with_token()
    runner = await Receiver(office, account).open()
    quiet = f"not exists (select from inbox where state = 'pending') and not exists ({OPEN})"
    try:
        async with lab.running(lab.host()), acting(office):
            talk = await office.kommo.talk(CHAT)
            await office.kommo.control("person-changes", account=1, kind="leads", id=talk["entity_id"], status_id=142)
            await office.shop.until(f"exists (select from messages) and {quiet}", 60)
            alone = await office.kommo.control("person-adds", account=1, kind="leads", name="Alone")
            await office.kommo.control("person-changes", account=1, kind="leads", id=alone["id"], status_id=143)
            await office.shop.until(f"(select count(*) from actions) >= 8 and {quiet}", 60)
    finally:
        await runner.cleanup()
    there = await look(office.kommo)
    asked = await office.shop.owner.fetch("select kind, state, rule, error from actions order by id")
    by_rule = [(row["rule"], row["kind"], row["state"]) for row in asked]
    # Each lead was changed once by a person. What rules changed was heard of, and woke nobody.
    assert sorted(by_rule) == sorted(
        [
            ("won", "kommo.task", "done"),
            ("won", "kommo.tell", "done"),
            *[("lost", "kommo.move", "done"), ("lost", "kommo.tags", "done")] * 2,
            ("new", "kommo.note", "done"),
            ("changed", "kommo.fields", "done"),
        ]
    )
    lead = next(item for item in there["leads"] if item["id"] == alone["id"])
    assert (lead["status_id"], [tag["name"] for tag in lead["_embedded"]["tags"]]) == (1, ["again"])
    [said] = await office.shop.owner.fetch("select m.body, c.key from messages m join conversations c on c.id = m.conversation_id")
    assert tuple(said) == ("You have got it!", CHAT)
    heard = await office.shop.owner.fetchval("select count(*) from activity_logs where kind in ('lead.updated', 'lead.moved')")
    assert heard > 4  # ours came back and are in the activity


async def test_a_closed_task_wakes_a_rule_once_though_kommo_tells_of_it_twice(office: Office, lab: HostLab) -> None:
    note = {"do": "crm_note", "text": "Done: {task.text} ({task.result})"}
    done = {"all": [{"fact": "task.kind", "op": "is", "value": "1"}]}
    persona = {"name": "Anna", "languages": ["en"], "debounce_s": 0.0}
    closed = {"id": "closed", "trigger": {"on": "task_closed"}, "when": done, "actions": [note]}
    office.shop.agent_id = await lab.add_agent({"persona": persona, "rules": [closed]})
    account = await office.with_token()
    lead = await office.kommo.control("person-adds", account=1, kind="leads", name="Olga")
    task = {"id": 7, "element_type": 2, "element_id": lead["id"], "task_type": 1, "text": "Call", "action_close": 1}
    quiet = f"not exists (select from inbox where state = 'pending') and not exists ({OPEN})"
    async with lab.running(lab.host()), acting(office):
        for updated_at in (1_700_000_000, 1_700_000_001):
            fields = {**task, "updated_at": updated_at, "result][text": "Agreed"}
            body = form({f"task[update][0][{name}]": value for name, value in fields.items()})
            news = [
                NewInput(account.tenant_id, Address(account.integration_id, event.key), event.kind, event.dedupe_key, event.raw)
                for event in routed("1", parse_form(body), body)
            ]
            await PostgresInbox(office.shop.engine).ingest(news)
            await office.shop.until(f"exists (select from actions) and {quiet}", 60)
    [action] = await office.shop.owner.fetch("select kind, state, rule, result from actions")
    assert (action["kind"], action["state"], action["rule"]) == ("kommo.note", "done", "closed")
    texts = [item["params"]["text"] for item in (await look(office.kommo))["notes"] if item["entity_id"] == lead["id"]]
    assert [text.partition("\n")[0] for text in texts] == ["Done: Call (Agreed)"]
    assert await office.shop.owner.fetchval("select count(*) from activity_logs where kind = 'task.closed'") == 2


async def test_a_sequence_acts_in_kommo(office: Office, lab: HostLab) -> None:
    persona = {"name": "Anna", "languages": ["en"], "debounce_s": 0.0}
    begin = {
        "id": "begin",
        "trigger": {"on": "message_received"},
        "actions": [{"do": "start_sequence", "sequence": "silent"}, {"do": "stop"}],
    }
    steps = [
        {"do": "crm_contact", "name": "{contact.name}"},
        {"do": "crm_lead", "name": "{contact.name} is silent"},
        {"do": "crm_task", "text": "Call {contact.name}", "due_s": 3600},
    ]
    silent = {"id": "silent", "steps": steps, "stops_on": []}
    office.shop.agent_id = await lab.add_agent({"persona": persona, "rules": [begin], "sequences": [silent]})
    await office.with_token()
    bot, _ = await office.shop.add_bot("700")
    message = {"message_id": 1, "date": 0, "text": "Hi", "chat": {"id": 5, "type": "private"}, "from": {"id": 5, "first_name": "Olga"}}
    raw = orjson.dumps({"update_id": 1, "message": {**message, "date": int(time.time())}})
    new = NewInput(office.shop.tenant_id, Address(bot, "5"), "message", "telegram:700:1", raw)
    async with lab.running(lab.host()), acting(office):
        await PostgresInbox(office.shop.engine).ingest([new])
        await office.shop.until("exists (select from enrollments)", 60)
        await PostgresSequences(office.shop.engine).fire(10)
        await office.shop.until(f"(select count(*) from actions) = 3 and not exists ({OPEN})", 60)
    there = await look(office.kommo)
    [contact], [lead], [task] = there["contacts"], there["leads"], there["tasks"]
    assert (contact["name"], lead["name"], task["entity_id"]) == ("Olga", "Olga is silent", lead["id"])
    assert task["text"].partition("\n")[0] == "Call Olga"
    asked = await office.shop.owner.fetch("select distinct rule, state from actions")
    assert [tuple(row) for row in asked] == [("sequence:silent", "done")]


async def test_a_lead_that_a_person_moves_ends_the_runs_of_its_chats_and_our_own_move_ends_none(office: Office, lab: HostLab) -> None:
    there = await look(office.kommo)
    pipeline = there["pipelines"][0]
    persona = {"name": "Anna", "languages": ["en"], "debounce_s": 0.0}
    begin = [
        {
            "id": channel,
            "trigger": {"on": "message_received"},
            "when": {"all": [{"fact": "conversation.channel", "op": "is", "value": channel}]},
            "actions": [*[{"do": "start_sequence", "sequence": name} for name in names], {"do": "stop"}],
        }
        for channel, names in (("telegram", ("made", "deaf")), ("kommo", ("chat",)))
    ]
    day = {"do": "wait", "days": 1}
    made = {
        "id": "made",
        "steps": [
            {"do": "crm_lead", "name": "{contact.name}"},
            {"do": "crm_move", "pipeline": pipeline["id"], "stage": 142},
            day,
            {"do": "send", "text": {"en": "Still there?"}},
        ],
        "stops_on": ["lead_moved"],
    }
    deaf = {"id": "deaf", "steps": [day, {"do": "send", "text": {"en": "Hello again"}}], "stops_on": ["replied"]}
    chat = {"id": "chat", "steps": made["steps"][2:], "stops_on": ["lead_moved"]}
    office.shop.agent_id = await lab.add_agent({"persona": persona, "rules": begin, "sequences": [made, deaf, chat]})
    account = await office.with_token()
    talk = await office.kommo.talk(CHAT)
    bot, _ = await office.shop.add_bot("700")
    raws = [orjson.dumps({"update_id": n, "message": {"message_id": n, "date": int(time.time()), "text": "Hi", **of(n)}}) for n in (1, 2)]
    news = [NewInput(office.shop.tenant_id, Address(bot, str(n)), "message", f"telegram:700:{n}", raw) for n, raw in enumerate(raws, 1)]
    runner = await Receiver(office, account).open()
    quiet = f"not exists (select from inbox where state = 'pending') and not exists ({OPEN})"
    try:
        async with lab.running(lab.host()), acting(office):
            await PostgresInbox(office.shop.engine).ingest(news)
            await office.kommo.control("customer", account=1, talk_id=talk["talk_id"], text="Hi")
            await office.shop.until("(select count(*) from enrollments) = 5", 60)
            await PostgresSequences(office.shop.engine).fire(10)
            # Each chat has a lead of its own, which its own run moved: Kommo told of it, and nothing ended.
            moves = "(select count(*) from activity_logs where kind = 'lead.moved')"
            await office.shop.until(f"(select count(*) from actions where state = 'done') = 4 and {moves} = 2 and {quiet}", 60)
            assert await _ends(office) == []
            leads = {lead["name"]: lead["id"] for lead in (await look(office.kommo))["leads"]}
            await office.kommo.control("person-changes", account=1, kind="leads", id=leads["Olga 1"], status_id=143)
            await office.kommo.control("person-changes", account=1, kind="leads", id=talk["entity_id"], status_id=143)
            await office.shop.until(f"{moves} = 4 and {quiet}", 60)
            ended = ("stopped", "lead_moved", f"{pipeline['id']}:143")
            assert await _ends(office) == [("1", "made", *ended), (CHAT, "chat", *ended)]
            await office.shop.owner.execute("update enrollments set next_at = next_at - interval '2 days' where next_at is not null")
            await PostgresSequences(office.shop.engine).fire(10)
            await office.shop.until(f"(select count(*) from messages where mode = 'step') = 3 and {quiet}", 60)
    finally:
        await runner.cleanup()
    said = await office.shop.owner.fetch(
        "select c.key, m.body from messages m join conversations c on c.id = m.conversation_id where mode = 'step' order by 1, 2"
    )
    assert [tuple(row) for row in said] == [("1", "Hello again"), ("2", "Hello again"), ("2", "Still there?")]


def of(number: int) -> dict[str, Any]:
    return {"chat": {"id": number, "type": "private"}, "from": {"id": number, "first_name": f"Olga {number}"}}


async def _ends(office: Office) -> list[tuple[Any, ...]]:
    rows = await office.shop.owner.fetch(
        "select c.key, e.key as sequence, e.state, e.reason, a.data ->> 'detail' as detail"
        " from enrollments e join conversations c on c.id = e.conversation_id"
        " left join activity_logs a on a.conversation_id = c.id and a.kind = 'sequence.stopped' where e.state not in ('active', 'paused')"
        " order by c.key"
    )
    return [tuple(row) for row in rows]


async def test_each_call_of_the_companys_own_system_is_about_somebody_else(office: Office, lab: HostLab) -> None:
    persona = {"name": "Anna", "languages": ["en"], "debounce_s": 0.0}
    made = [{"do": "crm_contact", "name": "{hook.name}"}, {"do": "crm_lead", "name": "Order {hook.order}"}]
    form_sent = {"id": "form", "trigger": {"on": "webhook"}, "actions": [*made, {"do": "crm_note", "text": "From the site"}]}
    office.shop.agent_id = await lab.add_agent({"persona": persona, "rules": [form_sent]})
    await office.with_token()
    hook = await RuleHooks(office.shop.api, office.shop.box).of(office.shop.tenant_id, office.shop.agent_id)
    assert hook is not None
    bodies = [{"name": "Olga", "order": 1}, {"name": "Boris", "order": 2}, {"name": "Olga", "order": 3}]
    raws = [orjson.dumps({"kind": "webhook", "payload": {"rule": "form", "body": body}}) for body in bodies]
    where = Address(hook.integration_id, "rule:form")
    news = [NewInput(office.shop.tenant_id, where, "result", f"rule:{number}", raw) for number, raw in enumerate(raws)]
    async with lab.running(lab.host()), acting(office):
        await PostgresInbox(office.shop.engine).ingest(news)
        await office.shop.until(f"(select count(*) from actions) = 9 and not exists ({OPEN})", 60)
    there = await look(office.kommo)
    names = {contact["id"]: contact["name"] for contact in there["contacts"]}
    leads = sorted((lead["name"], names[lead["_embedded"]["contacts"][0]["id"]]) for lead in there["leads"])
    assert leads == [("Order 1", "Olga"), ("Order 2", "Boris"), ("Order 3", "Olga")]
    assert len(names) == len({note["entity_id"] for note in there["notes"]}) == 3
