"""Dialogues in the browser: written without a line of code, refused where something is missing, walked through in the test chat."""

from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import OpenTab
from tests.browser.house import House, Person
from tests.browser.pages import overflow, settled, violations

_RIGHT_EDGES = "fields => fields.map(field => field.getBoundingClientRect().right)"


@pytest.fixture
def agent_id(house: House) -> str:
    """An agent of this test's own."""
    persona = {"debounce_s": 0, "languages": ["ru", "en"], "handoff_text": {"ru": "Зову коллегу."}}
    return str(house.installation.post("/api/agents", {"name": f"Проба {uuid4().hex[:6]}", "persona": persona})["id"])


async def choose(page: Page, within: Locator, label: str, option: str) -> None:
    await within.get_by_role("combobox", name=label, exact=True).click()
    await page.get_by_role("option", name=option, exact=True).click()


async def build(page: Page) -> Locator:
    """Write a dialogue of two questions: a size to choose, and a number."""
    await page.get_by_role("button", name="Новый сценарий").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Имя", exact=True).fill("Заказ пледа")
    await dialog.get_by_label("Фразы").fill("хочу плед")
    await dialog.get_by_label("Ответ · Русский").fill("С удовольствием!")
    await dialog.get_by_role("button", name="Добавить вопрос").click()
    size = dialog.get_by_role("group", name="1", exact=True)
    await size.get_by_label("Вопрос · Русский").fill("Какой размер?")
    await choose(page, size, "Какой ответ ждём", "Один из вариантов")
    await size.get_by_label("Вариант 1 · Русский").fill("Маленький")
    await size.get_by_label("Вариант 2 · Русский").fill("Большой")
    await size.get_by_label("Запомнить ответ как").fill("size")
    await size.get_by_role("button", name="Условие", exact=True).click()
    await choose(page, size, "Если ответ", "Большой")
    await choose(page, size, "Дальше", "Передать человеку")
    await dialog.get_by_role("button", name="Добавить вопрос").click()
    count = dialog.get_by_role("group", name="2", exact=True)
    await count.get_by_label("Вопрос · Русский").fill("Сколько штук?")
    await choose(page, count, "Какой ответ ждём", "Число")
    await count.get_by_label("Не меньше").fill("1")
    await count.get_by_label("Запомнить ответ как").fill("count")
    await count.get_by_role("button", name="Если ответ не подошёл").click()
    await count.get_by_label("Сказать · Русский").fill("Напишите числом, пожалуйста.")
    await dialog.get_by_label("В конце сказать · Русский").fill("Записала: {variable.size}, {variable.colour}.")
    return dialog


async def say(page: Page, text: str, answer: str) -> None:
    await page.get_by_label("Сообщение", exact=True).fill(text)
    await page.get_by_label("Сообщение", exact=True).press("Enter")
    await expect(page.locator("article[data-role=agent]").last).to_contain_text(answer, timeout=20_000)


async def test_a_dialogue_is_written_refused_mended_and_walked_through(
    house: House, open_tab: OpenTab, admin: Person, agent_id: str
) -> None:
    page = await open_tab(admin.path(f"ai-agents/{agent_id}/scripts"), admin)
    dialog = await build(page)
    await dialog.get_by_role("button", name="Сохранить").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("В конце сказать · Русский: Ни один вопрос перед этим не запоминает colour")
    await expect(dialog.get_by_label("В конце сказать · Русский")).to_have_attribute("aria-invalid", "true")
    await dialog.get_by_label("Вопрос · Русский").last.fill("")
    await dialog.get_by_role("button", name="Сохранить").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("Вопрос 2: Напишите вопрос")
    await settled(page)
    assert await violations(page) == []
    await dialog.get_by_label("Вопрос · Русский").last.fill("Сколько штук?")
    await dialog.get_by_label("В конце сказать · Русский").fill("Записала: {variable.size}, {variable.count} шт.")
    size = dialog.get_by_role("group", name="1", exact=True)
    await choose(page, size, "Дальше", "Закончить диалог")
    await dialog.get_by_role("button", name="Сохранить").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("В конце сказать · Русский: count останется пустым, если заданы вопросы 1:")
    await choose(page, size, "Дальше", "Передать человеку")
    await dialog.get_by_role("button", name="Сохранить").click()
    await expect(dialog).to_have_count(0)
    await expect(page.get_by_text("2 вопроса")).to_be_visible()
    kept = stored(house, agent_id)

    await page.get_by_role("button", name="Заказ пледа").first.click()
    await expect(dialog.get_by_label("Вариант 2 · Русский")).to_have_value("Большой")
    await expect(dialog.get_by_role("combobox", name="Дальше", exact=True)).to_have_value("Передать человеку")
    await dialog.get_by_role("button", name="Сохранить").click()
    await expect(dialog).to_have_count(0)
    assert stored(house, agent_id) == kept  # opening and saving changes nothing

    house.installation.post(f"/api/agents/{agent_id}/publish", {})
    await page.goto(admin.path(f"test-chat?agent={agent_id}"))
    await say(page, "хочу плед", "Какой размер?")
    await say(page, "первый", "Не получилось понять ответ.")
    await say(page, "маленький", "Сколько штук?")
    await say(page, "много", "Напишите числом, пожалуйста.")
    await say(page, "2", "Записала: Маленький, 2 шт.")
    await say(page, "снова хочу плед", "Какой размер?")
    await say(page, "2", "Зову коллегу.")
    await page.get_by_role("button", name="Почему?").last.click()
    pane = page.locator("[data-trace]")
    for words in ("Заказ пледа", "Какой размер?", "Большой", "size", "Передать человеку"):
        await expect(pane.get_by_text(words, exact=True)).to_be_visible()
    await settled(page)
    assert await violations(page) == []


