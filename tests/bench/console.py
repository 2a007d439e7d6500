"""What the console's first page costs: opening the dashboard with an empty cache, in Debian's Chromium."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from playwright.async_api import Page, async_playwright

from tests.browser.conftest import ARGUMENTS, QUIET
from tests.browser.house import chromium

PASSWORD = "плед у камина и чай"
OPENS = 5
_PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"


async def first_page(url: str, data_dir: Path) -> dict[str, float]:
    """Return KiB on the wire (bodies as they are encoded, and headers) and ms until the first paint, the median of 5 empty caches."""
    cookie, tenant = _log_in(url, data_dir)
    sizes, paints = [], []
    async for page in fresh_pages(url, cookie):
        size, paint = await _open(page, f"/manage/{tenant}")
        sizes.append(size)
        paints.append(paint)
    return {"console_first_page_gzip_kib": sorted(sizes)[OPENS // 2] / 1024, "console_first_paint_ms": sorted(paints)[OPENS // 2]}


async def fresh_pages(url: str, cookie: str) -> AsyncIterator[Page]:
    """Yield pages of somebody who is logged in, each with an empty cache."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=[*ARGUMENTS, *QUIET])
        for _ in range(OPENS):
            context = await browser.new_context(base_url=url, locale="ru-RU")
            await context.add_cookies([{"name": "callboard_session", "value": cookie, "url": url, "httpOnly": True}])
            yield await context.new_page()
            await context.close()
        await browser.close()


async def _open(page: Page, path: str) -> tuple[float, float]:
    received: list[float] = []
    network = await page.context.new_cdp_session(page)
    network.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    await network.send("Network.enable")
    await page.goto(path, wait_until="networkidle")
    return sum(received), float(await page.evaluate(_PAINTED))


def _log_in(url: str, data_dir: Path) -> tuple[str, str]:
    command = [str(Path(sys.executable).parent / "callboard"), "login-link", "--tenant", "demo"]
    said = subprocess.check_output(command, env=os.environ | {"CALLBOARD_DATA_DIR": str(data_dir)}, text=True, timeout=60)
    return enter(url, next(word for word in said.split() if "#token=" in word).split("#token=")[1])


def enter(url: str, token: str) -> tuple[str, str]:
    """Use a one-time link and set a password; return the session's cookie and the company's id."""
    cookie, _ = _ask("POST", f"{url}/api/session/link", {"token": token})
    cookie, session = _ask("PUT", f"{url}/api/session/password", {"new": PASSWORD}, cookie)
    return cookie, session["tenant"]["id"]


def _ask(method: str, url: str, body: dict[str, str], cookie: str = "") -> tuple[str, dict[str, Any]]:
    headers = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin", "Cookie": f"callboard_session={cookie}"}
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers, method=method), timeout=30) as response:
        return response.headers["Set-Cookie"].split(";")[0].split("=", 1)[1], json.load(response)
