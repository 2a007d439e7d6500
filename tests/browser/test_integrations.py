"""Integrations: a bot is connected by pasting its token, looked at, paused and disconnected; every state is accessible."""

import asyncio
import base64
import itertools
import time
import zlib
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import OpenTab
from tests.browser.house import House, Person
from tests.browser.pages import settled, violations

_NUMBERS = itertools.count(7_200_000_001)


@pytest.fixture
async def token(house: House) -> AsyncIterator[str]:
    """A bot that Telegram knows; whatever is connected afterwards is disconnected again."""
    number = next(_NUMBERS)
    await house.telegram.control("bots", token=f"{number}:token-of-the-shop", username=f"warm{number}bot")
    yield f"{number}:token-of-the-shop"
    agent = house.installation.agent_id()
    for item in house.installation.get("/api/integrations")["items"]:
        if item["channel"] == "telegram":
            await asyncio.to_thread(house.installation.delete, f"/api/agents/{agent}/integrations/{item['id']}")


async def connect(page: Page, pasted: str) -> Locator:
    """Connect a bot as an owner does and return its card."""
    await page.get_by_role("button", name="Подключить бота").click()
    dialog = page.get_by_role("dialog", name="Подключение бота Telegram")
    await dialog.get_by_label("Токен").fill(pasted)
    await dialog.get_by_role("button", name="Проверить").click()
    await expect(dialog.get_by_text(f"@warm{number_in(pasted)}bot")).to_be_visible()
    await settled(page)
    assert await violations(page) == []
    await dialog.get_by_role("button", name="Подключить").click()
    await expect(dialog).to_have_count(0)
    return page.get_by_role("region", name=f"@warm{number_in(pasted)}bot")


def number_in(pasted: str) -> str:
    return pasted.rsplit("API:\n", maxsplit=1)[-1].split(":", maxsplit=1)[0]


async def test_a_bot_is_connected_tested_paused_and_disconnected(house: House, open_tab: OpenTab, admin: Person, token: str) -> None:
    page = await open_tab(admin.path("integrations"), admin)
    await expect(page.get_by_role("heading", name="Ботов пока нет")).to_be_visible()
    await expect(page.get_by_text("Найдите @BotFather в Telegram.")).to_be_visible()
    card = await connect(page, f"Done! Use this token to access the HTTP API:\n{token}\nKeep your token secure.")
    await expect(card.get_by_text("Работает", exact=True)).to_be_visible()
    await expect(card.get_by_role("combobox", name="Как приходят сообщения")).to_have_value("Мы спрашиваем Telegram сами")
    assert token not in await page.content()

    person = {"id": 5, "type": "private", "is_bot": False, "first_name": "Olga"}
    said = {"message_id": 1, "date": int(time.time()), "chat": person, "from": person, "text": "Сколько стоит доставка?"}
    before = len(house.telegram.accepted())
    await house.telegram.push(token, {"message": said})
    assert (await house.telegram.wait_accepted(before + 1, 60))[before]["chat_id"] == 5  # it works, whatever the page says

    await card.get_by_role("button", name="Проверить связь").click()
    await expect(card.get_by_text("Всё работает")).to_be_visible()
    await settled(page)
    assert await violations(page) == []
    await card.get_by_role("button", name="Приостановить").click()
    await expect(card.get_by_text("На паузе")).to_be_visible()
    await card.get_by_role("button", name="Возобновить").click()
    await expect(card.get_by_text("Работает", exact=True)).to_be_visible()
    await card.get_by_role("combobox", name="Если неизвестно, дошёл ли ответ").click()
    await page.get_by_role("option", name="Никогда не отправлять дважды").click()
    await expect(card.get_by_role("combobox", name="Если неизвестно, дошёл ли ответ")).to_have_value("Никогда не отправлять дважды")

    await card.get_by_role("button", name="Отключить").click()
    asked = page.get_by_role("dialog")
    await settled(page)
    assert await violations(page) == []
    await asked.get_by_role("button", name="Отмена").click()
    await expect(card).to_be_visible()
    await card.get_by_role("button", name="Отключить").click()
    await page.get_by_role("dialog").get_by_role("button", name="Отключить").click()
    await expect(page.get_by_role("heading", name="Ботов пока нет")).to_be_visible()


