"""Accounts in PostgreSQL: what must hold when several do something at the same time, and when time passes."""

import asyncio
from pathlib import Path

import pytest

from actors.domain.errors import TerminalError
from actors.runtime.commands import admin
from actors.runtime.supervisor.demo import OWNER_EMAIL, ensure_demo
from storage.accounts.audit import COMMAND_LINE
from storage.accounts.login_links import LinkRefused, LoginLinks
from storage.accounts.sessions import Sessions
from storage.accounts.throttles import PER_EMAIL, LoginThrottles
from storage.accounts.users import NewUser, User, UserChange, UserRefused, Users
from storage.api_keys import ApiKeys
from storage.housekeeping import Housekeeping
from storage.idempotency import Idempotency, Request
from storage.postgres import Database, Role
from storage.tenants import Tenants
from tests.contract.labs import RealLab

HASH = "$argon2id$one"


async def hire(lab: RealLab, tenant_id: object, email: str, role: str = "owner") -> User:
    return await Users(lab.api).create(tenant_id, NewUser(email, "", role, "en"), COMMAND_LINE)  # type: ignore[arg-type]


async def test_two_owners_who_demote_each_other_leave_one(real_lab: RealLab) -> None:
    users = Users(real_lab.api)
    for round_number in range(5):
        tenant = await Tenants(real_lab.api).create(f"shop-{round_number}", "Shop")
        pair = [await hire(real_lab, tenant, f"{name}{round_number}@x.test") for name in ("a", "b")]
        demoted = [users.change(tenant, user.id, UserChange(role="admin"), COMMAND_LINE, "owner") for user in pair[:1]]
        removed = [users.remove(tenant, user.id, COMMAND_LINE, "owner") for user in pair[1:]]
        outcomes = await asyncio.gather(*demoted, *removed, return_exceptions=True)
        refused = [o for o in outcomes if isinstance(o, UserRefused)]
        assert [o.why for o in refused] == ["last-owner"]
        assert [u.role for u in await users.page(tenant, None, 10)].count("owner") == 1


async def test_an_address_is_one_users_whatever_its_case_until_he_is_removed(real_lab: RealLab) -> None:
    shop, other = await real_lab.endpoint(), await real_lab.endpoint()
    user = await hire(real_lab, shop.tenant_id, "Olga@X.test")
    await hire(real_lab, shop.tenant_id, "boss@x.test")
    for tenant_id in (shop.tenant_id, other.tenant_id):
        with pytest.raises(UserRefused, match="belongs to a user already"):
            await hire(real_lab, tenant_id, "oLGA@x.test")
    found = await Users(real_lab.api).for_login(" OLGA@x.TEST ")
    assert found is not None
    assert (found.id, found.tenant_id, found.password_hash) == (user.id, shop.tenant_id, None)
    await Users(real_lab.api).remove(shop.tenant_id, user.id, COMMAND_LINE, "owner")
    assert await Users(real_lab.api).for_login("olga@x.test") is None
    again = await hire(real_lab, other.tenant_id, "olga@x.test")
    assert again.id != user.id


async def test_of_many_who_open_a_link_at_once_one_comes_in(real_lab: RealLab) -> None:
    shop = await real_lab.endpoint()
    user = await hire(real_lab, shop.tenant_id, "olga@x.test")
    links = LoginLinks(real_lab.api)
    token = await links.create(shop.tenant_id, user.id, "login", COMMAND_LINE)
    outcomes = await asyncio.gather(*(links.redeem(token, "browser") for _ in range(8)), return_exceptions=True)
    assert [o.why for o in outcomes if isinstance(o, LinkRefused)] == ["used"] * 7
    assert await real_lab.owner.fetchval("select count(*) from sessions") == 1


