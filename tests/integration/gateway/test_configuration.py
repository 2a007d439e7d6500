"""Export and import of a company's configuration: a round trip loses nothing, a second one changes nothing, a fault changes nothing."""

import asyncio
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from actors.domain.configuration.comparing import counts
from actors.domain.configuration.reading import read_configuration
from config.demo.definition import demo_definition
from integrations.documents.cutting import chunks_of
from storage.accounts.audit import Actor
from storage.configuration.importing import Configurations
from storage.configuration.text import parse, write
from storage.postgres import Database, Role
from tests.integration.gateway.company import Company, found
from tests.integration.gateway.desk import DELIVERY, Desk
from tests.integration.gateway.processes import GatewayProcess

RULE = {
    "name": "VIP",
    "key": "vip",
    "trigger": {"on": "message_received"},
    "actions": [{"do": "add_tag", "tag": "vip"}],
    "cooldown_s": 60.0,
}
WELCOME = {
    "name": "Welcome",
    "key": "welcome",
    "trigger": {"on": "message_received"},
    "actions": [{"do": "send_script", "script": "delivery"}],
}
PLAN = {"name": "Follow up", "key": "follow-up", "steps": [{"do": "wait", "days": 1}, {"do": "send", "text": {"en": "Still there?"}}]}
TERMS = "# Terms\n\n## Delivery\n\nWithin *three* days: 350 roubles.\n\n## Returns\n\n- within 14 days\n- with the receipt\n"


class Files(Desk):
    """Somebody with the file of a company's configuration."""

    async def export(self) -> str:
        async with self.gateway.session.get("/api/tenant/export", headers=self.company.headers("admin")) as response:
            assert (response.status, response.content_type) == (200, "application/yaml"), await response.text()
            return await response.text()

    async def take_in(self, text: str | bytes, *, expect: int = 200, **query: bool) -> Any:
        headers = {**self.company.headers("admin"), "Content-Type": "application/yaml"}
        params = {name: "true" for name, value in query.items() if value}
        async with self.gateway.session.post("/api/tenant/import", headers=headers, params=params, data=text) as response:
            document = await response.json()
            assert response.status == expect, document
            return document


@pytest.fixture
def files(gateway: GatewayProcess, company: Company) -> Files:
    return Files(gateway, company)


@pytest.fixture
async def empty(gateway: GatewayProcess, database: str) -> Files:
    """A company that has nothing."""
    company = await found(database, "empty", bots=0)
    owner = await asyncpg.connect(database)
    await owner.execute("update agents set archived_at = now() where tenant_id = $1", company.tenant_id)
    await owner.close()
    files = Files(gateway, company)
    assert await files.export() == "format: callboard/configuration/1\n"
    return files


async def furnish(desk: Desk) -> None:
    """Give a company one of everything: switched off, unpublished, of the same name, of several lines."""
    agent = f"/api/agents/{desk.company.agent_id}"
    for key in ("delivery", "a-later-one"):
        await desk.do("POST", f"{agent}/scripts", {**DELIVERY, "key": key, "priority": 5}, expect=201)
    await desk.do("POST", f"{agent}/scripts", {**DELIVERY, "key": "off", "enabled": False}, expect=201)
    for rule in (WELCOME, RULE):
        await desk.do("POST", f"{agent}/rules", rule, expect=201)
    await desk.do("POST", f"{agent}/sequences", PLAN, expect=201)
    for document in ({"title": "Terms", "kind": "markdown", "text": TERMS}, {"title": "Terms", "text": "Another one: \tno"}):
        await desk.do("POST", f"{agent}/knowledge/documents", document, expect=201)
    await desk.do("POST", f"{agent}/publish", {})
    await desk.do("POST", f"{agent}/duplicate", {}, expect=201)
    persona = {"instructions": "Be brief.\n\n1. Never: promise\n2. Ask\n", "greeting": {"ru": "Да", "en": "yes"}, "temperature": 0.5}
    await desk.do("PATCH", agent, {"persona": persona}, match='"1"')
    await desk.do("PUT", f"{agent}/passages", {"passages": [{"id": "p", "title": "No", "text": "1"}]}, match='"2"')


