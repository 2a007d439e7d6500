"""The API client against the fake Kommo: one refresh, the pace, refusals."""

import asyncio

import pytest

from actors.domain.errors import CredentialsRefused, TerminalError, TransientError, UnknownOutcome
from integrations.kommo.account_api import AccountApi, account_facts
from integrations.kommo.errors import AddressBlocked, NotFound, Unprocessable
from integrations.kommo.limits import Priority
from tests.integration.kommo.office import CHAT, Office


async def test_twenty_calls_with_an_expired_token_refresh_it_once(office: Office) -> None:
    """Two clients, as two processes have them, share nothing but the database."""
    account = await office.with_oauth()
    clients = [office.client(), office.client()]
    await asyncio.gather(*(office.get(client, account) for client in clients))
    await office.kommo.control("expire", account=1)
    answers = await asyncio.gather(*(office.get(clients[n % 2], account) for n in range(20)))
    assert {answer["id"] for answer in answers} == {1}
    assert (await office.kommo.control("state"))["refreshes"] == 1
    assert len(office.kommo.requests("/oauth2/access_token")) == 2  # the code, and one refresh
    assert await office.shop.owner.fetchval("select generation from kommo_accounts") == 2
    assert office.kommo.most_in_a_second() <= 7


async def test_a_token_that_is_about_to_end_is_refreshed_before_it_is_refused(office: Office) -> None:
    await office.kommo.control("account", id=1, access_ttl=30)  # below the minute of slack
    account, client = await office.with_oauth(), office.client()
    await office.kommo.control("account", id=1, access_ttl=86_400)
    await asyncio.gather(*(office.get(client, account) for _ in range(5)))
    assert {entry["status"] for entry in office.kommo.requests()} == {200, 302}
    assert (await office.kommo.control("state"))["refreshes"] == 1


async def test_access_that_was_taken_back_says_so(office: Office) -> None:
    account, client = await office.with_oauth(), office.client()
    await office.get(client, account)
    await office.kommo.control("revoke", account=1)
    with pytest.raises(CredentialsRefused, match="connect the account again"):
        await office.get(client, account)


async def test_a_long_lived_token_cannot_be_refreshed(office: Office) -> None:
    account, client = await office.with_token(), office.client()
    assert (await office.get(client, account))["subdomain"] == "demo"
    await office.kommo.control("revoke", account=1)
    with pytest.raises(CredentialsRefused, match="long-lived"):
        await office.get(client, account)
    with pytest.raises(TerminalError, match="401"):
        await account_facts(office.wire, "demo.kommo.com", "wrong")


async def test_an_account_that_moved_is_found_and_remembered(office: Office) -> None:
    account, client = await office.with_oauth(), office.client()
    await office.shop.owner.execute("update kommo_accounts set host = 'old.kommo.com'")
    await office.kommo.control("account", id=1, moved=True)
    assert (await office.get(client, account))["id"] == 1
    assert await office.shop.owner.fetchval("select host from kommo_accounts") == "demo.kommo.com"
    assert len(office.kommo.requests("/subdomain")) == 1


async def test_an_empty_list_and_an_absent_thing_are_nothing(office: Office) -> None:
    account, client = await office.with_token(), office.client()
    api = AccountApi(client, account)
    assert await api.talk(404) is None
    assert await api.talk_of_chat(CHAT) is None
    assert [item async for item in client.pages(account, "/api/v4/leads", "leads", priority=Priority.SYNC)] == []


async def test_all_pages_come_at_the_pace(office: Office) -> None:
    account, client = await office.with_token(), office.client()
    await office.kommo.control("seed", account=1, leads=2_600, contacts=0)
    leads = [lead["id"] async for lead in client.pages(account, "/api/v4/leads", "leads", priority=Priority.SYNC)]
    assert len(leads) == len(set(leads)) == 2_600
    asked = office.kommo.requests("/api/v4/leads")
    assert len(asked) == 11
    took = asked[-1]["at"] - asked[0]["at"]
    assert 10 / 6.7 < took < 10 / 6.6 / 0.85  # one reader keeps most of the pace


async def test_an_answer_goes_before_a_sync(office: Office) -> None:
    account, client = await office.with_token(), office.client()
    syncs = [asyncio.create_task(client.ask(account, "GET", "/api/v4/users", priority=Priority.SYNC)) for _ in range(12)]
    await office.kommo.until("/users", 2)
    began = asyncio.get_running_loop().time()
    await office.get(client, account)
    assert asyncio.get_running_loop().time() - began < 0.6
    assert len(office.kommo.requests("/users")) < 9
    await asyncio.gather(*syncs)


async def test_a_429_makes_everybody_of_the_account_wait(office: Office) -> None:
    account, client = await office.with_token(), office.client()
    await office.kommo.fault("too_many", path="/account")
    with pytest.raises(TransientError) as refused:
        await office.get(client, account)
    assert refused.value.retry_after_s == 1.0
    ahead = await office.shop.owner.fetchval("select extract(epoch from next_at - clock_timestamp())::float8 from kommo_pace")
    assert ahead > 0.5
    assert (await office.get(client, account))["id"] == 1


async def test_a_block_of_the_address_stops_every_account(office: Office) -> None:
    await office.kommo.control("account", id=2, subdomain="second", token="second-token")
    first, second, client = await office.with_token(), await office.with_token(2, "second-token"), office.client()
    await office.kommo.control("block", seconds=60)
    with pytest.raises(AddressBlocked):
        await office.get(client, first)
    asked = len(office.kommo.requests())
    for account in (first, second):
        with pytest.raises(TransientError) as refused:
            await office.get(office.client(), account)
        assert refused.value.retry_after_s is not None
        assert refused.value.retry_after_s > 600
    assert len(office.kommo.requests()) == asked
    told = await office.shop.owner.fetch("select data from activity_logs where kind = 'integration.blocked'")
    assert len(told) == 1


@pytest.mark.parametrize(
    ("kind", "expected", "sent"),
    [
        ("reset_before", UnknownOutcome, 0),
        ("reset_after", UnknownOutcome, 1),
        ("error_500_before", UnknownOutcome, 0),
        ("error_504_after", UnknownOutcome, 1),
        ("garbage_after", UnknownOutcome, 1),
        ("too_many", TransientError, 0),
    ],
)
async def test_a_post_is_never_repeated(office: Office, kind: str, expected: type[Exception], sent: int) -> None:
    account, client = await office.with_token(), office.client()
    talk = await office.kommo.talk(CHAT)
    await office.kommo.fault(kind, path="/send_message")
    with pytest.raises(expected):
        await AccountApi(client, account).send_message(talk["talk_id"], "hello")
    assert office.kommo.copies()["hello"] == sent
    assert len(office.kommo.requests("/send_message")) == 1


async def test_refusals_are_what_they_are(office: Office) -> None:
    account, client = await office.with_token(), office.client()
    talk, api = await office.kommo.talk(CHAT), AccountApi(client, account)
    await office.kommo.control("close", account=1, talk_id=talk["talk_id"])
    with pytest.raises(Unprocessable, match="closed"):
        await api.send_message(talk["talk_id"], "hello")
    with pytest.raises(NotFound):
        await api.send_message(1, "hello")
    await office.kommo.fault("error_500_before", path="/account")
    with pytest.raises(TransientError):  # reading is repeated by whoever asks
        await office.get(client, account)
