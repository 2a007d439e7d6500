"""A channel of one's own in Kommo: connected on the account's card, read and answered there by managers, mended and given up."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, Literal
from uuid import uuid4

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import OpenTab, running
from tests.browser.house import House, Person
from tests.browser.model_thread import ModelThread
from tests.browser.pages import overflow, settled, untranslated, violations
from tests.browser.shop_site import ShopSite
from tests.browser.test_kommo import connected
from tests.browser.test_widget import write
from tests.fakes.openai_api import streams
from tests.integration.test_separate_processes import free_port

SECRET, NEXT_SECRET, BOT = "f2d7f8704eff95087ed45b23ba99c0b5aac8278e", "0" * 40, "344a5002-f8ca-454d-af3d-396180102ac7"
PATIENCE_S = 90.0
TITLE = "<img src=x> & Тёплый дом"  # what is stored stays text
BROKEN = "Kommo не принимает секретный ключ канала"
Looks = list[tuple[Literal["ru", "en"], Literal["light", "dark"], int]]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One that Kommo can reach."""
    port = str(free_port())
    reached = {"CALLBOARD_PORT": port, "CALLBOARD_PUBLIC_URL": f"http://127.0.0.1:{port}"}
    with ModelThread() as model, running(tmp_path_factory.mktemp("outside"), model, reached) as house:
        yield house


@pytest.fixture(scope="module")
def admin(house: House) -> Person:
    return house.invite("admin")


@pytest.fixture
async def account(house: House, admin: Person) -> AsyncIterator[str]:
    """Where the channel of a connected account is in the API."""
    agent = f"/api/agents/{house.installation.agent_id()}/integrations"
    integration_id = await connected(house, admin)
    yield f"{agent}/{integration_id}/own-channel"
    await asyncio.to_thread(house.installation.delete, f"{agent}/{integration_id}")


@pytest.fixture
async def channel(house: House) -> str:
    """A channel as Kommo's support registers it."""
    number = str(uuid4())
    await house.kommo.control("channel", id=number, secret=SECRET, bot_id=BOT, hook=f"{house.url}/webhooks/kommo-chats/:scope_id")
    return number


@pytest.fixture
def site(house: House) -> Iterator[ShopSite]:
    with ShopSite(house.url) as site:
        made = house.installation.post(f"/api/agents/{house.installation.agent_id()}/widgets", {"origins": [site.origin]})
        site.script = made["script"]
        yield site


def part(page: Page) -> Locator:
    return page.get_by_role("region", name=re.compile(r"^(Свой канал в Kommo|Own channel in Kommo)$"))


async def looks_right(page: Page, width: int, language: str) -> None:
    await settled(page)
    assert (await violations(page), await overflow(page, width), await untranslated(page, language)) == ([], [], set())


async def fill(dialog: Locator, channel: str, secret: str, bot: str = "") -> None:
    await dialog.get_by_label("ID канала").fill(channel)
    await dialog.get_by_role("textbox", name="Секретный ключ канала").fill(secret)
    await dialog.get_by_label("ID бота (необязательно)").fill(bot)


async def connect(house: House, path: str, channel: str) -> None:
    body = {"channel_id": channel, "secret": SECRET, "bot_id": BOT, "title": "Тёплый дом"}
    await asyncio.to_thread(house.installation.send, "PUT", path, body, {})


async def asks(open_tab: OpenTab, site: ShopSite, text: str) -> Page:
    """Let a visitor of the site ask something."""
    page = await open_tab(f"{site.origin}/")
    await page.get_by_role("button", name="Открыть чат").click()
    await write(page, text)
    return page


async def until_shown(house: House, channel: str, expected: list[tuple[str, str]]) -> None:
    """Wait until exactly this stands in the channel's only chat in Kommo."""
    found: Any = None
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        chats = [chat for chat in await house.kommo.control("chats") if chat["channel"] == channel]
        found = [[(message["side"], message["text"]) for message in chat["messages"]] for chat in chats]
        if found == [expected]:
            return
        await asyncio.sleep(0.1)
    assert found == [expected]


