"""Sequences over the API: written, checked, tried on dates, and their runs moved by hand."""

from typing import Any

import asyncpg
import pytest

from tests.integration.gateway.desk import Desk

PLAN: dict[str, Any] = {
    "name": "Follow up",
    "key": "follow",
    "timezone": "Europe/Berlin",
    "hours": {"from": "09:00", "to": "18:00"},
    "steps": [
        {"id": "hello", "do": "send", "text": {"en": "Hello"}},
        {"do": "wait", "days": 1},
        {"do": "send", "text": {"en": "Still there?"}},
    ],
}


@pytest.fixture
async def sequences(desk: Desk) -> str:
    """The path of the sequences of a new agent."""
    return f"{await desk.agent()}/sequences"


async def test_a_sequence_is_written_replaced_deleted_and_brought_back(desk: Desk, sequences: str) -> None:
    created = await desk.do("POST", sequences, PLAN, expect=201)
    assert [step["id"] for step in created["steps"]] == ["hello", "s2", "s3"]
    assert (created["stops_on"], created["again"], created["published"]) == (["replied", "handed_off"], "never", False)
    one = f"{sequences}/{created['id']}"
    assert await desk.do("GET", one, level="viewer") == created
    await desk.do("POST", sequences, PLAN, expect=409)
    body = {**PLAN, "enabled": False, "goal": {"fact": "variable.booked", "op": "known"}}
    await desk.do("PUT", one, body, expect=428)
    replaced = await desk.do("PUT", one, body, match=created["etag"])
    assert (replaced["enabled"], replaced["goal"], replaced["etag"]) == (False, body["goal"], '"2"')
    await desk.do("PUT", one, body, match=created["etag"], expect=412)
    await desk.do("DELETE", one, match='"2"', level="operator", expect=403)
    await desk.do("DELETE", one, match='"2"', expect=204)
    assert (await desk.do("GET", sequences))["items"] == []
    assert [item["key"] for item in (await desk.do("GET", f"{sequences}?deleted=true"))["items"]] == ["follow"]
    assert (await desk.do("POST", f"{one}/restore"))["deleted_at"] is None


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "/name"),
    ({"steps": []}, "/steps"),
    ({"steps": [{"do": "send", "text": {}}]}, "/steps/0/text"),
    ({"steps": [{"do": "send_script", "script": "nothing"}]}, "/steps/0/script"),
    ({"steps": [{"do": "wait", "days": 1}, {"do": "crm_note", "text": "Silent"}]}, "/steps/1/do"),  # no account is connected
    ({"hours": {"from": "9"}}, "/hours/from"),
    ({"timezone": "Mars"}, "/timezone"),
    ({"goal": {"fact": "message.txt", "op": "is", "value": 1}}, "/goal/fact"),
    ({"unknown": 1}, "/unknown"),
]


async def test_a_fault_is_refused_with_its_place(desk: Desk, sequences: str) -> None:
    for change, pointer in FAULTS:
        refused = await desk.do("POST", sequences, {**PLAN, **change}, expect=422)
        assert [flaw["pointer"] for flaw in refused["errors"]] == [pointer]


async def test_it_is_checked_and_tried_on_dates_while_it_is_written(desk: Desk, sequences: str) -> None:
    draft = {"sequence": {key: value for key, value in PLAN.items() if key != "key"}}
    assert await desk.do("POST", f"{sequences}/validate", draft, level="viewer") == {"valid": True, "problems": [], "etag": ""}
    bad = await desk.do("POST", f"{sequences}/validate", {"sequence": {"name": "x", "steps": [{"do": "wait"}]}})
    assert [problem["pointer"] for problem in bad["problems"]] == ["/steps/0/seconds"]
    start = {**draft, "start": "2026-10-23T20:00:00+00:00"}
    shown = await desk.do("POST", f"{sequences}/preview", start)
    assert [(item["number"], item["local"]) for item in shown["items"]] == [
        (1, "2026-10-24T09:00+02:00"),
        (3, "2026-10-25T09:00+01:00"),
    ]
    tokyo = await desk.do("POST", f"{sequences}/preview", {**start, "timezone": "Asia/Tokyo"})
    assert (tokyo["timezone"], tokyo["items"][0]["local"]) == ("Asia/Tokyo", "2026-10-24T09:00+09:00")
    await desk.do("POST", f"{sequences}/preview", {**start, "timezone": "Mars"}, expect=422)
    await desk.do("POST", f"{sequences}/preview", draft, expect=422)


async def test_a_rule_may_only_name_a_sequence_that_there_is(desk: Desk, sequences: str) -> None:
    rules = sequences.removesuffix("sequences") + "rules"
    start = {"do": "start_sequence", "sequence": "follow"}
    rule = {"name": "Begin", "trigger": {"on": "message_received"}, "actions": [start]}
    refused = await desk.do("POST", rules, rule, expect=422)
    assert [flaw["pointer"] for flaw in refused["errors"]] == ["/actions/0/sequence"]
    await desk.do("POST", sequences, PLAN, expect=201)
    await desk.do("POST", rules, rule, expect=201)
    await desk.do("POST", sequences.removesuffix("sequences") + "publish", {})


async def test_runs_are_listed_stopped_skipped_and_begun_anew(desk: Desk, sequences: str, database: str) -> None:
    created = await desk.do("POST", sequences, PLAN, expect=201)
    one = f"{sequences}/{created['id']}"
    agent = sequences.removesuffix("/sequences").rpartition("/")[2]
    owner = await asyncpg.connect(database)
    try:
        conversation = await owner.fetchval(
            """
            insert into conversations (tenant_id, integration_id, kind, key, partition)
            select tenant_id, id, 'chat', 'c1', 1 from integrations where agent_id = $1 returning id""",
            agent,
        )
        whom = {"conversation_id": str(conversation)}
        await desk.do("POST", f"{one}/enrollments", whom, expect=409)
        await desk.do("POST", sequences.removesuffix("sequences") + "publish", {})
        await desk.do("POST", f"{one}/enrollments", {"conversation_id": "999"}, expect=404)
        run = await desk.do("POST", f"{one}/enrollments", whom, level="operator", expect=201)
        assert (run["state"], run["step"], run["steps"], run["does"], run["latest"]) == ("active", 1, 3, "send", True)
        here = f"{one}/enrollments/{run['id']}"
        assert (await desk.do("POST", f"{here}/skip"))["step"] == 2
        assert (await desk.do("GET", one))["runs"]["active"] == 1
        paused = await desk.do("POST", f"{one}/pause")
        assert (paused["runs"]["paused"], paused["paused_at"] is not None) == (1, True)
        assert (await desk.do("POST", f"{one}/resume"))["runs"]["active"] == 1
        stopped = await desk.do("POST", f"{here}/stop")
        assert (stopped["state"], stopped["reason"]) == ("stopped", "by_hand")
        await desk.do("POST", f"{here}/stop", expect=409)
        assert [item["id"] for item in (await desk.do("GET", f"{one}/enrollments?state=stopped"))["items"]] == [run["id"]]
        assert (await desk.do("GET", f"{one}/enrollments?state=active"))["items"] == []
        again = await desk.do("POST", f"{here}/restart")
        assert (again["state"], again["run"], again["step"]) == ("active", 2, 1)
        assert await desk.do("POST", f"{one}/move") == {"moved": 0, "left": 0, "etag": ""}
        await desk.do("POST", f"{here}/stop", level="viewer", expect=403)
    finally:
        await owner.close()
