"""`python -m tests.browser.screenshots`: a picture of every page in both languages and colour schemes, 390 to 2560 px wide.

Fails on a page that is wider than its screen, on text that is cut off or not translated, and on what the console complains of.
"""

import argparse
import asyncio
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from playwright.async_api import Browser, Page, async_playwright

from tests.browser.conftest import ARGUMENTS, LOCALES, QUIET, running
from tests.browser.house import House, Person, chromium
from tests.browser.model_thread import ModelThread
from tests.browser.pages import OUTSIDERS, addresses, overflow, settled, untranslated

EMPTY = ("agent", "versions", "scripts", "rules", "sequences", "knowledge")  # of an agent that has nothing yet


def main() -> int:
    """Make the pictures; return 1 if a page has a fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(".screenshots"))
    parser.add_argument("--pages", type=_words, default=[], help="names, with commas; all if left out")
    parser.add_argument("--languages", type=_words, default=["ru", "en"])
    parser.add_argument("--schemes", type=_words, default=["light", "dark"])
    parser.add_argument("--widths", type=_words, default=["390", "768", "1280", "2560"])
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with ModelThread() as model, running(given.out, model) as house:
        variants = list(itertools.product(given.languages, given.schemes, map(int, given.widths)))
        faults = asyncio.run(_all(house, given.out, given.pages, variants))
    for fault in faults:
        sys.stdout.write(f"{fault}\n")
    return 1 if faults else 0


async def _all(house: House, out: Path, pages: Sequence[str], variants: Sequence[tuple[str, str, int]]) -> list[str]:
    people = {language: house.invite("admin", language) for language in LOCALES}
    agent = house.installation.agent_id()
    empty = str(house.installation.post("/api/agents", {"name": f"Новый {uuid4().hex[:4]}"})["id"])
    faults: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=[*ARGUMENTS, *QUIET])
        for language, scheme, width in variants:
            where = await addresses(house, people[language])
            where |= {f"{name}-empty": where[name].replace(agent, empty) for name in EMPTY}
            chosen = {name: path for name, path in where.items() if not pages or name in pages}
            found = await _variant(browser, house, people[language], chosen, out, (language, scheme, width))
            sys.stdout.write(f"{language} {scheme} {width} px: {len(chosen)} pages, {len(found)} with faults\n")
            sys.stdout.flush()
            faults += found
        await browser.close()
    return faults


async def _variant(
    browser: Browser, house: House, person: Person, where: dict[str, str], out: Path, variant: tuple[str, str, int]
) -> list[str]:
    language, scheme, width = variant
    faults = []
    for name, path in where.items():
        page = await _open(browser, house, None if name in OUTSIDERS else person, variant)
        complaints = _complaints(page)
        await page.goto(path)
        await settled(page)
        picture = f"{name}.{language}.{scheme}.{width}"
        await page.screenshot(path=out / f"{picture}.png")
        fault = [*await overflow(page, width), *await untranslated(page, language), *complaints]
        faults += [f"{picture}: {what}" for what in fault]
        await page.context.close()
    return faults


def _complaints(page: Page) -> list[str]:
    """Return the list into which the browser's errors come."""
    heard: list[str] = []
    page.on("console", lambda said: heard.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: heard.append(str(error)))
    return heard


async def _open(browser: Browser, house: House, person: Person | None, variant: tuple[str, str, int]) -> Page:
    language, scheme, width = variant
    context = await browser.new_context(
        base_url=house.url,
        locale=LOCALES[language],
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 844 if width < 1000 else 1000},
        reduced_motion="reduce",
    )
    if person:
        await context.add_cookies([{"name": "callboard_session", "value": person.cookie, "url": house.url, "httpOnly": True}])
    await context.add_init_script(f"if (location.protocol !== 'about:') localStorage.setItem('callboard.language', '{language}')")
    return await context.new_page()


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


if __name__ == "__main__":
    sys.exit(main())