def png(width: int, height: int) -> bytes:
    """A picture of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\x00\x00\x00"
    rows = (b"\x00" + b"\x0a\x7a\x6b" * width) * height
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


async def test_what_customers_send_is_seen(house: House, open_tab: OpenTab, admin: Person, token: str) -> None:
    page = await open_tab(admin.path("integrations"), admin)
    await connect(page, token)
    picture = base64.b64encode(png(320, 200)).decode()
    await house.telegram.control("files", token=token, file_id="picture", base64=picture)
    await house.telegram.control("files", token=token, file_id="paper", text="<script>alert(1)</script>")
    person = {"id": 77, "type": "private", "is_bot": False, "first_name": "Olga"}
    caption = f"Сколько стоит доставка такого? {uuid4().hex}"
    said = {"message_id": 1, "date": int(time.time()), "chat": person, "from": person}
    photo = {**said, "caption": caption, "photo": [{"file_id": "picture", "file_size": 500, "width": 320, "height": 200}]}
    paper = {**said, "message_id": 2, "document": {"file_id": "paper", "file_name": "счёт.html", "mime_type": "text/html"}}
    voice = {**said, "message_id": 3, "voice": {"file_id": "gone", "duration": 3, "mime_type": "audio/ogg"}}
    await house.telegram.push(token, {"message": photo}, {"message": paper}, {"message": voice})
    await house.until("select count(*) = 3 from messages where role = 'customer' and conversation_id in "
                      "(select conversation_id from messages where body = $1)", caption)  # fmt: skip
    (row,) = await house.rows("select conversation_id from messages where body = $1", caption)
    await page.goto(f"{admin.path('conversations')}?conversation={row['conversation_id']}")
    image = page.get_by_role("img", name="Фото")
    await expect(image).to_be_visible()
    assert await image.evaluate("image => image.decode().then(() => image.naturalWidth)") == 320
    async with page.expect_download() as saving:
        await page.get_by_role("link", name="счёт.html").click()
    assert (await saving.value).suggested_filename == "счёт.html"
    await expect(page.get_by_label("Голосовое сообщение")).to_be_attached()
    await settled(page)
    assert await violations(page) == []


async def test_what_is_wrong_is_said_with_what_to_do(house: House, open_tab: OpenTab, admin: Person, token: str) -> None:
    page = await open_tab(admin.path("integrations"), admin, scheme="dark", width=390)
    await page.get_by_role("button", name="Подключить бота").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Токен").fill("не токен")
    await dialog.get_by_role("button", name="Проверить").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("Это не токен бота")
    await settled(page)
    assert await violations(page) == []
    await page.keyboard.press("Escape")

    card = await connect(page, token)
    await house.telegram.fault("unauthorized", token=token, method="getMe", times=1)
    await card.get_by_role("button", name="Проверить связь").click()
    await expect(card.get_by_role("alert")).to_contain_text("Telegram не принимает токен")
    await expect(card.get_by_text("Не работает")).to_be_visible()
    await settled(page)
    assert await violations(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    english = await open_tab(admin.path("integrations"), admin, language="en", width=390)
    await expect(english.get_by_role("alert")).to_contain_text("Telegram does not accept the token")
    await settled(english)
    assert await violations(english) == []
    await card.get_by_role("button", name="Возобновить").click()
    await expect(card.get_by_text("Работает", exact=True)).to_be_visible()
    await expect(card.get_by_role("alert")).to_have_count(0)


async def test_viewers_see_and_change_nothing(house: House, open_tab: OpenTab, token: str) -> None:
    agent = house.installation.agent_id()
    await asyncio.to_thread(house.installation.post, f"/api/agents/{agent}/integrations", {"token": token})
    viewer = house.invite("viewer")
    page = await open_tab(viewer.path("integrations"), viewer)
    await expect(page.get_by_text("Работает", exact=True)).to_be_visible()
    for name in ("Подключить бота", "Проверить связь", "Приостановить", "Отключить"):
        await expect(page.get_by_role("button", name=name)).to_have_count(0)
