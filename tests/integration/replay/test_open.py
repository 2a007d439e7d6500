"""Questions that stood open and were answered when people asked for it, in a replay."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.conversations import ConversationControl
from tests.integration.host_lab import HostLab
from tests.integration.office import Office
from tests.integration.replay.test_replay import replayed, told
from tests.integration.shop import open_shop
from tests.integration.test_unanswered import LATE, ask, due, press


@pytest.fixture
async def office(database: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with open_shop(database, tmp_path) as shop:
        lab = HostLab(shop)
        async with lab.running(lab.host()):
            yield await Office.open(lab)


async def test_what_was_answered_after_all_is_so_again_or_left_out(office: Office) -> None:
    for chat in (5, 6):
        await office.says(chat, "delivery?", **LATE)
    await ask(office)
    control = ConversationControl(office.lab.shop.api)
    await control.take_over(office.tenant_id, await office.conversation(6), "ann")
    await control.give_back(office.tenant_id, await office.conversation(6), "ann")
    await due(office)
    await office.says(7, "delivery?")
    await press(office, stop=True)
    await press(office, stop=False)
    await ask(office)
    await due(office)
    assert [(await office.heard(chat))[-1:] for chat in (5, 6, 7)] == [["Tomorrow"], [], ["Tomorrow"]]
    conversations = [await office.conversation(chat) for chat in (5, 6, 7)]
    result, rows = await replayed(office.lab, office.agent_id, 1, conversations, asks=False)
    assert (result["differs"], result["same"], result["skipped"]) == (0, 4, 3), told(rows)
