"""The dashboard: counters that are the database's, updates that come by themselves and lead to what they are about."""

import re
from uuid import uuid4

import asyncpg
from playwright.async_api import expect

from tests.browser.conftest import OpenTab
from tests.browser.house import House, Person
from tests.browser.pages import settled, violations

_SAID = "select count(*) as n from messages where tenant_id = $1 and role = 'customer'"


async def test_an_update_appears_by_itself_and_opens_its_conversation(house: House, open_tab: OpenTab, admin: Person) -> None:
    page = await open_tab(admin.path("").rstrip("/"), admin)
    await expect(page).to_have_title("Обзор · Callboard")
    updates = page.get_by_role("region", name="Последние события")
    await expect(page.locator("[data-live=live]")).to_be_visible()
    text = f"Сколько стоит доставка {uuid4().hex}?"
    said = house.installation.chat(text)
    entry = updates.locator(f"a[href*='conversation={said['conversation_id']}']").first
    await expect(entry).to_contain_text("Агент ответил")
    await entry.click()
    await expect(page).to_have_title("Разговоры · Callboard")
    await expect(page.locator("article[data-role=customer]")).to_contain_text(text)
    await page.go_back()
    await expect(page).to_have_title("Обзор · Callboard")


async def test_counters_follow_and_are_what_the_database_has(house: House, open_tab: OpenTab, admin: Person) -> None:
    page = await open_tab(admin.path("").rstrip("/"), admin)
    shown = page.locator("[data-counter='Сообщения']")
    for _ in range(2):
        house.installation.chat("Сколько стоит доставка?")
        (row,) = await house.rows(_SAID, admin.tenant_id)
        await expect(shown).to_have_text(str(row["n"]))
    await expect(page.get_by_role("region", name="По каналам")).to_contain_text("Пробный чат")
    await expect(page.get_by_role("region", name="Сообщения по времени").locator("table")).to_have_count(1)


async def test_filters_are_in_the_address(house: House, open_tab: OpenTab, admin: Person) -> None:
    house.installation.chat("Сколько стоит доставка?")
    page = await open_tab(admin.path("").rstrip("/"), admin)
    updates = page.get_by_role("region", name="Последние события")
    await expect(updates.locator("[data-kind='turn.answered']").first).to_be_visible()
    await updates.get_by_role("combobox", name="Показывать").click()
    await page.get_by_role("option", name="Входы и настройки").click()
    await expect(updates.locator("[data-kind='turn.answered']")).to_have_count(0)
    await expect(updates.locator("[data-kind='user.invited']").first).to_be_visible()
    await expect(page).to_have_url(re.compile(r"show=company"))
    await page.get_by_text("30 дней").click()
    await expect(page).to_have_url(re.compile(r"range=month"))
    await page.reload()
    await expect(updates.locator("[data-kind='user.invited']").first).to_be_visible()
    await expect(updates.locator("[data-kind='turn.answered']")).to_have_count(0)
    await updates.get_by_role("button", name="Скачать события").click()
    async with page.expect_download() as downloaded:
        await page.get_by_role("menuitem", name="CSV для таблиц").click()
    file = await (await downloaded.value).path()
    assert "user.invited" in file.read_text(encoding="utf-8")
    assert "turn.answered" not in file.read_text(encoding="utf-8")


async def test_names_are_text_wherever_they_are_shown(house: House, open_tab: OpenTab, admin: Person) -> None:
    evil = f'<img src=x onerror="document.title=1"><b>{uuid4().hex}</b>'
    page = await open_tab(admin.path("").rstrip("/"), admin)
    script = {"name": evil[:100], "key": f"k{uuid4().hex[:8]}", "phrases": ["абракадабра"], "answer": {"ru": "да"}}
    house.installation.post(f"/api/agents/{house.installation.agent_id()}/scripts", script)
    entry = page.get_by_role("region", name="Последние события").locator("a[href*='script=']").first
    await expect(entry).to_contain_text("Создан сценарий")
    await expect(entry).to_contain_text(evil[:60])
    assert await page.locator("main b, main img").count() == 0
    await entry.click()
    await expect(page).to_have_url(re.compile(r"/scripts\?script="))


async def test_the_first_steps_are_shown_until_customers_write(house: House, open_tab: OpenTab, admin: Person) -> None:
    house.installation.chat("Сколько стоит доставка?")
    page = await open_tab(admin.path("").rstrip("/"), admin)
    steps = page.get_by_role("region", name="Первые шаги").get_by_role("listitem")
    await expect(steps).to_have_count(4)
    await expect(steps.nth(0)).to_have_attribute("data-done", "true")
    await expect(steps.nth(2)).to_have_attribute("data-done", "true")
    await expect(steps.nth(3)).to_have_attribute("data-done", "false")
    viewer = house.invite("viewer")
    other = await open_tab(viewer.path("").rstrip("/"), viewer)
    await expect(other.get_by_role("region", name="Последние события").locator("li").first).to_be_visible()
    await expect(other.get_by_role("region", name="Первые шаги")).to_have_count(0)


async def test_what_is_not_well_is_said_with_what_to_do(house: House, open_tab: OpenTab, admin: Person) -> None:
    page = await open_tab(admin.path("").rstrip("/"), admin)
    card = page.get_by_role("region", name="Как всё работает")
    for part in ("gateway", "database", "redis", "actors", "queue"):
        await expect(card.locator(f"[data-health={part}]")).to_be_visible()
    await expect(card.get_by_role("status")).to_have_count(0)
    await settled(page)
    assert await violations(page) == []
    connection = await asyncpg.connect(house.installation.run_json["database_url"], timeout=10)
    async with connection.transaction():
        await connection.execute("lock table heartbeats in exclusive mode")  # the stage cannot say that it is there
        await expect(card.get_by_role("status")).to_contain_text("Ответы ждут, пока вернутся акторы", timeout=30_000)
        await expect(card.get_by_role("link", name="Акторы")).to_be_visible()
        await settled(page)
        assert await violations(page) == []
    await connection.close()
    await expect(card.locator("[data-health=actors]")).to_be_visible(timeout=30_000)
    await expect(card.get_by_role("status")).to_have_count(0)