async def test_a_round_trip_into_an_empty_company_is_the_same_to_the_byte(files: Files, empty: Files, gateway: GatewayProcess) -> None:
    await furnish(files)
    text = await files.export()
    assert "secret" not in text
    assert "- agent: Acme" not in text
    document = parse(text).value
    assert [agent["agent"] for agent in document["agents"]] == ["Anna", "Anna #2"]
    assert [script["key"] for script in document["agents"][0]["scripts"]] == ["delivery", "a-later-one", "off"]
    assert [one["title"] for one in document["knowledge"][0]["documents"]] == ["Terms", "Terms"]
    assert isinstance(document["agents"][0]["published"], dict)  # the draft was changed since
    assert [set(one) for one in document["integrations"]] == [{"agent", "channel", "name"}]

    rehearsed = await empty.take_in(text, dry_run=True)
    assert await empty.export() == "format: callboard/configuration/1\n"
    done = await empty.take_in(text)
    assert (done["steps"], done["counts"]) == (rehearsed["steps"], rehearsed["counts"])
    assert (done["counts"]["added"], done["counts"]["changed"], done["counts"]["connect"]) == (22, 0, 1)
    connected = write({"integrations": document["integrations"]})  # what is connected, people connect
    assert await empty.export() == text.removesuffix(connected) != text

    again = await empty.take_in(text)
    assert ({fate for fate, number in again["counts"].items() if number}, len(again["steps"])) == ({"same", "connect"}, 1)
    audit = await empty.do("GET", "/api/audit?action=configuration.imported")
    assert [row["after"] for row in audit["items"]] == [{"added": 22, "connect": 1}]
    agents = await empty.do("GET", "/api/agents")
    assert [agent["published_version"] for agent in agents["items"]] == [1, 0]
    chat = await empty.do("POST", f"/api/agents/{agents['items'][0]['id']}/scripts/try", {"text": "delivery?"})
    assert [one["key"] for one in chat["scripts"] if one["wins"]] == ["delivery"]


async def test_an_import_is_undone_by_the_export_before_it(files: Files) -> None:
    await furnish(files)
    before = await files.export()
    agent = f"/api/agents/{files.company.agent_id}"
    gone = await files.do("GET", f"{agent}/rules?limit=1")
    await files.do("DELETE", f"{agent}/rules/{gone['items'][0]['id']}", match='"1"', expect=204)
    await files.do("POST", f"{agent}/scripts", {**DELIVERY, "key": "new"}, expect=201)
    changed = await files.export()
    wanted = parse(before).value
    anna = wanted["agents"][0]
    anna["scripts"] = [{**anna["scripts"][1], "answer": {"en": "350"}}, anna["scripts"][0]]
    anna["persona"] = {"name": "Anna", "languages": ["en"]}
    anna["published"] = "draft"
    wanted["agents"].append({"agent": "Zoe", "persona": {"name": "Zoe"}})

    kept = await files.take_in(write(wanted))
    fates = {(step["what"], step["of"], step["key"]): step["fate"] for step in kept["steps"]}
    assert fates["script", "Anna", "a-later-one"] == "changed"
    assert fates["script", "Anna", "new"] == fates["script", "Anna", "off"] == "kept"
    assert fates["order", "Anna", "scripts"] == "changed"
    assert fates["rule", "Anna", "welcome"] == "added"
    assert fates["agent", "", "Zoe"] == "added"
    persona = next(step for step in kept["steps"] if step["what"] == "persona" and step["of"] == "Anna")
    assert sorted(persona["fields"]) == ["greeting", "instructions", "languages", "temperature"]
    now = parse(await files.export()).value["agents"][0]
    assert [script["key"] for script in now["scripts"]] == ["a-later-one", "delivery", "off", "new"]
    assert (now["published"], now["persona"]) == ("draft", {"name": "Anna", "languages": ["en"]})

    part = {"format": "callboard/configuration/1", "agents": [{"agent": "Anna", "scripts": [{**DELIVERY, "key": "only-this"}]}]}
    added = await files.take_in(write(part))
    assert (added["counts"]["added"], added["counts"]["changed"], added["counts"]["deleted"]) == (1, 0, 0)

    undone = await files.take_in(changed, prune=True)
    assert ("agent", "Zoe", "deleted") in {(step["what"], step["key"], step["fate"]) for step in undone["steps"]}
    assert await files.export() == changed
    await files.take_in(before, prune=True)
    assert await files.export() == before
    assert not (await files.take_in(before, prune=True))["steps"]


FAULTS: list[tuple[dict[str, Any], str]] = [
    (
        {"agents": [{"agent": "A", "scripts": [{"key": "s", "phrases": ["x y"], "answer": {"ru": "a"}, "languages": ["en"]}]}]},
        "/agents/0/scripts/0/answer",
    ),
    ({"agents": [{"agent": "A", "persona": {"colour": "red"}}]}, "/agents/0/persona/colour"),
    ({"agents": [{"agent": "A", "persona": {"debounce_s": 99}}]}, "/agents/0/persona/debounce_s"),
    ({"agents": [{"agent": "A", "rules": [{**WELCOME, "trigger": {"on": "message_received"}}]}]}, "/agents/0/rules/0/actions/0/script"),
    ({"agents": [{"agent": "A", "sequences": [{"key": "q", "name": "q", "steps": []}]}]}, "/agents/0/sequences/0/steps"),
    ({"agents": [{"agent": "A", "passages": [{"id": "p", "title": "x"}]}]}, "/agents/0/passages/0/text"),
    ({"agents": [{"agent": "A", "published": {"scripts": [{"key": "s", "phrases": ["x"]}]}}]}, "/agents/0/published/scripts/0/answer"),
    ({"agents": [{"agent": "A"}, {"agent": "A"}]}, "/agents/1/agent"),
    ({"agents": [{"agent": "A", "knowledge": ["B"]}]}, "/agents/0/knowledge/0"),
    ({"knowledge": [{"base": "B", "documents": []}]}, "/knowledge/0/base"),
    (
        {
            "agents": [{"agent": "A", "knowledge": ["B"]}],
            "knowledge": [{"base": "B", "documents": [{"title": "t", "kind": "csv", "text": "no table"}]}],
        },
        "/knowledge/0/documents/0/text",
    ),
    ({"agents": "none"}, "/agents"),
    ({"secrets": {}}, "/secrets"),
]


