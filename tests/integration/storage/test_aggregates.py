"""Keys, placement, messages, activity, housekeeping: the small stores."""

from unittest.mock import ANY
from uuid import uuid4

import pytest

from actors.domain.activity import Place
from actors.domain.errors import TerminalError
from actors.ports.inbox import NewInput
from actors.ports.turns import ActivityRow
from storage.accounts.audit import Actor
from storage.api_keys import ApiKeys
from storage.carriers import PostgresPlacement
from storage.endpoints import Endpoints
from storage.heartbeat import Heartbeats
from storage.housekeeping import Housekeeping
from storage.integrations import IntegrationAdmin, NewIntegration, secret_hash
from storage.jobs.counts import JobCounts, Jobs
from storage.messages import Messages
from storage.postgres import Database, Role
from storage.tenants import Tenants
from storage.traces import Traces
from storage.updates import UpdateFilter, Updates
from tests.contract.labs import BOX, RealLab, carrier, open_conversation, receive, turn


async def test_a_key_is_shown_once_and_stored_as_a_hash(real_lab: RealLab) -> None:
    shop, keys = await real_lab.endpoint(), ApiKeys(real_lab.api)
    plain = await keys.create(shop.tenant_id, "console", "owner")
    assert plain.startswith("cb_")
    assert len(plain) == 46
    found = await keys.lookup(plain)
    assert found is not None
    assert (found.tenant_id, found.name, found.role) == (shop.tenant_id, "console", "owner")
    assert await keys.lookup(plain[:-1] + ("a" if plain[-1] != "a" else "b")) is None
    assert await keys.lookup("\ud800") is None
    dump = await real_lab.owner.fetchval("select string_agg(k::text, '') from api_keys k")
    assert plain not in dump
    assert plain[3:] not in dump
    assert not await keys.revoke((await real_lab.endpoint()).tenant_id, found.id)
    assert await keys.revoke(shop.tenant_id, found.id)
    assert await keys.lookup(plain) is None


async def test_a_slug_belongs_to_one_tenant(real_lab: RealLab) -> None:
    tenants = Tenants(real_lab.api)
    await tenants.create("flowers", "Flowers")
    with pytest.raises(TerminalError):
        await tenants.create("flowers", "Others")
    with pytest.raises(TerminalError):
        await tenants.create("No Spaces", "x")
    found = await tenants.by_slug("flowers")
    assert found is not None
    assert found.name == "Flowers"
    assert await tenants.by_slug("nobody") is None


async def test_one_account_is_live_once_in_the_whole_installation(real_lab: RealLab) -> None:
    shop, other = await real_lab.endpoint(), await real_lab.endpoint()
    admin = IntegrationAdmin(real_lab.api, BOX)
    new = NewIntegration(shop.agent_id, "telegram", "99", token="99:token", secret="hush")
    first = await admin.create(shop.tenant_id, new)
    taken = NewIntegration(other.agent_id, "telegram", "99", token="99:token")
    with pytest.raises(TerminalError):
        await admin.create(other.tenant_id, taken)
    route = await real_lab.integrations.route(first)
    assert route is not None
    assert (route.tenant_id, route.account, route.secret_hash) == (shop.tenant_id, "99", secret_hash("hush"))
    assert route.secret_hash == secret_hash("hush")
    await Endpoints(real_lab.api).disconnect(shop.tenant_id, Actor("olga"), shop.agent_id, first)
    assert await admin.create(other.tenant_id, taken)
    assert await real_lab.integrations.route(uuid4()) is None
    stored = await real_lab.owner.fetchval("select string_agg(encode(token_encrypted, 'escape'), '') from integrations")
    assert "99:token" not in stored


async def test_an_agent_of_another_tenant_cannot_be_connected(real_lab: RealLab) -> None:
    shop, other = await real_lab.endpoint(), await real_lab.endpoint()
    with pytest.raises(TerminalError):
        await IntegrationAdmin(real_lab.api, BOX).create(shop.tenant_id, NewIntegration(other.agent_id, "telegram", "77"))


