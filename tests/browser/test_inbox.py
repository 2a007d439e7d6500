"""The inbox: find a conversation, read it and why it was answered so, take it over, answer, give it back."""

import re
from uuid import uuid4

from playwright.async_api import expect

from tests.browser.conftest import OpenTab
from tests.browser.house import House, Person
from tests.browser.pages import settled, violations


async def test_take_over_answer_and_give_back(house: House, open_tab: OpenTab, admin: Person) -> None:
    said = house.installation.chat("Сколько стоит доставка?")
    conversation = said["conversation_id"]
    page = await open_tab(f"{admin.path('conversations')}?conversation={conversation}", admin)
    other = await open_tab(f"{admin.path('conversations')}?conversation={conversation}", admin)
    await expect(other.locator("article")).to_have_count(2)
    await page.get_by_role("button", name="Взять", exact=True).click()
    await expect(page.get_by_role("button", name="Вернуть агенту")).to_be_visible()
    await expect(other.get_by_role("button", name="Вернуть агенту")).to_be_visible()  # live
    answer = f"Это Иван, здравствуйте {uuid4().hex}"
    field = page.get_by_label("Сообщение", exact=True)
    await field.fill(answer)
    await field.press("Enter")
    await expect(page.locator("article[data-role=operator]")).to_contain_text(answer)
    await expect(other.locator("article[data-role=operator]")).to_contain_text(answer)
    found = await house.rows("select role from messages where body = $1", answer)
    assert [row["role"] for row in found] == ["operator"]
    await page.get_by_role("button", name="Вернуть агенту").click()
    await expect(page.get_by_role("button", name="Взять", exact=True)).to_be_visible()
    (row,) = await house.rows("select control from conversations where id = $1", int(conversation))
    assert row["control"] == "bot"
    await expect(page.get_by_role("complementary", name="О разговоре").or_(page.get_by_role("button", name="О разговоре"))).to_be_visible()


async def test_what_is_looked_for_is_found_and_in_the_address(house: House, open_tab: OpenTab, admin: Person) -> None:
    word = uuid4().hex
    said = house.installation.chat(f"Доставка 100% {word}_?")
    house.installation.chat("Спасибо")
    page = await open_tab(admin.path("conversations"), admin)
    rows = page.locator("[data-conversation]")
    await expect(rows.nth(1)).to_be_visible()
    await page.get_by_label("Поиск по именам и сообщениям").fill(f"100% {word}_")
    await expect(rows).to_have_count(1)
    await rows.first.click()
    await expect(page.locator("article[data-role=customer]")).to_contain_text(word)
    await page.reload()
    await expect(rows).to_have_count(1)
    await expect(page).to_have_url(re.compile(rf"conversation={said['conversation_id']}"))
    await page.get_by_label("Поиск по именам и сообщениям").fill(f"100_ {word}")
    await expect(page.get_by_text("Ничего не нашлось")).to_be_visible()


async def test_three_panes_and_the_keyboard(house: House, open_tab: OpenTab, admin: Person) -> None:
    for _ in range(2):
        house.installation.chat("Сколько стоит доставка?")
    page = await open_tab(admin.path("conversations"), admin, width=1600)
    rows = page.locator("[data-conversation]")
    await expect(rows.nth(1)).to_be_visible()
    first, second = [await rows.nth(n).get_attribute("data-conversation") for n in (0, 1)]
    await page.keyboard.press("Alt+ArrowDown")
    await expect(page).to_have_url(re.compile(rf"conversation={first}"))
    await page.keyboard.press("Alt+ArrowDown")
    await expect(page).to_have_url(re.compile(rf"conversation={second}"))
    context = page.get_by_role("complementary", name="О разговоре")
    await expect(context).to_contain_text("Пробный чат")
    await expect(context).to_contain_text("Агент ответил")
    await page.get_by_role("button", name="Почему?").first.click()
    await expect(context.locator("[data-trace]")).to_contain_text("Ответил сценарий")
    await page.reload()
    await expect(context.locator("[data-trace]")).to_contain_text("Ответил сценарий")


