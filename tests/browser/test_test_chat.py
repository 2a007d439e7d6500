"""The test chat from the first link to the trace: what a person sees is what the database has."""

import re
from uuid import uuid4

from playwright.async_api import Page, expect

from tests.browser.conftest import OpenTab
from tests.browser.house import PASSWORD, House, Person
from tests.fakes.openai_api import refuses, streams


async def say(page: Page, text: str) -> None:
    await page.get_by_label("Сообщение", exact=True).fill(text)
    await page.get_by_label("Сообщение", exact=True).press("Enter")


async def answered(page: Page, count: int) -> None:
    """Wait until so many answers are in the history and nothing is under way."""
    await expect(page.locator("article[data-role=agent]:not([data-streaming])")).to_have_count(count)
    await expect(page.locator("[data-pending]")).to_have_count(0)


async def test_from_the_link_to_the_trace(house: House, open_tab: OpenTab) -> None:
    asked, reply = f"Есть ли у вас сова {uuid4().hex}?", f"Совы нет, есть ёж {uuid4().hex}."
    page = await open_tab(house.link().removeprefix(house.url))
    await page.get_by_role("button", name="Войти", exact=True).click()
    await page.get_by_label("Новый пароль", exact=True).fill(PASSWORD)
    await page.get_by_label("Тот же пароль ещё раз").fill(PASSWORD)
    await page.get_by_role("button", name="Сохранить и войти").click()
    await expect(page).to_have_title("Обзор · Callboard")
    assert "token" not in page.url
    await page.get_by_role("link", name="Пробный чат").first.click()

    house.model.will(streams(reply))
    await say(page, asked)
    await expect(page.get_by_text(reply)).to_be_visible()
    await expect(page.locator("[data-pending]")).to_have_count(0)
    found = await house.rows("select role, body from messages where body = any($1) order by id", [asked, reply])
    assert [(row["role"], row["body"]) for row in found] == [("customer", asked), ("agent", reply)]

    assert "conversation=" in page.url
    await page.reload()
    for text in (asked, reply):
        await expect(page.locator("article").get_by_text(text)).to_be_visible()
    await page.get_by_role("button", name="Почему?").click()
    pane = page.locator("[data-trace]")
    await expect(pane.get_by_text("Ответ написала модель по найденным отрывкам.")).to_be_visible()
    await expect(pane.get_by_text("Время по этапам")).to_be_visible()
    await expect(pane.get_by_text("served-model")).to_be_visible()
    assert "trace=" in page.url
    await page.reload()
    await expect(pane.get_by_text("Ни один сценарий не подошёл.")).to_be_visible()


async def test_the_first_words_come_before_the_model_has_ended(house: House, open_tab: OpenTab, admin: Person) -> None:
    page = await open_tab(admin.path("test-chat"), admin)
    gate, first, last = house.model.gate(), f"Начало {uuid4().hex} ", f"и конец {uuid4().hex}."
    house.model.will(gate.between(first, last))
    await say(page, "Расскажи сказку про ежа")
    streaming = page.locator("article[data-streaming]")
    await expect(streaming).to_contain_text(first.strip())
    assert not gate.is_open
    gate.open()
    await expect(page.get_by_text(first + last)).to_be_visible()
    await expect(streaming).to_have_count(0)


async def test_the_trace_tells_the_price_and_what_was_tried_before(house: House, open_tab: OpenTab, admin: Person) -> None:
    page = await open_tab(admin.path("test-chat"), admin)
    reply = f"Со второго раза {uuid4().hex}."
    house.model.will(refuses(503))
    house.model.will(streams(reply))
    await say(page, "Расскажи сказку про сову")
    await expect(page.get_by_text(reply)).to_be_visible()
    await page.get_by_role("button", name="Почему?").click()
    pane = page.locator("[data-trace]")
    await expect(pane.get_by_text("0,000074\u00a0$")).to_be_visible()
    await expect(pane.get_by_text("answered 503")).to_be_visible()


async def test_stopping_hides_nothing_from_the_history(house: House, open_tab: OpenTab, admin: Person) -> None:
    page = await open_tab(admin.path("test-chat"), admin)
    gate, last = house.model.gate(), f"конец {uuid4().hex}."
    house.model.will(gate.between("Долгий ответ и ", last))
    await say(page, "Расскажи длинную сказку")
    await expect(page.locator("article[data-streaming]")).to_contain_text("Долгий ответ")
    await page.get_by_role("button", name="Остановить").click()
    await expect(page.get_by_text("Показ остановлен. Ответ всё равно появится в истории.")).to_be_visible()
    gate.open()
    await expect(page.get_by_text(f"Долгий ответ и {last}")).to_be_visible()
    await expect(page.get_by_text("Показ остановлен")).to_have_count(0)


