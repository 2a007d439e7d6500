"""Who works here: invited, given a role, let in again, removed; keys of programs; one's own name and password."""

import json
import urllib.error
import urllib.request
from uuid import uuid4

from playwright.async_api import Page, expect

from tests.browser.conftest import OpenTab
from tests.browser.house import PASSWORD, House, Person
from tests.browser.pages import settled, violations


def asked(house: House, path: str, key: str) -> int:
    """Return the status of what a program gets."""
    request = urllib.request.Request(house.url + path, headers={"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


async def secret(page: Page) -> str:
    """Return what is shown this once."""
    shown = page.locator("[data-secret]")
    await expect(shown).to_be_visible()
    return (await shown.inner_text()).strip()


async def set_password(page: Page, password: str) -> None:
    await page.get_by_label("Новый пароль").fill(password)
    await page.get_by_label("Тот же пароль ещё раз").fill(password)


async def test_somebody_is_invited_comes_in_gets_a_role_and_is_removed(house: House, open_tab: OpenTab) -> None:
    admin = house.invite("admin")
    page = await open_tab(admin.path("settings"), admin)
    email, name = f"anna-{uuid4().hex[:8]}@shop.example", f"Анна {uuid4().hex[:6]}"
    await page.get_by_role("button", name="Пригласить сотрудника").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Электронная почта").fill(email)
    await dialog.get_by_label("Имя", exact=True).fill(name)
    await settled(page)
    assert await violations(page) == []
    await dialog.get_by_role("button", name="Пригласить", exact=True).click()
    link = await secret(page)
    await settled(page)
    assert await violations(page) == []
    await dialog.get_by_role("button", name="Готово").click()
    theirs = await open_tab(link.removeprefix(house.url))
    await theirs.get_by_role("button", name="Войти", exact=True).click()
    await set_password(theirs, PASSWORD)
    await theirs.get_by_role("button", name="Сохранить и войти").click()
    await expect(theirs.get_by_role("button", name=f"{name}: настройки и выход")).to_be_visible()

    await page.reload()
    row = page.get_by_role("listitem").filter(has_text=email)
    await expect(row).to_contain_text("Последний вход")
    await row.get_by_role("combobox", name=f"Роль: {name}").click()
    await expect(page.get_by_role("option", name="Владелец")).to_have_count(0)  # nobody gives a role above their own
    await page.get_by_role("option", name="Наблюдатель").click()
    await expect(page.get_by_text(f"Роль изменена: {name}")).to_be_visible()
    assert [r["role"] for r in await house.rows("select role from users where email = $1", email)] == ["viewer"]

    await row.get_by_role("button", name=f"Ещё: {name}").click()
    await page.get_by_role("menuitem", name="Новая одноразовая ссылка").click()
    assert (await secret(page)).startswith(f"{house.url}/login#token=")
    await page.get_by_role("button", name="Готово").click()
    await row.get_by_role("button", name=f"Ещё: {name}").click()
    await page.get_by_role("menuitem", name="Убрать").click()
    await page.get_by_role("dialog").get_by_role("button", name="Убрать").click()
    await expect(row).to_have_count(0)
    await theirs.reload()
    await expect(theirs.get_by_role("button", name="Войти")).to_be_visible(timeout=15_000)

    await page.get_by_role("button", name="Пригласить сотрудника").click()
    await dialog.get_by_label("Электронная почта").fill(admin.email)
    await dialog.get_by_role("button", name="Пригласить", exact=True).click()
    await expect(dialog.get_by_role("alert")).to_contain_text("Этот адрес уже кому-то принадлежит")


async def test_a_key_lets_a_program_in_until_it_is_revoked(house: House, open_tab: OpenTab, admin: Person) -> None:
    page = await open_tab(admin.path("settings"), admin)
    name = f"Заказы {uuid4().hex[:6]}"
    await page.get_by_role("button", name="Новый ключ").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Для чего он").fill(name)
    await dialog.get_by_role("button", name="Создать ключ").click()
    key = await secret(page)
    await dialog.get_by_role("button", name="Готово").click()
    assert (asked(house, "/api/conversations", key), asked(house, "/api/users", key)) == (200, 403)  # an operator's
    row = page.get_by_role("listitem").filter(has_text=name)
    await expect(row).to_contain_text(key[:6])
    await row.get_by_role("button", name=f"Отозвать ключ «{name}»").click()
    await page.get_by_role("dialog").get_by_role("button", name="Отозвать").click()
    await expect(page.get_by_text(f"Ключ «{name}» отозван")).to_be_visible()
    await expect(row).to_have_count(0)
    for _ in range(80):  # gateways remember a key for five seconds
        if asked(house, "/api/conversations", key) == 401:
            break
        await page.wait_for_timeout(100)
    assert asked(house, "/api/conversations", key) == 401


async def test_a_person_changes_their_name_and_password(house: House, open_tab: OpenTab) -> None:
    ivan = house.invite("operator")
    page = await open_tab(ivan.path("profile"), ivan)
    await page.get_by_label("Имя", exact=True).fill("Иван Петров")
    await page.get_by_role("button", name="Сохранить").first.click()
    await expect(page.get_by_role("button", name="Иван Петров: настройки и выход")).to_be_visible()
    await house.rows("update sessions set by_link = false where user_id = (select id from users where email = $1)", ivan.email)
    await page.reload()
    new = f"другой плед {uuid4().hex[:6]}"
    await page.get_by_role("textbox", name="Нынешний пароль").fill("не тот пароль")
    await set_password(page, new)
    await page.get_by_role("button", name="Сохранить").last.click()
    await expect(page.get_by_role("alert")).to_contain_text("Это не ваш нынешний пароль")
    await settled(page)
    assert await violations(page) == []
    await page.get_by_role("textbox", name="Нынешний пароль").fill(PASSWORD)
    await page.get_by_role("button", name="Сохранить").last.click()
    await expect(page.get_by_text("Пароль изменён")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("button", name="Иван Петров: настройки и выход")).to_be_visible()  # this session goes on
    body = json.dumps({"email": ivan.email, "password": new}).encode()
    headers = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
    with urllib.request.urlopen(urllib.request.Request(f"{house.url}/api/session", body, headers), timeout=30) as response:
        assert json.load(response)["user"]["name"] == "Иван Петров"


async def test_the_company_is_renamed(house: House, open_tab: OpenTab, admin: Person) -> None:
    page = await open_tab(admin.path("settings"), admin)
    card = page.get_by_role("region", name="Компания")
    before = await card.get_by_label("Название").input_value()
    await card.get_by_label("Название").fill(f"{before} 2")
    await card.get_by_role("button", name="Сохранить").click()
    await expect(page.get_by_role("navigation").get_by_text(f"{before} 2").or_(page.get_by_text(f"{before} 2").first)).to_be_visible()
    assert [r["name"] for r in await house.rows("select name from tenants where slug = 'demo'")] == [f"{before} 2"]
    await card.get_by_label("Название").fill(before)
    await card.get_by_role("button", name="Сохранить").click()
    await house.until("select name = $1 from tenants where slug = 'demo'", before)
