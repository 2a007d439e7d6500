"""Kommo on the page of integrations: the ways to connect, a sync with its progress, and what it found."""

import re
from collections.abc import AsyncIterator
from typing import Any, Literal
from uuid import UUID

import pytest
from playwright.async_api import Page, expect

from storage.accounts.audit import Actor
from storage.crypto import SecretBox, load_or_create_key
from storage.kommo_connections import KommoConnections, NewKommo
from storage.postgres import Database, Role
from tests.browser.conftest import OpenTab
from tests.browser.house import House, Person
from tests.browser.pages import settled, violations
from tests.browser.test_rules import choose

STAGES = [
    {"id": 1, "name": "Новая заявка", "sort": 1, "color": "#99ccff", "type": 1},
    {"id": 142, "name": "Успешно", "sort": 9, "color": "#ccff66", "type": 0},
]


@pytest.fixture
async def account(house: House, admin: Person) -> AsyncIterator[None]:
    """An account of the demo shop; connecting it here needs no public address."""
    installation = house.installation
    pipeline = {"id": 77, "name": "Продажи", "sort": 1, "is_main": True, "_embedded": {"statuses": STAGES}}
    await house.kommo.control("pipelines", account=1, pipelines=[pipeline])
    await house.kommo.control("seed", account=1, leads=2_000, contacts=500)
    integration_id = await connected(house, admin)
    yield
    installation.delete(f"/api/agents/{installation.agent_id()}/integrations/{integration_id}")


async def connected(house: House, admin: Person, **keys: Any) -> UUID:
    """Connect it, or give it other credentials."""
    installation = house.installation
    async with await Database.open(installation.run_json["database_url"], Role.API, "test", size=1) as database:
        connections = KommoConnections(database, SecretBox(load_or_create_key(installation.data_dir)))
        new = NewKommo(UUID(installation.agent_id()), 1, "demo.kommo.com", "Demo", "demo-token", **keys)
        return (await connections.connect(UUID(admin.tenant_id), Actor("olga"), new)).account.integration_id