async def test_trying_again_after_a_lost_connection_says_it_once(house: House, open_tab: OpenTab, admin: Person) -> None:
    page = await open_tab(admin.path("test-chat"), admin)
    asked = f"Сколько стоит доставка {uuid4().hex}?"
    await expect(page.locator("[data-live=live]")).to_be_visible()
    await page.context.set_offline(True)
    await say(page, asked)
    await expect(page.get_by_role("alert").get_by_text("Сервер недоступен")).to_be_visible()
    await page.context.set_offline(False)
    await page.get_by_role("alert").get_by_role("button", name="Повторить").click()
    await expect(page.locator("article[data-role=agent]")).to_contain_text("350")
    found = await house.rows("select 1 from messages where body = $1", asked)
    assert len(found) == 1


async def test_conversations_are_listed_opened_and_begun_anew(house: House, open_tab: OpenTab, admin: Person) -> None:
    page = await open_tab(admin.path("test-chat"), admin)
    first, second = f"Здравствуйте, первый {uuid4().hex}", f"Здравствуйте, второй {uuid4().hex}"
    for text in (first, second):
        await say(page, text)
        await answered(page, 1)
        await page.get_by_role("button", name="Новый разговор").last.click()
        await expect(page.locator("article")).to_have_count(0)
    history = page.get_by_role("complementary", name="Пробные разговоры")
    await history.get_by_text(first).click()
    await expect(page.locator("article[data-role=customer]")).to_contain_text(first)
    await page.go_back()
    await expect(page.locator("article")).to_have_count(0)


async def test_another_version_is_another_conversation(house: House, open_tab: OpenTab, admin: Person) -> None:
    page = await open_tab(admin.path("test-chat"), admin)
    await say(page, "Сколько стоит доставка?")
    await answered(page, 1)
    await page.get_by_role("combobox", name="Версия").click()
    await page.get_by_role("option", name="Черновик").click()
    await expect(page.locator("article")).to_have_count(0)
    await expect(page).to_have_url(re.compile(r"version=draft"))
    await say(page, "Сколько стоит доставка?")
    await expect(page.locator("article[data-role=agent]")).to_contain_text("350")
    conversation = re.search(r"conversation=(\d+)", page.url)
    assert conversation
    (row,) = await house.rows("select pinned_version from conversations where id = $1", int(conversation.group(1)))
    assert row["pinned_version"] is not None


async def test_another_tab_sees_it_without_reloading(house: House, open_tab: OpenTab, admin: Person) -> None:
    page = await open_tab(admin.path("test-chat"), admin)
    await say(page, "Сколько стоит доставка?")
    await answered(page, 1)
    other = await open_tab(page.url.removeprefix(house.url), admin)
    await expect(other.locator("article[data-role=agent]")).to_have_count(1)
    await expect(other.locator("[data-live=live]")).to_be_visible()
    text = f"Спасибо {uuid4().hex}"
    await say(page, text)
    await expect(other.get_by_text(text).last).to_be_visible()


async def test_what_people_write_is_text(house: House, open_tab: OpenTab, admin: Person) -> None:
    page = await open_tab(admin.path("test-chat"), admin)
    written = f'<img src=x onerror="document.title=1"><b>{uuid4().hex}</b>'
    house.model.will(streams(f"Это {written}"))
    await say(page, written)
    await expect(page.locator("article[data-role=agent]")).to_contain_text(written)
    assert await page.locator("article b, article img").count() == 0


async def test_on_a_phone_one_can_always_write_and_read(open_tab: OpenTab, admin: Person) -> None:
    page = await open_tab(admin.path("test-chat"), admin, width=390)
    for number in range(1, 4):
        await say(page, "Сколько стоит доставка?")
        await answered(page, number)
        await expect(page.get_by_label("Сообщение", exact=True)).to_be_in_viewport(ratio=1)
        await expect(page.get_by_role("button", name="Почему?").last).to_be_in_viewport(ratio=1)
    assert await page.evaluate("document.documentElement.scrollTop") == 0
    await page.get_by_role("button", name="Почему?").last.click()
    await expect(page.get_by_role("dialog").get_by_text("Ответил сценарий словами, которые в нём записаны.")).to_be_visible()


async def test_enter_sends_and_shift_enter_begins_a_line(house: House, open_tab: OpenTab, admin: Person) -> None:
    page = await open_tab(admin.path("test-chat"), admin)
    field = page.get_by_label("Сообщение", exact=True)
    await field.fill("Сколько стоит")
    await field.press("Shift+Enter")
    await field.press_sequentially("доставка?")
    await expect(field).to_have_value("Сколько стоит\nдоставка?")
    await field.press("Enter")
    await expect(field).to_have_value("")
    await expect(page.locator("article[data-role=agent]")).to_contain_text("350")
