"""Agents over the API: drafts, the archive, versions, the test chat against a version, integrations."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.integration.gateway.company import found
from tests.integration.gateway.desk import DELIVERY, Desk
from tests.integration.gateway.test_api import call, say
from tests.integration.host_lab import HostLab
from tests.integration.shop import open_shop


@pytest.fixture
async def host(database: str, tmp_path: Path) -> AsyncIterator[HostLab]:
    """A real conversation host; it carries every tenant's conversations."""
    async with open_shop(database, tmp_path) as shop:
        lab = HostLab(shop)
        async with lab.running(lab.host()):
            yield lab


async def test_an_agent_is_created_changed_archived_and_restored(desk: Desk) -> None:
    agent = await desk.agent(greeting={"en": "Hi"})
    one = await desk.do("GET", agent, level="viewer")
    assert (one["name"], one["persona"]["name"], one["persona"]["greeting"], one["persona"]["temperature"]) == (
        "Boris",
        "Boris",
        {"en": "Hi"},
        0.2,
    )
    assert (one["published_version"], one["unpublished_changes"], one["version"], one["etag"]) == (0, True, 1, '"1"')
    await desk.do("PATCH", agent, {"name": "Clara"}, expect=428)
    await desk.do("PATCH", agent, {"name": "Clara"}, match='"7"', expect=412)
    changed = await desk.do("PATCH", agent, {"name": "Clara", "persona": {"temperature": 1, "greeting": None}}, match=one["etag"])
    assert (changed["name"], changed["persona"]["temperature"], changed["etag"]) == ("Clara", 1, '"2"')
    assert changed["persona"]["greeting"].keys() == {"ru", "en"}
    stale = await desk.do("PATCH", agent, {"name": "Dora"}, match=one["etag"], expect=412)
    assert stale["etag"] == '"2"'
    await desk.do("DELETE", agent, match=changed["etag"], expect=204)
    names = [item["name"] for item in (await desk.do("GET", "/api/agents"))["items"]]
    assert names == ["Anna"]
    archived = (await desk.do("GET", "/api/agents?archived=true"))["items"]
    assert [item["name"] for item in archived] == ["Clara"]
    assert archived[0]["archived_at"].endswith("Z")
    await desk.do("PATCH", agent, {"name": "Dora"}, match='"3"', expect=404)
    restored = await desk.do("POST", f"{agent}/restore")
    assert restored["archived_at"] is None
    await desk.do("GET", f"/api/agents/{uuid4()}", expect=404)


async def test_agents_come_in_pages(desk: Desk) -> None:
    for _ in range(2):
        await desk.agent()
    first = await desk.do("GET", "/api/agents?limit=2")
    rest = await desk.do("GET", f"/api/agents?limit=2&cursor={first['next']}")
    assert [item["name"] for item in (*first["items"], *rest["items"])] == ["Anna", "Boris", "Boris"]
    assert rest["next"] is None
    await desk.do("GET", f"/api/agents?limit=2&archived=true&cursor={first['next']}", expect=422)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"persona": {}}, "/name"),
        ({"name": "B", "persona": {"languages": ["english"]}}, "/persona/languages/0"),
        ({"name": "B", "persona": {"temperature": 3}}, "/persona/temperature"),
        ({"name": "B", "persona": {"max_tokens": 5}}, "/persona/max_tokens"),
        ({"name": "B", "persona": {"answers_per_day": -1}}, "/persona/answers_per_day"),
        ({"name": "B", "persona": {"timezone": "Mars/Base"}}, "/persona/timezone"),
        ({"name": "B", "persona": {"hours": {"from": "9"}}}, "/persona/hours/from"),
        ({"name": "B", "persona": {"hours": {"from": "09:00", "to": "09:00"}}}, "/persona/hours/to"),
        ({"name": "B", "persona": {"greeting": {"Русский": "Привет"}}}, "/persona/greeting/Русский"),
        ({"name": "B", "colour": 1}, "/colour"),
    ],
)
async def test_what_is_wrong_with_an_agent_is_pointed_at(desk: Desk, body: Any, pointer: str) -> None:
    refused = await desk.do("POST", "/api/agents", body, expect=422)
    assert [flaw["pointer"] for flaw in refused["errors"]] == [pointer]


