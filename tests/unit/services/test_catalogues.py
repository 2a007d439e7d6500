"""Which version answers a conversation: what is published, or the one a test conversation keeps to."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from actors.domain.errors import TransientError
from actors.domain.ids import Address, AgentId, ConversationId, TenantId
from actors.ports.conversations import ConversationRecord
from actors.services import catalogues as module
from actors.services.catalogues import CatalogueMissing, Catalogues
from tests.fakes.stores import FakeCatalogue
from tests.fakes.world import World


class FlakyCatalogue(FakeCatalogue):
    """Is away for the first `failures` documents; counts the others."""

    def __init__(self, world: World, failures: int = 0) -> None:
        super().__init__(world)
        self.failures = failures
        self.read: list[int] = []

    async def definition(self, tenant_id: TenantId, agent_id: AgentId, version: int) -> Any:
        if self.failures:
            self.failures -= 1
            raise TransientError("away")
        self.read.append(version)
        return await super().definition(tenant_id, agent_id, version)


class Lab:
    def __init__(self, failures: int = 0) -> None:
        self.world = World()
        self.bot = self.world.add_integration("test")
        self.published = self.world.publish(self.bot.agent_id, {"persona": {"name": "Published", "debounce_s": 1.0}})
        self.store = FlakyCatalogue(self.world, failures)
        self.catalogues = Catalogues(self.store)

    def try_out(self, name: str, debounce_s: float = 0.0) -> ConversationRecord:
        version = self.world.snapshot(self.bot.agent_id, {"persona": {"name": name, "debounce_s": debounce_s}})
        return replace(self.record(), pinned_version=version)

    def record(self, key: str = "1") -> ConversationRecord:
        address = Address(self.bot.id, key)
        agent_id = AgentId(self.bot.agent_id)
        return ConversationRecord(ConversationId(9), TenantId(self.bot.tenant_id), address, 0, "bot", b"{}", agent_id, "test", "once")


async def test_a_pinned_conversation_keeps_to_its_version_and_others_to_what_is_published() -> None:
    lab = Lab()
    following, draft = lab.record(), lab.try_out("Draft", 2.0)
    await lab.catalogues.ensure([following, draft])
    assert [lab.catalogues.of(r).persona.name for r in (following, draft)] == ["Published", "Draft"]
    assert [lab.catalogues.debounce_s(r) for r in (following, draft)] == [1.0, 2.0]
    lab.world.publish(lab.bot.agent_id, {"persona": {"name": "Newer"}})
    await lab.catalogues.refresh()
    assert [lab.catalogues.of(r).persona.name for r in (following, draft)] == ["Newer", "Draft"]


async def test_an_agent_that_was_never_published_can_be_tried() -> None:
    lab = Lab()
    lab.world.versions.clear()
    draft = lab.try_out("Draft")
    await lab.catalogues.ensure([draft])
    assert lab.catalogues.of(draft).persona.name == "Draft"
    with pytest.raises(CatalogueMissing, match="no usable published version"):
        lab.catalogues.of(lab.record())


async def test_a_pinned_version_is_read_once() -> None:
    lab = Lab()
    draft = lab.try_out("Draft")
    await lab.catalogues.ensure([draft])
    await lab.catalogues.ensure([draft])
    await lab.catalogues.refresh()
    assert lab.store.read == [draft.pinned_version]


async def test_versions_that_nobody_used_lately_are_forgotten_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PINNED", 2)
    lab = Lab()
    first, second, third = (lab.try_out(name) for name in ("one", "two", "three"))
    await lab.catalogues.ensure([first, second])
    assert lab.catalogues.of(first).persona.name == "one"
    await lab.catalogues.ensure([third])
    assert lab.catalogues.of(first).persona.name == "one"
    with pytest.raises(CatalogueMissing, match=f"no usable version {second.pinned_version}"):
        lab.catalogues.of(second)
    await lab.catalogues.refresh()
    assert lab.catalogues.of(second).persona.name == "two"


async def test_a_version_that_could_not_be_read_is_read_later() -> None:
    lab = Lab(failures=1)
    draft = lab.try_out("Draft")
    await lab.catalogues.ensure([draft])
    with pytest.raises(CatalogueMissing):
        lab.catalogues.of(draft)
    await lab.catalogues.refresh()
    assert lab.catalogues.of(draft).persona.name == "Draft"


async def test_a_version_that_cannot_be_used_is_not_read_again() -> None:
    lab = Lab()
    broken = lab.try_out("Draft", -1.0)
    nothing = replace(lab.record(), pinned_version=99, agent_id=AgentId(uuid4()))
    await lab.catalogues.ensure([broken, nothing])
    for record in (broken, nothing):
        with pytest.raises(CatalogueMissing):
            lab.catalogues.of(record)
    read = list(lab.store.read)
    await lab.catalogues.refresh()
    assert lab.store.read == read
