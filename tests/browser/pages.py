"""The console's pages, and how each shows that it is there."""

import re
from collections.abc import Iterator
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from actors.runtime.supervisor.demo import OWNER_NAME
from config.demo.definition import demo_definition
from tests.browser.house import House, Person
from tests.unit.console.test_translations import words

OUTSIDERS = ("login", "link")  # pages of people who are not logged in
RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]
_NAMES = {"Русский", "English", OWNER_NAME}  # a language is offered in itself, and people are called what they are called
# All that a person can read or hear of a page, in pieces.
_SEEN = """() => {
  const seen = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) if (walk.currentNode.parentElement.checkVisibility()) seen.push(walk.currentNode.textContent.trim());
  for (const name of ['aria-label', 'title', 'placeholder', 'alt'])
    for (const element of document.querySelectorAll(`[${name}]`)) seen.push(element.getAttribute(name).trim());
  return [...seen.filter(Boolean), document.title];
}"""
# Text that ends at an edge without a sign of it. What is 1 px small is for screen readers; what scrolls can be reached.
_CUT_OFF = """() => {
  const cut = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent.trim();
    const holder = walk.currentNode.parentElement;
    if (!text || !holder.checkVisibility({visibilityProperty: true, opacityProperty: true})) continue;
    const range = document.createRange();
    range.selectNodeContents(walk.currentNode);
    const box = range.getBoundingClientRect();
    for (let around = holder; around && around !== document.body; around = around.parentElement) {
      const style = getComputedStyle(around), edge = around.getBoundingClientRect();
      if (edge.width <= 1 || style.position === 'fixed') break;
      const scrolls = [style.overflowX, style.overflowY].some(how => how === 'auto' || how === 'scroll');
      if (scrolls || style.textOverflow === 'ellipsis' || style.webkitLineClamp !== 'none') break;
      const hides = how => how === 'hidden' || how === 'clip';
      if (hides(style.overflowX) && (box.right > edge.right + 1 || box.left < edge.left - 1)) { cut.push(text); break; }
      if (hides(style.overflowY) && (box.bottom > edge.bottom + 2 || box.top < edge.top - 2)) { cut.push(text); break; }
    }
  }
  return cut;
}"""
# Twice in a row nothing moves: what a click begins starts moving some frames later. An animation whose element goes away is cancelled.
_STILL = """async () => {
  for (let still = 0; still < 2; still++) {
    await new Promise(go => setTimeout(go, 50));
    const moving = document.getAnimations().filter(a => a.effect.getTiming().iterations !== Infinity);
    if (moving.length) still = -1;
    await Promise.allSettled(moving.map(a => a.finished));
  }
}"""
_WIDTH = "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"


async def addresses(house: House, person: Person) -> dict[str, str]:
    """Where each page is; there is a conversation with an answer to explain."""
    agent_id = house.installation.agent_id()
    said = house.installation.chat("Сколько стоит доставка?")
    conversation, message = said["conversation_id"], said["reply"]["id"]
    inbox = person.path("conversations")
    chat, agent = person.path("test-chat"), person.path(f"ai-agents/{agent_id}")
    begun = house.installation.post("/api/agents/from-site", {"address": house.url})["agent_id"]  # a page without text: much is open
    return {
        "login": "/login",
        "link": "/login#token=" + "x" * 43,
        "dashboard": person.path("").rstrip("/"),
        "inbox": inbox,
        "inbox-conversation": f"{inbox}?conversation={conversation}",
        "inbox-trace": f"{inbox}?conversation={conversation}&trace={message}",
        "test-chat": chat,
        "conversation": f"{chat}?conversation={conversation}",
        "trace": f"{chat}?conversation={conversation}&trace={message}",
        "compared": f"{chat}?conversation={conversation}&beside=draft&beside-conversation={conversation}",
        "agents": person.path("ai-agents"),
        "agent": agent,
        "tools": f"{agent}?tab=tools",
        "versions": f"{agent}?tab=versions",
        "checks": f"{agent}?tab=checks",
        "scripts": f"{agent}/scripts",
        "jobs": person.path("jobs"),
        "new-script": f"{agent}/scripts?script=new",
        "rules": f"{agent}/rules",
        "new-rule": f"{agent}/rules?rule=new",
        "sequences": f"{agent}/sequences",
        "new-sequence": f"{agent}/sequences?sequence=new",
        "knowledge": f"{agent}/knowledge",
        "from-site": person.path(f"ai-agents/{begun}/from-site"),
        "integrations": person.path("integrations"),
        "actors": person.path("actors"),
        "settings": person.path("settings"),
        "profile": person.path("profile"),
        "lost": person.path("nowhere"),
    }


async def settled(page: Page) -> None:
    """Wait until nothing is being loaded or moved."""
    await expect(page.locator("h1, h2").first).to_be_attached()
    await expect(page.locator("[role=status][aria-label='Загрузка'], [role=status][aria-label='Loading']")).to_have_count(0, timeout=30_000)
    await page.evaluate(_STILL)


async def violations(page: Page) -> list[str]:
    """Return what axe finds."""
    found = await Axe().run(page, options={"runOnly": RULES})
    return [f"{v['id']}: {[n['target'] for n in v['nodes']][:3]} {v['help']}" for v in found.response["violations"]]


async def untranslated(page: Page, language: str) -> set[str]:
    """Return what is said in the other language, or in keys instead of words."""
    known, foreign = words(language), words("en" if language == "ru" else "ru")
    foreign_only = {text for text in foreign.values() if len(text) > 2} - set(known.values()) - _NAMES - set(_shop_words())
    seen = set(await page.evaluate(_SEEN))
    raw = {text for text in seen if re.fullmatch(r"[a-z-]+(\.[a-z-]+)+", text)} & (known.keys() | foreign.keys())
    return (seen & foreign_only) | raw


async def overflow(page: Page, width: int) -> list[str]:
    """Return how the page does not fit: what is wider than the screen, and texts that are cut off."""
    needed = await page.evaluate(_WIDTH)
    wide = [f"{needed} px wide"] if needed > width else []
    return wide + [f"cut off: {text[:60]}" for text in await page.evaluate(_CUT_OFF)]


def _shop_words() -> Iterator[str]:
    """What the demo shop says; it is not the console's."""
    left: list[Any] = [demo_definition()]
    while left:
        match left.pop():
            case str(text):
                yield text
            case dict(members):
                left += members.values()
            case list(items):
                left += items
