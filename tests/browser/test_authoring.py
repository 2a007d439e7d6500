"""Scripts and agents: what is written here is what customers hear after publishing."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenTab
from tests.browser.house import House, Person
from tests.browser.pages import settled, violations
from tests.browser.test_rules import choose
from tests.browser.test_test_chat import say

DAYS = ("Понедельник", "Вторник", "Среда", "Четверг", "Пятница", "Суббота", "Воскресенье")


@pytest.fixture
def agent_id(house: House) -> str:
    """An agent of this test's own."""
    return str(house.installation.post("/api/agents", {"name": f"Проба {uuid4().hex[:6]}"})["id"])


async def write_script(page: Page, name: str, phrase: str, answer: str) -> None:
    await page.get_by_role("button", name="Новый сценарий").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Имя").fill(name)
    await dialog.get_by_label("Фразы").fill(phrase)
    await dialog.get_by_label("Ответ · Русский").fill(answer)
    await dialog.get_by_role("button", name="Сохранить").click()
    await expect(dialog).to_have_count(0)


async def test_a_script_is_written_tried_switched_off_deleted_and_taken_back(open_tab: OpenTab, admin: Person, agent_id: str) -> None:
    page = await open_tab(admin.path(f"ai-agents/{agent_id}/scripts"), admin)
    await expect(page.get_by_role("heading", name="Сценариев пока нет")).to_be_visible()
    await write_script(page, "Подарки", "подарочная упаковка", "Упакуем бесплатно.")
    await page.get_by_label("Проверить фразу").fill("есть ли подарочная упаковка?")
    await page.get_by_role("button", name="Проверить").click()
    await expect(page.get_by_text("Отвечает «Подарки»")).to_be_visible()

    await page.get_by_role("switch", name="Использовать сценарий «Подарки»").click(force=True)
    await expect(page.get_by_role("switch", name="Использовать сценарий «Подарки»")).not_to_be_checked()
    await page.get_by_role("button", name="Удалить сценарий «Подарки»").click()
    await expect(page.get_by_role("heading", name="Сценариев пока нет")).to_be_visible()
    await page.get_by_role("button", name="Вернуть").click()
    await expect(page.get_by_role("button", name="Подарки").first).to_be_visible()


async def test_search_and_filters_are_in_the_address(house: House, open_tab: OpenTab, admin: Person) -> None:
    page = await open_tab(admin.path(f"ai-agents/{house.installation.agent_id()}/scripts"), admin)
    await page.get_by_label("Поиск по именам, фразам и ответам").fill("доставк")
    await expect(page).to_have_url(re.compile("q="))
    await expect(page.get_by_role("button", name="Позвать человека")).to_have_count(0)
    await expect(page.get_by_role("switch", name="Использовать сценарий «Доставка»")).to_be_attached()
    await page.reload()
    await expect(page.get_by_label("Поиск по именам, фразам и ответам")).to_have_value("доставк")
    await page.get_by_label("Поиск по именам, фразам и ответам").fill("такого точно нет")
    await expect(page.get_by_role("heading", name="Ничего не нашлось")).to_be_visible()