async def test_hours_are_kept_as_they_were_written_and_taken_back(desk: Desk) -> None:
    agent = await desk.agent()
    anytime = {"from": "", "to": "", "quiet_from": "", "quiet_to": "", "weekdays": []}
    assert (await desk.do("GET", agent))["persona"]["hours"] == anytime
    wanted = {"from": "18:00", "to": "09:00", "weekdays": ["mon", "tue"]}
    changed = await desk.do("PATCH", agent, {"persona": {"hours": wanted, "timezone": "Europe/Moscow"}}, match='"1"')
    assert (changed["persona"]["hours"], changed["persona"]["timezone"]) == ({**anytime, **wanted}, "Europe/Moscow")
    assert (await desk.do("PATCH", agent, {"persona": {"hours": None}}, match='"2"'))["persona"]["hours"] == anytime


async def test_a_repeated_creation_creates_once(desk: Desk) -> None:
    key = {"Idempotency-Key": "create-1"}
    for replayed in (None, "true"):
        status, _, headers = await call(desk.gateway, "POST", "/api/agents", desk.company, json={"name": "Boris"}, headers=key)
        assert (status, headers.get("Idempotent-Replayed")) == (201, replayed)
    assert len((await desk.do("GET", "/api/agents"))["items"]) == 2


async def test_publishing_history_and_rolling_back(desk: Desk) -> None:
    agent = await desk.agent()
    script = await desk.do("POST", f"{agent}/scripts", DELIVERY, expect=201)
    first = await desk.do("POST", f"{agent}/publish", {"note": "opening"})
    assert (first["version"], first["note"], first["current"], first["published_by"]) == (1, "opening", True, "admin")
    assert (await desk.do("POST", f"{agent}/publish", {}))["version"] == 1
    assert not (await desk.do("GET", agent))["unpublished_changes"]
    dearer = {**DELIVERY, "answer": {"en": "500 roubles"}}
    await desk.do("PUT", f"{agent}/scripts/{script['id']}", dearer, match=script["etag"])
    assert (await desk.do("GET", agent))["unpublished_changes"]
    assert (await desk.do("POST", f"{agent}/publish", {}))["version"] == 2
    back = await desk.do("POST", f"{agent}/versions/1/roll-back", {"note": "too dear"})
    assert (back["version"], back["copy_of"], back["current"]) == (3, 1, True)
    listed = (await desk.do("GET", f"{agent}/versions", level="viewer"))["items"]
    assert [(item["version"], item["current"], item["copy_of"]) for item in listed] == [(3, True, 1), (2, False, None), (1, False, None)]
    page = await desk.do("GET", f"{agent}/versions?limit=2")
    assert [item["version"] for item in (await desk.do("GET", f"{agent}/versions?limit=2&cursor={page['next']}"))["items"]] == [1]
    document = await desk.do("GET", f"{agent}/versions/3")
    assert document["definition"]["scripts"][0]["answer"] == DELIVERY["answer"]
    await desk.do("GET", f"{agent}/versions/9", expect=404)
    await desk.do("GET", f"{agent}/versions/{2**40}", expect=404)
    await desk.do("POST", f"{agent}/publish", {}, level="operator", expect=403)


def fates(changes: Any) -> list[tuple[str, str, str, list[str]]]:
    return [(item["kind"], item["name"], item["fate"], [field["name"] for field in item["fields"]]) for item in changes["items"]]


