"""A script by meaning in the browser: written in sentences, tried with how near it is in a word and a number, answered and explained."""

from uuid import uuid4

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenTab
from tests.browser.house import House, Person
from tests.browser.pages import overflow, settled, violations

SENTENCE, ALIKE, FAR = "Доставка у вас платная?", "а доставка платная?", "Есть ли у вас зонтики?"


@pytest.fixture
def agent_id(house: House) -> str:
    """An agent of this test's own."""
    persona = {"debounce_s": 0, "languages": ["ru", "en"], "strict": True, "handoff_text": {"ru": "Зову коллегу."}}
    return str(house.installation.post("/api/agents", {"name": f"Смысл {uuid4().hex[:6]}", "persona": persona})["id"])


async def tried(page: Page, text: str) -> None:
    """Try a phrase until the embedder is loaded and has read the sentences."""
    await page.get_by_label("Проверить фразу").fill(text)
    status = page.get_by_role("status").filter(has_text="«")
    for _ in range(60):
        await page.get_by_role("button", name="Проверить", exact=True).click()
        await expect(page.get_by_role("button", name="Проверить", exact=True)).to_be_enabled()
        if await status.get_by_text("Смысл не сравнивали").count() == 0 and await status.count():
            return
        await page.wait_for_timeout(500)
    raise AssertionError("nothing was compared")


async def test_a_script_is_found_by_its_meaning(house: House, open_tab: OpenTab, admin: Person, agent_id: str) -> None:
    page = await open_tab(admin.path(f"ai-agents/{agent_id}/scripts"), admin)
    await page.get_by_role("button", name="Новый сценарий").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Имя", exact=True).fill("Доставка")
    await dialog.get_by_role("button", name="Узнавать по смыслу").click()
    await dialog.get_by_label("То же по смыслу").fill(f"{SENTENCE}\n!!!")
    await dialog.get_by_role("combobox", name="Насколько близко").click()
    await page.get_by_role("option", name="Свободно", exact=True).click()
    await dialog.get_by_label("Ответ · Русский").fill("350 рублей.")
    await dialog.get_by_role("button", name="Сохранить").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("Строка без слов")
    await settled(page)
    assert await violations(page) == []
    assert await overflow(page, 1280) == []
    await dialog.get_by_label("То же по смыслу").fill(SENTENCE)
    await dialog.get_by_role("button", name="Сохранить").click()
    await expect(dialog).to_have_count(0)
    await expect(page.get_by_text(SENTENCE).first).to_be_visible()
    [script] = house.installation.get(f"/api/agents/{agent_id}/scripts")["items"]
    assert (script["meanings"], script["strictness"], script["phrases"]) == ([SENTENCE], "loose", [])

    await tried(page, ALIKE)
    result = page.get_by_role("status").filter(has_text="Отвечает")
    await expect(result).to_contain_text("очень близко (0,")
    await expect(result).to_contain_text(f"«{SENTENCE}»")
    await settled(page)
    assert await violations(page) == []
    await tried(page, FAR)
    nobody = page.get_by_role("status").filter(has_text="Ни один сценарий не отвечает")
    await expect(nobody).to_contain_text("Ни одно его предложение недостаточно близко")
    await expect(nobody).to_contain_text("далеко (0,")

    house.installation.post(f"/api/agents/{agent_id}/publish", {})
    await page.goto(admin.path(f"test-chat?agent={agent_id}"))
    await page.get_by_label("Сообщение", exact=True).fill(ALIKE)
    await page.get_by_label("Сообщение", exact=True).press("Enter")
    await expect(page.locator("article[data-role=agent]").last).to_contain_text("350 рублей.", timeout=20_000)
    await page.get_by_role("button", name="Почему?").last.click()
    pane = page.locator("[data-trace]")
    await expect(pane.get_by_text(f"Похоже на: «{SENTENCE}»")).to_be_visible()
    await expect(pane.get_by_text("очень близко 0,")).to_be_visible()
    await settled(page)
    assert await violations(page) == []


@pytest.mark.parametrize("width", [390, 1280])
async def test_its_form_fits(house: House, open_tab: OpenTab, admin: Person, agent_id: str, width: int) -> None:
    body = {"name": "Доставка", "meanings": [SENTENCE, "Is delivery free?"], "answer": {"ru": "350 рублей."}}
    script = house.installation.post(f"/api/agents/{agent_id}/scripts", body)
    path = admin.path(f"ai-agents/{agent_id}/scripts?script={script['id']}")
    for language, scheme in (("ru", "light"), ("en", "dark")):
        page = await open_tab(path, admin, language=language, scheme=scheme, width=width)  # type: ignore[arg-type]
        await expect(page.get_by_role("dialog").get_by_role("combobox").first).to_be_visible()
        await settled(page)
        assert await overflow(page, width) == []
        assert await violations(page) == []
