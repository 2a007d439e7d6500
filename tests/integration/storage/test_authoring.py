"""Drafts, scripts and versions: what is published is what was written, once, and everybody is told."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
import pytest

from actors.domain.errors import InvalidDefinition, TerminalError
from storage.accounts.audit import Actor
from storage.authoring.changes import InUse, Stale, Taken
from storage.authoring.definitions import DefinitionItem
from storage.authoring.drafts import AgentDraft, Drafts
from storage.authoring.scripts import ScriptFilter, Scripts
from storage.authoring.versions import Versions
from storage.catalogue import Agents
from storage.endpoints import Endpoints
from storage.migrate import DIRECTORY
from tests.contract.labs import RealLab

OLGA = Actor("Olga")
DELIVERY = {
    "id": "delivery",
    "name": "Доставка",
    "phrases": ["сколько стоит доставка"],
    "answer": {"ru": "300 рублей", "en": "300 roubles"},
}
PAYMENT = {"id": "payment", "name": "Payment", "keywords": ["pay"], "answer": {"en": "By card."}, "languages": ["en"]}
OFF = {"id": "off", "name": "Off", "phrases": ["off"], "answer": {"en": "Never"}, "enabled": False}


class Desk:
    """Somebody at work on the agents of one tenant."""

    def __init__(self, lab: RealLab, tenant_id: UUID) -> None:
        self.lab, self.tenant_id = lab, tenant_id
        self.drafts, self.scripts, self.versions = Drafts(lab.api), Scripts(lab.api), Versions(lab.api)

    async def agent(self, *scripts: Mapping[str, Any]) -> AgentDraft:
        draft = await self.drafts.create(self.tenant_id, OLGA, "Anna", {"name": "Anna", "languages": ["ru", "en"]})
        for script in scripts:
            await self.script(draft.id, script)
        return draft

    async def script(self, agent_id: UUID, definition: Mapping[str, Any]) -> DefinitionItem:
        created = await self.scripts.create(self.tenant_id, OLGA, agent_id, definition)
        assert created is not None
        return created

    async def publish(self, agent_id: UUID) -> int:
        published = await self.versions.publish(self.tenant_id, OLGA, agent_id)
        assert published is not None
        return published.version

    async def keys(self, agent_id: UUID, where: ScriptFilter) -> list[str]:
        return [item.key for item in await self.scripts.search(self.tenant_id, agent_id, where, 0, 100)]

    async def found(self, agent_id: UUID) -> AgentDraft:
        draft = await self.drafts.find(self.tenant_id, agent_id)
        assert draft is not None
        return draft

    async def told(self, kind: str) -> list[dict[str, Any]]:
        rows = await self.lab.owner.fetch(
            "select data from activity_logs where kind = $1 and tenant_id = $2 order by id", kind, self.tenant_id
        )
        return [orjson.loads(r["data"]) for r in rows]

    async def audited(self) -> list[str]:
        rows = await self.lab.owner.fetch("select action from audit_log where tenant_id = $1 order by id", self.tenant_id)
        return [r["action"] for r in rows]


@pytest.fixture
async def desk(real_lab: RealLab) -> Desk:
    return Desk(real_lab, (await real_lab.endpoint()).tenant_id)


async def test_publishing_assembles_persona_enabled_scripts_and_passages(desk: Desk) -> None:
    agent = await desk.agent(DELIVERY, OFF, PAYMENT)
    passages = [{"id": "wool", "title": "Wool", "text": "Wash it cold."}]
    stored = await desk.drafts.set_passages(desk.tenant_id, OLGA, agent.id, agent.version, passages)
    assert stored is not None
    assert (await desk.found(agent.id)).published_version == 0
    assert await desk.publish(agent.id) == 1
    found = await desk.versions.find(desk.tenant_id, agent.id, 1)
    assert found is not None
    assert found.definition == {"persona": agent.persona, "scripts": [DELIVERY, PAYMENT], "passages": passages}
    assert (found.item.created_by, found.item.published_by, found.item.copy_of) == ("Olga", "Olga", None)
    assert not (await desk.found(agent.id)).differs
    assert await desk.lab.catalogue.versions([agent.id]) == {agent.id: 1}
    assert [data["published_version"] for data in await desk.told("agent.published")] == [1]


async def test_publishing_what_is_published_publishes_nothing(desk: Desk) -> None:
    agent = await desk.agent(DELIVERY)
    assert await desk.publish(agent.id) == 1
    assert await desk.publish(agent.id) == 1
    (script,) = await desk.scripts.all(desk.tenant_id, agent.id)
    await desk.scripts.replace(desk.tenant_id, OLGA, agent.id, script.id, script.version, {**DELIVERY, "priority": 5})
    assert (await desk.found(agent.id)).differs
    await desk.scripts.replace(desk.tenant_id, OLGA, agent.id, script.id, script.version + 1, DELIVERY)
    assert await desk.publish(agent.id) == 1
    assert len(await desk.told("agent.published")) == 1


async def test_a_draft_is_snapshotted_once_and_its_snapshot_is_what_gets_published(desk: Desk) -> None:
    agent = await desk.agent(DELIVERY)
    tried = await asyncio.gather(*(desk.versions.snapshot(desk.tenant_id, OLGA, agent.id) for _ in range(3)))
    assert tried == [1, 1, 1]
    assert await desk.lab.catalogue.versions([agent.id]) == {agent.id: 0}
    assert await desk.versions.page(desk.tenant_id, agent.id, None, 10) == []
    (only,) = await desk.versions.page(desk.tenant_id, agent.id, None, 10, tried=True)
    assert only.published_at is None
    assert await desk.publish(agent.id) == 1
    (published,) = await desk.versions.page(desk.tenant_id, agent.id, None, 10)
    assert published.published_at is not None
    payment = await desk.script(agent.id, PAYMENT)
    assert await desk.versions.snapshot(desk.tenant_id, OLGA, agent.id) == 2
    assert await desk.scripts.delete(desk.tenant_id, OLGA, agent.id, payment.id, payment.version)
    assert await desk.versions.snapshot(desk.tenant_id, OLGA, agent.id) == 1


async def test_rolling_back_publishes_older_content_as_a_new_version_and_keeps_the_draft(desk: Desk) -> None:
    agent = await desk.agent(DELIVERY)
    assert await desk.publish(agent.id) == 1
    await desk.script(agent.id, PAYMENT)
    assert await desk.publish(agent.id) == 2
    back = await desk.versions.roll_back(desk.tenant_id, OLGA, agent.id, 1, "wrong price")
    assert back is not None
    assert (back.version, back.copy_of, back.note) == (3, 1, "wrong price")
    first, third = [await desk.versions.find(desk.tenant_id, agent.id, version) for version in (1, 3)]
    assert first is not None
    assert third is not None
    assert first.definition == third.definition
    assert await desk.lab.catalogue.versions([agent.id]) == {agent.id: 3}
    assert (await desk.found(agent.id)).differs
    assert len(await desk.scripts.all(desk.tenant_id, agent.id)) == 2
    assert await desk.publish(agent.id) == 4  # history goes forward, although version 2 says the same
    assert await desk.versions.roll_back(desk.tenant_id, OLGA, agent.id, 99) is None
    assert await desk.versions.roll_back(desk.tenant_id, OLGA, agent.id, 2**40) is None


async def test_what_cannot_be_used_is_never_published_nor_tried(desk: Desk) -> None:
    agent = await desk.agent(DELIVERY)
    await desk.lab.owner.execute("""update scripts set definition = definition || '{"phrases": []}' where agent_id = $1""", agent.id)
    with pytest.raises(InvalidDefinition) as refused:
        await desk.versions.publish(desk.tenant_id, OLGA, agent.id)
    assert [problem.place for problem in refused.value.problems] == ["scripts[0]"]
    with pytest.raises(InvalidDefinition):
        await desk.versions.snapshot(desk.tenant_id, OLGA, agent.id)
    assert await desk.versions.page(desk.tenant_id, agent.id, None, 10, tried=True) == []


async def test_versions_made_at_once_get_numbers_of_their_own(desk: Desk) -> None:
    agent = await desk.agent(DELIVERY)

    async def one(number: int) -> int:
        await desk.script(agent.id, {**PAYMENT, "id": f"p{number}"})
        return await desk.publish(agent.id)

    published = await asyncio.gather(*(one(number) for number in range(4)))
    listed = await desk.versions.page(desk.tenant_id, agent.id, None, 10)
    assert {item.version for item in listed} == set(published)
    assert (await desk.found(agent.id)).published_version == max(published)


async def test_publishing_the_same_at_once_publishes_once(desk: Desk) -> None:
    agent = await desk.agent(DELIVERY)
    assert await asyncio.gather(*(desk.publish(agent.id) for _ in range(4))) == [1, 1, 1, 1]
    assert len(await desk.told("agent.published")) == 1


async def test_a_stale_change_is_refused_with_the_current_version(desk: Desk) -> None:
    agent = await desk.agent()
    changed = await desk.drafts.change(desk.tenant_id, OLGA, agent.id, agent.version, None, {"instructions": "Be kind.", "model": "x"})
    assert changed is not None
    assert (changed.version, changed.changed_by, changed.persona["instructions"]) == (agent.version + 1, "Olga", "Be kind.")
    with pytest.raises(Stale) as stale:
        await desk.drafts.change(desk.tenant_id, OLGA, agent.id, agent.version, "Boris", {})
    assert stale.value.current == changed.version
    reset = await desk.drafts.change(desk.tenant_id, OLGA, agent.id, changed.version, "Boris", {"model": None})
    assert reset is not None
    assert (reset.name, "model" in reset.persona, reset.persona["instructions"]) == ("Boris", False, "Be kind.")
    script = await desk.script(agent.id, DELIVERY)
    for change in (
        desk.scripts.replace(desk.tenant_id, OLGA, agent.id, script.id, script.version + 1, DELIVERY),
        desk.scripts.delete(desk.tenant_id, OLGA, agent.id, script.id, script.version + 1),
        desk.drafts.set_passages(desk.tenant_id, OLGA, agent.id, agent.version, []),
        desk.drafts.archive(desk.tenant_id, OLGA, agent.id, agent.version),
    ):
        with pytest.raises(Stale):
            await change
    assert await desk.scripts.find(desk.tenant_id, agent.id, script.id) == script


async def test_scripts_are_found_by_what_people_remember(desk: Desk) -> None:
    agent = await desk.agent(DELIVERY, OFF, PAYMENT, {**DELIVERY, "id": "percent", "name": "100%_sure", "answer": {"ru": "Ещё нет"}})
    looked_for = {
        "ДОСТАВК": ["delivery", "percent"], "roubles": ["delivery"], "еще": ["percent"], "pay": ["payment"], "0%_": ["percent"],
        "%": ["percent"], "nothing": [],
    }  # fmt: skip
    for q, expected in looked_for.items():
        assert await desk.keys(agent.id, ScriptFilter(q=q)) == expected, q
    assert await desk.keys(agent.id, ScriptFilter(enabled=False)) == ["off"]
    assert await desk.keys(agent.id, ScriptFilter(language="en")) == ["delivery", "off", "payment"]
    assert await desk.keys(agent.id, ScriptFilter(language="ru")) == ["delivery", "percent"]
    first = await desk.scripts.search(desk.tenant_id, agent.id, ScriptFilter(), 0, 3)
    rest = await desk.scripts.search(desk.tenant_id, agent.id, ScriptFilter(), first[-1].position, 3)
    assert [item.key for item in (*first, *rest)] == ["delivery", "off", "payment", "percent"]


async def test_a_deleted_script_comes_back_to_its_place(desk: Desk) -> None:
    agent = await desk.agent(DELIVERY, PAYMENT)
    (delivery, _) = await desk.scripts.all(desk.tenant_id, agent.id)
    deleted = await desk.scripts.delete(desk.tenant_id, OLGA, agent.id, delivery.id, delivery.version)
    assert deleted is not None
    assert deleted.deleted_at is not None
    assert await desk.keys(agent.id, ScriptFilter()) == ["payment"]
    assert await desk.keys(agent.id, ScriptFilter(deleted=True)) == ["delivery"]
    assert await desk.scripts.replace(desk.tenant_id, OLGA, agent.id, delivery.id, deleted.version, DELIVERY) is None
    with pytest.raises(Taken):
        await desk.script(agent.id, DELIVERY)
    for _ in range(2):
        restored = await desk.scripts.restore(desk.tenant_id, OLGA, agent.id, delivery.id)
        assert restored is not None
        assert (restored.deleted_at, restored.version) == (None, deleted.version + 1)
    assert await desk.keys(agent.id, ScriptFilter()) == ["delivery", "payment"]


async def test_importing_goes_by_keys(desk: Desk) -> None:
    agent = await desk.agent(DELIVERY, PAYMENT)
    cheaper = {**DELIVERY, "answer": {"ru": "200 рублей"}}
    assert await desk.scripts.put(desk.tenant_id, OLGA, agent.id, [OFF, cheaper], replace=False)
    assert [item.definition for item in await desk.scripts.all(desk.tenant_id, agent.id)] == [cheaper, PAYMENT, OFF]
    assert await desk.scripts.put(desk.tenant_id, OLGA, agent.id, [DELIVERY], replace=True)
    assert [item.definition for item in await desk.scripts.all(desk.tenant_id, agent.id)] == [DELIVERY]
    assert await desk.keys(agent.id, ScriptFilter(deleted=True)) == ["payment", "off"]
    assert await desk.scripts.put(desk.tenant_id, OLGA, agent.id, [PAYMENT], replace=False)
    assert [item.definition for item in await desk.scripts.all(desk.tenant_id, agent.id)] == [DELIVERY, PAYMENT]


async def test_an_agent_is_archived_restored_and_copied(desk: Desk) -> None:
    agent = await desk.agent(DELIVERY, OFF)
    copy = await desk.drafts.duplicate(desk.tenant_id, OLGA, agent.id, "Boris")
    assert copy is not None
    assert (copy.name, copy.persona, copy.published_version) == ("Boris", agent.persona, 0)
    copied = [item.definition for item in await desk.scripts.all(desk.tenant_id, copy.id)]
    assert copied == [DELIVERY, OFF]
    assert [e.channel for e in await Endpoints(desk.lab.api).of_agent(desk.tenant_id, copy.id)] == ["test"]
    archived = await desk.drafts.archive(desk.tenant_id, OLGA, agent.id, agent.version)
    assert archived is not None
    assert archived.archived_at is not None
    listed = await desk.drafts.page(desk.tenant_id, None, 10)
    assert agent.id not in [item.id for item in listed]
    assert [item.id for item in await desk.drafts.page(desk.tenant_id, None, 10, archived=True)] == [agent.id]
    assert await desk.versions.publish(desk.tenant_id, OLGA, agent.id) is None
    assert await desk.versions.snapshot(desk.tenant_id, OLGA, agent.id) is None
    assert await desk.scripts.create(desk.tenant_id, OLGA, agent.id, PAYMENT) is None
    for _ in range(2):
        restored = await desk.drafts.restore(desk.tenant_id, OLGA, agent.id)
        assert restored is not None
        assert (restored.archived_at, restored.version) == (None, archived.version + 1)
    assert await desk.audited() == [
        "agent.created", "script.created", "script.created", "agent.created", "agent.archived", "agent.restored",
    ]  # fmt: skip
    assert [data["what"] for data in await desk.told("agent.changed")] == ["script.created", "script.created"]


async def test_an_agent_that_customers_reach_is_not_archived_until_it_is_disconnected(real_lab: RealLab) -> None:
    shop = await real_lab.endpoint()
    desk, endpoints = Desk(real_lab, shop.tenant_id), Endpoints(real_lab.api)
    agent = await desk.found(shop.agent_id)
    with pytest.raises(InUse, match="telegram"):
        await desk.drafts.archive(shop.tenant_id, OLGA, agent.id, agent.version)
    paused = await endpoints.change(shop.tenant_id, OLGA, agent.id, shop.integration_id, "paused", "once")
    assert paused is not None
    assert (paused.status, paused.reply_policy) == ("paused", "once")
    kept = await endpoints.change(shop.tenant_id, OLGA, agent.id, shop.integration_id, None, None)
    assert kept == paused
    assert await endpoints.disconnect(shop.tenant_id, OLGA, agent.id, shop.integration_id)
    assert await endpoints.of_agent(shop.tenant_id, agent.id) == []
    assert await endpoints.change(shop.tenant_id, OLGA, agent.id, shop.integration_id, "live", None) is None
    assert await desk.drafts.archive(shop.tenant_id, OLGA, agent.id, agent.version)


async def test_nobody_reaches_another_tenants_agents(desk: Desk) -> None:
    agent, other = await desk.agent(DELIVERY), Desk(desk.lab, (await desk.lab.endpoint()).tenant_id)
    (script,) = await desk.scripts.all(desk.tenant_id, agent.id)
    assert await other.drafts.find(other.tenant_id, agent.id) is None
    assert await other.drafts.change(other.tenant_id, OLGA, agent.id, agent.version, "Mine", {}) is None
    assert await other.drafts.duplicate(other.tenant_id, OLGA, agent.id, None) is None
    assert await other.scripts.find(other.tenant_id, agent.id, script.id) is None
    assert await other.scripts.create(other.tenant_id, OLGA, agent.id, PAYMENT) is None
    assert await other.scripts.restore(other.tenant_id, OLGA, agent.id, script.id) is None
    assert await other.versions.publish(other.tenant_id, OLGA, agent.id) is None
    assert await other.versions.find(other.tenant_id, agent.id, 1) is None
    with pytest.raises(TerminalError):
        await Agents(desk.lab.api).publish(other.tenant_id, agent.id, {})
    mine = (await desk.agent(DELIVERY)).id
    assert await desk.scripts.find(desk.tenant_id, mine, script.id) is None


async def test_agents_published_before_drafts_existed_get_theirs(desk: Desk) -> None:
    """The statements of the migration that carry over, on a database as it was before it."""
    definition = {"persona": {"name": "Вера"}, "scripts": [DELIVERY, PAYMENT], "passages": [{"id": "a", "title": "A", "text": "b"}]}
    owner = desk.lab.owner
    agent = await Agents(desk.lab.api).create(desk.tenant_id, "Вера", definition)
    empty = await Agents(desk.lab.api).create(desk.tenant_id, "Empty", {})
    await owner.execute("delete from scripts")
    await owner.execute("delete from agent_drafts")
    sql = (DIRECTORY / "0005_authoring.sql").read_text(encoding="utf-8")
    carrying_over = sql[sql.index("insert into agent_drafts") : sql.index("alter table agents force row level security")]
    await owner.execute(carrying_over)
    draft = await desk.found(agent)
    assert (draft.persona, draft.as_version, draft.differs) == ({"name": "Вера"}, 1, False)
    assert [item.definition for item in await desk.scripts.all(desk.tenant_id, agent)] == [DELIVERY, PAYMENT]
    assert await desk.keys(agent, ScriptFilter(q="ДОСТАВКА")) == ["delivery"]
    passages = await desk.drafts.passages(desk.tenant_id, agent)
    assert passages is not None
    assert passages.passages == definition["passages"]
    assert (await desk.found(empty)).persona == {}
    assert await desk.publish(agent) == 1
