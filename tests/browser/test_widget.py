"""The widget on a page of another origin: written there, answered there, by agent and person, and still there after a reload."""

import asyncio
import gzip
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import Browser, Page, expect

import gateway
from gateway.visiting import TTL_S
from tests.browser.conftest import OpenTab
from tests.browser.house import House, Person
from tests.browser.pages import settled, violations
from tests.browser.shop_site import ShopSite
from tests.fakes.openai_api import streams

SCRIPT = Path(gateway.__file__).parent / "console" / "dist" / "widget.js"


@pytest.fixture
def site(house: House) -> Iterator[ShopSite]:
    with ShopSite(house.url) as site:
        made = house.installation.post(f"/api/agents/{house.installation.agent_id()}/widgets", {"origins": [site.origin]})
        site.script = made["script"]
        yield site


async def write(page: Page, text: str) -> None:
    await page.get_by_label("Ваше сообщение").fill(text)
    await page.get_by_label("Ваше сообщение").press("Enter")


async def test_a_visitor_is_answered_by_agent_and_person(house: House, site: ShopSite, open_tab: OpenTab) -> None:
    asked, answered, person = f"Есть ли сова {uuid4().hex}?", f"Сова есть {uuid4().hex}.", f"Я Иван {uuid4().hex}"
    house.model.will(streams(answered))
    page = await open_tab(f"{site.origin}/")
    await page.get_by_role("button", name="Открыть чат").click()
    await expect(page.get_by_label("Ваше сообщение")).to_be_focused()
    await write(page, asked)
    log = page.get_by_role("log")
    await expect(log.get_by_text(asked)).to_have_count(1)
    await expect(log.locator(".list").get_by_text(answered)).to_be_visible()
    await expect(log.locator(".waiting")).to_have_count(0)
    await expect(log.get_by_text(asked)).to_have_count(1)
    query = """select c.id, m.role from messages m join conversations c on c.id = m.conversation_id
               join integrations g on g.id = c.integration_id where m.body = any($1) and g.channel = 'web' order by m.id"""
    found = await house.rows(query, [asked, answered])
    assert [row["role"] for row in found] == ["customer", "agent"]

    await page.reload()
    for text in (asked, answered):
        await expect(log.get_by_text(text)).to_be_visible()
    house.installation.post(f"/api/conversations/{found[0]['id']}/reply", {"text": person})
    await expect(log.get_by_text(person)).to_be_visible()
    await page.keyboard.press("Escape")
    await page.get_by_label("Ваше сообщение").press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await expect(page.get_by_role("button", name="Открыть чат")).to_be_focused()


async def test_what_could_not_be_sent_is_sent_later_and_once(house: House, site: ShopSite, open_tab: OpenTab) -> None:
    asked = f"Сколько стоит доставка? {uuid4().hex}"
    page = await open_tab(f"{site.origin}/")
    await page.get_by_role("button", name="Открыть чат").click()
    await page.context.set_offline(True)
    await write(page, asked)
    await expect(page.get_by_role("alert")).to_contain_text("Не отправлено.")
    await page.context.set_offline(False)
    await page.reload()  # what waits is remembered
    await expect(page.get_by_role("log").get_by_text(asked)).to_be_visible()
    await expect(page.get_by_role("log").locator(".list .bubble.agent")).to_be_visible()
    await expect(page.get_by_role("log").locator(".waiting")).to_have_count(0)
    assert len(await house.rows("select 1 from messages where body = $1", asked)) == 1


async def test_a_visitor_presses_a_button(house: House, open_tab: OpenTab) -> None:
    persona = {"debounce_s": 0, "languages": ["ru", "en"]}
    agent = house.installation.post("/api/agents", {"name": f"Кнопки {uuid4().hex[:6]}", "persona": persona})["id"]
    chart = {"label": {"ru": "Таблица"}, "url": "https://shop.example/sizes"}
    sizes = {"name": "Размеры", "phrases": ["размеры"], "answer": {"ru": "Какой?"}, "buttons": [{"label": {"ru": "Малый"}}, chart]}
    small = {"name": "Малый", "phrases": ["малый"], "answer": {"ru": "Есть два."}}
    for script in ({**sizes, "attachment": {"kind": "photo", "url": "https://shop.example/sizes.jpg"}}, small):
        house.installation.post(f"/api/agents/{agent}/scripts", script)
    house.installation.post(f"/api/agents/{agent}/publish", {})
    with ShopSite(house.url) as site:
        site.script = house.installation.post(f"/api/agents/{agent}/widgets", {"origins": [site.origin]})["script"]
        page = await open_tab(f"{site.origin}/")
        await page.get_by_role("button", name="Открыть чат").click()
        await write(page, "размеры")
        log = page.get_by_role("log")
        await expect(log.get_by_role("link", name="Таблица")).to_have_attribute("href", "https://shop.example/sizes")
        await expect(log.get_by_role("link", name="https://shop.example/sizes.jpg")).to_be_visible()
        assert await violations(page) == []
        await log.get_by_role("button", name="Малый").click()
        await expect(log.get_by_text("Есть два.")).to_be_visible()