async def test_scripts_go_into_a_file_and_come_back(open_tab: OpenTab, admin: Person, agent_id: str, tmp_path: Path) -> None:
    page = await open_tab(admin.path(f"ai-agents/{agent_id}/scripts"), admin)
    await write_script(page, "Сова", "расскажи про сову", "Сова спит днём.")
    await page.get_by_role("button", name="Импорт и экспорт").click()
    async with page.expect_download() as saving:
        await page.get_by_role("menuitem", name="Сохранить в файл").click()
    saved = tmp_path / (await saving.value).suggested_filename
    await (await saving.value).save_as(saved)
    assert saved.name == "scripts.json"
    await page.get_by_role("button", name="Удалить сценарий «Сова»").click()
    await expect(page.get_by_role("heading", name="Сценариев пока нет")).to_be_visible()

    await page.get_by_label("Загрузить из файла").set_input_files(saved)
    dialog = page.get_by_role("dialog", name="Загрузка сценариев")
    await expect(dialog.get_by_text("В файле 1 сценарий.")).to_be_visible()
    await settled(page)
    assert await violations(page) == []
    await dialog.get_by_role("button", name="Загрузить").click()
    await expect(page.get_by_text("Загружен 1 сценарий")).to_be_visible()
    await expect(page.get_by_role("button", name="Сова").first).to_be_visible()

    file = json.loads(saved.read_text())
    owl = file["scripts"][0]
    broken = {**owl, "key": "s-broken", "name": "Филин", "expressions": ["филин", r"филин(а|у)\b", "(совы"]}
    saved.write_text(json.dumps({**file, "scripts": [owl, broken]}))
    await page.get_by_label("Загрузить из файла").set_input_files(saved)
    await dialog.get_by_role("button", name="Загрузить").click()
    refused = dialog.get_by_role("alert")
    await expect(refused).to_contain_text("«Филин»: Выражение 2: \\b знает только латинские буквы")
    await expect(refused).to_contain_text(r"(?:^|[^\p{L}]) или (?:$|[^\p{L}])")
    await expect(refused).to_contain_text("«Филин»: Выражение 3: В выражении ошибка: missing )")
    await expect(refused).not_to_contain_text("Сова")
    await settled(page)
    assert await violations(page) == []
    await page.keyboard.press("Escape")

    saved.write_text("[1, 2]")
    await page.get_by_label("Загрузить из файла").set_input_files(saved)
    await expect(dialog.get_by_role("alert")).to_contain_text("Это не файл со сценариями")


async def test_an_agent_is_copied_put_away_and_taken_back(open_tab: OpenTab, admin: Person, agent_id: str) -> None:
    page = await open_tab(admin.path(f"ai-agents/{agent_id}"), admin)
    await page.get_by_role("button", name="Ещё").click()
    await page.get_by_role("menuitem", name="Сделать копию").click()
    copied = f"Копия {uuid4().hex[:6]}"
    await page.get_by_role("dialog").get_by_label("Имя").fill(copied)
    await settled(page)
    assert await violations(page) == []
    await page.get_by_role("dialog").get_by_role("button", name="Сделать копию").click()
    await expect(page.get_by_role("heading", name=copied)).to_be_visible()
    await page.get_by_role("button", name="Ещё").click()
    await page.get_by_role("menuitem", name="В архив").click()
    await expect(page.get_by_text(f"«{copied}» в архиве")).to_be_visible()
    await expect(page.get_by_role("link").filter(has_text=copied)).to_have_count(0)
    await page.get_by_role("button", name="Вернуть").click()
    await expect(page.get_by_role("link").filter(has_text=copied)).to_be_visible()


async def test_who_comes_second_is_told(house: House, open_tab: OpenTab, admin: Person, agent_id: str) -> None:
    page = await open_tab(admin.path(f"ai-agents/{agent_id}"), admin)
    other = await open_tab(admin.path(f"ai-agents/{agent_id}"), admin)
    for tab, words in ((page, "Коротко."), (other, "Подробно.")):
        await tab.get_by_label("Указания").fill(words)
    await page.get_by_role("button", name="Сохранить черновик").click()
    await expect(page.get_by_text("Черновик сохранён.")).to_be_visible()
    await other.get_by_role("button", name="Сохранить черновик").click()
    toast = other.get_by_role("alert").filter(has_text="Кто-то уже изменил это")
    await expect(toast).to_be_visible()
    await expect(toast.get_by_text("Запрос")).to_be_visible()
    await settled(other)
    assert await violations(other) == []