async def test_what_a_draft_or_an_older_version_changes_is_shown(desk: Desk, host: HostLab) -> None:
    agent = await desk.agent()
    script = await desk.do("POST", f"{agent}/scripts", DELIVERY, expect=201)
    new = await desk.do("GET", f"{agent}/changes", level="viewer")
    assert (new["since"], new["until"], new["left_off"]) == (0, "draft", 0)
    assert fates(new) == [("persona", "Boris", "added", []), ("script", "Delivery", "added", [])]
    await desk.do("POST", f"{agent}/publish", {})
    assert (await desk.do("GET", f"{agent}/changes"))["items"] == []

    await desk.do("PUT", f"{agent}/scripts/{script['id']}", {**DELIVERY, "answer": {"en": "500 roubles"}}, match=script["etag"])
    await desk.do("POST", f"{agent}/scripts", {**DELIVERY, "key": "off", "enabled": False}, expect=201)
    one = await desk.do("GET", agent)
    await desk.do("PATCH", agent, {"persona": {"strict": True, "temperature": 0.2}}, match=one["etag"])
    changed = await desk.do("GET", f"{agent}/changes")
    assert fates(changed) == [("persona", "Boris", "changed", ["strict"]), ("script", "Delivery", "changed", ["answer"])]
    assert changed["items"][1]["fields"] == [{"name": "answer", "before": DELIVERY["answer"], "after": {"en": "500 roubles"}}]
    assert await host.shop.owner.fetchval("select count(*) from agent_versions where agent_id = $1", UUID(agent.rsplit("/", 1)[1])) == 1

    await host.shop.owner.execute("""update scripts set definition = definition || '{"phrases": ["?!"]}' where key = 'delivery'""")
    assert fates(await desk.do("GET", f"{agent}/changes"))[1] == ("script", "Delivery", "changed", ["phrases", "answer"])
    await host.shop.owner.execute("""update scripts set definition = definition || '{"phrases": ["delivery"]}' where key = 'delivery'""")
    await desk.do("POST", f"{agent}/publish", {})
    back = await desk.do("GET", f"{agent}/changes?since=published&until=1")
    assert (back["since"], back["until"], back["items"][1]["fields"][0]["after"]) == (2, 1, DELIVERY["answer"])
    assert fates(await desk.do("GET", f"{agent}/changes?since=1&until=published")) == fates(changed)
    assert fates(await desk.do("GET", f"{agent}/changes?since=0&until=1")) == fates(new)


async def test_long_lists_of_changes_end(desk: Desk) -> None:
    agent = await desk.agent()
    passages = [{"id": f"p-{n}", "title": f"Passage {n}", "text": "Wash it cold."} for n in range(205)]
    await desk.do("PUT", f"{agent}/passages", {"passages": passages}, match='"1"')
    changes = await desk.do("GET", f"{agent}/changes")
    assert (len(changes["items"]), changes["left_off"]) == (200, 6)


async def test_changes_of_what_is_not_there_are_refused(desk: Desk) -> None:
    agent = await desk.agent()
    for query in ("since=9", "until=9", "since=draft", "until=newest", "since=-1", "since=1.0", f"until={2**40}", "since=%2B1"):
        refused = await desk.do("GET", f"{agent}/changes?{query}", expect=422)
        assert refused["errors"][0]["parameter"] == query.split("=", 1)[0]
    await desk.do("GET", f"/api/agents/{uuid4()}/changes", expect=404)
    await desk.do("DELETE", agent, match='"1"', expect=204)
    assert (await desk.do("GET", f"{agent}/changes"))["since"] == 0


async def test_a_draft_that_cannot_be_used_is_refused_with_the_places(desk: Desk, host: HostLab) -> None:
    agent = await desk.agent()
    await desk.do("POST", f"{agent}/scripts", DELIVERY, expect=201)
    await host.shop.owner.execute("""update scripts set definition = definition || '{"phrases": ["?!"]}'""")
    refused = await desk.do("POST", f"{agent}/publish", {}, expect=422)
    assert [(flaw["pointer"], flaw["detail"]) for flaw in refused["errors"]] == [("/scripts/0/phrases/0", "contains no word")]
    body = {"agent_id": agent.rsplit("/", 1)[1], "text": "delivery", "version": "draft"}
    refused = await desk.do("POST", "/api/chat", body, expect=422)
    assert refused["errors"][0]["pointer"] == "/version"
    assert (await desk.do("GET", agent))["published_version"] == 0