async def test_a_sync_is_started_watched_and_shown(house: House, open_tab: OpenTab, admin: Person, account: None) -> None:
    page = await open_tab(admin.path("integrations"), admin, width=390)
    await expect(page.get_by_text("Синхронизации ещё не было.")).to_be_visible()
    await settled(page)
    assert await violations(page) == []
    await page.get_by_role("button", name="Синхронизировать").click()
    await expect(page.get_by_text("Синхронизация сделок и контактов")).to_be_visible()
    await settled(page)
    assert await violations(page) == []
    await expect(page.get_by_text("Сделки и контакты,")).to_contain_text("новых 2 500, изменено 0, удалено 0", timeout=40_000)
    await page.get_by_text("Продажи").click()
    stages = page.get_by_role("list", name="Этапы воронки «Продажи»")
    await expect(stages.get_by_text("Новая заявка")).to_be_visible()
    await settled(page)
    assert await violations(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    english = await open_tab(admin.path("integrations"), admin, language="en", scheme="dark")
    await expect(english.get_by_text("2 stages · main")).to_be_visible()
    await settled(english)
    assert await violations(english) == []


async def test_the_address_for_a_salesbot_is_shown_when_asked_for(house: House, open_tab: OpenTab, admin: Person, account: None) -> None:
    page = await open_tab(admin.path("integrations"), admin)
    await expect(page.get_by_text("Этот аккаунт подключён по токену.")).to_be_visible()
    assert await page.get_by_role("button", name="Показать адрес для шага").count() == 0
    await settled(page)
    assert await violations(page) == []
    await connected(house, admin, refresh_token="r", client_id="client", client_secret="secret", redirect_uri="https://x.example/")
    looks: list[tuple[int, Literal["light", "dark"]]] = [(1280, "light"), (390, "dark")]
    for width, scheme in looks:
        page = await open_tab(admin.path("integrations"), admin, width=width, scheme=scheme)
        show = page.get_by_role("button", name="Показать адрес для шага")
        await expect(show).to_be_visible()
        assert await page.get_by_text("/webhooks/kommo/").count() == 0
        await show.click()
        await expect(page.get_by_text("/widget")).to_have_text(re.compile(r"https?://.+/webhooks/kommo/.+/widget"))
        await expect(page.get_by_text("{{json.reply}}")).to_be_visible()
        await settled(page)
        assert await violations(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_both_ways_to_connect_say_what_to_do(house: House, open_tab: OpenTab, admin: Person) -> None:
    page = await open_tab(admin.path("integrations"), admin)
    await page.get_by_role("button", name="Подключить Kommo").click()
    dialog = page.get_by_role("dialog", name="Подключение Kommo или amoCRM")
    await dialog.get_by_label("Адрес вашего аккаунта").fill("shop.kommo.com")
    await dialog.get_by_label("Долгосрочный токен").fill("token")
    await dialog.get_by_role("button", name="Подключить").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("CALLBOARD_PUBLIC_URL")  # this installation has none
    await settled(page)
    assert await violations(page) == []
    await dialog.get_by_role("combobox", name="Как дать доступ").click()
    await page.get_by_role("option", name="Разрешить на странице Kommo").click()
    await expect(dialog.get_by_label("Секретный ключ")).to_be_visible()
    await settled(page)
    assert await violations(page) == []


async def test_a_rule_in_kommo_is_built_from_the_copy(house: House, open_tab: OpenTab, admin: Person, account: None) -> None:
    agent = house.installation.agent_id()
    shown = next(item for item in house.installation.get("/api/integrations")["items"] if item["channel"] == "kommo")
    house.installation.post(f"/api/agents/{agent}/integrations/{shown['id']}/sync", {})
    page = await open_tab(admin.path(f"ai-agents/{agent}/rules?rule=new"), admin)
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Имя", exact=True).fill("Выиграли")
    await choose(page, "Событие", "Сделка перешла на другой этап")
    await dialog.get_by_role("button", name="Условие", exact=True).click()
    await choose(page, "О чём спросить", "Этап сделки")
    await expect(page.get_by_role("combobox", name="Значение", exact=True)).to_be_visible(timeout=40_000)  # the copy is there
    await choose(page, "Значение", "Успешно")
    await add(page, "Kommo: переместить сделку")
    await expect(dialog.get_by_text("Выберите этап").first).to_be_visible()
    await choose(page, "Этап", "Новая заявка")
    await add(page, "Kommo: поставить задачу")
    await dialog.get_by_label("Текст", exact=True).fill("Поздравить: {lead.name}")
    await choose(page, "Ответственный", "Olga")
    await add(page, "Kommo: заполнить поля")
    await choose(page, "Добавить поле", "Size")
    await dialog.get_by_label("Size", exact=True).fill("L")
    await expect(dialog.get_by_text("Пока сохранить нельзя")).to_have_count(0)
    await settled(page)
    assert await violations(page) == []
    await dialog.get_by_role("button", name="Сохранить").click()
    await expect(dialog).to_have_count(0)
    await expect(page.get_by_text("Сделка перешла на другой этап → Kommo: переместить сделку,")).to_be_visible()
    rule = next(item for item in house.installation.get(f"/api/agents/{agent}/rules")["items"] if item["name"] == "Выиграли")
    assert rule["when"] == {"all": [{"fact": "lead.stage", "op": "is", "value": "77:142"}]}
    assert (rule["actions"][0]["pipeline"], rule["actions"][0]["stage"]) == (77, 1)
    assert list(rule["actions"][2]["fields"].values()) == ["L"]
    narrow = await open_tab(admin.path(f"ai-agents/{agent}/rules?rule={rule['id']}"), admin, language="en", scheme="dark", width=390)
    await expect(narrow.get_by_label("Size", exact=True)).to_have_value("L")
    await settled(narrow)
    assert await violations(narrow) == []
    inner = "() => { const d = document.querySelector('[role=dialog]'); return d.scrollWidth - d.clientWidth; }"
    assert await narrow.evaluate(inner) <= 0


async def add(page: Page, action: str) -> None:
    await page.get_by_role("dialog").get_by_role("button", name="Действие", exact=True).click()
    await page.get_by_role("menuitem", name=action).click()
