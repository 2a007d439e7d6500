"""The page Settings: a configuration goes out as a file and comes back, seen before it is done, and undone; conversations as lines."""

import json
from pathlib import Path

from playwright.async_api import expect

from tests.browser.conftest import OpenTab
from tests.browser.house import House, Person
from tests.browser.pages import settled, violations

ADDED = "agents:\n- agent: Зоя\n  persona:\n    name: Зоя\n"


async def test_a_configuration_is_taken_in_after_a_look_and_undone(house: House, open_tab: OpenTab, admin: Person, tmp_path: Path) -> None:
    page = await open_tab(admin.path("settings"), admin)
    await settled(page)
    async with page.expect_download() as fetched:
        await page.get_by_role("link", name="Сохранить в файл").click()
    text = (await (await fetched.value).path()).read_text()
    file = tmp_path / "callboard.yaml"
    file.write_text(text.replace("agents:\n", ADDED))
    await page.locator("input[type=file]").set_input_files(file)
    changes = page.get_by_role("list", name="Изменения")
    await expect(changes.get_by_role("listitem")).to_have_count(2)
    await expect(changes.get_by_text("Агент Зоя")).to_be_visible()
    await expect(page.get_by_role("link", name="Сохранить нынешнее состояние")).to_be_visible()
    assert await house.rows("select from agents where name = 'Зоя'") == []
    await settled(page)
    assert await violations(page) == []
    await page.get_by_role("button", name="Загрузить", exact=True).click()
    await expect(page.get_by_text("Файл загружен")).to_be_visible()
    assert len(await house.rows("select from agents where name = 'Зоя' and archived_at is null")) == 1
    await page.get_by_role("button", name="Вернуть").click()
    await expect(page.get_by_text("Всё снова как было")).to_be_visible()
    assert await house.rows("select from agents where name = 'Зоя' and archived_at is null") == []

    file.write_text(text.replace("  persona:\n", "  persona:\n    colour: red\n", 1))
    await page.locator("input[type=file]").set_input_files(file)
    await expect(page.get_by_role("alert").get_by_text("line 5: colour is not known here")).to_be_visible()
    await expect(page.get_by_role("button", name="Загрузить", exact=True)).to_be_disabled()


async def test_conversations_are_fetched_as_lines(house: House, open_tab: OpenTab, admin: Person) -> None:
    house.installation.chat("Где мой заказ?")
    page = await open_tab(admin.path("settings"), admin)
    await page.get_by_role("button", name="Выгрузить диалоги").click()
    async with page.expect_download(timeout=30_000) as fetched:
        await page.get_by_role("link", name="Скачать").click(timeout=30_000)
    lines = [json.loads(line) for line in (await (await fetched.value).path()).read_text().splitlines()]
    assert {line["type"] for line in lines} >= {"contact", "conversation", "message"}
    assert "Где мой заказ?" in {line.get("text") for line in lines}


async def test_who_may_not_change_settings_is_told_so(house: House, open_tab: OpenTab) -> None:
    viewer = house.invite("viewer")
    page = await open_tab(viewer.path("settings"), viewer)
    await expect(page.get_by_text("Это меняют владельцы и администраторы.")).to_be_visible()
    await expect(page.get_by_role("link", name="Сохранить в файл")).to_have_count(0)


async def test_an_owner_says_how_long_things_are_kept_and_is_told_what_goes(house: House, open_tab: OpenTab, admin: Person) -> None:
    owner = house.invite("owner")
    house.installation.chat("Это было давно")
    old = "(select id from conversations where id in (select conversation_id from messages where body = 'Это было давно'))"
    await house.rows(f"update conversations set last_at = now() - interval '70 days' where id in {old}")
    page = await open_tab(owner.path("settings"), owner)
    card = page.get_by_role("region", name="Сколько что хранить")
    await card.get_by_role("switch").click(force=True)
    await card.get_by_label("После стольких дней молчания").fill("60")
    await settled(page)
    assert await violations(page) == []
    await card.get_by_role("button", name="Сохранить").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("1 разговор")
    await dialog.get_by_role("button", name="Отмена").click()
    (plan,) = await house.rows("select payload ->> 'conversations_days' as days from job_schedules where key = 'activity:retention'")
    assert plan["days"] is None
    await card.get_by_role("button", name="Сохранить").click()
    await dialog.get_by_role("button", name="Хранить только столько").click()
    await expect(page.get_by_text("Сохранено. Удаление идёт ночью.")).to_be_visible()
    await expect(dialog).to_have_count(0)
    house.installation.post(
        f"/api/schedules/{(await house.rows('select id from job_schedules where key = $1', 'activity:retention'))[0]['id']}/run", {}
    )
    await house.until("select not exists (select from messages where body = 'Это было давно')")
    await card.get_by_role("switch").click(force=True)
    await card.get_by_role("button", name="Сохранить").click()
    await house.until("select payload ->> 'conversations_days' is null from job_schedules where key = 'activity:retention'")
    looker = await open_tab(admin.path("settings"), admin)
    await expect(looker.get_by_role("region", name="Сколько что хранить").get_by_text("Это меняют владельцы.")).to_be_visible()
