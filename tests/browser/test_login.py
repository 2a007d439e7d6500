"""Getting in, being sent away, and coming back."""

from playwright.async_api import Page, expect

from tests.browser.conftest import OpenTab
from tests.browser.house import PASSWORD, House, Person


async def log_in(page: Page, email: str, password: str) -> None:
    await page.get_by_label("Эл. почта").fill(email)
    await page.get_by_label("Пароль", exact=True).fill(password)
    await page.get_by_role("button", name="Войти").click()


async def test_a_link_works_once(house: House, open_tab: OpenTab) -> None:
    link = house.link().removeprefix(house.url)
    page = await open_tab(link)
    await page.get_by_role("button", name="Войти", exact=True).click()
    await expect(page.get_by_role("heading", name="Добро пожаловать")).to_have_count(0)
    again = await open_tab(link)
    await again.get_by_role("button", name="Войти", exact=True).click()
    await expect(again.get_by_role("alert").get_by_text("Ссылка больше не действует")).to_be_visible()
    await again.get_by_role("button", name="Войти с паролем").click()
    await expect(again.get_by_label("Эл. почта")).to_be_visible()


async def test_a_wrong_password_is_told_apart_from_nothing(house: House, open_tab: OpenTab) -> None:
    person = house.invite("viewer")
    page = await open_tab("/login")
    await log_in(page, person.email, "не тот пароль")
    await expect(page.get_by_role("alert")).to_contain_text("Неверная почта или пароль")
    await log_in(page, person.email, PASSWORD)
    await expect(page).to_have_title("Обзор · Callboard")


async def test_when_the_session_ends_one_comes_back_to_the_same_page(house: House, open_tab: OpenTab) -> None:
    person = house.invite("admin")
    page = await open_tab(person.path("ai-agents"), person)
    await expect(page.get_by_role("heading", name="Агенты")).to_be_visible()
    await page.context.clear_cookies()
    await page.get_by_role("link", name="Сценарии").click()
    await expect(page.get_by_label("Эл. почта")).to_be_visible()
    await log_in(page, person.email, PASSWORD)
    await expect(page.get_by_role("heading", name="Сценарии")).to_be_visible()


async def test_logging_out_ends_the_session(house: House, open_tab: OpenTab) -> None:
    person = house.invite("operator")
    page = await open_tab(person.path("test-chat"), person)
    await page.get_by_role("button", name="Ирина: настройки и выход").click()
    await page.get_by_role("button", name="Выйти").click()
    await expect(page.get_by_label("Эл. почта")).to_be_visible()
    await page.goto(person.path("test-chat"))
    await expect(page.get_by_label("Эл. почта")).to_be_visible()


async def test_another_company_looks_like_nothing(house: House, open_tab: OpenTab, admin: Person) -> None:
    page = await open_tab("/manage/00000000-0000-4000-8000-000000000000/test-chat", admin)
    await expect(page.get_by_role("heading", name="Такой страницы нет")).to_be_visible()
    await page.get_by_role("link", name="На главную").click()
    await expect(page).to_have_title("Обзор · Callboard")


async def test_the_badge_says_when_the_line_is_lost_and_back(house: House, open_tab: OpenTab, admin: Person) -> None:
    page = await open_tab(admin.path("test-chat"), admin)
    await expect(page.get_by_text("На связи")).to_be_visible()
    (gateway, *_) = house.installation.children("-m gateway")
    gateway.kill()
    await expect(page.get_by_text("Восстанавливаем связь")).to_be_visible()
    await expect(page.get_by_text("На связи")).to_be_visible()