async def test_a_manager_in_kommo_answers_a_visitor_of_the_site(
    house: House, open_tab: OpenTab, admin: Person, account: str, channel: str, site: ShopSite
) -> None:
    page = await open_tab(admin.path("integrations"), admin)
    await expect(part(page)).to_contain_text("Менеджеры читают их там и могут ответить")
    await part(page).get_by_role("button", name="Подключить канал").click()
    dialog = page.get_by_role("dialog", name="Свой канал в Kommo")
    address = f"{house.url}/webhooks/kommo-chats/:scope_id"
    await expect(dialog.get_by_text(address, exact=True)).to_be_visible()
    await expect(dialog.get_by_role("button", name=f"Скопировать: {address}")).to_be_visible()
    await expect(dialog.get_by_label("Название в Kommo")).to_have_value("Тёплый дом / Warm Home")
    await fill(dialog, channel, NEXT_SECRET, BOT)
    await dialog.get_by_role("button", name="Подключить").click()
    secret = dialog.get_by_role("textbox", name="Секретный ключ канала")
    await expect(secret).to_have_accessible_description("Kommo не принимает этот ключ. Скопируйте его ещё раз из ответа поддержки, целиком")
    await expect(dialog.locator("[aria-invalid=true]")).to_have_count(1)
    await expect(dialog.get_by_role("alert")).to_have_count(0)  # it is said once, where it is wrong
    await looks_right(page, 1280, "ru")
    await secret.fill(SECRET)
    await dialog.get_by_label("Название в Kommo").fill(TITLE)
    await dialog.get_by_role("button", name="Подключить").click()
    await expect(dialog).to_have_count(0)
    await expect(part(page).get_by_text("Работает")).to_be_visible()
    await expect(part(page).get_by_text(TITLE)).to_be_visible()
    assert SECRET not in await page.content()

    asked, answered, person = f"Есть ли сова {uuid4().hex}?", f"Сова есть {uuid4().hex}.", f"Отложила вам {uuid4().hex}"
    house.model.will(streams(answered))
    visitor = await asks(open_tab, site, asked)
    await until_shown(house, channel, [("customer", asked), ("bot", answered)])
    await house.kommo.control("manager", channel=channel, text=person, name="Olga")
    await expect(visitor.get_by_role("log").get_by_text(person)).to_be_visible()
    (row,) = await house.rows("select conversation_id from messages where body = $1", person)
    conversation = await open_tab(f"{admin.path('conversations')}?conversation={row['conversation_id']}", admin)
    said = conversation.locator("article[data-role=operator]")
    await expect(said).to_contain_text(person)
    await expect(said).to_contain_text("Olga в Kommo")
    await expect(conversation.get_by_role("button", name="Вернуть агенту")).to_be_visible()  # it is hers now
    await looks_right(conversation, 1280, "ru")

    await page.reload()
    for name, value in (("Чатов в Kommo", "1"), ("Сообщений в очереди", "0")):
        await expect(part(page).get_by_text(name).locator("xpath=..")).to_have_text(f"{name}{value}")
    await part(page).get_by_role("button", name="Отключить канал").click()
    asking = page.get_by_role("dialog", name=f"Отключить канал «{TITLE}» от Kommo?")
    await expect(asking).to_contain_text("ответы менеджеров оттуда перестанут доходить до клиентов")
    await looks_right(page, 1280, "ru")
    await asking.get_by_role("button", name="Отключить канал").click()
    await expect(part(page).get_by_role("button", name="Подключить канал")).to_be_visible()
    assert house.installation.get(account)["state"] == "none"
    dashboard = await open_tab(admin.path("").rstrip("/"), admin)
    for words in ("Подключён свой канал в Kommo", "Отключён свой канал в Kommo"):
        await expect(dashboard.get_by_text(words).first).to_be_visible()


