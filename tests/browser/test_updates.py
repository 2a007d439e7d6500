"""A tab that is older than the console that is installed: a page whose file is gone is loaded anew, once, where the reader wanted to go."""

import re

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import OpenTab
from tests.browser.house import House, Person

_GONE = re.compile(r"/assets/RulesPage-[^/]*\.js")


class Missing:
    """A file that is not there for so many requests."""

    def __init__(self, page: Page, times: int) -> None:
        self.left, self.loads = times, 0
        page.on("load", self._loaded)

    def _loaded(self, _: Page) -> None:
        self.loads += 1

    async def answer(self, route: Route) -> None:
        if self.left:
            self.left -= 1
            await route.fulfill(status=404, body="")
        else:
            await route.continue_()


@pytest.mark.parametrize("times", [1, 100])
async def test_a_page_whose_file_is_gone_is_loaded_anew_once(house: House, open_tab: OpenTab, admin: Person, times: int) -> None:
    page = await open_tab(admin.path(f"ai-agents/{house.installation.agent_id()}/scripts"), admin)
    await expect(page.get_by_role("heading", name="Сценарии")).to_be_visible()
    missing = Missing(page, times)
    await page.route(_GONE, missing.answer)
    await page.get_by_role("link", name="Правила").click()
    if times == 1:
        await expect(page.get_by_role("heading", name="Правила", level=1)).to_be_visible()
    else:  # it is not there after that either: the reader is told
        await expect(page.get_by_role("button", name="Обновить страницу")).to_be_visible()
        await page.wait_for_timeout(1_000)
    assert missing.loads == 1
    assert "/rules" in page.url