async def test_a_fault_is_shown_with_its_place_and_changes_nothing(files: Files) -> None:
    await furnish(files)
    before = await files.export()
    wrong: list[Any] = []
    for document, place in FAULTS:
        good = {"agent": "Zoe", "persona": {"name": "Zoe"}}
        agents = document.get("agents", [])
        text = write({"format": "callboard/configuration/1", **document, "agents": [*agents, good] if isinstance(agents, list) else agents})
        refused = await files.take_in(text, expect=422)
        if [flaw["pointer"] for flaw in refused["errors"]] != [place] or not refused["errors"][0]["detail"].startswith("line "):
            wrong.append((document, refused["errors"]))
    assert wrong == []
    for refused_text in ("a: &x [*x]", "- 1", "format: callboard/configuration/9", b"\xff\xfe", "{}"):
        await files.take_in(refused_text, expect=422)
    assert await files.export() == before


async def test_what_customers_reach_is_not_archived(files: Files) -> None:
    refused = await files.take_in("format: callboard/configuration/1\n", prune=True, expect=409)
    assert refused["channels"] == ["telegram"]
    assert [agent["name"] for agent in (await files.do("GET", "/api/agents"))["items"]] == ["Anna"]


async def test_imports_of_one_company_wait_for_each_other(database: str, company: Company) -> None:
    zoe = {
        "agent": "Zoe",
        "persona": {"name": "Zoe"},
        "scripts": [{"key": "s", "phrases": ["x"], "answer": {"en": "y"}}],
        "published": "draft",
    }
    wanted = read_configuration({"format": "callboard/configuration/1", "agents": [zoe]})
    async with await Database.open(database, Role.API, "test", size=6) as opened:
        await opened.warm(6)
        take = partial(Configurations(opened, chunks_of).take_in, company.tenant_id, Actor("test"), wanted, prune=False, rehearse=False)
        done = await asyncio.gather(*(take() for _ in range(6)))
    assert sorted(counts(steps)["added"] for steps in done) == [0, 0, 0, 0, 0, 4]


async def test_the_demo_shop_travels(empty: Files) -> None:
    demo = demo_definition()
    scripts = [{("key" if name == "id" else name): value for name, value in script.items()} for script in demo["scripts"]]
    agent = {"agent": "Shop", "persona": demo["persona"], "passages": demo["passages"], "scripts": scripts, "published": "draft"}
    await empty.take_in(write({"format": "callboard/configuration/1", "agents": [agent]}))
    text = await empty.export()
    await empty.take_in("format: callboard/configuration/1\n", prune=True)
    await empty.take_in(text)
    assert await empty.export() == text


def callboard(database: str, tmp_path: Path, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "DATABASE_URL": database, "CALLBOARD_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "actors.runtime.commands.cli", *arguments]
    return subprocess.run(command, env=env, input=given, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_line_does_the_same(database: str, company: Company, tmp_path: Path) -> None:
    written = callboard(database, tmp_path, "export", "--tenant", "acme").stdout
    assert parse(written).value["agents"][0]["agent"] == "Anna"
    added = "agents:\n- agent: Zoe\n  persona:\n    name: Zoe\n"
    file = tmp_path / "callboard.yaml"
    file.write_text(written.replace("agents:\n", added))
    for options, said in ((["--dry-run"], "Would come to: 2 added"), ([], "Done: 2 added"), ([], "Done: 0 added, 0 changed, 0 deleted")):
        done = callboard(database, tmp_path, "import", str(file), "--tenant", "acme", *options)
        assert said in done.stdout, done
    broken = callboard(database, tmp_path, "import", "-", "--tenant", "acme", given=written.replace("name: Anna", "name: [1]"))
    assert (broken.returncode, broken.stdout) == (1, "")
    assert "agents[0].persona.name: line 5: must be a text" in broken.stderr
    assert "there is no tenant 'nobody'" in callboard(database, tmp_path, "export", "--tenant", "nobody").stderr