async def test_a_second_installation_waits_until_the_first_is_gone(real_lab: RealLab) -> None:
    placement, first, second = PostgresPlacement(real_lab.engine), uuid4(), uuid4()
    assert await placement.read() is None
    assert await placement.claim(first, 2, 1) == 1
    assert await placement.claim(first, 2, 1) == 1
    assert await placement.claim(first, 3, 1) == 2
    assert await placement.claim(second, 3, 1) is None
    await real_lab.owner.execute("update placement set seen_at = now() - interval '16 seconds'")
    assert await placement.claim(second, 3, 1) == 3
    assert not await placement.touch(first, 2)
    assert await placement.touch(second, 3)
    assert await placement.resign(second)
    assert await placement.claim(first, 3, 1) == 4


async def test_an_input_can_be_followed_to_its_answer_and_explained(real_lab: RealLab) -> None:
    shop, other = await real_lab.endpoint(), await real_lab.endpoint()
    messages = Messages(real_lab.api)
    assert await messages.input_status(shop.tenant_id, "test:1") is None
    (stored,) = await real_lab.inbox.ingest([NewInput(shop.tenant_id, shop.address(), "message", "test:1", b"x")])
    status = await messages.input_status(shop.tenant_id, "test:1")
    assert status is not None
    assert (status.state, status.replies, status.message_id) == ("pending", (), None)
    conversation = await open_conversation(real_lab, shop)
    commit = turn(shop, conversation, 0, [stored.inbox_id], ["hello"])
    assert await real_lab.turns.commit([commit], []) == [True]
    status = await messages.input_status(shop.tenant_id, "test:1")
    assert status is not None
    assert (status.state, [m.body for m in status.replies], status.turn_id) == ("done", ["hello"], commit.turn_id)
    assert status.message_id is not None
    assert await messages.input_status(other.tenant_id, "test:1") is None
    story = await Messages(real_lab.engine).explain([other.tenant_id, shop.tenant_id], status.message_id)
    assert story is not None
    assert [m.body for m in story.turn] == [f"input {stored.inbox_id}", "hello"]
    assert ([i["id"] for i in story.inbox], [o["state"] for o in story.outbox], story.trace) == ([stored.inbox_id], ["pending"], b"trace")
    assert await Messages(real_lab.engine).explain([other.tenant_id], status.message_id) is None
    trace = await Traces(real_lab.api).by_message(shop.tenant_id, status.message_id)
    assert trace is not None
    assert trace.turn_id == commit.turn_id
    assert await Traces(real_lab.api).by_turn(other.tenant_id, commit.turn_id) is None


async def test_messages_are_paged_by_cursor(real_lab: RealLab) -> None:
    shop, messages = await real_lab.endpoint(), Messages(real_lab.api)
    conversation = await open_conversation(real_lab, shop)
    for version in range(5):
        await real_lab.turns.commit([turn(shop, conversation, version, replies=[str(version)])], [])
    first = await messages.page(shop.tenant_id, conversation, 0, 2)
    second = await messages.page(shop.tenant_id, conversation, first[-1].id, 10)
    assert [m.body for m in (*first, *second)] == ["0", "1", "2", "3", "4"]
    newest = await messages.latest(shop.tenant_id, conversation, None, 2)
    older = await messages.latest(shop.tenant_id, conversation, newest[-1].id, 10)
    assert [m.body for m in (*newest, *older)] == ["4", "3", "2", "1", "0"]


async def test_the_feed_never_skips_what_commits_late(real_lab: RealLab, database: str) -> None:
    shop, updates = await real_lab.endpoint(), Updates(real_lab.api)
    insert = "insert into activity_logs (tenant_id, kind) values ($1, $2)"
    async with await Database.open(database, Role.API, "slow") as slow, slow.tenant_transaction(shop.tenant_id) as connection:
        await connection.execute(insert, shop.tenant_id, "late")
        async with real_lab.api.tenant_transaction(shop.tenant_id) as quick:
            await quick.execute(insert, shop.tenant_id, "early")
        waiting = await updates.newer(shop.tenant_id, UpdateFilter(), Place(), 10)
        assert waiting.facts == []
    page = await updates.newer(shop.tenant_id, UpdateFilter(), waiting.seen, 10)
    assert [fact.kind for fact in page.facts] == ["late", "early"]
    assert (await updates.newer(shop.tenant_id, UpdateFilter(), page.seen, 10)).facts == []
    assert [fact.kind for fact in (await updates.older(shop.tenant_id, UpdateFilter(), None, 1)).facts] == ["early"]


