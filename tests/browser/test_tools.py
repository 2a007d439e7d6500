"""Tools of an agent: written in the console, used in Test chat, seen in the reasons of the answer."""

import json
from uuid import uuid4

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenTab
from tests.browser.house import House, Person
from tests.browser.pages import settled, violations
from tests.fakes.openai_api import calls, streams


@pytest.fixture
def agent_id(house: House) -> str:
    """An agent of this test's own."""
    persona = {"debounce_s": 0, "languages": ["ru", "en"]}
    return str(house.installation.post("/api/agents", {"name": f"Инструменты {uuid4().hex[:6]}", "persona": persona})["id"])


async def test_a_tool_is_written_used_and_explained(house: House, open_tab: OpenTab, admin: Person, agent_id: str) -> None:
    page = await open_tab(admin.path(f"ai-agents/{agent_id}?tab=tools"), admin)
    await expect(page.get_by_role("heading", name="Инструментов пока нет")).to_be_visible()
    await page.get_by_role("button", name="Начать с «перезвоните мне»").click()
    card = page.get_by_role("region", name="callback")
    await card.get_by_role("button", name="Действие", exact=True).click()
    await expect(page.get_by_role("menuitem", name="Подождать")).to_have_count(0)  # what comes later is a sequence
    await page.get_by_role("menuitem", name="Поставить метку").click()
    await settled(page)
    assert await violations(page) == []
    await page.get_by_role("button", name="Сохранить").click()
    await expect(page.get_by_role("alert").first).to_contain_text("Что-то заполнено неверно")
    await card.get_by_label("Метка").fill("звонок")
    await page.get_by_role("button", name="Сохранить").click()
    await expect(page.get_by_text("Черновик сохранён")).to_be_visible()
    await page.reload()
    await expect(card.get_by_label("Когда использовать")).to_have_value("Клиент просит ему перезвонить.")

    phone, reply = "+7 900 123", f"Перезвоним {uuid4().hex[:8]}."
    house.model.will(calls(("callback", json.dumps({"phone": phone}))))
    house.model.will(streams(reply))
    chat = await open_tab(admin.path(f"test-chat?agent={agent_id}&version=draft"), admin)
    field = chat.get_by_label("Сообщение", exact=True)
    await field.fill(f"Перезвоните мне: {phone}")
    await field.press("Enter")
    answer = chat.locator("article[data-role=agent]")
    await expect(answer).to_contain_text(reply)
    await answer.get_by_role("button", name="Почему?").click()
    pane = chat.get_by_role("complementary")
    await expect(pane.get_by_text("Вызванные инструменты")).to_be_visible()
    await expect(pane.get_by_text(f"phone: {phone}")).to_be_visible()
    await settled(chat)
    assert await violations(chat) == []
    (row,) = await house.rows("select c.state from conversations c join messages m on m.conversation_id = c.id where m.body = $1", reply)
    state = json.loads(row["state"])
    assert (state["variables"], state["tags"]) == ({"phone": phone}, ["звонок"])
    (notice,) = await house.rows("select data from activity_logs where kind = 'operator.notice' and data ->> 'rule' = 'tool:callback'")
    assert json.loads(notice["data"])["text"] == f"Перезвонить: {phone}"
