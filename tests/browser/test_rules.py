"""Rules in the browser: built, checked while they are written, tried, published, seen at work."""

import json
import re
from typing import Any
from uuid import UUID, uuid4

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


async def choose(page: Page, label: str, option: str, nth: int = 0) -> None:
    await page.get_by_role("combobox", name=label, exact=True).nth(nth).click()
    await page.get_by_role("option", name=option, exact=True).click()


async def build(page: Page) -> Any:
    """Write a rule that answers what contains «ночью» and calls a system."""
    await page.get_by_role("button", name="Новое правило").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Имя", exact=True).fill("Ночью")
    await dialog.get_by_role("button", name="Условие", exact=True).click()
    await dialog.get_by_label("Значение", exact=True).fill("ночью")
    await dialog.get_by_role("button", name="Действие", exact=True).click()
    await page.get_by_role("menuitem", name="Написать клиенту").click()
    await dialog.get_by_role("button", name="Действие", exact=True).click()
    await page.get_by_role("menuitem", name="Вызвать вашу систему").click()
    await expect(dialog.get_by_text("Пока сохранить нельзя")).to_be_visible()
    await expect(dialog.get_by_text("Адрес должен начинаться с https:// и не содержать пароля").first).to_be_visible()
    await dialog.get_by_label("Ответ · Русский").fill("Мы спим.")
    await dialog.get_by_label("Адрес (https://…)").fill("https://shop.example/hook")
    await expect(dialog.get_by_text("Пока сохранить нельзя")).to_have_count(0)
    return dialog


async def test_a_rule_is_built_saved_switched_and_deleted(open_tab: OpenTab, admin: Person, agent_id: str) -> None:
    page = await open_tab(admin.path(f"ai-agents/{agent_id}/rules"), admin)
    await expect(page.get_by_role("heading", name="Правил пока нет")).to_be_visible()
    dialog = await build(page)
    await settled(page)
    assert await violations(page) == []
    await dialog.get_by_role("button", name="Сохранить").click()
    await expect(dialog).to_have_count(0)
    await expect(page.get_by_text("Клиент написал → Написать клиенту, Вызвать вашу систему")).to_be_visible()
    switch = page.get_by_role("switch", name="Использовать правило «Ночью»")
    await switch.click(force=True)
    await expect(switch).not_to_be_checked()
    await page.get_by_role("button", name="Удалить правило «Ночью»").click()
    await expect(page.get_by_role("heading", name="Правил пока нет")).to_be_visible()
    await page.get_by_role("button", name="Вернуть").click()
    await expect(page.get_by_text("Клиент написал →")).to_be_visible()


async def test_a_rule_gives_conversations_to_a_colleague(house: House, open_tab: OpenTab, admin: Person, agent_id: str) -> None:
    ann = house.invite("operator")
    page = await open_tab(admin.path(f"ai-agents/{agent_id}/rules"), admin)
    await page.get_by_role("button", name="Новое правило").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Имя", exact=True).fill("Жалобы")
    await dialog.get_by_role("button", name="Действие", exact=True).click()
    await page.get_by_role("menuitem", name="Закрепить за сотрудником").click()
    await expect(dialog.get_by_text("Выберите кого-нибудь из списка").first).to_be_visible()
    await page.get_by_role("combobox", name="Сотрудник").click()
    await page.get_by_role("option", name=re.compile(f"Ирина( · {ann.email})?$")).click()
    await expect(dialog.get_by_text("Пока сохранить нельзя")).to_have_count(0)
    await dialog.get_by_role("button", name="Сохранить").click()
    await expect(page.get_by_text("Клиент написал → Закрепить за сотрудником")).to_be_visible()
    (rule,) = await house.rows("select definition from rules where agent_id = $1", UUID(agent_id))
    assert json.loads(rule["definition"])["actions"] == [{"do": "assign", "user": ann.email}]


async def test_a_rule_and_a_change_of_it_are_tried_on_the_past(house: House, open_tab: OpenTab, admin: Person, agent_id: str) -> None:
    house.installation.post(f"/api/agents/{agent_id}/publish", {})
    for text in ("вы работаете ночью?", "доброй ночи", "сколько стоит плед?"):
        house.installation.post("/api/chat", {"agent_id": agent_id, "text": text})
    page = await open_tab(admin.path(f"ai-agents/{agent_id}/rules"), admin)
    dialog = await build(page)
    past = dialog.get_by_role("region", name="Проверить на прошлом")
    await past.get_by_role("button", name="Проверить").click()
    # The worker may have to start first.
    await house.until("select exists (select from jobs where name = 'rules:back-test' and state = 'done')", timeout_s=90)
    await expect(past.get_by_text("Сработало бы 1 раз из 3")).to_be_visible()
    await expect(past.get_by_role("link", name="вы работаете ночью?")).to_be_visible()
    await past.get_by_role("button", name="2 × Текст сообщения содержит ночью").click()
    await expect(past.get_by_role("link", name="доброй ночи")).to_be_visible()
    await settled(page)
    assert await violations(page) == []
    await dialog.get_by_role("button", name="Сохранить").click()
    await expect(dialog).to_have_count(0)
    await page.get_by_text("Клиент написал →").click()
    await dialog.get_by_label("Значение", exact=True).fill("ноч")
    await past.get_by_role("button", name="Проверить").click()
    await expect(past.get_by_text("Сработало бы 2 раза из 3")).to_be_visible(timeout=30_000)
    await expect(past.get_by_text("Как сохранено: 1 раз. Правка меняет 1 событие.")).to_be_visible()
    await expect(past.get_by_text("Только с правкой: 1")).to_be_visible()
    await expect(past.get_by_role("link", name="доброй ночи")).to_be_visible()
    await expect(past.get_by_text("Без правки: Текст сообщения содержит ночью")).to_be_visible()
    await dialog.get_by_label("Значение", exact=True).fill("плед")
    await expect(past.get_by_text("С тех пор правило изменилось", exact=False)).to_be_visible()
    await settled(page)
    assert await violations(page) == []
    said = "select count(*) from messages m join conversations c on c.id = m.conversation_id join integrations g on g.id = c.integration_id"
    assert (await house.rows(f"{said} where g.agent_id::text = '{agent_id}' and m.role = 'customer'"))[0][0] == 3  # nothing more happened


