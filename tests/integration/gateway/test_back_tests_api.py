"""Back-tests over the API: asked for, carried out by the worker of an installation, read event by event."""

from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.integration.gateway.company import Company
from tests.integration.gateway.desk import DELIVERY, Desk
from tests.integration.gateway.host_process import host
from tests.integration.gateway.test_jobs_api import ended

NOTE = {"do": "notify", "text": "look"}


def asks(word: str, **more: Any) -> dict[str, Any]:
    when = {"all": [{"fact": "message.text", "op": "contains", "value": word}]}
    return {"name": word, "key": "r", "trigger": {"on": "message_received"}, "when": when, "actions": [NOTE], **more}


async def done(desk: Desk, path: str, body: Any) -> tuple[str, Any]:
    """Ask for a back-test; return its path and its result."""
    asked = await desk.do("POST", path, body, expect=202)
    job = await ended(desk, asked["job_id"])
    assert (job["name"], job["state"], job["error"]) == ("rules:back-test", "done", None)
    one = f"/api/back-tests/{asked['job_id']}"
    found = await desk.do("GET", one, level="viewer")
    assert (found["state"], found["progress"]["done"]) == ("done", found["progress"]["total"])
    return one, found["result"]


async def test_a_rule_and_a_change_of_it_are_tried_on_what_customers_wrote(
    desk: Desk, company: Company, database: str, redis_url: str, tmp_path: Path, sync: None
) -> None:
    agent = await desk.agent()
    await desk.do("POST", f"{agent}/scripts", DELIVERY, expect=201)
    await desk.do("POST", f"{agent}/publish", {})
    agent_id, path = agent.rpartition("/")[2], f"{agent}/rules/back-test"
    with host(database, redis_url, tmp_path):
        for text in ("delivery at night?", "delivery?", "good night", "a parrot"):
            await desk.do("POST", "/api/chat", {"agent_id": agent_id, "text": text})
    # Not saved yet, and the agent had no rules when customers wrote.
    one, result = await done(desk, path, {"rule": asks("night"), "days": 3})
    assert (result["turns"], result["events"], result["saved"], result["gained"], result["lost"]) == (4, 4, None, 0, 0)
    assert (result["tried"]["fired"], result["tried"]["reasons"]) == (2, [{"reason": "message.text contains night", "events": 2}])
    fired = (await desk.do("GET", f"{one}/events?outcome=fired", level="viewer"))["items"]
    assert [event["text"] for event in fired] == ["good night", "delivery at night?"]
    assert {event["on"] for event in fired} == {"message_received"}
    page = await desk.do("GET", f"{one}/events?outcome=missed&reason=message.text contains night&limit=1")
    rest = await desk.do("GET", f"{one}/events?outcome=missed&reason=message.text contains night&limit=1&cursor={page['next']}")
    assert [event["text"] for event in (*page["items"], *rest["items"])] == ["a parrot", "delivery?"]

    known = await desk.do("POST", f"{agent}/rules", asks("night"), expect=201)
    _, saved = await done(desk, path, {"rule_id": known["id"]})
    assert (saved["tried"]["fired"], saved["saved"]) == (2, None)
    one, change = await done(desk, path, {"rule_id": known["id"], "rule": asks("delivery")})
    assert (change["tried"]["fired"], change["saved"]["fired"], change["gained"], change["lost"]) == (2, 2, 1, 1)
    [lost] = (await desk.do("GET", f"{one}/events?outcome=lost"))["items"]
    assert (lost["text"], lost["reason"], lost["saved_reason"]) == ("good night", "message.text contains delivery", "")
    tagged = {"not": {"fact": "conversation.tags", "op": "has", "value": "vip"}}
    _, unknown = await done(desk, path, {"rule": {**asks("x"), "when": tagged}})
    assert (unknown["tried"]["fired"], unknown["tried"]["unknown"]) == (0, [{"fact": "conversation.tags", "events": 4}])
    _, by_script = await done(
        desk, path, {"rule": {**asks("x"), "trigger": {"on": "script_matched", "of": "delivery"}, "when": {"all": []}}}
    )
    assert (by_script["events"], by_script["tried"]["fired"]) == (2, 2)


async def test_what_cannot_be_tried_is_refused(desk: Desk, company: Company) -> None:
    agent = await desk.agent()
    path = f"{agent}/rules/back-test"
    for body, pointer in (
        ({}, "/rule"),
        ({"rule": asks("x", actions=[])}, "/actions"),
        ({"rule": asks("x"), "days": 91}, "/days"),
        ({"rule": asks("x"), "days": 0}, "/days"),
        ({"rule": asks("x"), "more": 1}, "/more"),
    ):
        refused = await desk.do("POST", path, body, expect=422)
        assert [flaw["pointer"] for flaw in refused["errors"]] == [pointer]
    await desk.do("POST", path, {"rule_id": str(uuid4())}, expect=404)
    await desk.do("POST", path, {"rule": asks("x")}, level="operator", expect=403)
    first = await desk.do("POST", path, {"rule": asks("x")}, expect=202)
    assert await desk.do("POST", path, {"rule": asks("x")}, expect=202) == first  # the same is on its way
    waiting = await desk.do("GET", f"/api/back-tests/{first['job_id']}", level="viewer")
    assert (waiting["state"], waiting["result"], waiting["days"]) == ("queued", None, 7)
    await desk.do("POST", f"/api/jobs/{first['job_id']}/cancel")
    assert (await desk.do("GET", f"/api/back-tests/{first['job_id']}"))["state"] == "cancelled"
    export = await desk.do("POST", "/api/exports/conversations", expect=202)
    for job_id in (uuid4(), export["job_id"]):
        await desk.do("GET", f"/api/back-tests/{job_id}", expect=404)
        await desk.do("GET", f"/api/back-tests/{job_id}/events", expect=404)
