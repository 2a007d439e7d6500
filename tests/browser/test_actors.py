"""The page Actors: who is on stage, who carries a conversation; a host is killed from the page, and its question is answered once."""

import asyncio
from typing import Any

from playwright.async_api import Page, expect

from tests.browser.conftest import OpenTab
from tests.browser.house import House, Person
from tests.browser.pages import settled, violations

_RESTART_MS = 60_000  # a new actor is a new process; a machine that runs all tests at once takes its time


async def pid_of(page: Page, actor: str) -> str:
    row = page.locator(f"[data-actor='{actor}']")
    await expect(row.get_by_text("работает", exact=True)).to_be_visible(timeout=_RESTART_MS)
    await expect(row).not_to_have_attribute("data-pid", "", timeout=_RESTART_MS)
    return await row.get_attribute("data-pid") or ""


async def test_a_host_is_killed_from_the_page_and_the_answer_comes(house: House, open_tab: OpenTab, admin: Person) -> None:
    conversation = house.installation.chat("Сколько стоит доставка?")["conversation_id"]
    page = await open_tab(admin.path("actors"), admin)
    await settled(page)
    await page.get_by_role("searchbox", name="Номер разговора").fill(str(conversation))
    carried = page.get_by_text("Его ведёт host-")
    await expect(carried).to_be_visible()
    number = (await carried.inner_text()).split("host-")[1].split(" ")[0]
    await expect(page.get_by_text("ssh -N -L")).to_be_visible()
    assert await violations(page) == []
    host = f"host-{number}"
    before = await pid_of(page, host)

    chat = await open_tab(f"{admin.path('test-chat')}?conversation={conversation}", admin)
    await settled(chat)
    await page.get_by_role("button", name=f"Завершить ведущего {number}").click()
    await expect(page.get_by_text(f"процесс {before} завершён")).to_be_visible()
    asked = "Сколько дней идёт доставка в Казань?"
    await chat.get_by_label("Сообщение", exact=True).fill(asked)
    await chat.keyboard.press("Enter")
    # The page goes on by itself: a new process under the same number, counted.
    await expect(page.locator(f"[data-actor='{host}']")).not_to_have_attribute("data-pid", before, timeout=_RESTART_MS)
    assert await pid_of(page, host) != before
    row = page.locator(f"[data-actor='{host}']")
    await expect(row.locator("dl > div", has_text="Перезапусков").locator("dd")).not_to_have_text("0")
    answers = "select count(*) = 2 from messages where conversation_id = $1 and role = 'agent'"
    await house.until(answers, int(conversation), timeout_s=60)
    said = await house.rows("select body from messages where conversation_id = $1 and role = 'agent' order by id desc", int(conversation))
    await expect(chat.get_by_text(str(said[0]["body"])[:40]).last).to_be_visible(timeout=30_000)
    assert len(await house.rows("select from messages where conversation_id = $1 and role = 'customer'", int(conversation))) == 2


async def asked_until_answered(house: House) -> dict[str, Any]:
    """Ask again while the servers are away; what was refused was not taken in."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await asyncio.to_thread(house.installation.chat, "Сколько стоит доставка?")
            except (AssertionError, OSError):
                await asyncio.sleep(0.2)


async def test_servers_are_stopped_from_the_page_and_come_back(house: House, open_tab: OpenTab, admin: Person) -> None:
    page = await open_tab(admin.path("actors"), admin)
    await settled(page)
    for name in ("Остановить Redis", "Остановить PostgreSQL"):
        await page.get_by_role("button", name=name).click()
        await expect(page.get_by_text(f"{name}: процесс")).to_be_visible()
        assert (await asked_until_answered(house))["reply"]["text"]


async def test_operators_see_no_actors(house: House, open_tab: OpenTab) -> None:
    operator = house.invite("operator")
    page = await open_tab(operator.path("actors"), operator)
    await expect(page.get_by_text("Это видят владельцы и администраторы.")).to_be_visible()
    await expect(page.get_by_role("button", name="Остановить Redis")).to_have_count(0)