async def test_what_a_rule_did_is_shown_beside_the_answer_and_in_its_log(
    house: House, open_tab: OpenTab, admin: Person, agent_id: str
) -> None:
    page = await open_tab(admin.path(f"ai-agents/{agent_id}/rules"), admin)
    dialog = await build(page)
    await dialog.get_by_role("button", name="Сохранить").click()
    await expect(dialog).to_have_count(0)
    await page.goto(admin.path(f"test-chat?agent={agent_id}&version=draft"))
    await page.get_by_label("Сообщение", exact=True).fill("Вы работаете ночью?")
    await page.get_by_label("Сообщение", exact=True).press("Enter")
    await expect(page.locator("article[data-role=agent]").get_by_text("Мы спим.")).to_be_visible()
    await page.get_by_role("button", name="Почему?").click()
    pane = page.locator("[data-trace]")
    await expect(pane.get_by_text("ответило клиенту → вызвало вашу систему")).to_be_visible()
    await expect(pane.get_by_text("Вызов вашей системы: https://shop.example/hook")).to_be_visible()
    await expect(pane.get_by_text("сделало бы")).to_be_visible()
    acts = page.get_by_role("switch", name="Действовать по-настоящему")
    await acts.click(force=True)
    await expect(acts).to_be_checked()
    await settled(page)
    assert await violations(page) == []
    await page.goto(admin.path(f"ai-agents/{agent_id}/rules"))
    await page.get_by_text("Клиент написал →").click()
    await page.get_by_role("tab", name="Журнал").click()
    await expect(page.get_by_text("ответило клиенту → вызвало вашу систему")).to_be_visible()
    await expect(page.get_by_text("Текст сообщения содержит ночью", exact=False)).to_be_visible()
    await settled(page)
    assert await violations(page) == []


async def test_a_rule_at_set_times_and_one_that_is_called(open_tab: OpenTab, admin: Person, agent_id: str) -> None:
    page = await open_tab(admin.path(f"ai-agents/{agent_id}/rules?rule=new"), admin, width=390)
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Имя", exact=True).fill("Заказ")
    await choose(page, "Событие", "По расписанию")
    await expect(dialog.get_by_label("Когда", exact=True)).to_have_value("0 9 * * 1-5")
    await dialog.get_by_label("Когда", exact=True).fill("каждый день")
    await expect(dialog.get_by_text("Напишите, когда: например, 0 9 * * 1-5").first).to_be_visible()
    await dialog.get_by_label("Когда", exact=True).fill("30 9 * * *")
    await dialog.get_by_role("button", name="Действие", exact=True).click()
    await page.get_by_role("menuitem", name="Написать клиенту").click()
    await expect(dialog.get_by_text("По расписанию разговора нет", exact=False)).to_be_visible()
    await settled(page)
    assert await violations(page) == []
    await choose(page, "Событие", "Вызвала ваша система")
    await expect(dialog.get_by_text("Сохраните правило — и его адрес появится здесь.")).to_be_visible()
    await dialog.get_by_label("Ответ · Русский").fill("Заказ готов.")
    await dialog.get_by_role("button", name="Условие", exact=True).click()
    await choose(page, "О чём спросить", "Поле вызова")
    await dialog.get_by_label("Путь к полю", exact=True).fill("order.state")
    await dialog.get_by_label("Значение", exact=True).fill("ready")
    await expect(dialog.get_by_text("Пока сохранить нельзя")).to_have_count(0)
    await dialog.get_by_role("button", name="Сохранить").click()
    await expect(dialog).to_have_count(0)
    await page.get_by_text("Вызвала ваша система →").click()
    line = dialog.locator("pre")
    await expect(line).to_contain_text("curl -X POST")
    before = await line.text_content()
    await settled(page)
    assert await violations(page) == []
    assert await page.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)") <= 390
    assert await page.evaluate("() => { const d = document.querySelector('[role=dialog]'); return d.scrollWidth - d.clientWidth; }") <= 0
    await dialog.get_by_role("button", name="Сменить секрет").click()
    await dialog.get_by_role("button", name="Сменить сейчас").click()
    await expect(page.get_by_text("Секрет сменён")).to_be_visible()
    assert await line.text_content() != before


async def test_the_builder_fits_a_phone(open_tab: OpenTab, admin: Person, agent_id: str) -> None:
    page = await open_tab(admin.path(f"ai-agents/{agent_id}/rules?rule=new"), admin, width=390)
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Группа условий", exact=True).click()
    await choose(page, "О чём спросить", "Время суток")
    await choose(page, "Как сравнить", "между")
    await settled(page)
    assert await page.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)") <= 390
    inner = "() => { const d = document.querySelector('[role=dialog]'); return d.scrollWidth - d.clientWidth; }"
    assert await page.evaluate(inner) <= 0
    assert await violations(page) == []
