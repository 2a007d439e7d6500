"""Two versions beside each other in the test chat."""

from playwright.async_api import Page, expect

from tests.browser.conftest import OpenTab
from tests.browser.house import House, Person
from tests.browser.pages import settled, violations
from tests.browser.test_authoring import agent_id, write_script

__all__ = ["agent_id"]


async def test_one_message_is_answered_by_two_versions(house: House, open_tab: OpenTab, admin: Person, agent_id: str) -> None:
    page = await open_tab(admin.path(f"ai-agents/{agent_id}/scripts"), admin)
    await write_script(page, "Ёж", "расскажи про ежа", "Ёж живёт в саду.")
    house.installation.post(f"/api/agents/{agent_id}/publish", {})
    await page.get_by_role("button", name="Ёж").first.click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Ответ · Русский").fill("Ёж живёт в лесу.")
    await dialog.get_by_role("button", name="Сохранить").click()
    await expect(dialog).to_have_count(0)

    await page.goto(admin.path(f"test-chat?agent={agent_id}"))
    await page.get_by_role("button", name="Сравнить две версии").click()
    first, second = (page.get_by_role("region", name=f"{which} разговор") for which in ("Первый", "Второй"))
    await expect(second.get_by_role("combobox")).to_have_value("Черновик")
    await page.get_by_label("Сообщение", exact=True).fill("расскажи про ежа")
    await page.get_by_label("Сообщение", exact=True).press("Enter")
    await both(page, "Ёж живёт в саду.", "Ёж живёт в лесу.")
    await page.reload()
    await both(page, "Ёж живёт в саду.", "Ёж живёт в лесу.")

    for side in (first, second):
        await side.locator("article[data-role=agent]").get_by_role("button", name="Почему?").click()
        await expect(page.locator("[data-trace]").get_by_text("Ответил сценарий словами")).to_be_visible()
        await settled(page)
        assert await violations(page) == []
        await page.keyboard.press("Escape")
        await expect(page.locator("[data-trace]")).to_have_count(0)

    await second.get_by_role("combobox").click()
    await page.get_by_role("option", name="Версия 1").click()
    await expect(page.locator("article")).to_have_count(0)
    await page.get_by_role("button", name="Сравнить две версии").click()
    await expect(second).to_have_count(0)


async def both(page: Page, *answers: str) -> None:
    """Wait until each side has its own answer."""
    for side, answer in zip(("Первый", "Второй"), answers, strict=True):
        found = page.get_by_role("region", name=f"{side} разговор").locator("article[data-role=agent]:not([data-streaming])")
        await expect(found).to_have_count(1)
        await expect(found).to_contain_text(answer)
