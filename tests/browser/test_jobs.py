"""The page of jobs: an export from the button to the file, and what runs by itself."""

import json

from playwright.async_api import expect

from tests.browser.conftest import OpenTab
from tests.browser.house import House, Person
from tests.browser.pages import settled, violations


async def test_an_export_is_asked_for_and_fetched(house: House, open_tab: OpenTab, admin: Person) -> None:
    house.installation.chat("Сколько стоит доставка?")
    page = await open_tab(admin.path("jobs"), admin)
    await settled(page)
    await page.get_by_role("button", name="Выгрузить диалоги").click()
    await expect(page.get_by_text("Готово", exact=True).first).to_be_visible(timeout=20_000)
    async with page.expect_download() as fetched:
        await page.get_by_role("link", name="Скачать").first.click()
    file = await (await fetched.value).path()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert "Сколько стоит доставка?" in {line["text"] for line in lines if line["type"] == "message"}
    await page.get_by_role("button", name="Запустить сейчас: Удаление старых событий").click()
    await expect(page.get_by_text("Удалено 0 старых записей")).to_be_visible(timeout=20_000)
    await settled(page)
    assert await violations(page) == []
    await page.get_by_role("combobox", name="Состояние").click()
    await page.get_by_role("option", name="Попытки исчерпаны").click()
    await expect(page.get_by_role("heading", name="Таких задач нет")).to_be_visible()
    assert "state=dead" in page.url