async def test_a_draft_is_tried_published_and_rolled_back(open_tab: OpenTab, admin: Person, agent_id: str) -> None:
    page = await open_tab(admin.path(f"ai-agents/{agent_id}/scripts"), admin)
    await write_script(page, "Ёж", "расскажи про ежа", "Ёж живёт в саду.")
    await page.goto(admin.path(f"ai-agents/{agent_id}"))
    await expect(page.get_by_text("Ещё не опубликован")).to_be_visible()
    await page.get_by_role("link", name="Испытать черновик").click()
    await page.get_by_label("Сообщение", exact=True).fill("расскажи про ежа")
    await page.get_by_label("Сообщение", exact=True).press("Enter")
    await expect(page.locator("article[data-role=agent]")).to_contain_text("Ёж живёт в саду.")

    await page.goto(admin.path(f"ai-agents/{agent_id}"))
    await page.get_by_role("button", name="Опубликовать").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("listitem").filter(has_text="Сценарий · Ёж")).to_contain_text("новое")
    await dialog.get_by_label("Заметка").fill("Первый выпуск")
    await dialog.get_by_role("button", name="Опубликовать").click()
    await expect(page.get_by_text("Опубликована версия")).to_be_visible()
    await page.get_by_role("tab", name="Версии").click()
    await expect(page.get_by_text("Первый выпуск")).to_be_visible()
    await expect(page.get_by_text("Отвечает клиентам")).to_be_visible()


