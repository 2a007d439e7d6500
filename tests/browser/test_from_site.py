"""From the address of a site to an agent, as its owner does it: typed, watched, looked through, created, tried, published."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenTab
from tests.browser.house import House, Person
from tests.browser.pages import settled, violations
from tests.fakes.shop_sites import ENGLISH, RUSSIAN
from tests.fakes.website import Website, website


@pytest.fixture
async def russian() -> AsyncIterator[Website]:
    async with website(Website(RUSSIAN)) as site:
        yield site


@pytest.fixture
async def english() -> AsyncIterator[Website]:
    async with website(Website(ENGLISH)) as site:
        yield site


async def test_an_owner_makes_an_agent_of_a_site(house: House, open_tab: OpenTab, admin: Person, russian: Website) -> None:
    tab = await open_tab(admin.path("ai-agents"), admin)
    await settled(tab)
    await tab.get_by_role("button", name="С моего сайта").click()
    dialog = tab.get_by_role("dialog")
    await dialog.get_by_label("Адрес вашего сайта").fill("не адрес")
    await dialog.get_by_role("button", name="Прочитать сайт").click()
    await expect(dialog.get_by_label("Адрес вашего сайта")).to_have_attribute("aria-invalid", "true")
    await dialog.get_by_label("Адрес вашего сайта").fill(russian.url)
    await dialog.get_by_role("button", name="Прочитать сайт").click()
    await tab.wait_for_url("**/from-site")
    await expect(tab.get_by_text("Страницу можно закрыть")).to_be_visible()
    address = tab.url
    await tab.close()  # the work goes on

    back = await open_tab(admin.path("ai-agents"), admin)
    notice = back.get_by_role("alert").filter(has_text="Агенты с сайта ждут вас")
    await expect(notice.get_by_text("предложения готовы").first).to_be_visible(timeout=90_000)
    await settled(back)
    assert await violations(back) == []
    await notice.get_by_role("link", name=russian.url).click()
    await back.wait_for_url(address)
    scripts = back.get_by_role("region", name="Готовые ответы")
    await expect(scripts.get_by_text("Каждый ответ взят с вашего сайта слово в слово.", exact=False)).to_be_visible()
    delivery = scripts.get_by_role("article", name="Доставка", exact=True)
    await expect(delivery).to_contain_text("Доставка по Туле стоит 250 рублей")
    await expect(delivery.get_by_role("link", name=f"{russian.url}/dostavka")).to_be_visible()
    await settled(back)
    assert await violations(back) == []

    await delivery.get_by_role("button", name="Изменить").click()
    await delivery.get_by_label("Ответ").fill("Доставим по Туле за 250 рублей.")
    await delivery.get_by_role("button", name="Готово").click()
    logo = scripts.get_by_role("article", name="Делаете ли вы пряники с логотипом?")
    await logo.get_by_role("button", name="Отклонить").click()
    await expect(logo.get_by_text("Отклонён")).to_be_visible()
    left = back.get_by_role("region", name="Вопросы без ответа")
    await left.get_by_label("Есть ли гарантия на товар?").fill("Гарантия — два месяца.")
    await left.get_by_role("button", name="Взять").first.click()
    pages = back.get_by_role("region", name="Что прочитано")
    await pages.get_by_role("button", name="О нас", exact=False).first.click()
    await expect(back.get_by_role("dialog").get_by_text("Вера Лапина", exact=False)).to_be_visible()
    await back.keyboard.press("Escape")
    await pages.get_by_role("button", name="Удалить документ «О нас»").click()
    await expect(pages.get_by_role("button", name="Удалить документ «О нас»")).to_have_count(0)
    await back.reload()
    await expect(delivery).to_contain_text("Доставим по Туле за 250 рублей.")  # what was decided is still there

    create = back.get_by_role("region", name="Создать агента")
    await create.get_by_label("Имя").fill("")
    await expect(create.get_by_role("button", name="Создать агента")).to_be_disabled()
    await create.get_by_label("Имя").fill("Пряник")
    await create.get_by_role("button", name="Создать агента").click()
    await expect(back.get_by_role("heading", name="Пряник")).to_be_visible()
    await back.get_by_role("textbox", name="Сообщение").fill("Сколько стоит доставка?")
    await back.keyboard.press("Enter")
    await expect(back.get_by_text("Доставим по Туле за 250 рублей.")).to_be_visible(timeout=30_000)
    await settled(back)
    assert await violations(back) == []
    await back.get_by_role("button", name="Опубликовать").click()
    await back.get_by_role("dialog").get_by_role("button", name="Опубликовать").click()
    await expect(back.get_by_text("Агент опубликован")).to_be_visible()
    rows = await house.rows("select key from scripts s join agents a on a.id = s.agent_id where a.name = 'Пряник' and s.deleted_at is null")
    keys = {row["key"] for row in rows}
    assert {"site-delivery", "site-warranty"} < keys
    assert "site-faq-3" not in keys


async def test_proposals_in_english_on_a_telephone(open_tab: OpenTab, admin: Person, english: Website) -> None:
    tab = await open_tab(admin.path("ai-agents"), admin, language="en", scheme="dark", width=390)
    await settled(tab)
    await tab.get_by_role("button", name="From my site").click()
    await tab.get_by_role("dialog").get_by_label("Address of your site").fill(english.url)
    await tab.get_by_role("dialog").get_by_role("button", name="Read the site").click()
    await expect(tab.get_by_role("region", name="Ready answers")).to_be_visible(timeout=90_000)
    await settled(tab)
    assert await violations(tab) == []
    assert await tab.evaluate("document.documentElement.scrollWidth") <= 390
    await tab.get_by_role("button", name="Give up").click()
    await expect(tab.get_by_role("button", name="From my site")).to_be_visible()
    await expect(tab.get_by_role("alert").filter(has_text=english.url)).to_have_count(0)
    await tab.get_by_role("button", name="Undo").click()
    await expect(tab.get_by_role("alert").filter(has_text=english.url)).to_be_visible()


async def test_a_site_that_cannot_be_read_says_what_to_do(open_tab: OpenTab, admin: Person, english: Website) -> None:
    tab = await open_tab(admin.path("ai-agents"), admin, language="en")
    await tab.get_by_role("button", name="From my site").click()
    await tab.get_by_role("dialog").get_by_label("Address of your site").fill(f"{english.url}/nothing-here")
    await tab.get_by_role("dialog").get_by_role("button", name="Read the site").click()
    await expect(tab.get_by_text("The site could not be read")).to_be_visible(timeout=60_000)
    await expect(tab.get_by_role("alert")).to_be_visible()
    await settled(tab)
    assert await violations(tab) == []
    english.pages["/nothing-here"] = english.pages["/"]
    await tab.get_by_role("button", name="Try again").click()
    await expect(tab.get_by_role("region", name="Ready answers")).to_be_visible(timeout=90_000)
