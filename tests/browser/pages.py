"""The console's pages, and how each shows that it is there."""

from playwright.async_api import Page, expect

from tests.browser.house import House, Person

NAMES = (
    "dashboard",
    "inbox",
    "inbox-conversation",
    "inbox-trace",
    "test-chat",
    "conversation",
    "trace",
    "compared",
    "agents",
    "agent",
    "versions",
    "checks",
    "scripts",
    "new-script",
    "jobs",
    "rules",
    "new-rule",
    "sequences",
    "new-sequence",
    "knowledge",
    "integrations",
    "profile",
    "lost",
)


async def addresses(house: House, person: Person) -> dict[str, str]:
    """Where each page is; there is a conversation with an answer to explain."""
    agent_id = house.installation.agent_id()
    said = house.installation.chat("Сколько стоит доставка?")
    conversation, message = said["conversation_id"], said["reply"]["id"]
    inbox = person.path("conversations")
    chat, agent = person.path("test-chat"), person.path(f"ai-agents/{agent_id}")
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
        "integrations": person.path("integrations"),
        "profile": person.path("profile"),
        "lost": person.path("nowhere"),
    }


async def settled(page: Page) -> None:
    """Wait until nothing is being loaded or moved."""
    await expect(page.locator("h1, h2").first).to_be_attached()
    await expect(page.locator("[role=status][aria-label='Загрузка'], [role=status][aria-label='Loading']")).to_have_count(0, timeout=30_000)
    await page.evaluate(
        # An animation whose element goes away meanwhile is cancelled, not failed.
        "Promise.allSettled(document.getAnimations().filter(a => a.effect.getTiming().iterations !== Infinity).map(a => a.finished))"
    )
