"""A wrong answer is made right beside it, the check is on the agent's page, and a replay shows what customers would have heard."""

import re
from uuid import uuid4

from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import OpenTab
from tests.browser.house import House, Person
from tests.browser.pages import settled, violations

QUESTION = "есть ли подарки для кошки?"
WRONG, RIGHT = "Дарим открытки.", "Для кошек есть мячики."


def shop(house: House) -> tuple[str, str]:
    """Return an agent that answers wrongly, and a conversation where it did."""
    agent = str(house.installation.post("/api/agents", {"name": f"Проба {uuid4().hex[:6]}", "persona": {"languages": ["ru"]}})["id"])
    script = {"name": "Подарки", "phrases": ["подарки"], "answer": {"ru": WRONG}}
    house.installation.post(f"/api/agents/{agent}/scripts", script)
    house.installation.post(f"/api/agents/{agent}/publish", {})
    said = house.installation.post("/api/chat", {"agent_id": agent, "text": QUESTION})
    assert said["reply"]["text"] == WRONG
    return agent, said["conversation_id"]


async def correct(page: Page, beside: Locator | None = None) -> None:
    await (beside or page).get_by_role("button", name="Неверный ответ").click()
    dialog = page.get_by_role("dialog", name="Какой ответ был бы правильным?")
    await expect(dialog.get_by_label("Вопрос")).to_have_value(QUESTION)
    await dialog.get_by_label("Ответ", exact=True).fill(RIGHT)
    await settled(page)
    assert await violations(page) == []
    await dialog.get_by_role("button", name="Исправить черновик").click()
    await expect(page.get_by_text("Теперь черновик отвечает верно.")).to_be_visible()
    await expect(dialog).to_have_count(0)


async def test_a_wrong_answer_becomes_a_check_and_a_replay_shows_the_difference(house: House, open_tab: OpenTab, admin: Person) -> None:
    agent, conversation = shop(house)
    page = await open_tab(admin.path(f"conversations?conversation={conversation}"), admin)
    await correct(page)

    await page.goto(admin.path(f"ai-agents/{agent}?tab=checks"))
    checks = page.get_by_role("region", name="Проверки")
    await expect(checks.get_by_text(QUESTION, exact=True)).to_be_visible()
    await expect(checks.get_by_text("Прошла", exact=True)).to_be_visible()
    await checks.get_by_role("button", name="Выполнить все на черновике").click()
    await expect(page.get_by_text("Прошло: 1, не прошло: 0, решает модель: 0")).to_be_visible()

    replay = page.get_by_role("region", name="Повтор переписок")
    await replay.get_by_label("Последних переписок").fill("5")
    await replay.get_by_role("button", name="Повторить").click()
    # The worker may have to start first.
    await house.until("select exists (select from jobs where name = 'agent:replay' and state = 'done')", timeout_s=90)
    turn = replay.get_by_role("article", name=QUESTION)
    await expect(turn.get_by_text(WRONG)).to_be_visible()
    await expect(turn.get_by_text(RIGHT)).to_be_visible()
    await expect(replay.get_by_text("Иначе: 1")).to_be_visible()
    assert await turn.locator("[data-differs]").count() >= 4  # script and text, on both sides
    await settled(page)
    assert await violations(page) == []
    await replay.get_by_text("Так же: 0").click()
    await expect(replay.get_by_text("Таких нет.")).to_be_visible()
    sent = await house.rows("select count(*) from messages where conversation_id = $1", int(conversation))
    assert sent[0][0] == 2

    await checks.get_by_role("button", name=re.compile("Удалить проверку")).click()
    await expect(checks.get_by_text("Проверок пока нет", exact=False)).to_be_visible()
    await page.get_by_role("button", name="Вернуть").click()
    await expect(checks.get_by_text(QUESTION, exact=True)).to_be_visible()


async def test_publishing_shows_what_it_would_break(house: House, open_tab: OpenTab, admin: Person) -> None:
    agent, _ = shop(house)
    house.installation.post(f"/api/agents/{agent}/checks", {"question": QUESTION, "expected": {"kind": "text", "value": "открытки"}})
    more = {"name": "Кошки", "phrases": [QUESTION], "answer": {"ru": RIGHT}}
    house.installation.post(f"/api/agents/{agent}/scripts", more)
    page = await open_tab(admin.path(f"ai-agents/{agent}"), admin)
    await page.get_by_role("button", name="Опубликовать").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Опубликовать").click()
    await expect(dialog.get_by_text("Не проходит 1 проверка, которая сейчас проходит")).to_be_visible()
    await expect(dialog.get_by_text(RIGHT)).to_be_visible()
    await settled(page)
    assert await violations(page) == []
    await dialog.get_by_role("button", name="Всё равно опубликовать").click()
    await expect(page.get_by_text("Клиентам отвечает версия 2")).to_be_visible()
    await expect(dialog).to_have_count(0)