async def test_a_takeover_is_logged_once(real_lab: RealLab) -> None:
    shop = await real_lab.endpoint()
    conversation = await open_conversation(real_lab, shop)
    for control in ("human", "human", "bot"):
        await real_lab.set_control(shop, conversation, "human" if control == "human" else "bot")
    await real_lab.operator_reply(shop, conversation, "hello")
    await real_lab.operator_reply(shop, conversation, "are you there?")
    kinds = [e.kind for e in (await Updates(real_lab.api).newer(shop.tenant_id, UpdateFilter(), Place(), 10)).facts]
    assert kinds == ["conversation.taken", "conversation.given_back", "conversation.taken"]


async def test_activity_is_written_with_the_turn(real_lab: RealLab) -> None:
    shop = await real_lab.endpoint()
    conversation = await open_conversation(real_lab, shop)
    commit = turn(shop, conversation, 0)
    fact = ActivityRow("turn.answered", shop.agent_id, {"mode": "script"})
    object.__setattr__(commit, "activity", (fact,))
    assert await real_lab.turns.commit([commit], []) == [True]
    (event,) = (await Updates(real_lab.api).newer(shop.tenant_id, UpdateFilter(), Place(), 10)).facts
    assert (event.kind, event.agent_id, event.conversation_id, event.data) == (fact.kind, shop.agent_id, conversation, fact.data)
    assert await real_lab.owner.fetchval("select turn_id from activity_logs where kind = 'turn.answered'") == commit.turn_id


async def test_heartbeats_age_by_the_databases_clock(real_lab: RealLab) -> None:
    assert await Heartbeats(real_lab.api).read("stage") is None
    await Heartbeats(real_lab.engine).write("stage", {"actors": 3})
    await real_lab.owner.execute("update heartbeats set at = now() - interval '11 seconds'")
    beat = await Heartbeats(real_lab.api).read("stage")
    assert beat is not None
    assert beat.status == {"actors": 3}
    assert beat.age_s >= 11


async def test_jobs_are_counted_over_all_tenants(real_lab: RealLab) -> None:
    for state in ("done", "failed", "running", "running", "queued"):
        shop = await real_lab.endpoint()
        await real_lab.owner.execute(
            "insert into jobs (id, tenant_id, name, state) values (gen_random_uuid(), $1, 'sync', $2)", shop.tenant_id, state
        )
    assert await Jobs(real_lab.engine).counts() == JobCounts(5, 1, 2, 1, 1, oldest_age_s=ANY)


async def test_dedupe_keys_are_kept_eight_days_and_go_in_portions(real_lab: RealLab) -> None:
    shop, housekeeping = await real_lab.endpoint(), Housekeeping(real_lab.engine)
    await receive(real_lab, shop, ["x"] * 5)
    await real_lab.owner.execute("update inbox_keys set received_at = now() - interval '7 days 23 hours'")
    assert await housekeeping.tidy() == 0
    await real_lab.owner.execute("update inbox_keys set received_at = now() - interval '8 days 1 hour'")
    assert [await housekeeping.tidy(2) for _ in range(4)] == [2, 2, 1, 0]
    assert await real_lab.owner.fetchval("select count(*) from inbox") == 5


async def test_carriers_of_the_current_epoch_are_listed(real_lab: RealLab) -> None:
    host = await carrier(real_lab)
    assert await real_lab.carriers.beat(host, {"mailboxes": 2})
    (status,) = await real_lab.carriers.all()
    assert (status.kind, status.part, status.generation, status.status) == ("host", 0, host.generation, {"mailboxes": 2})
    await real_lab.new_epoch()
    assert await real_lab.carriers.all() == []
