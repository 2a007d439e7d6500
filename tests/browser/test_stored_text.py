"""Whatever people, customers, files and models write stays text on every page: no field of any body is left out by accident."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenTab, running
from tests.browser.house import House, Person
from tests.browser.model_thread import ModelThread
from tests.browser.pages import settled
from tests.fakes.openai_api import streams

# Stored, and to be seen somewhere as they were written.
STORED = {
    "AgentPatch": {
        "name",
        "persona.instructions",
        "persona.model",
        "persona.fallback_model",
        "persona.greeting{}",
        "persona.fallback_text{}",
        "persona.handoff_text{}",
        "persona.choices_text{}",
        "persona.overdue_text{}",
        "persona.outside_text{}",
        "persona.tools[].description",
        "persona.tools[].parameters[].description",
        "persona.tools[].actions[]{*}",
    },
    "ChatRequest": {"text"},
    "CheckBody": {"question", "expected.value"},
    "DocumentBody": {"title", "text"},
    "KeyCreate": {"name"},
    "PassagesBody": {"passages[].title", "passages[].text"},
    "ProfileChange": {"name"},
    "PublishBody": {"note"},
    "ReplyRequest": {"text"},
    "RuleBody": {"name", "when{*}", "actions[]{*}"},
    "ScriptBody": {
        "name",
        "phrases[]",
        "keywords[]",
        "expressions[]",
        "meanings[]",
        "when{*}",
        "answer{}",
        "buttons[].label{}",
        "steps[]{*}",
        "finish{}",
        "leave{}",
    },
    "SequenceBody": {"name", "steps[]{*}", "goal{*}"},
    "TenantPatch": {"name"},
    "UserInvite": {"name"},
    "WidgetCreate": {"name"},
    "elsewhere": {"file name", "model answer", "customer's name", "customer's message"},
}
SAME = "is stored where another body stores the same"
CHECKED = "is refused unless it has a form that holds no markup"
PASSING = "is not stored"
SHOWN_NOWHERE = "no page shows it"
ELSEWHERE = "is looked at where a channel is connected (test_own_channel.py)"
# Everything else, and why it needs no look of its own.
OTHERS = {
    "AcceptBody": SAME,
    "AgentCopy": SAME,
    "AgentCreate": SAME,
    "AgentPatch:persona.name": SHOWN_NOWHERE,
    "AgentPatch:persona.timezone": CHECKED,
    "AgentPatch:persona.tools[].name": CHECKED,
    "AgentPatch:persona.tools[].parameters[].name": CHECKED,
    "BackTestBody": PASSING,
    "ConnectBody": CHECKED,
    "CorrectionBody": SAME,
    "LoginRequest": PASSING,
    "OwnChannelBody:title": ELSEWHERE,
    "PassagesBody:passages[].id": SHOWN_NOWHERE,
    "PassagesBody:passages[].questions[]": SHOWN_NOWHERE,
    "PasswordChange": PASSING,
    "PreviewBody": PASSING,
    "RuleBody:timezone": CHECKED,
    "RuleBody:trigger.cron": CHECKED,
    "RuleBody:trigger.of": SAME,
    "RuleDraft": PASSING,
    "SchedulePatch": CHECKED,
    "ScriptsImport": SAME,
    "SearchBody": PASSING,
    "ScriptBody:attachment.url": CHECKED,
    "ScriptBody:buttons[].url": CHECKED,
    "SequenceBody:timezone": CHECKED,
    "SequenceDraft": PASSING,
    "TokenBody": PASSING,
    "TryBody": PASSING,
    "UserPatch": SAME,
    "VersionNote": SAME,
    "VisitorMessage": SAME,
    "WidgetCreate:origins[]": CHECKED,
    "WidgetPatch": SAME,
    "/api/tenant/import": SAME,
}
WATCH = """
window.broken = [];
document.addEventListener('securitypolicyviolation', (event) => window.broken.push(event.violatedDirective));
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One of its own: what it leaves behind is in the way of others."""
    with ModelThread() as model, running(tmp_path_factory.mktemp("outside"), model) as house:
        yield house


def document() -> dict[str, Any]:
    """Return the API's own description."""
    made = subprocess.run([sys.executable, "-m", "gateway.openapi"], capture_output=True, check=True)
    found: dict[str, Any] = json.loads(made.stdout)
    return found