async def test_one_pane_on_a_phone(house: House, open_tab: OpenTab, admin: Person) -> None:
    house.installation.chat("Сколько стоит доставка?")
    page = await open_tab(admin.path("conversations"), admin, width=390)
    await page.locator("[data-conversation]").first.click()
    await expect(page.locator("article").first).to_be_visible()
    await expect(page.locator("[data-conversation]")).to_have_count(0)
    await expect(page.get_by_label("Сообщение", exact=True)).to_be_in_viewport(ratio=1)
    await page.get_by_role("button", name="О разговоре").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Пробный чат")
    await page.get_by_role("dialog").get_by_role("button", name="Закрыть").click()
    await page.get_by_role("button", name="К списку").click()
    await expect(page.locator("[data-conversation]").first).to_be_visible()


async def test_what_customers_write_is_text_and_a_viewer_only_looks_on(house: House, open_tab: OpenTab) -> None:
    evil = f'<img src=x onerror="document.title=1"><b>{uuid4().hex}</b>'
    said = house.installation.chat(evil)
    viewer = house.invite("viewer")
    page = await open_tab(f"{viewer.path('conversations')}?conversation={said['conversation_id']}", viewer)
    await expect(page.locator("article[data-role=customer]")).to_contain_text(evil)
    await expect(page.locator(f"[data-conversation='{said['conversation_id']}']")).to_contain_text(evil[:40])
    assert await page.locator("article b, article img, aside b, aside img").count() == 0
    await expect(page.get_by_role("button", name="Взять", exact=True)).to_have_count(0)
    await expect(page.get_by_label("Сообщение", exact=True)).to_be_disabled()


async def test_a_conversation_is_given_to_a_colleague_and_found_among_theirs(house: House, open_tab: OpenTab) -> None:
    ann = house.invite("operator")
    said = house.installation.chat("Сколько стоит доставка?")
    conversation = said["conversation_id"]
    page = await open_tab(f"{ann.path('conversations')}?conversation={conversation}", ann, width=1600)
    whose = page.get_by_role("combobox", name="Чей разговор")
    await expect(whose).to_have_attribute("placeholder", "Ничей")
    await whose.click()
    await page.get_by_role("option", name=re.compile(f"Ирина( · {ann.email})?$")).click()
    await expect(page.locator(f"[data-conversation='{conversation}']")).to_contain_text("Ирина")
    await page.get_by_role("combobox", name="Кто отвечает").click()
    await page.get_by_role("option", name="Мои", exact=True).click()
    await expect(page.locator("[data-conversation]")).to_have_count(1)
    await expect(page).to_have_url(re.compile("control=mine"))
    (found,) = await house.rows(
        "select u.email, c.control from conversations c join users u on u.id = c.assigned_to where c.id = $1", int(conversation)
    )
    assert (found["email"], found["control"]) == (ann.email, "bot")
    await settled(page)
    assert await violations(page) == []
    await page.get_by_label("Ничей").click()
    await expect(page.get_by_text("Ничего не нашлось")).to_be_visible()


async def test_a_conversation_is_closed_found_opened_and_opens_by_itself(house: House, open_tab: OpenTab, admin: Person) -> None:
    said = house.installation.chat("Сколько стоит доставка?")
    conversation = said["conversation_id"]
    row = f"[data-conversation='{conversation}']"
    page = await open_tab(f"{admin.path('conversations')}?conversation={conversation}", admin)
    other = await open_tab(admin.path("conversations"), admin)
    await expect(other.locator(row)).to_be_visible()
    await page.get_by_role("button", name="Закрыть разговор").click()
    await expect(page.locator(row)).to_have_count(0)
    await expect(other.locator(row)).to_have_count(0)  # live
    await expect(page.locator("[data-closed]")).to_have_text("закрыт")
    await settled(page)
    assert await violations(page) == []
    await page.get_by_role("button", name="Вернуть").click()
    await expect(page.locator(row)).to_be_visible()
    await page.get_by_role("button", name="Закрыть разговор").click()
    await expect(page.locator(row)).to_have_count(0)
    await other.get_by_role("combobox", name="Кто отвечает").click()
    await other.get_by_role("option", name="Закрытые", exact=True).click()
    await expect(other.locator(row)).to_be_visible()
    body = {"agent_id": house.installation.agent_id(), "conversation_id": conversation, "text": "Ещё вопрос: где вы?"}
    house.installation.post("/api/chat", body)
    await expect(page.locator(row)).to_be_visible()
    await expect(other.locator(row)).to_have_count(0)
    await expect(page.locator("[data-closed]")).to_have_count(0)