async def test_what_changes_is_seen_before_publishing_in_the_history_and_before_going_back(
    house: House, open_tab: OpenTab, admin: Person, agent_id: str
) -> None:
    agent = f"/api/agents/{agent_id}"
    script = {"name": "Доставка", "key": "delivery", "phrases": ["доставка"], "answer": {"ru": "300 рублей"}}
    stored = house.installation.post(f"{agent}/scripts", script)
    house.installation.post(f"{agent}/publish", {})
    now = {**script, "answer": {"ru": "350 рублей"}, "when": {"all": [{"fact": "conversation.turns", "op": "is", "value": 0}]}}
    house.installation.send("PUT", f"{agent}/scripts/{stored['id']}", now, {"If-Match": '"1"'})
    page = await open_tab(admin.path(f"ai-agents/{agent_id}"), admin, width=390)
    await page.get_by_role("button", name="Опубликовать").click()
    dialog = page.get_by_role("dialog")
    item = dialog.get_by_role("listitem").filter(has_text="Сценарий · Доставка")
    await expect(dialog.get_by_text("По сравнению с версией 1")).to_be_visible()
    await expect(item.locator("del", has_text="рублей")).to_have_text("Русский: 300 рублей")
    await expect(item.locator("ins", has_text="рублей")).to_have_text("Русский: 350 рублей")
    await expect(item.get_by_text('"conversation.turns"')).not_to_be_visible()
    await item.get_by_text("Условия").click()
    await expect(item.get_by_text('"conversation.turns"')).to_be_visible()
    await settled(page)
    assert await violations(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await dialog.get_by_role("button", name="Опубликовать").click()
    await expect(page.get_by_text("Опубликована версия 2")).to_be_visible()

    await page.get_by_role("tab", name="Версии").click()
    await page.get_by_role("button", name="Что изменилось").first.click()
    dialog = page.get_by_role("dialog", name="Что изменила версия 2")
    await expect(dialog.locator("ins", has_text="рублей")).to_have_text("Русский: 350 рублей")
    await dialog.get_by_role("button", name="Закрыть").click()
    await page.get_by_role("button", name="Что изменилось").last.click()
    await expect(page.get_by_role("dialog", name="Что изменила версия 1").get_by_text("До этого ничего")).to_be_visible()
    await page.get_by_role("dialog").get_by_role("button", name="Закрыть").click()

    await page.get_by_role("button", name="Опубликовать снова").click()
    dialog = page.get_by_role("dialog", name="Опубликовать версию 1 снова?")
    await expect(dialog.locator("ins", has_text="рублей")).to_have_text("Русский: 300 рублей")
    await settled(page)
    assert await violations(page) == []
    await dialog.get_by_role("button", name="Опубликовать снова").click()
    await expect(page.get_by_text("То же, что версия 1")).to_be_visible()
    await expect(page.get_by_text("Клиентам отвечает версия 3")).to_be_visible()


async def test_viewers_see_and_change_nothing(house: House, open_tab: OpenTab) -> None:
    viewer = house.invite("viewer")
    page = await open_tab(viewer.path(f"ai-agents/{house.installation.agent_id()}/scripts"), viewer)
    await expect(page.get_by_role("button", name="Доставка").first).to_be_visible()
    for name in ("Новый сценарий", "Удалить сценарий «Доставка»"):
        await expect(page.get_by_role("button", name=name)).to_have_count(0)
    await page.goto(viewer.path("test-chat"))
    await expect(page.get_by_label("Сообщение", exact=True)).to_be_disabled()


async def test_outside_of_its_hours_the_agent_leaves_messages_to_people(open_tab: OpenTab, admin: Person, agent_id: str) -> None:
    page = await open_tab(admin.path(f"ai-agents/{agent_id}"), admin)
    hours = page.get_by_role("group", name="Часы работы", exact=True)
    await hours.get_by_label("С", exact=True).fill("09:00")
    await hours.get_by_label("До", exact=True).fill("09:00")
    await page.get_by_role("button", name="Сохранить").click()
    await expect(hours.get_by_text("Оставьте время, когда можно писать")).to_be_visible()
    await hours.get_by_label("До", exact=True).fill("18:00")
    another_day = DAYS[(datetime.now(UTC) + timedelta(days=3)).weekday()]
    await hours.get_by_role("checkbox", name=another_day).press("Space")
    await hours.get_by_label("Часовой пояс").fill("Europe/Moscow")
    await page.get_by_role("group", name="Вне часов работы").get_by_label("Русский").fill("Ответим завтра.")
    await settled(page)
    assert await violations(page) == []
    await page.get_by_role("button", name="Сохранить").click()
    await expect(page.get_by_text("Черновик сохранён")).to_be_visible()
    await page.reload()
    await expect(hours.get_by_label("До", exact=True)).to_have_value("18:00")
    await page.goto(admin.path(f"test-chat?agent={agent_id}&version=draft"))
    await say(page, "Сколько стоит доставка?")
    answer = page.locator("article[data-role=agent]")
    await expect(answer).to_contain_text("Ответим завтра.")
    await answer.get_by_role("button", name="Почему?").click()
    await expect(page.locator("[data-trace]")).to_contain_text("вне часов работы агента")


async def test_after_so_many_answers_a_day_people_are_called(open_tab: OpenTab, admin: Person, agent_id: str) -> None:
    page = await open_tab(admin.path(f"ai-agents/{agent_id}"), admin)
    limit = page.get_by_label("Ответов в день")
    await expect(limit).to_have_value("0")
    await limit.fill("1")
    await page.get_by_role("group", name="Если передаёт человеку").get_by_label("Русский").fill("Зову коллегу.")
    await settled(page)
    assert await violations(page) == []
    await page.get_by_role("button", name="Сохранить").click()
    await expect(page.get_by_text("Черновик сохранён")).to_be_visible()
    await page.goto(admin.path(f"test-chat?agent={agent_id}&version=draft"))
    answers = page.locator("article[data-role=agent]")
    await say(page, "/start")
    await expect(answers.last).to_contain_text("Здравствуйте")
    await say(page, "Сколько стоит доставка?")
    await expect(answers.last).to_contain_text("Зову коллегу.")
    await answers.last.get_by_role("button", name="Почему?").click()
    await expect(page.locator("[data-trace]")).to_contain_text("достигнут предел ответов в день: 1")


async def test_a_script_by_an_expression_answers_on_its_condition_only(open_tab: OpenTab, admin: Person, agent_id: str) -> None:
    page = await open_tab(admin.path(f"ai-agents/{agent_id}/scripts"), admin)
    await page.get_by_role("button", name="Новый сценарий").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Имя").fill("Где заказ")
    await dialog.get_by_role("button", name="Добавить регулярные выражения").click()
    await dialog.get_by_label("Выражения").fill(r"заказ\w*\s*№?\s*(\d{4,}")
    await dialog.get_by_label("Ответ · Русский").fill("Первый раз у нас? Ищу заказ.")
    await dialog.get_by_label("Только при условии").press("Space")
    condition = dialog.get_by_role("group", name="Условия")
    await choose(page, "О чём спросить", "Сколько было сообщений")
    await choose(page, "Как сравнить", "равно")
    await condition.get_by_label("Значение", exact=True).fill("0")
    await dialog.get_by_role("button", name="Сохранить").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("Выражение 1: В выражении ошибка: missing )")
    await expect(dialog.get_by_label("Выражения")).to_have_attribute("aria-invalid", "true")
    await dialog.get_by_label("Выражения").fill("посылка\n" + r"заказ\w*\s*№?\s*\d{4,}")
    await dialog.get_by_role("button", name="Сохранить").click()
    await expect(dialog.get_by_role("alert")).to_contain_text(r"Выражение 2: \w знает только латинские буквы")
    await expect(dialog.get_by_role("alert")).to_contain_text(r"Напишите вместо этого [\p{L}\d_]")
    await dialog.get_by_label("Выражения").fill(r"заказ\p{L}*\s*№?\s*\d{4,}")
    await settled(page)
    assert await violations(page) == []
    await dialog.get_by_role("button", name="Сохранить").click()
    await expect(dialog).to_have_count(0)
    await page.get_by_label("Проверить фразу").fill("где мой заказ № 12345?")
    await page.get_by_role("button", name="Проверить").click()
    await expect(page.get_by_text("Отвечает «Где заказ»")).to_be_visible()
    await page.goto(admin.path(f"test-chat?agent={agent_id}&version=draft"))
    for number in (1, 2):
        await say(page, f"Где мой заказ № 1234{number}?")
        await expect(page.locator("article[data-role=agent]:not([data-streaming])")).to_have_count(number)
    answers = page.locator("article[data-role=agent]")
    await expect(answers.first).to_contain_text("Ищу заказ")
    await expect(answers.nth(1)).not_to_contain_text("Ищу заказ")
    await answers.nth(1).get_by_role("button", name="Почему?").click()
    await expect(page.locator("[data-trace]")).to_contain_text("Условие сценария не выполнено")


async def test_buttons_below_an_answer_are_pressed(open_tab: OpenTab, admin: Person, agent_id: str) -> None:
    page = await open_tab(admin.path(f"ai-agents/{agent_id}/scripts"), admin, width=390)
    await page.get_by_role("button", name="Новый сценарий").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Имя").fill("Размеры")
    await dialog.get_by_label("Фразы").fill("размеры\nмалый")
    await dialog.get_by_label("Ответ · Русский").fill("Какой нужен?")
    for number, (label, address) in enumerate((("Малый", ""), ("Таблица", "http://shop.example/sizes")), 1):
        await dialog.get_by_role("button", name="Кнопка", exact=True).click()
        await dialog.get_by_label(f"Кнопка {number} · Русский").fill(label)
        await dialog.get_by_label(f"Адрес кнопки {number}").fill(address)
    await dialog.get_by_label("Адрес картинки или файла").fill("https://shop.example/sizes.jpg")
    await dialog.get_by_role("button", name="Кнопка", exact=True).click()
    await dialog.get_by_role("button", name="Сохранить").click()
    await expect(dialog.get_by_text("Заполните").first).to_be_visible()
    await dialog.get_by_role("button", name="Убрать кнопку 3").click()
    await dialog.get_by_role("button", name="Сохранить").click()
    await expect(dialog.get_by_text("Нужен адрес, который начинается с https://").first).to_be_visible()
    await dialog.get_by_label("Адрес кнопки 2").fill("https://shop.example/sizes")
    await settled(page)
    assert await violations(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await dialog.get_by_role("button", name="Сохранить").click()
    await expect(dialog).to_have_count(0)
    await page.goto(admin.path(f"test-chat?agent={agent_id}&version=draft"))
    await say(page, "размеры")
    answers = page.locator("article[data-role=agent]:not([data-streaming])")
    await expect(answers.get_by_role("link", name="Таблица")).to_have_attribute("href", "https://shop.example/sizes")
    await expect(answers.get_by_role("link", name="Фото")).to_have_attribute("href", "https://shop.example/sizes.jpg")
    await settled(page)
    assert await violations(page) == []
    await answers.get_by_role("button", name="Малый").click()
    await expect(answers).to_have_count(2)
    await expect(page.locator("article[data-role=customer]").last).to_contain_text("Малый")
