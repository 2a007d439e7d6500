"""An owner at work in the console: what they do, each in a method, as a person does it."""

import asyncio
import re
import time

from playwright.async_api import Locator, Page, expect

from tests.browser import test_rules, test_sequences
from tests.browser.conftest import OpenTab
from tests.browser.house import PASSWORD, House
from tests.browser.pages import settled
from tests.browser.test_actors import pid_of
from tests.browser.test_authoring import write_script
from tests.browser.test_checks import QUESTION, RIGHT, WRONG, correct
from tests.browser.test_integrations import connect
from tests.browser.test_knowledge import TERMS, drop
from tests.browser.test_kommo import STAGES
from tests.browser.test_rules import choose
from tests.browser.test_test_chat import say

TOKEN = "7300000001:token-of-the-first-day"
CUSTOMER = {"id": 815, "type": "private", "is_bot": False, "first_name": "Анна", "language_code": "ru"}
PIPELINE = {"id": 77, "name": "Продажи", "sort": 1, "is_main": True, "_embedded": {"statuses": STAGES}}
FIRST_STEP, SECOND_STEP = "Как вам плед?", "Напоминаем о пледе."
SLOW_MS = 60_000  # processes are started, documents read and learned


class Owner:
    """Who does it, in the tab where they work."""

    def __init__(self, house: House, page: Page) -> None:
        self.house = house
        self.page = page
        self.home = page.url.rstrip("/")
        self.updates = 0  # of the bot's chat: the customer's messages

    @classmethod
    async def enter(cls, house: House, open_tab: OpenTab) -> "Owner":
        """Open the link that the first start printed, and set a password."""
        printed = re.search(r"Open the console: +(\S+)", house.installation.said())
        assert printed
        page = await open_tab(printed[1].removeprefix(house.url))
        await page.get_by_role("button", name="Войти", exact=True).click()
        await page.get_by_label("Новый пароль", exact=True).fill(PASSWORD)
        await page.get_by_label("Тот же пароль ещё раз").fill(PASSWORD)
        await page.get_by_role("button", name="Сохранить и войти").click()
        await expect(page).to_have_title("Обзор · Callboard")
        return cls(house, page)

    async def second_tab(self) -> Page:
        """The dashboard beside it, which is never reloaded."""
        tab = await self.page.context.new_page()
        await tab.goto(self.home)
        await expect(tab.locator("[data-live=live]")).to_be_visible()
        await self.page.bring_to_front()  # a tab behind another draws one frame a second
        return tab

    async def go(self, path: str) -> None:
        await self.page.goto(f"{self.home}/{path}")
        await settled(self.page)

    async def of_agent(self, part: str = "") -> None:
        await self.go(f"ai-agents/{self.house.installation.agent_id()}{part}")

    async def asks(self, text: str) -> Locator:
        """Ask in a new test chat; return its answers."""
        await self.go("test-chat")
        await say(self.page, text)
        return self.page.locator("article[data-role=agent]:not([data-streaming])")

    async def tries_the_agent(self) -> None:
        await self.page.get_by_role("link", name="Пробный чат").first.click()
        await say(self.page, "Сколько стоит доставка?")
        await expect(self.page.locator("article[data-role=agent]")).to_contain_text("350")
        await self.page.get_by_role("button", name="Почему?").click()
        await expect(self.page.locator("[data-trace]")).to_contain_text("Ответил сценарий")

    async def keeps_a_script(self) -> None:
        """Create, find, edit, disable, delete, take back, enable."""
        page = self.page
        await self.of_agent("/scripts")
        await write_script(page, "Подарки", "подарки", "Пока не дарим.")
        await page.get_by_label("Поиск по именам, фразам и ответам").fill("не дарим")
        await expect(page.get_by_role("button", name="Доставка")).to_have_count(0)
        await page.get_by_role("button", name="Подарки").first.click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Ответ · Русский").fill(WRONG)
        await dialog.get_by_role("button", name="Сохранить").click()
        await expect(dialog).to_have_count(0)
        await page.get_by_label("Поиск по именам, фразам и ответам").fill("")
        switch = page.get_by_role("switch", name="Использовать сценарий «Подарки»")
        await switch.press("Space")
        await expect(switch).not_to_be_checked()
        await page.get_by_role("button", name="Удалить сценарий «Подарки»").click()
        await expect(switch).to_have_count(0)
        await page.get_by_role("button", name="Вернуть", exact=True).click()
        await expect(switch).not_to_be_checked()
        await switch.press("Space")
        await expect(switch).to_be_checked()

    async def adds_a_document(self) -> None:
        await self.of_agent("/knowledge")
        await drop(self.page, ("Terms.pdf", TERMS))
        await expect(self.page.get_by_text("2 части")).to_be_visible(timeout=SLOW_MS)

    async def builds_a_rule(self) -> None:
        await self.of_agent("/rules")
        dialog = await test_rules.build(self.page)
        await dialog.get_by_role("button", name="Сохранить").click()
        await expect(dialog).to_have_count(0)

    async def builds_a_sequence(self) -> None:
        """Two messages with seconds between them, and the rule that starts it."""
        page = self.page
        await self.of_agent("/sequences")
        await page.get_by_role("button", name="Новая цепочка").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Имя", exact=True).fill("Напомнить")
        await test_sequences.add_step(page, dialog, "Написать клиенту")
        await dialog.get_by_label("Ответ · Русский").fill(FIRST_STEP)
        await test_sequences.add_step(page, dialog, "Подождать")
        await choose(page, "Сколько ждать: единица времени", "секунд")
        await dialog.get_by_label("Сколько ждать", exact=True).fill("3")
        await test_sequences.add_step(page, dialog, "Написать клиенту")
        await dialog.get_by_label("Ответ · Русский").nth(1).fill(SECOND_STEP)
        for edge in ("С", "До"):
            await dialog.get_by_label(edge, exact=True).fill("")  # whatever the time of day
        await dialog.get_by_role("button", name="Сохранить").click()
        await expect(dialog).to_have_count(0)
        await self.of_agent("/rules")
        await page.get_by_role("button", name="Новое правило").click()
        await dialog.get_by_label("Имя", exact=True).fill("Начать")
        await dialog.get_by_role("button", name="Условие", exact=True).click()
        await dialog.get_by_label("Значение", exact=True).fill("напомните")
        await dialog.get_by_role("button", name="Действие", exact=True).click()
        await page.get_by_role("menuitem", name="Запустить цепочку").click()
        await choose(page, "Цепочка", "Напомнить")
        await dialog.get_by_role("button", name="Действие", exact=True).click()
        await page.get_by_role("menuitem", name="Не отвечать").click()  # a handoff would end the sequence
        await dialog.get_by_role("button", name="Сохранить").click()
        await expect(dialog).to_have_count(0)

    async def publishes(self, note: str) -> None:
        await self.of_agent()
        await self.page.get_by_role("button", name="Опубликовать").click()
        dialog = self.page.get_by_role("dialog")
        await dialog.get_by_label("Заметка").fill(note)
        await dialog.get_by_role("button", name="Опубликовать").click()
        await expect(dialog).to_have_count(0, timeout=SLOW_MS)
        await self.page.get_by_role("tab", name="Версии").click()
        await expect(self.page.get_by_text(note)).to_be_visible()
        await asyncio.sleep(3)  # hosts look for what was published every second

    async def sees_all_of_it_used(self) -> None:
        """The script, the document as a source, the rule."""
        await expect(await self.asks(QUESTION)).to_have_text(re.compile(WRONG))
        learned = "select embedded = version from knowledge_bases"
        await self.house.until(learned, timeout_s=60)
        await self.asks("How much does umbrella rental cost a day?")
        await expect(self.page.get_by_text("Источник: Terms, страница 2")).to_be_visible(timeout=SLOW_MS)
        await expect(await self.asks("Вы работаете ночью?")).to_contain_text("Мы спим.")

    async def sees_what_the_rule_did(self) -> None:
        await self.of_agent("/rules")
        await self.page.get_by_text("Клиент написал → Написать клиенту").click()
        await self.page.get_by_role("tab", name="Журнал").click()
        await expect(self.page.get_by_text("ответило клиенту → вызвало вашу систему")).to_be_visible()

    async def sees_the_steps(self) -> None:
        """Both messages come by themselves, and the run is seen to its end."""
        answers = await self.asks("Напомните о себе, пожалуйста")
        await expect(answers.get_by_text(FIRST_STEP)).to_be_visible(timeout=SLOW_MS)
        await expect(answers.get_by_text(SECOND_STEP)).to_be_visible(timeout=SLOW_MS)
        await self.of_agent("/sequences")
        await self.page.get_by_text("3 шага").click()
        await self.page.get_by_role("tab", name="Клиенты").click()
        await expect(self.page.get_by_role("dialog").get_by_text("Всё сказано; ждёт ответа")).to_be_visible()

    async def connects_a_bot(self, watching: Page) -> None:
        """It answers a customer, and the other tab shows it without being touched."""
        await self.house.telegram.control("bots", token=TOKEN, username="warm7300000001bot")
        await self.go("integrations")
        card = await connect(self.page, TOKEN)
        await expect(card.get_by_text("Работает", exact=True)).to_be_visible()
        assert "350" in await self.hears("Сколько стоит доставка?")
        (row,) = await self.house.rows("select id from conversations where key = $1", str(CUSTOMER["id"]))
        entry = watching.get_by_role("region", name="Последние события").locator(f"a[href*='conversation={row['id']}']")
        await expect(entry.filter(has_text="Агент ответил").first).to_be_visible()

    async def hears(self, text: str) -> str:
        """Return what the customer is answered in Telegram."""
        before = len(self.house.telegram.accepted())
        await self.writes(text)
        return str((await self.house.telegram.wait_accepted(before + 1, 60))[before]["text"])

    async def writes(self, text: str) -> None:
        self.updates += 1
        said = {"message_id": self.updates, "date": int(time.time()), "chat": CUSTOMER, "from": CUSTOMER, "text": text}
        await self.house.telegram.push(TOKEN, {"message": said})

    async def connects_kommo_and_syncs(self) -> None:
        page = self.page
        await self.house.kommo.control("pipelines", account=1, pipelines=[PIPELINE])
        await self.house.kommo.control("seed", account=1, leads=1_500, contacts=500)
        await page.get_by_role("button", name="Подключить Kommo").click()
        dialog = page.get_by_role("dialog", name="Подключение Kommo или amoCRM")
        await dialog.get_by_label("Адрес вашего аккаунта").fill("demo.kommo.com")
        await dialog.get_by_label("Долгосрочный токен").fill("demo-token")
        await dialog.get_by_role("button", name="Подключить").click()
        await expect(dialog).to_have_count(0, timeout=SLOW_MS)
        await page.get_by_role("button", name="Синхронизировать").click()
        await expect(page.get_by_role("status").get_by_text("Синхронизация", exact=False).first).to_be_visible()
        await expect(page.get_by_text("Сделки и контакты,")).to_contain_text("новых 2 000, изменено 0, удалено 0", timeout=SLOW_MS)
        await page.get_by_text("Продажи").click()
        await expect(page.get_by_role("list", name="Этапы воронки «Продажи»").get_by_text("Новая заявка")).to_be_visible()

    async def answers_in_person(self) -> None:
        """Take the bot's conversation over, answer, see it arrive, give it back: then the bot answers again."""
        page = self.page
        await self.go("conversations")
        await page.get_by_label("Поиск по именам и сообщениям").fill("Анна")
        rows = page.locator("[data-conversation]")
        await expect(rows).to_have_count(1)
        await rows.filter(has_text="Анна").click()
        await page.get_by_role("button", name="Взять", exact=True).click()
        await expect(page.get_by_role("button", name="Вернуть агенту")).to_be_visible()
        sent = len(self.house.telegram.accepted())
        await self.writes("А самовывоз есть?")
        await expect(page.locator("article[data-role=customer]").get_by_text("А самовывоз есть?")).to_be_visible()
        await say(page, "Это Иван: самовывоз есть.")
        accepted = await self.house.telegram.wait_accepted(sent + 1, 60)
        assert [entry["text"] for entry in accepted[sent:]] == ["Это Иван: самовывоз есть."]
        await page.get_by_role("button", name="Вернуть агенту").click()
        await expect(page.get_by_role("button", name="Взять", exact=True)).to_be_visible()

    async def mends_a_wrong_answer(self) -> None:
        """Say what would have been right beside the wrong answer, publish, and the next customer hears it."""
        page = self.page
        assert await self.hears(QUESTION) == WRONG
        wrong = page.locator("article[data-role=agent]").filter(has_text=WRONG)
        await expect(wrong).to_be_visible()
        await correct(page, wrong)
        await self.publishes("Кошкам мячики")
        assert await self.hears(QUESTION) == RIGHT

    async def kills_a_host(self) -> None:
        """End the host that carries the customer's conversation; what is asked meanwhile is answered, once."""
        page = self.page
        (row,) = await self.house.rows("select id from conversations where key = $1", str(CUSTOMER["id"]))
        await self.go("actors")
        await page.get_by_role("searchbox", name="Номер разговора").fill(str(row["id"]))
        carried = page.get_by_text("Его ведёт host-")
        await expect(carried).to_be_visible()
        number = (await carried.inner_text()).split("host-")[1].split(" ")[0]
        before = await pid_of(page, f"host-{number}")
        await page.get_by_role("button", name=f"Завершить ведущего {number}").click()
        await expect(page.get_by_text(f"процесс {before} завершён")).to_be_visible()
        assert "350" in await self.hears("Сколько стоит доставка?")
        await expect(page.locator(f"[data-actor='host-{number}']")).not_to_have_attribute("data-pid", before, timeout=SLOW_MS)
        await self.house.until("select count(*) = 0 from inbox where state = 'pending'")
        assert len(self.house.telegram.accepted()) == 5
