"""The Knowledge page: files dropped and chosen, what cannot be read, an answer that names its page, a site; undo."""

import base64
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenTab
from tests.browser.house import House, Person
from tests.browser.pages import settled, violations
from tests.fakes.files import pdf
from tests.fakes.website import Website, page, website

_DROP = """([area, files]) => {
  const carried = new DataTransfer();
  for (const [name, content] of files) {
    carried.items.add(new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], name));
  }
  for (const type of ['dragover', 'drop']) {
    area.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: carried }));
  }
}"""
TERMS = pdf(["Our shop sells flowers of all kinds", "Umbrella rental costs 77 roubles a day"])


@pytest.fixture
async def agent_path(house: House, admin: Person) -> str:
    """A fresh agent that is published once and answers without a model's help."""
    body = {"name": "Vera", "persona": {"languages": ["en"], "debounce_s": 0}}
    agent = house.installation.post("/api/agents", body)
    return admin.path(f"ai-agents/{agent['id']}/knowledge")


@pytest.fixture
async def shop() -> AsyncIterator[Website]:
    async with website(Website({"/": page("Shop", "Balloons are free", "/hours"), "/hours": page("Hours", "From ten to eight")})) as site:
        yield site


async def drop(tab: Page, *files: tuple[str, bytes]) -> None:
    area = await tab.locator("h1").element_handle()
    await tab.evaluate(_DROP, [area, [[name, base64.b64encode(content).decode()] for name, content in files]])


async def test_a_dropped_file_is_read_and_cited_in_the_test_chat(house: House, open_tab: OpenTab, admin: Person, agent_path: str) -> None:
    tab = await open_tab(agent_path, admin)
    await settled(tab)
    await expect(tab.get_by_text("Перетащите сюда файлы")).to_be_visible()
    await drop(tab, ("Terms.pdf", TERMS), ("Secret.pdf", pdf(["Secret"], password="x")))
    await expect(tab.get_by_text("2 части")).to_be_visible(timeout=60_000)
    await expect(tab.get_by_text("Документ защищён паролем. Сохраните его без пароля и добавьте снова.")).to_be_visible()
    assert await violations(tab) == []
    await drop(tab, ("Photo.jpg", b"x"))
    await expect(tab.get_by_text("files of this form are not read").first).to_be_visible()
    await tab.get_by_role("button", name="Terms").first.click()
    await expect(tab.get_by_text("страница 2")).to_be_visible()
    await expect(tab.get_by_role("link", name="Скачать файл")).to_be_visible()
    await tab.keyboard.press("Escape")
    await tab.get_by_role("button", name="Удалить документ «Secret»").click()
    await expect(tab.get_by_role("button", name="Secret", exact=False)).to_have_count(0)
    await tab.get_by_role("button", name="Вернуть").click()
    await expect(tab.get_by_text("Документ защищён паролем")).to_be_visible()
    await tab.get_by_role("button", name="Прочитать снова: Terms").click()
    await expect(tab.get_by_text("«Terms» читается снова")).to_be_visible()
    await expect(tab.get_by_role("button", name="Прочитать снова: Terms")).to_be_visible(timeout=30_000)

    agent_id = agent_path.split("/")[-2]
    house.installation.post(f"/api/agents/{agent_id}/publish", {"note": "documents"})
    await house.until("select embedded = version from knowledge_bases b join knowledge_bindings k on k.base_id = b.id "
                      "where k.agent_id = $1::uuid", agent_id, timeout_s=60)  # fmt: skip
    chat = await open_tab(admin.path(f"test-chat?agent={agent_id}"), admin)
    await settled(chat)
    await chat.get_by_role("textbox", name="Сообщение").fill("How much does umbrella rental cost a day?")
    await chat.keyboard.press("Enter")
    await expect(chat.get_by_text("Источник: Terms, страница 2")).to_be_visible(timeout=30_000)


async def test_a_site_and_its_pages(open_tab: OpenTab, admin: Person, agent_path: str, shop: Website) -> None:
    tab = await open_tab(agent_path, admin, language="en", scheme="dark", width=390)
    await settled(tab)
    await tab.get_by_role("button", name="Add", exact=True).click()
    await tab.get_by_role("menuitem", name="Whole site").click()
    await tab.get_by_role("textbox", name="Address").fill(shop.url)
    await tab.get_by_role("dialog").get_by_role("button", name="Add").click()
    await expect(tab.get_by_text("2 pages")).to_be_visible(timeout=60_000)
    assert await violations(tab) == []
    await tab.get_by_role("button", name=shop.url).first.click()
    await expect(tab.get_by_role("button", name="Hours").first).to_be_visible()
    await tab.keyboard.press("Escape")
    await tab.get_by_role("button", name=f"Delete the document “{shop.url}”").click()
    await expect(tab.get_by_text("No documents yet")).to_be_visible()


async def test_a_question_without_an_answer_is_answered_or_left_out(house: House, open_tab: OpenTab, admin: Person) -> None:
    persona = {"debounce_s": 0, "languages": ["ru", "en"], "strict": True}
    agent = house.installation.post("/api/agents", {"name": f"Вопросы {uuid4().hex[:6]}", "persona": persona})["id"]
    house.installation.post(f"/api/agents/{agent}/publish", {})
    for text in ("Есть ли у вас грелки?", "есть ли у вас ГРЕЛКИ", "Продаёте ли вы зонты?"):
        assert house.installation.post("/api/chat", {"agent_id": agent, "text": text})["reply"]
    page = await open_tab(admin.path(f"ai-agents/{agent}/knowledge"), admin)
    card = page.get_by_role("region", name="Вопросы без хорошего ответа")
    asked = card.get_by_role("listitem")
    await expect(asked).to_have_count(2)
    await expect(asked.first).to_contain_text("спросили 2 раза")
    await settled(page)
    assert await violations(page) == []
    await asked.nth(1).get_by_role("button", name="Скрыть: Продаёте ли вы зонты?").click()
    await expect(asked).to_have_count(1)
    await page.get_by_role("button", name="Вернуть").click()
    await expect(asked).to_have_count(2)
    await asked.nth(1).get_by_role("button", name="Скрыть: Продаёте ли вы зонты?").click()
    await expect(asked).to_have_count(1)
    house.installation.post("/api/chat", {"agent_id": agent, "text": "Продаёте ли вы зонты?"})
    await expect(asked).to_have_count(2)  # asked again
    audited = await house.rows("select action from audit_log where subject = $1 and action like 'question.%' order by id", f"agent:{agent}")
    assert [row["action"] for row in audited] == ["question.dismissed", "question.recalled", "question.dismissed"]
    await asked.filter(has_text="ГРЕЛКИ").get_by_role("link", name="Написать ответ").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_label("Фразы")).to_have_value("есть ли у вас ГРЕЛКИ")
    await dialog.get_by_label("Ответ · Русский").fill("Да, есть грелки.")
    await dialog.get_by_role("button", name="Сохранить").click()
    await expect(dialog).to_have_count(0)
    house.installation.post(f"/api/agents/{agent}/publish", {})
    for _ in range(20):  # hosts look for what was published every second
        answered = house.installation.post("/api/chat", {"agent_id": agent, "text": "Есть ли у вас грелки?"})
        if answered["reply"]["text"] == "Да, есть грелки.":
            return
        await page.wait_for_timeout(500)
    pytest.fail(f"still answered with {answered['reply']['text']}")
