"""One installation for all browser tests, one browser and fresh tabs for each."""

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.browser.house import House, Person, chromium
from tests.browser.model_thread import ModelThread
from tests.fakes.kommo.process import KommoProcess
from tests.fakes.telegram_process import TelegramProcess

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
LOCALES = {"ru": "ru-RU", "en": "en-GB"}
WAIT_MS = 30_000
_WATCH = """addEventListener('securitypolicyviolation', (event) => {
  console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
});"""


class OpenTab(Protocol):
    """Opens a page as somebody, in a language and a colour scheme."""

    async def __call__(
        self,
        path: str = "/",
        person: Person | None = None,
        *,
        language: Literal["ru", "en"] = "ru",
        scheme: Literal["light", "dark"] = "light",
        width: int = 1280,
    ) -> Page: ...


@pytest.fixture(scope="session", autouse=True)
def needs_chromium() -> None:
    """Without Chromium these tests are left out, except where everything must be there."""
    try:
        chromium()
    except AssertionError as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))


@contextmanager
def running(folder: Path, model: ModelThread | None, more: Mapping[str, str] | None = None) -> Iterator[House]:
    """Run an installation and what is outside of it."""
    telegram, kommo = TelegramProcess(folder / "telegram.jsonl").start(), KommoProcess(folder / "kommo.jsonl").start()
    house = House(model, telegram, kommo, more)
    try:
        house.installation.start()
        yield house
    finally:
        house.installation.remove()
        kommo.stop()
        telegram.stop()


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with ModelThread() as model, running(tmp_path_factory.mktemp("outside"), model) as house:
        yield house


@pytest.fixture(scope="session")
def admin(house: House) -> Person:
    return house.invite("admin")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    expect.set_options(timeout=WAIT_MS)
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=chromium(), args=[*ARGUMENTS, *QUIET])
        yield running
        await running.close()


@pytest.fixture
async def open_tab(browser: Browser, house: House) -> AsyncIterator[OpenTab]:
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    async def open_tab(
        path: str = "/",
        person: Person | None = None,
        *,
        language: Literal["ru", "en"] = "ru",
        scheme: Literal["light", "dark"] = "light",
        width: int = 1280,
    ) -> Page:
        context = await browser.new_context(
            base_url=house.url, locale=LOCALES[language], color_scheme=scheme, viewport={"width": width, "height": 844}
        )
        contexts.append(context)
        context.set_default_timeout(WAIT_MS)
        if person:
            await context.add_cookies([{"name": "callboard_session", "value": person.cookie, "url": house.url, "httpOnly": True}])
        await context.add_init_script(_WATCH)
        await context.add_init_script(f"if (location.protocol !== 'about:') localStorage.setItem('callboard.language', '{language}')")
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if _is_complaint(said) else None)
        await page.goto(path)
        return page

    yield open_tab
    for context in contexts:
        await context.close()
    assert complaints == []


def _is_complaint(said: Any) -> bool:
    # Refusals are part of some tests; the browser writes each into its console.
    expected = said.text.startswith("Failed to load resource") or "WebSocket connection" in said.text
    return said.type in {"error", "warning"} and not expected
