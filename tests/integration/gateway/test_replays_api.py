"""Replays over the API: asked for, carried out by the worker of an installation, read turn by turn."""

from pathlib import Path
from uuid import uuid4

from tests.integration.gateway.company import Company
from tests.integration.gateway.desk import DELIVERY, Desk
from tests.integration.gateway.host_process import host
from tests.integration.gateway.test_jobs_api import ended


async def test_a_draft_is_tried_on_what_customers_asked(
    desk: Desk, company: Company, database: str, redis_url: str, tmp_path: Path, sync: None
) -> None:
    agent = await desk.agent()
    await desk.do("POST", f"{agent}/scripts", DELIVERY, expect=201)
    await desk.do("POST", f"{agent}/publish", {})
    agent_id = agent.rpartition("/")[2]
    conversations = []
    with host(database, redis_url, tmp_path):
        for texts in (["delivery?", "do you have parrots?"], ["parrots, please"]):
            known: dict[str, str] = {}
            for text in texts:
                said = await desk.do("POST", "/api/chat", {"agent_id": agent_id, "text": text, **known})
                known = {"conversation_id": said["conversation_id"]}
            conversations.append(known["conversation_id"])
    parrots = {"name": "Parrots", "key": "parrots", "phrases": ["parrots"], "answer": {"en": "Green ones."}}
    await desk.do("POST", f"{agent}/scripts", parrots, expect=201)

    asked = await desk.do("POST", f"{agent}/replay", {"version": "draft", "last": 10}, expect=202)
    await ended(desk, asked["job_id"])
    path = f"/api/replays/{asked['job_id']}"
    replay = await desk.do("GET", path, level="viewer")
    assert (replay["state"], replay["version"], replay["error"], replay["progress"]["done"]) == ("done", 2, None, 2)
    assert {name: replay["result"][name] for name in ("conversations", "same", "differs", "changed_conversations")} == {
        "conversations": 2,
        "same": 1,
        "differs": 2,
        "changed_conversations": 2,
    }
    changed = (await desk.do("GET", f"{path}/turns?outcome=differs", level="viewer"))["items"]
    assert [turn["conversation_id"] for turn in changed] == conversations[::-1]
    turn = changed[0]
    assert turn["asked"] == ["parrots, please"]
    assert (turn["recorded"]["mode"], turn["recorded"]["handoff"]) == ("handoff", True)
    assert (turn["now"]["mode"], turn["now"]["script"], turn["now"]["text"]) == ("script", "parrots", "Green ones.")
    assert {"mode", "reason", "script", "text", "handoff"} == set(turn["differs"])
    # The second turn of the other conversation was silent: who waits for a person is not told again.
    first = (await desk.do("GET", f"{path}/turns?conversation_id={conversations[0]}&limit=1"))["items"]
    assert [(t["number"], t["outcome"], t["recorded"] == t["now"]) for t in first] == [(1, "same", True)]
    listed = await desk.do("GET", f"{agent}/replays")
    assert [item["id"] for item in listed["items"]] == [asked["job_id"]]

    same = await desk.do("POST", f"{agent}/replay", {"version": "published", "conversation_ids": conversations}, expect=202)
    await ended(desk, same["job_id"])
    assert (await desk.do("GET", f"/api/replays/{same['job_id']}"))["result"]["same"] == 3


async def test_what_cannot_be_replayed_is_refused(desk: Desk, company: Company) -> None:
    agent = await desk.agent()
    for body, pointer in (
        ({"version": "published"}, "/version"),
        ({"version": 77}, "/version"),
        ({"conversation_ids": ["1", str(2**63)]}, "/conversation_ids/0"),
    ):
        refused = await desk.do("POST", f"{agent}/replay", body, expect=422)
        assert refused["errors"][0]["pointer"] == pointer
    await desk.do("POST", f"{agent}/replay", {}, level="operator", expect=403)
    export = await desk.do("POST", "/api/exports/conversations", expect=202)
    for path in (uuid4(), export["job_id"]):
        await desk.do("GET", f"/api/replays/{path}", expect=404)
        await desk.do("GET", f"/api/replays/{path}/turns", expect=404)