def stored(house: House, agent_id: str) -> list[dict[str, Any]]:
    [script] = house.installation.get(f"/api/agents/{agent_id}/scripts")["items"]
    steps: list[dict[str, Any]] = script["steps"]
    return steps


async def test_questions_are_moved_and_removed_with_what_led_to_them(house: House, open_tab: OpenTab, admin: Person, agent_id: str) -> None:
    page = await open_tab(admin.path(f"ai-agents/{agent_id}/scripts"), admin)
    dialog = await build(page)
    first = dialog.get_by_role("group", name="1", exact=True)
    await choose(page, first, "Дальше", "2. Сколько штук?")
    await dialog.get_by_role("button", name="Опустить шаг").first.click()
    await expect(first.get_by_label("Вопрос · Русский")).to_have_value("Сколько штук?")
    await first.get_by_role("button", name="Убрать шаг").click()
    await expect(dialog.get_by_role("combobox", name="Дальше", exact=True)).to_have_count(0)
    await dialog.get_by_label("В конце сказать · Русский").fill("Спасибо!")
    await dialog.get_by_role("button", name="Сохранить").click()
    await expect(dialog).to_have_count(0)
    [step] = stored(house, agent_id)
    assert (step["expects"], step["options"], step["next"]) == (
        "choice",
        [{"value": "Маленький", "label": {"ru": "Маленький"}}, {"value": "Большой", "label": {"ru": "Большой"}}],
        [],
    )


async def test_what_the_form_does_not_know_is_kept(house: House, open_tab: OpenTab, admin: Person, agent_id: str) -> None:
    when = {"all": [{"fact": "contact.name", "op": "is", "value": "Ольга"}, {"fact": "answer.text", "op": "matches", "value": "^a"}]}
    step = {
        "id": "s",
        "ask": {"ru": "Имя?", "de": "Name?"},
        "next": [{"when": when, "goto": "leave"}, {"when": {"fact": "answer.text", "op": "is", "value": "x"}, "goto": "s"}],
    }
    body = {"name": "Имя", "phrases": ["имя"], "steps": [step], "finish": {"ru": "Спасибо", "de": "Danke"}, "expires_s": 7200}
    made = house.installation.post(f"/api/agents/{agent_id}/scripts", body)
    page = await open_tab(admin.path(f"ai-agents/{agent_id}/scripts?script={made['id']}"), admin)
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_text("Условие, заданное через API")).to_be_visible()
    await dialog.get_by_label("Имя", exact=True).fill("Как зовут")
    await dialog.get_by_role("button", name="Сохранить").click()
    await expect(dialog).to_have_count(0)
    [kept] = house.installation.get(f"/api/agents/{agent_id}/scripts")["items"]
    assert (kept["name"], kept["finish"], kept["expires_s"]) == ("Как зовут", body["finish"], 7200)
    assert {name: kept["steps"][0][name] for name in step} == step


async def test_the_form_fits_a_phone(open_tab: OpenTab, admin: Person, agent_id: str) -> None:
    page = await open_tab(admin.path(f"ai-agents/{agent_id}/scripts"), admin, width=390)
    await build(page)
    await settled(page)
    assert await overflow(page, 390) == []
    boxes = await page.get_by_role("dialog").locator("input:visible, textarea:visible, button:visible").evaluate_all(_RIGHT_EDGES)
    assert len(boxes) > 20
    assert max(boxes) <= 390  # cards hide what does not fit
    assert await violations(page) == []
