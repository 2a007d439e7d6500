"""Sequences in the browser: built, checked, tried on dates, published, their runs seen and moved."""

from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenTab
from tests.browser.house import House, Person
from tests.browser.pages import settled, violations


@pytest.fixture
def agent_id(house: House) -> str:
    """An agent of this test's own."""
    persona = {"debounce_s": 0, "languages": ["ru", "en"]}
    return str(house.installation.post("/api/agents", {"name": f"Проба {uuid4().hex[:6]}", "persona": persona})["id"])


async def add_step(page: Page, dialog: Any, name: str) -> None:
    await dialog.get_by_role("button", name="Шаг", exact=True).click()
    await page.get_by_role("menuitem", name=name, exact=True).click()


async def build(page: Page) -> Any:
    """Write a sequence of a message, a wait, a condition and another message."""
    await page.get_by_role("button", name="Новая цепочка").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Имя", exact=True).fill("Напомнить")
    await add_step(page, dialog, "Написать клиенту")
    await expect(dialog.get_by_text("Пока сохранить нельзя")).to_be_visible()
    await expect(dialog.get_by_text("Шаг 1: Напишите текст")).to_be_visible()
    await dialog.get_by_label("Ответ · Русский").fill("Как вам плед?")
    await add_step(page, dialog, "Подождать")
    await add_step(page, dialog, "Подождать до времени суток")
    await add_step(page, dialog, "Проверить условие")
    await dialog.get_by_label("Значение", exact=True).fill("плед")
    await add_step(page, dialog, "Поставить метку")
    await dialog.get_by_label("Метка", exact=True).fill("спросили")
    await add_step(page, dialog, "Kommo: написать примечание")
    await dialog.get_by_label("Текст", exact=True).fill("Молчит: {contact.name}")
    await expect(dialog.get_by_text("Шаг 6: Сначала подключите", exact=False)).to_be_visible()
    await dialog.get_by_role("button", name="Убрать шаг").last.click()
    await expect(dialog.get_by_text("Пока сохранить нельзя")).to_have_count(0)
    return dialog


async def test_a_sequence_is_built_tried_saved_paused_and_deleted(open_tab: OpenTab, admin: Person, agent_id: str) -> None:
    page = await open_tab(admin.path(f"ai-agents/{agent_id}/sequences"), admin)
    await expect(page.get_by_role("heading", name="Цепочек пока нет")).to_be_visible()
    dialog = await build(page)
    await dialog.get_by_label("Начало", exact=True).fill("2026-10-23T20:30")
    await dialog.get_by_label("Часовой пояс клиента", exact=True).fill("Europe/Berlin")
    await dialog.get_by_role("button", name="Показать даты").click()
    await expect(dialog.get_by_text("Время — по поясу Europe/Berlin.")).to_be_visible()
    await settled(page)
    assert await violations(page) == []
    await dialog.get_by_role("button", name="Сохранить").click()
    await expect(dialog).to_have_count(0)
    await expect(page.get_by_text("5 шагов · в ней 0 клиентов")).to_be_visible()
    await page.get_by_role("button", name="Поставить цепочку «Напомнить» на паузу для всех").click()
    await expect(page.get_by_text("На паузе", exact=True)).to_be_visible()
    await page.get_by_role("button", name="Продолжить цепочку «Напомнить» для всех").click()
    await expect(page.get_by_text("На паузе", exact=True)).to_have_count(0)
    await page.get_by_role("button", name="Удалить цепочку «Напомнить»").click()
    await expect(page.get_by_role("heading", name="Цепочек пока нет")).to_be_visible()
    await page.get_by_role("button", name="Вернуть").click()
    await expect(page.get_by_text("5 шагов")).to_be_visible()


async def test_runs_are_seen_stopped_and_begun_anew(house: House, open_tab: OpenTab, admin: Person, agent_id: str) -> None:
    at = f"/api/agents/{agent_id}"
    steps = [
        {"id": "a", "do": "send", "text": {"ru": "Как вам плед?"}},
        {"id": "b", "do": "wait", "days": 1},
        {"id": "c", "do": "hand_off"},
    ]
    made = house.installation.post(f"{at}/sequences", {"name": "Напомнить", "key": "remind", "steps": steps})
    start = {"do": "start_sequence", "sequence": "remind"}
    rule = {"name": "Начать", "trigger": {"on": "conversation_started"}, "actions": [start], "lets_answer": True}
    house.installation.post(f"{at}/rules", rule)
    house.installation.post(f"{at}/publish", {})
    page = await open_tab(admin.path(f"test-chat?agent={agent_id}"), admin)
    await page.get_by_label("Сообщение", exact=True).fill("Здравствуйте")
    await page.get_by_label("Сообщение", exact=True).press("Enter")
    await expect(page.locator("article[data-role=agent]").get_by_text("Как вам плед?")).to_be_visible(timeout=20_000)
    await page.goto(admin.path(f"ai-agents/{agent_id}/sequences?sequence={made['id']}"))
    await page.get_by_role("tab", name="Клиенты").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_text("Шаг 3 из 3: Передать человеку", exact=False)).to_be_visible()
    await settled(page)
    assert await violations(page) == []
    await dialog.get_by_role("button", name="Остановить").click()
    await expect(dialog.get_by_text("Остановлена вручную")).to_be_visible()
    await dialog.get_by_role("button", name="Начать заново").click()
    await expect(dialog.get_by_role("button", name="Остановить")).to_be_visible()


async def test_the_builder_fits_a_phone(open_tab: OpenTab, admin: Person, agent_id: str) -> None:
    page = await open_tab(admin.path(f"ai-agents/{agent_id}/sequences"), admin, width=390)
    await build(page)
    await settled(page)
    assert await page.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)") <= 390
    inner = "() => { const d = document.querySelector('[role=dialog]'); return d.scrollWidth - d.clientWidth; }"
    assert await page.evaluate(inner) <= 0
    assert await violations(page) == []