async def test_a_removed_users_link_and_session_let_nobody_in(real_lab: RealLab) -> None:
    shop = await real_lab.endpoint()
    await hire(real_lab, shop.tenant_id, "boss@x.test")
    user = await hire(real_lab, shop.tenant_id, "olga@x.test", "viewer")
    links, sessions = LoginLinks(real_lab.api), Sessions(real_lab.api)
    entered = await links.redeem(await links.create(shop.tenant_id, user.id, "login", COMMAND_LINE), "browser")
    unused = await links.create(shop.tenant_id, user.id, "login", COMMAND_LINE)
    assert await sessions.lookup(entered.token) is not None
    await Users(real_lab.api).remove(shop.tenant_id, user.id, COMMAND_LINE, "owner")
    assert await sessions.lookup(entered.token) is None
    with pytest.raises(LinkRefused, match="ended"):
        await links.redeem(unused, "browser")


async def test_using_a_session_prolongs_it_up_to_its_life(real_lab: RealLab) -> None:
    shop = await real_lab.endpoint()
    user = await hire(real_lab, shop.tenant_id, "olga@x.test")
    links, sessions, owner = LoginLinks(real_lab.api), Sessions(real_lab.api), real_lab.owner
    token = (await links.redeem(await links.create(shop.tenant_id, user.id, "login", COMMAND_LINE), "я" * 1000)).token
    left = "select round(extract(epoch from expires_at - now()) / 86400)::int from sessions"
    await owner.execute("update sessions set expires_at = now() + interval '1 day'")
    assert await sessions.lookup(token) is not None
    assert await owner.fetchval(left) == 1, "seen less than a minute ago: nothing is written"
    await owner.execute("update sessions set seen_at = now() - interval '2 minutes'")
    assert await sessions.lookup(token) is not None
    assert await owner.fetchval(left) == 14
    await owner.execute("update sessions set seen_at = now() - interval '2 minutes', created_at = now() - interval '85 days'")
    assert await sessions.lookup(token) is not None
    assert await owner.fetchval(left) == 5
    await owner.execute("update sessions set expires_at = now()")
    assert await sessions.lookup(token) is None
    assert await sessions.lookup("\ud800") is None


async def test_of_two_who_change_a_password_at_once_one_is_told(real_lab: RealLab) -> None:
    shop = await real_lab.endpoint()
    user = await hire(real_lab, shop.tenant_id, "olga@x.test")
    sessions = Sessions(real_lab.api)
    tokens = await asyncio.gather(*(sessions.set_password(shop.tenant_id, user.id, "b", None, f"{HASH}{n}") for n in range(4)))
    assert sum(token is not None for token in tokens) == 1
    assert await real_lab.owner.fetchval("select count(*) from sessions") == 1
    assert await sessions.log_in(shop.tenant_id, user.id, "b", "$argon2id$old", HASH) is None


async def test_attempts_at_the_same_time_are_all_counted(real_lab: RealLab) -> None:
    throttles = LoginThrottles(real_lab.api)
    outcomes = await asyncio.gather(*(throttles.attempt("a@x.test", f"10.0.0.{n % 3}") for n in range(PER_EMAIL + 5)))
    assert sum(o is None for o in outcomes) == PER_EMAIL
    await throttles.succeeded("a@x.test", "10.0.0.1")
    assert await throttles.attempt("a@x.test", "10.0.0.1") is None
    dump = await real_lab.owner.fetchval("select string_agg(t::text, ' ') from login_throttles t")
    assert "x.test" not in dump


async def test_a_keys_last_use_is_kept_to_the_minute(real_lab: RealLab) -> None:
    shop, keys = await real_lab.endpoint(), ApiKeys(real_lab.api)
    plain = await keys.create(shop.tenant_id, "site", "viewer")
    assert (await keys.page(shop.tenant_id, None, 10))[0].last_used_at is None
    assert await keys.lookup(plain) is not None
    first = (await keys.page(shop.tenant_id, None, 10))[0].last_used_at
    assert await keys.lookup(plain) is not None
    assert (await keys.page(shop.tenant_id, None, 10))[0].last_used_at == first
    await real_lab.owner.execute("update api_keys set last_used_at = now() - interval '61 seconds'")
    assert await keys.lookup(plain) is not None
    assert (await keys.page(shop.tenant_id, None, 10))[0].last_used_at != first