def texts(described: Mapping[str, Any], schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield where a body takes texts of any form."""
    if "$ref" in schema:
        schema = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if schema.keys() & {"enum", "const", "format"}:
        return
    for alternative in [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]:
        yield from texts(described, alternative, path)
    match schema.get("type"):
        case "string" if "pattern" not in schema:
            yield path
        case "array":
            yield from texts(described, schema.get("items", {}), f"{path}[]")
        case "object":
            for name, inner in schema.get("properties", {}).items():
                yield from texts(described, inner, f"{path}.{name}" if path else name)
            values = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
            for inner in values:
                if isinstance(inner, dict):
                    yield from texts(described, inner, f"{path}{{}}")
                elif inner is True and "properties" not in schema:
                    yield f"{path}{{*}}"


def fields() -> set[str]:
    """Return every place of every body that takes text."""
    described, found = document(), set()
    for path, item in described["paths"].items():
        for operation in item.values():
            for content in operation.get("requestBody", {}).get("content", {}).values() if isinstance(operation, dict) else ():
                name = content.get("schema", {}).get("$ref", path).rpartition("/")[2] if "$ref" in content.get("schema", {}) else path
                found |= {f"{name}:{place}" for place in texts(described, content.get("schema", {}))}
    return found


class Ink:
    """Markup that would do something, each with a number of its own."""

    def __init__(self) -> None:
        self._numbers = count(100)
        self.used: dict[str, str] = {}

    def of(self, field: str) -> str:
        mark = self.used.setdefault(field, f"Z{next(self._numbers)}Z")
        return f"<img src=x onerror=window.x=1>{mark}"


def test_every_text_of_every_body_is_looked_at_or_said_why_not() -> None:
    known = {f"{body}:{place}" for body, places in STORED.items() if body != "elsewhere" for place in places}
    found = fields()
    assert len(found) > 60
    excused = {field for field in found if field in OTHERS or field.partition(":")[0] in OTHERS}
    assert found - known - excused == set(), "a new text field: have it stored and seen below, or say why not"
    assert known - found == set(), "a field that is not there any more"
    names = {field.partition(":")[0] for field in found}
    assert {name for name in OTHERS if name not in names and name not in found} == set()


class Writer:
    """Stores markup in every field over the API, and over Telegram's wire."""

    def __init__(self, house: House, ink: Ink) -> None:
        self.post, self.house, self.ink = house.installation.post, house, ink

    def write(self, person: Person) -> dict[str, str]:
        """Return the pages where it all shows."""
        ink, post = self.ink.of, self.post
        agent = post("/api/agents", {"name": "Anna"})
        base = f"/api/agents/{agent['id']}"
        texts = {f"{name}": {"ru": ink(f"AgentPatch:persona.{name}{{}}")} for name in TEXTS}
        tool = {
            "name": "callback",
            "description": ink("AgentPatch:persona.tools[].description"),
            "parameters": [{"name": "phone", "description": ink("AgentPatch:persona.tools[].parameters[].description")}],
            "actions": [{"do": "notify", "text": ink("AgentPatch:persona.tools[].actions[]{*}")}],
        }
        own = {name: ink(f"AgentPatch:persona.{name}") for name in ("instructions", "model", "fallback_model")}
        persona = {**own, **texts, "tools": [tool], "languages": ["ru"], "debounce_s": 0}
        self._send("PATCH", base, {"name": ink("AgentPatch:name"), "persona": persona}, agent["version"])
        script = {
            "name": ink("ScriptBody:name"),
            "phrases": [ink("ScriptBody:phrases[]")],
            "keywords": [ink("ScriptBody:keywords[]")],
            "expressions": [ink("ScriptBody:expressions[]")],
            "meanings": [ink("ScriptBody:meanings[]")],
            "when": {"all": [{"fact": "message.text", "op": "is_not", "value": ink("ScriptBody:when{*}")}]},
            "answer": {"ru": ink("ScriptBody:answer{}")},
            "steps": [{"id": "s", "ask": {"ru": ink("ScriptBody:steps[]{*}")}}],
            "finish": {"ru": ink("ScriptBody:finish{}")},
            "leave": {"ru": ink("ScriptBody:leave{}")},
        }
        script_id = post(f"{base}/scripts", script)["id"]
        pressed: dict[str, Any] = {"name": "Buttons", "phrases": ["buttons"], "answer": {"ru": "Да"}}
        pressed["buttons"] = [{"label": {"ru": ink("ScriptBody:buttons[].label{}")}}]
        buttons_id = post(f"{base}/scripts", pressed)["id"]
        said = {"do": "send", "text": {"ru": ink("RuleBody:actions[]{*}")}}
        never = {"all": [{"fact": "message.text", "op": "is", "value": ink("RuleBody:when{*}")}]}
        rule = post(
            f"{base}/rules", {"name": ink("RuleBody:name"), "trigger": {"on": "message_received"}, "when": never, "actions": [said]}
        )
        step = {"do": "send", "text": {"ru": ink("SequenceBody:steps[]{*}")}}
        goal = {"all": [{"fact": "message.text", "op": "is", "value": ink("SequenceBody:goal{*}")}]}
        sequence = post(f"{base}/sequences", {"name": ink("SequenceBody:name"), "steps": [step], "goal": goal})
        passage = {"id": "p", "title": ink("PassagesBody:passages[].title"), "text": f"грелки {ink('PassagesBody:passages[].text')}"}
        self._send("PUT", f"{base}/passages", {"passages": [passage]}, self._version(base))
        kept = post(f"{base}/knowledge/documents", {"title": ink("DocumentBody:title"), "text": ink("DocumentBody:text")})
        self._upload(f"{base}/knowledge/files?name={quote(ink('elsewhere:file name'))}.txt")
        expected = {"kind": "text", "value": ink("CheckBody:expected.value")}
        post(f"{base}/checks", {"question": ink("CheckBody:question"), "expected": expected})
        post(f"{base}/widgets", {"name": ink("WidgetCreate:name"), "origins": ["https://shop.example"]})
        post(f"{base}/publish", {"note": ink("PublishBody:note"), "despite_checks": True})
        post("/api/users", {"email": f"z{agent['id'][:8]}@shop.example", "name": ink("UserInvite:name"), "role": "viewer"})
        post("/api/api-keys", {"name": ink("KeyCreate:name"), "role": "viewer"})
        self.house.model.will(streams(ink("elsewhere:model answer")))
        asked = post("/api/chat", {"agent_id": agent["id"], "text": f"грелки? {ink('ChatRequest:text')}", "version": "draft"})
        talk = asked["conversation_id"]
        post(f"/api/conversations/{talk}/reply", {"text": ink("ReplyRequest:text")})
        inbox, page = person.path("conversations"), person.path(f"ai-agents/{agent['id']}")
        opened = f"conversation={talk}"
        return {
            "agents": person.path("ai-agents"),
            "agent": page,
            **{tab: f"{page}?tab={tab}" for tab in ("tools", "versions", "checks")},
            "scripts": f"{page}/scripts",
            "script": f"{page}/scripts?script={script_id}",
            "buttons": f"{page}/scripts?script={buttons_id}",
            "rules": f"{page}/rules",
            "rule": f"{page}/rules?rule={rule['id']}",
            "sequences": f"{page}/sequences",
            "sequence": f"{page}/sequences?sequence={sequence['id']}",
            "knowledge": f"{page}/knowledge",
            "document": f"{page}/knowledge?document={kept.get('id') or kept['document_id']}",
            "inbox": f"{inbox}?{opened}",
            "why": f"{inbox}?{opened}&trace={asked['reply']['id']}",
            "chat": f"{person.path('test-chat')}?agent={agent['id']}&{opened}&trace={asked['reply']['id']}",
            "all conversations": inbox,
            "dashboard": person.path("").rstrip("/"),
            "integrations": person.path("integrations"),
            "jobs": person.path("jobs"),
            "actors": person.path("actors"),
            "settings": person.path("settings"),
            "profile": person.path("profile"),
        }

    def _version(self, base: str) -> int:
        return int(self.house.installation.get(base)["version"])

    def _send(self, method: str, path: str, body: Any, version: int) -> Any:
        return self.house.installation.send(method, path, body, {"If-Match": f'"{version}"'})

    def _upload(self, path: str) -> None:
        self.house.installation.send("POST", path, b"text", {"Content-Type": "application/octet-stream"})


TOKEN = "7400000001:token-of-the-shop"  # of a bot that there is not
TEXTS = ("greeting", "fallback_text", "handoff_text", "choices_text", "overdue_text", "outside_text")


async def read(page: Page) -> str:
    """Return what is to be read on a page, in its fields, too."""
    fields = "[...document.querySelectorAll('input, textarea')].map((field) => field.value).join('\\n')"
    return str(await page.evaluate(f"document.body.innerText + '\\n' + {fields}"))


async def test_what_is_stored_stays_text(house: House, open_tab: OpenTab) -> None:
    ink, owner = Ink(), house.invite("owner")
    pages = await asyncio.to_thread(Writer(house, ink).write, owner)
    await house.telegram.control("bots", token=TOKEN, username="warm7400000001bot")
    agent = pages["agent"].rpartition("/")[2]
    connected = await asyncio.to_thread(house.installation.post, f"/api/agents/{agent}/integrations", {"token": TOKEN})
    bot = connected["integration"]
    who = {"id": 74, "is_bot": False, "first_name": ink.of("elsewhere:customer's name")}
    said = {"message_id": 1, "date": int(time.time()), "chat": {"id": 74, "type": "private"}, "from": who}
    await house.telegram.push(TOKEN, {"message": {**said, "text": ink.of("elsewhere:customer's message")}})
    await house.until("select exists (select from messages where body like '%' || $1)", ink.used["elsewhere:customer's message"])
    (talk,) = await house.rows("select id from conversations where integration_id = $1 and key = '74'", UUID(bot["id"]))
    pages["customer"] = f"{owner.path('conversations')}?conversation={talk['id']}"
    await asyncio.to_thread(house.installation.delete, f"/api/agents/{agent}/integrations/{bot['id']}")
    page = await open_tab("/", owner, width=1600)
    await page.context.add_init_script(WATCH)
    await page.goto(owner.path("profile"))
    await page.get_by_label("Имя", exact=True).fill(ink.of("ProfileChange:name"))
    await page.get_by_role("button", name="Сохранить").first.click()
    await expect(page.get_by_text("Сохранено")).to_be_visible()
    await page.goto(owner.path("settings"))
    card = page.get_by_role("region", name="Компания")
    await card.get_by_label("Название").fill(ink.of("TenantPatch:name"))
    await card.get_by_role("button", name="Сохранить").click()
    await expect(page.get_by_text("Сохранено")).to_be_visible()
    seen = ""
    for where, path in pages.items():
        await page.goto(path)
        await settled(page)
        seen += await read(page)
        assert await page.evaluate("window.x") is None, f"{where}: markup ran"
        assert await page.evaluate("document.querySelectorAll('img[src=x], [onerror]').length") == 0, f"{where}: markup became an element"
        assert await page.evaluate("window.broken") == [], f"{where}: against the content security policy"
    assert ink.used.keys() == {f"{body}:{place}" for body, places in STORED.items() for place in places}
    assert {field for field, mark in ink.used.items() if f"<img src=x onerror=window.x=1>{mark}" not in seen} == set()
