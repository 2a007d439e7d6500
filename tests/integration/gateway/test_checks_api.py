"""Wrong answers made right, and the checks that keep them right: over the API, with the draft and what is published."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.gateway.desk import DELIVERY, Desk

PASSAGES = [
    {"id": "terms", "title": "Returns", "text": "Goods can be returned within 14 days with the receipt."},
    {"id": "gifts", "title": "Gift cards", "text": "We sell gift cards for any sum."},
]


async def shop(desk: Desk) -> str:
    """Return an agent with a script and passages, published."""
    agent = await desk.agent()
    await desk.do("POST", f"{agent}/scripts", DELIVERY, expect=201)
    known = await desk.do("GET", agent)
    await desk.do("PUT", f"{agent}/passages", {"passages": PASSAGES}, match=known["etag"])
    await desk.do("POST", f"{agent}/publish", {})
    return agent


async def run(desk: Desk, agent: str, version: Any = "draft") -> dict[str, Any]:
    done = await desk.do("POST", f"{agent}/checks/run", {"version": version})
    return {item["question"]: (item["outcome"], item["before"]) for item in done["items"]} | {"version": done["version"]}


async def test_a_wrong_answer_becomes_a_change_of_the_draft_and_a_check(desk: Desk) -> None:
    agent = await shop(desk)
    delivery = (await desk.do("GET", f"{agent}/scripts"))["items"][0]
    rights = {
        "will you carry it to me?": {"kind": "script", "script_id": delivery["id"]},
        "any parrots in stock?": {"kind": "new_script", "text": "Green ones."},
        "can I bring it back?": {"kind": "passage", "passage_id": "terms"},
        "what about vouchers?": {"kind": "new_passage", "text": "Vouchers are valid for a year."},
        "let me shout at somebody": {"kind": "handoff"},
    }
    for question, right in rights.items():
        fixed = await desk.do("POST", f"{agent}/corrections", {"question": question, "right": right, "message_id": "77"}, expect=201)
        assert fixed["outcome"] == "passed", fixed
        assert (fixed["message_id"], fixed["outcome_version"] > 1) == ("77", True)
    assert fixed["expects"] == "handoff"
    drafted = await run(desk, agent)
    assert drafted.pop("version") > 1
    assert drafted == {question: ("passed", "passed" if right["kind"] == "handoff" else "failed") for question, right in rights.items()}
    phrases = (await desk.do("GET", f"{agent}/scripts/{delivery['id']}"))["phrases"]
    assert phrases == ["delivery", "will you carry it to me?"]
    passages = {p["id"]: p for p in (await desk.do("GET", f"{agent}/passages"))["passages"]}
    assert passages["terms"]["questions"] == ["can I bring it back?"]
    listed = (await desk.do("GET", f"{agent}/checks", level="viewer"))["items"]
    assert [item["question"] for item in listed] == list(rights)
    assert {item["said"]["text"] for item in listed} >= {"Green ones.", "Vouchers are valid for a year.", PASSAGES[0]["text"]}


async def test_what_another_script_answered_is_corrected_and_corrected_again(desk: Desk) -> None:
    """Both scripts listen to the same words: the one that was written as the right answer comes first; the second time it is changed."""
    agent = await shop(desk)
    said = ["From 5,000 it is free.", "300 roubles, from 5,000 it is free."]
    for text in said:
        right = {"kind": "new_script", "text": text}
        fixed = await desk.do("POST", f"{agent}/corrections", {"question": "Delivery?", "language": "en", "right": right}, expect=201)
        assert (fixed["outcome"], fixed["said"]["text"]) == ("passed", text)
    scripts = (await desk.do("GET", f"{agent}/scripts"))["items"]
    assert [(s["phrases"], s["priority"]) for s in scripts] == [(["delivery"], 0), (["Delivery?"], 1)]
    assert [item["question"] for item in (await desk.do("GET", f"{agent}/checks"))["items"]] == ["Delivery?"]
    assert len((await desk.do("GET", f"{agent}/checks?deleted=true"))["items"]) == 1


async def test_checks_say_what_is_said_in_working_hours(desk: Desk) -> None:
    agent = await shop(desk)
    await desk.do("POST", f"{agent}/checks", {"question": "delivery?", "expected": {"kind": "text", "value": "300 ROUBLES"}}, expect=201)
    begins = datetime.now(UTC) + timedelta(hours=10)  # they are not now
    hours = {"from": f"{begins:%H}:00", "to": f"{begins:%H}:30"}
    known = await desk.do("GET", agent)
    await desk.do("PATCH", agent, {"persona": {"hours": hours, "timezone": "UTC"}}, match=known["etag"])
    assert (await run(desk, agent))["delivery?"][0] == "passed"


async def test_publishing_says_which_checks_it_would_break(desk: Desk) -> None:
    agent = await shop(desk)
    await desk.do("POST", f"{agent}/checks", {"question": "delivery?", "expected": {"kind": "text", "value": "300 ROUBLES"}}, expect=201)
    await desk.do("POST", f"{agent}/checks", {"question": "tigers?", "expected": {"kind": "text", "value": "no tigers"}}, expect=201)
    delivery = (await desk.do("GET", f"{agent}/scripts"))["items"][0]
    await desk.do("DELETE", f"{agent}/scripts/{delivery['id']}", match=delivery_tag(delivery), expect=204)
    refused = await desk.do("POST", f"{agent}/publish", {"note": "without delivery"}, expect=409)
    assert refused["detail"] == "1 checks fail that pass on what is published"
    assert [(i["question"], i["outcome"], i["before"]) for i in refused["run"]["items"]] == [
        ("delivery?", "failed", "passed"),
        ("tigers?", "failed", "failed"),
    ]
    assert (await desk.do("GET", agent))["published_version"] == 1
    published = await desk.do("POST", f"{agent}/publish", {"note": "without delivery", "despite_checks": True})
    assert published["current"]
    assert await run(desk, agent, "published") == {"delivery?": ("failed", None), "tigers?": ("failed", None), "version": 2}
    await desk.do("POST", f"{agent}/publish", {"note": "nothing new is broken"}, key="k")


def delivery_tag(script: dict[str, Any]) -> str:
    return f'"{script["version"]}"'


async def test_checks_are_deleted_and_brought_back(desk: Desk) -> None:
    agent = await shop(desk)
    check = await desk.do(
        "POST", f"{agent}/checks", {"question": "delivery?", "expected": {"kind": "script", "value": "delivery"}}, expect=201
    )
    path = f"{agent}/checks/{check['id']}"
    for _ in range(2):
        await desk.do("DELETE", path, expect=204)
        assert (await desk.do("GET", f"{agent}/checks"))["items"] == []
    assert await run(desk, agent) == {"version": 1}
    assert [item["id"] for item in (await desk.do("GET", f"{agent}/checks?deleted=true"))["items"]] == [check["id"]]
    for _ in range(2):
        assert (await desk.do("POST", f"{path}/restore"))["deleted_at"] is None
    assert await run(desk, agent) == {"delivery?": ("passed", None), "version": 1}
    audit = await desk.do("GET", "/api/audit")
    assert [row["action"] for row in audit["items"] if row["action"].startswith("check.")] == [
        "check.restored",
        "check.deleted",
        "check.created",
    ]


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("checks", {"question": "q", "expected": {"kind": "handoff", "value": "x"}}, "/expected/value"),
        ("checks", {"question": "q", "expected": {"kind": "script"}}, "/expected/value"),
        ("corrections", {"question": "q", "right": {"kind": "passage", "passage_id": "nowhere"}}, "/right"),
        ("corrections", {"question": "q", "right": {"kind": "script", "script_id": "00000000-0000-4000-8000-000000000000"}}, "/right"),
    ],
)
async def test_what_makes_no_sense_is_refused_and_changes_nothing(desk: Desk, path: str, body: Any, pointer: str) -> None:
    agent = await shop(desk)
    refused = await desk.do("POST", f"{agent}/{path}", body, expect=422)
    assert refused["errors"][0]["pointer"] == pointer
    assert not (await desk.do("GET", agent))["unpublished_changes"]
    assert (await desk.do("GET", f"{agent}/checks"))["items"] == []