async def test_what_cannot_be_right_is_said_before_anybody_is_asked(
    house: House, open_tab: OpenTab, admin: Person, account: str, channel: str
) -> None:
    page = await open_tab(admin.path("integrations"), admin, width=390, scheme="dark")
    await part(page).get_by_role("button", name="Подключить канал").click()
    dialog = page.get_by_role("dialog")
    await fill(dialog, "канал", "ключ", "бот")
    await dialog.get_by_label("Название в Kommo").fill(" ")
    before = len(house.kommo.requests())
    await dialog.get_by_role("button", name="Подключить").click()
    await expect(dialog.locator("[aria-invalid=true]")).to_have_count(4)
    await expect(dialog.get_by_role("textbox", name="Секретный ключ канала")).to_have_accessible_description(re.compile("40 знаков"))
    await looks_right(page, 390, "ru")
    assert len(house.kommo.requests()) == before
    await fill(dialog, str(uuid4()), SECRET)
    await dialog.get_by_label("Название в Kommo").fill("Магазин")
    await dialog.get_by_role("button", name="Подключить").click()
    await expect(dialog.get_by_label("ID канала")).to_have_accessible_description(re.compile("нет такого канала"))
    await expect(dialog.locator("[aria-invalid=true]")).to_have_count(1)
    await fill(dialog, channel, SECRET)
    await dialog.get_by_role("button", name="Подключить").click()
    await expect(dialog).to_have_count(0)
    shown = house.installation.get(account)
    assert (shown["state"], shown["channel_id"], shown["bot_id"], shown["title"]) == ("connected", channel, "", "Магазин")


async def test_a_channel_that_kommo_refuses_says_so_and_is_mended(
    house: House, open_tab: OpenTab, admin: Person, account: str, channel: str, site: ShopSite
) -> None:
    await connect(house, account, channel)
    await house.kommo.control("channel", id=channel, secret=NEXT_SECRET, bot_id=BOT)
    asked, answered = f"Есть ли филин {uuid4().hex}?", f"Филин есть {uuid4().hex}."
    house.model.will(streams(answered))
    await asks(open_tab, site, asked)
    await house.until("select count(*) = 2 from messages where body = any($1)", [asked, answered], timeout_s=PATIENCE_S)
    await house.until(
        "select exists (select from kommo_channels where channel_id = $1 and problem_code is not null)", channel, timeout_s=PATIENCE_S
    )
    looks: Looks = [("en", "dark", 390), ("en", "light", 1280), ("ru", "dark", 1280), ("ru", "light", 390)]
    for language, scheme, width in looks:
        page = await open_tab(admin.path("integrations"), admin, language=language, scheme=scheme, width=width)
        title = BROKEN if language == "ru" else "Kommo does not accept the channel's secret key"
        await expect(part(page).get_by_text(title)).to_be_visible()
        await looks_right(page, width, language)
    await expect(part(page)).to_contain_text("Ничего не потеряно")
    await expect(part(page)).to_contain_text("Сейчас ждут 2 сообщения.")
    await part(page).get_by_role("button", name="Подключить заново").click()
    dialog = page.get_by_role("dialog", name="Свой канал в Kommo")
    await expect(dialog.get_by_label("ID канала")).to_have_value(channel)
    await expect(dialog.get_by_label("ID бота (необязательно)")).to_have_value(BOT)
    await looks_right(page, 390, "ru")
    await dialog.get_by_role("textbox", name="Секретный ключ канала").fill(NEXT_SECRET)
    await dialog.get_by_role("button", name="Подключить").click()
    await expect(dialog).to_have_count(0)
    await expect(part(page).get_by_text("Работает")).to_be_visible()
    await until_shown(house, channel, [("customer", asked), ("bot", answered)])  # nothing was lost
    dashboard = await open_tab(admin.path("").rstrip("/"), admin)
    happened = dashboard.get_by_text("Свой канал в Kommo перестал работать")
    await expect(happened.first).to_be_visible()
    await expect(dashboard.get_by_text(BROKEN).first).to_be_visible()
