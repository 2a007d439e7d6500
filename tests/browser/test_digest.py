"""The daily digest: who gets it, when, and one to see what it looks like."""

import time
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenTab
from tests.browser.house import House
from tests.browser.pages import settled, violations
from tests.browser.test_rules import choose

TOKEN = "7500000001:token-of-the-digest"
ME = {"id": 951, "type": "private", "is_bot": False, "first_name": "Ирина"}


@pytest.fixture
async def bot(house: House) -> AsyncIterator[None]:
    agent = house.installation.agent_id()
    await house.telegram.control("bots", token=TOKEN, username="digestbot")
    connected = house.installation.post(f"/api/agents/{agent}/integrations", {"token": TOKEN})
    yield
    house.installation.delete(f"/api/agents/{agent}/integrations/{connected['integration']['id']}")


async def test_an_owner_links_their_telegram_plans_the_digest_and_tries_it(house: House, open_tab: OpenTab, bot: None) -> None:
    owner = house.invite("owner")
    page = await open_tab(owner.path("settings"), owner, width=390)
    card = page.get_by_role("region", name="Ежедневная сводка")
    await expect(card.get_by_text("Сводку некому прислать")).to_be_visible()
    await expect(card.get_by_role("button", name="Прислать мне сейчас")).to_be_disabled()
    await settled(page)
    assert await violations(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await card.get_by_role("link", name="Открыть профиль").click()
    await page.get_by_role("button", name="Привязать").click()
    code = await page.locator("code").inner_text()
    said = {"message_id": 1, "date": int(time.time()), "chat": ME, "from": ME, "text": f"/start {code}"}
    await house.telegram.push(TOKEN, {"message": said})
    await expect(page.get_by_role("button", name="Отвязать")).to_be_visible(timeout=30_000)

    await page.goto(owner.path("settings"))
    await expect(card.get_by_text("Ирина: Telegram привязан")).to_be_visible()
    await card.get_by_role("switch", name="Присылать каждый день").press("Space")
    await choose(page, "В котором часу", "8:00")
    await card.get_by_label("Часовой пояс компании").fill("Europe/Nowhere")
    await card.get_by_role("button", name="Сохранить").click()
    await expect(card.get_by_text("Такого часового пояса нет", exact=False)).to_be_visible()
    await card.get_by_label("Часовой пояс компании").fill("Europe/Moscow")
    await card.get_by_role("button", name="Сохранить").click()
    await expect(card.get_by_text("Следующая придёт")).to_be_visible()
    (row,) = await house.rows("select cron, time_zone, enabled from job_schedules where key = 'digest:daily'")
    assert (row["cron"], row["time_zone"], row["enabled"]) == ("0 8 * * *", "Europe/Moscow", True)
    await page.reload()
    await expect(card.get_by_role("switch", name="Присылать каждый день")).to_be_checked()
    await expect(card.get_by_role("combobox", name="В котором часу")).to_have_value("8:00")

    before = len(house.telegram.accepted())
    await card.get_by_role("button", name="Прислать мне сейчас").click()
    sent = (await house.telegram.wait_accepted(before + 1, 60))[before:]
    assert [entry["chat_id"] for entry in sent] == [ME["id"]]
    assert "Тёплый дом" in sent[0]["text"]
    assert "Ошибок: " in sent[0]["text"]
    english = await open_tab(owner.path("settings"), owner, language="en", scheme="dark")
    await expect(english.get_by_role("region", name="Daily digest").get_by_text("Telegram is linked")).to_be_visible()
    await settled(english)
    assert await violations(english) == []
