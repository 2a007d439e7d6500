"""Draft and published version of one agent answer differently, at the same time, on one host."""

import json
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from actors.ports.inbox import NewInput
from storage import chats
from storage.accounts.audit import Actor
from storage.authoring.scripts import Scripts
from storage.authoring.versions import Versions
from storage.inbox import PostgresInbox
from tests.integration.host_lab import HostLab
from tests.integration.shop import open_shop

OLGA = Actor("Olga")
SHOP: dict[str, Any] = {
    "persona": {"name": "Anna", "languages": ["en"], "debounce_s": 0.0},
    "scripts": [{"id": "delivery", "phrases": ["delivery"], "answer": {"en": "Delivery is 300 roubles."}}],
}
DEARER = {"id": "delivery", "phrases": ["delivery"], "answer": {"en": "Delivery is 500 roubles."}}
_NUMBERS = count(1)


@pytest.fixture
async def lab(database: str, tmp_path: Path) -> AsyncIterator[HostLab]:
    async with open_shop(database, tmp_path) as shop:
        yield HostLab(shop)


async def _ask(lab: HostLab, chat: chats.TestChat) -> str:
    """Say something in the chat and return the answer."""
    number = next(_NUMBERS)
    raw = json.dumps({"text": "How much is delivery?", "message_id": str(number)}).encode()
    await PostgresInbox(lab.shop.engine).ingest([NewInput(lab.shop.tenant_id, chat.address, "message", f"test:{number}", raw)])
    await lab.settled()
    said = "select body from messages where conversation_id = $1 and role = 'agent' order by id desc limit 1"
    return str(await lab.shop.owner.fetchval(said, chat.conversation_id))


async def _start(lab: HostLab, agent_id: UUID, key: str, version: int | None = None) -> chats.TestChat:
    chat = await chats.TestChats(lab.shop.api).start(lab.shop.tenant_id, agent_id, key, version)
    assert chat is not None
    return chat


async def test_a_draft_answers_its_test_chat_and_nobody_else(lab: HostLab) -> None:
    shop = lab.shop
    scripts, versions = Scripts(shop.api), Versions(shop.api)
    agent = await lab.add_agent(SHOP)
    await lab.add_integration(agent, "test")
    (script,) = await scripts.all(shop.tenant_id, agent)
    assert await scripts.replace(shop.tenant_id, OLGA, agent, script.id, script.version, DEARER)
    draft = await versions.snapshot(shop.tenant_id, OLGA, agent)
    assert draft == 2
    trying, following = await _start(lab, agent, "trying", draft), await _start(lab, agent, "following")
    async with lab.running(lab.host()):
        assert await _ask(lab, trying) == "Delivery is 500 roubles."
        assert await _ask(lab, following) == "Delivery is 300 roubles."
        published = await versions.publish(shop.tenant_id, OLGA, agent, "dearer")
        assert published is not None
        assert (published.version, published.published_by) == (draft, "Olga")
        fresh = await _start(lab, agent, "first", 1)
        assert await _ask(lab, fresh) == "Delivery is 300 roubles."
        await _until_published(lab, following, "Delivery is 500 roubles.")
        assert await _ask(lab, fresh) == "Delivery is 300 roubles."


async def test_an_agent_that_was_never_published_answers_its_test_chat(lab: HostLab) -> None:
    shop = lab.shop
    agent = await lab.add_agent(SHOP)
    await lab.add_integration(agent, "test")
    await shop.owner.execute("update agents set published_version = 0 where id = $1", agent)
    draft = await Versions(shop.api).snapshot(shop.tenant_id, OLGA, agent)
    with pytest.raises(chats.NoSuchVersion):
        await chats.TestChats(shop.api).start(shop.tenant_id, agent, "following")
    trying = await _start(lab, agent, "trying", draft)
    async with lab.running(lab.host()):
        assert await _ask(lab, trying) == "Delivery is 300 roubles."


async def _until_published(lab: HostLab, chat: chats.TestChat, expected: str) -> None:
    """Ask until the host uses what was published: it looks every two seconds."""
    for _ in range(200):
        if await _ask(lab, chat) == expected:
            return
    pytest.fail("the published version was never used")
