"""Every page in both languages and colour schemes: accessible, translated, within the policy, no wider than a phone."""

import re
from typing import Literal

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenTab
from tests.browser.house import House, Person
from tests.browser.pages import OUTSIDERS, addresses, overflow, settled, untranslated, violations


# Colours do not depend on words: two of the four pairs see each language and each scheme.
@pytest.mark.timeout(600)  # twenty pages, some seconds each on a busy machine
@pytest.mark.parametrize(("language", "scheme"), [("ru", "dark"), ("en", "light")])
async def test_every_page_is_accessible_and_translated(
    house: House, open_tab: OpenTab, admin: Person, language: Literal["ru", "en"], scheme: Literal["light", "dark"]
) -> None:
    where = await addresses(house, admin)
    page = await open_tab("/login", admin, language=language, scheme=scheme)
    stranger = await open_tab("/login", language=language, scheme=scheme)
    faults: dict[str, object] = {}
    for name, path in where.items():
        tab = stranger if name in OUTSIDERS else page
        await tab.goto("about:blank")
        await tab.goto(path)
        await settled(tab)
        if fault := [*await violations(tab), *await untranslated(tab, language)]:
            faults[name] = fault
        assert await tab.evaluate("document.documentElement.lang") == language
        assert await tab.evaluate("document.documentElement.dataset.mantineColorScheme") == scheme
    assert faults == {}


async def test_dialogs_and_menus_are_accessible(house: House, open_tab: OpenTab, admin: Person) -> None:
    page = await open_tab(admin.path("ai-agents"), admin)
    await settled(page)
    await page.keyboard.press("Control+k")
    await expect(page.get_by_placeholder("Какая страница нужна?")).to_be_focused()
    await settled(page)
    faults = await violations(page)
    await page.keyboard.type("сцен")
    await page.keyboard.press("Enter")
    await expect(page).to_have_title("Сценарии · Callboard")
    await page.get_by_role("button", name="Ирина: настройки и выход").click()
    await expect(page.get_by_role("button", name="Выйти")).to_be_visible()
    await settled(page)
    faults += await violations(page)
    await page.keyboard.press("Escape")
    await page.get_by_role("combobox", name="Агент").click()
    await settled(page)
    assert faults + await violations(page) == []


@pytest.mark.timeout(600)
async def test_every_page_fits_a_phone(house: House, open_tab: OpenTab, admin: Person) -> None:
    where = await addresses(house, admin)
    page = await open_tab("/login", admin, width=390)
    stranger = await open_tab("/login", width=390)
    faults: dict[str, list[str]] = {}
    for name, path in where.items():
        tab = stranger if name in OUTSIDERS else page
        await tab.goto("about:blank")
        await tab.goto(path)
        await settled(tab)
        if fault := await overflow(tab, 390):
            faults[name] = fault
    assert faults == {}
    await page.goto(where["test-chat"])
    await page.get_by_role("button", name="Открыть меню").click()
    await page.get_by_role("link", name="Агенты").click()
    await expect(page).to_have_title("Агенты · Callboard")
    await expect(page.get_by_role("button", name="Открыть меню")).to_be_visible()


async def test_language_and_colours_are_kept(house: House, open_tab: OpenTab, admin: Person) -> None:
    page = await open_tab(admin.path("ai-agents"), admin)
    await page.evaluate("localStorage.removeItem('callboard.language')")
    await page.get_by_role("button", name="Ирина: настройки и выход").click()
    await page.get_by_text("Тёмная").click()
    await page.get_by_text("English").click()
    await expect(page.get_by_role("heading", name="Agents")).to_be_visible()
    assert await page.evaluate("localStorage.getItem('callboard.language')") == "en"
    assert await page.evaluate("document.documentElement.dataset.mantineColorScheme") == "dark"


async def test_the_documentation_is_shown_without_another_site(house: House, open_tab: OpenTab) -> None:
    page = await open_tab("/docs")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.reload()
    chat = page.locator("#operations-tag-chat")
    await chat.click()
    await expect(page.get_by_text("/api/chat", exact=True)).to_be_visible()
    assert asked
    assert {url for url in asked if not url.startswith((house.url, "data:"))} == set()


async def test_the_policy_is_strict(house: House, open_tab: OpenTab) -> None:
    page = await open_tab("/login")
    answer = await page.request.get("/login")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    again = await page.request.get("/login")
    assert again.headers["content-security-policy"] != policy
    html = await answer.text()
    (script,) = re.findall(r'src="(/assets/[^"]+\.js)"', html)
    asset = await page.request.get(script, headers={"Accept-Encoding": "br"})
    assert asset.headers["content-encoding"] == "br"
    assert "immutable" in asset.headers["cache-control"]