async def test_what_is_over_goes(real_lab: RealLab) -> None:
    owner, housekeeping = real_lab.owner, Housekeeping(real_lab.engine)
    for _ in range(2):
        shop = await real_lab.endpoint()
        user = await hire(real_lab, shop.tenant_id, f"{shop.tenant_id}@x.test")
        links = LoginLinks(real_lab.api)
        await links.redeem(await links.create(shop.tenant_id, user.id, "login", COMMAND_LINE), "b")
        assert await LoginThrottles(real_lab.api).attempt(user.email, "10.0.0.1") is None
    assert await housekeeping.tidy() == 0
    await owner.execute("update sessions set expires_at = now() - interval '1 second'")
    assert [await housekeeping.tidy(1) for _ in range(3)] == [1, 1, 0]
    await owner.execute("update login_links set expires_at = now() - interval '6 days 23 hours'")
    assert await housekeeping.tidy() == 0, "for a week a link says why it lets nobody in"
    await owner.execute("update login_links set expires_at = now() - interval '7 days 1 second'")
    assert await housekeeping.tidy() == 2
    await owner.execute("update login_throttles set began_at = now() - interval '25 hours'")
    assert await housekeeping.tidy() == 3  # two e-mail addresses, one network address
    async with Idempotency(real_lab.api).once(Request(shop.tenant_id, user.id, "key", b"content", "credential")) as attempt:
        await attempt.keep("{}")
    assert await housekeeping.tidy() == 0
    await owner.execute("update idempotency_keys set created_at = now() - interval '25 hours'")
    assert await housekeeping.tidy() == 1
    for table in ("sessions", "login_links", "login_throttles", "idempotency_keys"):
        assert await owner.fetchval(f"select count(*) from {table}") == 0


async def test_each_start_of_the_demo_makes_a_link_that_ends_the_one_before(database: str, tmp_path: Path) -> None:
    said: list[str] = []
    first = await ensure_demo(database, tmp_path, said.append)
    second = await ensure_demo(database, tmp_path, said.append)
    assert first.login_token
    assert second.login_token
    assert f"http://localhost:1/login#token={second.login_token}" in second.hint("http://localhost:1")
    assert f"https://a.test/login#token={second.login_token}" in second.hint("http://localhost:1", "https://a.test/")
    async with await Database.open(database, Role.API, "test", size=1) as api:
        with pytest.raises(LinkRefused, match="ended"):
            await LoginLinks(api).redeem(first.login_token, "b")
        entered = await LoginLinks(api).redeem(second.login_token, "b")
        user = await Users(api).find(entered.tenant_id, entered.user_id)
        assert user is not None
        assert (user.email, user.role) == (OWNER_EMAIL, "owner")
        boss = await Users(api).create(entered.tenant_id, NewUser("boss@x.test", "", "owner", "en"), COMMAND_LINE)
        await Users(api).remove(entered.tenant_id, user.id, COMMAND_LINE, "owner")
    third = await ensure_demo(database, tmp_path, said.append)
    assert third.login_token is None, "its owner removed that user: it does not come back"
    assert "login#token" not in third.hint("http://localhost:1")
    assert (await admin.login_token(database, "demo", ""))[0] == boss.email


async def test_the_command_line_makes_links(database: str) -> None:
    async with await Database.open(database, Role.API, "test", size=1) as api:
        await Tenants(api).create("acme", "Acme", "ru")
        with pytest.raises(TerminalError, match="known: acme"):
            await admin.login_token(database, "other", "")
        with pytest.raises(TerminalError, match="name the first, its owner, with --email"):
            await admin.login_token(database, "acme", "")
        email, token = await admin.login_token(database, "acme", "Boss@Acme.test")
        assert email == "boss@acme.test"
        entered = await LoginLinks(api).redeem(token, "b")
        user = await Users(api).find(entered.tenant_id, entered.user_id)
        assert user is not None
        assert (user.role, user.locale) == ("owner", "ru")
        with pytest.raises(TerminalError, match=r"known: boss@acme\.test"):
            await admin.login_token(database, "acme", "other@acme.test")
        assert (await admin.login_token(database, "acme", ""))[0] == "boss@acme.test"