async def test_the_test_chat_talks_to_a_draft_to_a_version_and_to_what_is_published(desk: Desk, host: HostLab) -> None:
    agent = await desk.agent()
    agent_id = agent.rsplit("/", 1)[1]
    await desk.do("POST", f"{agent}/scripts", DELIVERY, expect=201)

    async def ask(**more: Any) -> Any:
        return await say(desk.gateway, desk.company, "How much is delivery?", agent_id=agent_id, **more)

    body = {"agent_id": agent_id, "text": "delivery?"}
    unpublished = await desk.do("POST", "/api/chat", body, expect=422)
    assert unpublished["errors"][0]["pointer"] == "/version"
    draft = await ask(version="draft")
    assert draft["reply"]["text"] == "300 roubles"
    await desk.do("POST", f"{agent}/publish", {})
    (script,) = (await desk.do("GET", f"{agent}/scripts"))["items"]
    await desk.do("PUT", f"{agent}/scripts/{script['id']}", {**DELIVERY, "answer": {"en": "500 roubles"}}, match='"1"')
    published, changed = await ask(), await ask(version="draft")
    assert (published["reply"]["text"], changed["reply"]["text"]) == ("300 roubles", "500 roubles")
    assert (await ask(version=1))["reply"]["text"] == "300 roubles"
    assert (await ask(version="published"))["reply"]["text"] == "300 roubles"
    again = await ask(conversation_id=draft["conversation_id"], version="draft")
    assert again["reply"]["text"] == "300 roubles"  # it keeps to the draft as it was at its first message
    listed = (await desk.do("GET", f"/api/conversations?channel=test&agent_id={agent_id}"))["items"]
    pinned = {item["id"]: item["pinned_version"] for item in listed}
    assert (pinned[draft["conversation_id"]], pinned[published["conversation_id"]], pinned[changed["conversation_id"]]) == (1, None, 2)
    for version, other in (("published", draft), (2, draft), ("draft", published), (1, changed)):
        refused = await desk.do("POST", "/api/chat", {**body, "conversation_id": other["conversation_id"], "version": version}, expect=422)
        assert refused["errors"][0]["pointer"] == "/version"
    await desk.do("POST", "/api/chat", {**body, "version": 99}, expect=422)
    await desk.do("POST", "/api/chat", {**body, "version": "newest"}, expect=422)
    await desk.do("POST", "/api/chat", {**body, "agent_id": str(uuid4()), "version": "draft"}, expect=404)


async def test_the_same_first_message_to_two_versions_is_two_conversations(desk: Desk, host: HostLab) -> None:
    agent = await desk.agent()
    agent_id = agent.rsplit("/", 1)[1]
    await desk.do("POST", f"{agent}/scripts", DELIVERY, expect=201)
    await desk.do("POST", f"{agent}/publish", {})
    sides = [
        await say(desk.gateway, desk.company, "delivery", agent_id=agent_id, message_id="m-1", version=v) for v in ("published", 1, "draft")
    ]
    assert len({side["conversation_id"] for side in sides}) == 3
    repeated = await say(desk.gateway, desk.company, "delivery", agent_id=agent_id, message_id="m-1", version="draft")
    assert repeated == sides[2]


async def test_passages_are_one_document(desk: Desk) -> None:
    agent = await desk.agent()
    path = f"{agent}/passages"
    empty = await desk.do("GET", path)
    assert (empty["passages"], empty["etag"]) == ([], '"1"')
    wool = {"id": "wool", "title": "Wool", "text": "Wash it cold.", "language": "en"}
    stored = await desk.do("PUT", path, {"passages": [wool]}, match='"1"')
    assert (stored["passages"], stored["version"]) == ([wool], 2)
    twice = await desk.do("PUT", path, {"passages": [wool, wool]}, match='"2"', expect=422)
    assert [flaw["pointer"] for flaw in twice["errors"]] == ["/passages/1/id"]
    await desk.do("PUT", path, {"passages": []}, match='"1"', expect=412)
    await desk.do("POST", f"{agent}/publish", {})
    assert (await desk.do("GET", f"{agent}/versions/1"))["definition"]["passages"] == [wool]


