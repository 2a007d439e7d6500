"""After an outage: the dashboard says how many were not answered, and one press of the button has each of them answered once."""

import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenTab
from tests.browser.house import House, Person
from tests.browser.pages import settled, violations

TOKEN = "7400000001:token-after-an-outage"
CUSTOMERS = (901, 902, 903)


@pytest.fixture
async def outage(house: House) -> AsyncIterator[None]:
    """Three customers wrote three hours ago; only now Telegram can hand it over."""
    agent = house.installation.agent_id()
    await house.telegram.control("bots", token=TOKEN, username="outagebot")
    written = int(time.time()) - 3 * 3_600
    for number, customer in enumerate(CUSTOMERS, 1):
        chat = {"id": customer, "type": "private", "is_bot": False, "first_name": f"Клиент {customer}", "language_code": "ru"}
        said = {"message_id": number, "date": written, "chat": chat, "from": chat, "text": "Сколько стоит доставка?"}
        await house.telegram.push(TOKEN, {"message": said})
    connected = house.installation.post(f"/api/agents/{agent}/integrations", {"token": TOKEN})
    yield
    house.installation.delete(f"/api/agents/{agent}/integrations/{connected['integration']['id']}")


def answers(house: House) -> Counter[int]:
    """Return how often each customer heard the price: the apology does not have it."""
    return Counter(int(entry["chat_id"]) for entry in house.telegram.accepted() if entry["chat_id"] in CUSTOMERS and "350" in entry["text"])


async def test_who_was_not_answered_is_answered_once(house: House, open_tab: OpenTab, admin: Person, outage: None) -> None:
    home = admin.path("").rstrip("/")
    page = await open_tab(home, admin, width=390)
    card = page.get_by_role("region", name="3 клиента остались без ответа. Ответить сейчас?")
    await expect(card).to_be_visible(timeout=30_000)
    await settled(page)
    assert await violations(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    assert answers(house) == Counter()
    viewer = house.invite("viewer", "en")
    other = await open_tab(home, viewer, language="en", scheme="dark")
    seen = other.get_by_role("region", name="3 customers were not answered. Answer now?")
    await expect(seen.get_by_role("link", name="Look at them")).to_be_visible()
    await expect(seen.get_by_role("button", name="Answer all")).to_have_count(0)
    await settled(other)
    assert await violations(other) == []
    await seen.get_by_role("link", name="Look at them").click()
    await expect(other.locator("[data-conversation]")).to_have_count(3)
    await expect(other.get_by_role("combobox", name="Who answers")).to_have_value("Not answered")

    await page.get_by_role("button", name="Ответить всем").click()
    assert [house.installation.post("/api/unanswered/answer", {})["asked"] for _ in range(2)] == [0, 0]
    await expect(page.get_by_role("button", name="Ответить всем")).to_have_count(0)
    await expect(page.get_by_role("progressbar", name="Ответы клиентам")).to_have_count(0, timeout=30_000)
    await house.until("select count(*) = 0 from timers where kind = 'answer_open'")
    await house.until("select count(*) = 0 from inbox where state = 'pending'")
    await house.until("select count(*) = 0 from outbox where state in ('pending', 'claimed', 'sending')")
    assert answers(house) == Counter(dict.fromkeys(CUSTOMERS, 1))
    await expect(other.get_by_text("Nothing found").or_(other.locator("[data-conversation]"))).not_to_have_count(3)
    updates = page.get_by_role("region", name="Последние события")
    await expect(updates.locator("[data-kind='conversation.reopened']")).to_have_count(3)
    await expect(updates.locator("[data-kind='bot.caught_up']")).to_have_count(1)