async def test_texts_are_text(site: ShopSite, open_tab: OpenTab) -> None:
    page = await open_tab(f"{site.origin}/")
    await page.get_by_role("button", name="Открыть чат").click()
    await write(page, '<img src=x onerror="alert(1)"> https://shop.example/a?b=c.')
    bubble = page.get_by_role("log").locator(".bubble.own")
    await expect(bubble).to_contain_text('<img src=x onerror="alert(1)">')
    await expect(bubble.get_by_role("link", name="https://shop.example/a?b=c", exact=True)).to_be_visible()
    assert await page.get_by_role("log").locator("img").count() == 0


async def test_other_sites_show_nothing(site: ShopSite, browser: Browser) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    async with page.expect_response("**/session") as refused:
        await page.goto(site.origin.replace("127.0.0.1", "localhost") + "/")
    assert (await refused.value).status == 403
    await expect(page.get_by_role("heading", name="Shop")).to_be_visible()
    assert await page.locator("callboard-widget").count() == 0
    await context.close()


@pytest.mark.parametrize("width", [390, 1280])
async def test_it_is_accessible_and_fits(site: ShopSite, open_tab: OpenTab, width: int) -> None:
    page = await open_tab(f"{site.origin}/en", width=width)
    assert await violations(page) == []
    await page.get_by_role("button", name="Open the chat").click()
    await page.get_by_label("Your message").fill("Hello")
    await page.get_by_label("Your message").press("Enter")
    await expect(page.get_by_role("log").locator(".list .bubble.agent")).to_be_visible()
    await page.locator("section").evaluate("(panel) => Promise.all(panel.getAnimations().map((animation) => animation.finished))")
    assert await violations(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_it_is_small() -> None:
    assert len(gzip.compress(SCRIPT.read_bytes(), 9)) < 12 * 1024


async def test_its_owner_adds_hides_and_deletes_it(house: House, open_tab: OpenTab, admin: Person) -> None:
    with ShopSite(house.url) as site:
        page = await open_tab(admin.path("integrations"), admin, width=390)
        await page.get_by_role("button", name="Добавить чат").click()
        dialog = page.get_by_role("dialog", name="Чат на сайте")
        await dialog.get_by_label("Сайты").fill(f"{site.origin}/catalogue?page=2")
        await dialog.get_by_label("Название").fill("Витрина")
        await settled(page)
        assert await violations(page) == []
        await dialog.get_by_role("button", name="Добавить чат").click()
        card = page.get_by_role("region", name="Витрина")
        await expect(card.get_by_role("link", name=site.origin)).to_be_visible()
        site.script = await card.locator("code").inner_text()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        await settled(page)
        assert await violations(page) == []

        visitor = await open_tab(f"{site.origin}/")
        await expect(visitor.get_by_role("button", name="Открыть чат")).to_be_visible()
        await card.get_by_role("switch", name="Показывать на сайте").click(force=True)
        await expect(card.get_by_text("Скрыт")).to_be_visible()
        await asyncio.sleep(TTL_S)
        async with visitor.expect_response(lambda answer: answer.request.method == "POST" and answer.url.endswith("/session")) as refused:
            await visitor.reload()
        assert (await refused.value).status == 404
        await expect(visitor.get_by_role("button", name="Открыть чат")).to_have_count(0)

        await card.get_by_role("button", name="Изменить").click()
        await page.get_by_role("dialog").get_by_label("Сайты").fill("это не адрес!")
        await page.get_by_role("dialog").get_by_role("button", name="Сохранить").click()
        await expect(page.get_by_role("alert").filter(has_text="Что-то заполнено неверно")).to_be_visible()
        await page.get_by_role("dialog").get_by_role("button", name="Отмена").click()
        await card.get_by_role("button", name="Удалить").click()
        await page.get_by_role("dialog").get_by_role("button", name="Удалить").click()
        await expect(card).to_have_count(0)