async def test_a_copy_has_the_scripts_and_no_history(desk: Desk) -> None:
    agent = await desk.agent(instructions="Be kind.")
    await desk.do("POST", f"{agent}/scripts", DELIVERY, expect=201)
    copy = await desk.do("POST", f"{agent}/duplicate", {"name": "Copy"}, expect=201)
    assert (copy["name"], copy["persona"]["instructions"], copy["published_version"]) == ("Copy", "Be kind.", 0)
    assert [s["key"] for s in (await desk.do("GET", f"/api/agents/{copy['id']}/scripts"))["items"]] == ["delivery"]
    await desk.do("POST", f"/api/agents/{uuid4()}/duplicate", {}, expect=404)


async def test_integrations_are_shown_paused_and_disconnected(desk: Desk) -> None:
    agent = f"/api/agents/{desk.company.agent_id}"
    listed = (await desk.do("GET", f"{agent}/integrations", level="viewer"))["items"]
    assert [(item["channel"], item["status"], item["problem"]) for item in listed] == [("test", "live", None), ("telegram", "live", None)]
    assert all("secret" not in name and "token" not in name for item in listed for name in item)
    test, bot = (f"{agent}/integrations/{item['id']}" for item in listed)
    assert (await desk.do("PATCH", bot, {"status": "paused"}))["status"] == "paused"
    refused = await desk.do("DELETE", agent, match='"1"', expect=409)
    assert refused["channels"] == ["telegram"]
    await desk.do("DELETE", test, expect=404)
    await desk.do("DELETE", bot, expect=204)
    await desk.do("PATCH", bot, {"status": "live"}, expect=404)
    await desk.do("DELETE", agent, match='"1"', expect=204)


async def test_changes_are_audited_and_told(desk: Desk, host: HostLab) -> None:
    agent = await desk.agent()
    await desk.do("PATCH", agent, {"persona": {"temperature": 1}}, match='"1"')
    await desk.do("POST", f"{agent}/publish", {"note": "go"})
    subject = f"agent:{agent.rsplit('/', 1)[1]}"
    rows = await host.shop.owner.fetch("select actor, action, before, after from audit_log where subject = $1 order by id", subject)
    assert [(r["actor"], r["action"]) for r in rows] == [
        ("admin", "agent.created"),
        ("admin", "agent.changed"),
        ("admin", "agent.published"),
    ]
    assert (rows[1]["before"], rows[1]["after"]) == ('{"temperature": null}', '{"temperature": 1.0}')
    kinds = await host.shop.owner.fetch("select kind from activity_logs where agent_id = $1 order by id", subject.split(":")[1])
    assert [r["kind"] for r in kinds] == ["agent.created", "agent.changed", "agent.published"]


async def test_another_company_reaches_nothing(desk: Desk, database: str) -> None:
    agent = await desk.agent()
    script = await desk.do("POST", f"{agent}/scripts", DELIVERY, expect=201)
    bot = (await desk.do("GET", f"/api/agents/{desk.company.agent_id}/integrations"))["items"][1]["id"]
    other = Desk(desk.gateway, await found(database, "other"))
    one = f"{agent}/scripts/{script['id']}"
    for path in (
        agent,
        f"{agent}/passages",
        f"{agent}/versions",
        f"{agent}/versions/1",
        f"{agent}/changes",
        f"{agent}/scripts",
        one,
        f"{agent}/integrations",
    ):
        await other.do("GET", path, expect=404)
    await other.do("PATCH", agent, {"name": "Mine"}, match='"1"', expect=404)
    await other.do("DELETE", agent, match='"1"', expect=404)
    await other.do("PUT", one, DELIVERY, match='"1"', expect=404)
    await other.do("PUT", f"{agent}/passages", {"passages": []}, match='"1"', expect=404)
    for path, body in (("restore", None), ("duplicate", {}), ("publish", {}), ("scripts", DELIVERY), ("versions/1/roll-back", {})):
        await other.do("POST", f"{agent}/{path}", body, expect=404)
    await other.do("PATCH", f"/api/agents/{desk.company.agent_id}/integrations/{bot}", {"status": "paused"}, expect=404)
