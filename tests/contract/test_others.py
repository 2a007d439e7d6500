"""TimerStore, CatalogueStore, CarrierStore, IntegrationStore."""

from dataclasses import replace

import orjson
import pytest

from actors.domain.errors import TerminalError
from actors.domain.ids import AgentId
from actors.ports.turns import TimerRow
from tests.contract.labs import Lab, carrier, open_conversation, receive, turn


async def test_a_due_timer_becomes_one_input(lab: Lab) -> None:
    shop, host = await lab.endpoint(), await carrier(lab)
    conversation = await open_conversation(lab, shop)
    due, later = TimerRow("wake", 0.0, {"n": 1}), TimerRow("later", 3600.0, {})
    assert await lab.turns.commit([turn(shop, conversation, 0, timers=[due, later])], []) == [True]
    assert await lab.timers.fire(10) == 1
    assert await lab.timers.fire(10) == 0
    pulled = await lab.inbox.pull(host, [], [], [], 10)
    assert pulled is not None
    (row,) = pulled.rows
    assert (row.kind, row.address, orjson.loads(row.raw)) == ("timer", shop.address(), {"kind": "wake", "payload": {"n": 1}})


async def test_setting_a_timer_again_moves_it(lab: Lab) -> None:
    shop = await lab.endpoint()
    conversation = await open_conversation(lab, shop)
    for version, delay_s in enumerate((0.0, 3600.0)):
        assert await lab.turns.commit([turn(shop, conversation, version, timers=[TimerRow("wake", delay_s, {})])], []) == [True]
    assert await lab.timers.fire(10) == 0


async def test_timers_fire_in_portions(lab: Lab) -> None:
    shop = await lab.endpoint()
    for n in range(3):
        conversation = await open_conversation(lab, shop, str(n))
        assert await lab.turns.commit([turn(shop, conversation, 0, timers=[TimerRow("wake", 0.0, {})])], []) == [True]
    assert [await lab.timers.fire(2) for _ in range(3)] == [2, 1, 0]


async def test_a_version_is_a_document_as_a_whole(lab: Lab) -> None:
    shop = await lab.endpoint()
    before = (await lab.catalogue.versions([shop.agent_id]))[shop.agent_id]
    version = await lab.publish(shop, {"persona": {"name": "Анна"}})
    assert version == before + 1
    assert await lab.catalogue.versions([shop.agent_id, AgentId(shop.tenant_id)]) == {shop.agent_id: version}
    assert await lab.catalogue.definition(shop.tenant_id, shop.agent_id, version) == {"persona": {"name": "Анна"}}
    assert await lab.catalogue.definition(shop.tenant_id, shop.agent_id, before) == {}
    with pytest.raises(TerminalError):
        await lab.catalogue.definition(shop.tenant_id, shop.agent_id, version + 1)


async def test_a_snapshot_is_a_version_that_nobody_else_gets(lab: Lab) -> None:
    shop = await lab.endpoint()
    published = await lab.publish(shop, {"persona": {"name": "Anna"}})
    tried = await lab.snapshot(shop, {"persona": {"name": "Boris"}})
    assert tried > published
    assert await lab.catalogue.versions([shop.agent_id]) == {shop.agent_id: published}
    assert await lab.catalogue.definition(shop.tenant_id, shop.agent_id, tried) == {"persona": {"name": "Boris"}}
    later = await lab.publish(shop, {"persona": {"name": "Clara"}})
    assert later > tried
    assert await lab.catalogue.versions([shop.agent_id]) == {shop.agent_id: later}


async def test_an_activation_knows_the_version_its_conversation_keeps_to(lab: Lab) -> None:
    shop = await lab.endpoint("test")
    tried = await lab.snapshot(shop, {"persona": {"name": "Boris"}})
    pinned, following = await lab.pin(shop, "pinned", tried), await lab.pin(shop, "following", None)
    addresses = [(shop.tenant_id, shop.address(key)) for key in ("pinned", "following", "fresh")]
    records = {record.address.key: record for record in await lab.conversations.activate(addresses)}
    assert {key: record.pinned_version for key, record in records.items()} == {"pinned": tried, "following": None, "fresh": None}
    assert (records["pinned"].id, records["following"].id) == (pinned, following)
    (input_id,) = await receive(lab, shop, ["hello"], "pinned")
    assert await lab.turns.commit([turn(shop, pinned, 0, [input_id], ["hi"])], []) == [True]
    (again,) = await lab.conversations.activate(addresses[:1])
    assert (again.version, again.pinned_version) == (1, tried)


async def test_the_newest_generation_of_the_current_epoch_has_the_part(lab: Lab) -> None:
    old = await carrier(lab)
    assert await lab.carriers.beat(old, {"mailboxes": 1})
    new = await carrier(lab)
    assert not await lab.carriers.beat(old, {})
    assert await lab.carriers.beat(new, {})
    epoch = await lab.new_epoch()
    assert not await lab.carriers.beat(new, {})
    assert not await lab.carriers.take(new, 1)
    assert await lab.carriers.take(replace(new, epoch=epoch), 1)


async def test_a_sender_owns_the_integrations_of_its_shards(lab: Lab) -> None:
    shops = [await lab.endpoint() for _ in range(6)]
    await lab.endpoint("test")
    senders = [await carrier(lab, "sender", part, 2) for part in (0, 1)]
    parts = [await lab.integrations.owned(s) for s in senders]
    assert sorted(i.id for part in parts for i in part) == sorted(s.integration_id for s in shops)
    assert all(":token" in i.token and i.token not in repr(i) for part in parts for i in part)


async def test_a_broken_integration_is_still_owned_and_can_heal(lab: Lab) -> None:
    await lab.endpoint()
    sender = await carrier(lab, "sender")
    (integration,) = await lab.integrations.owned(sender)
    await lab.integrations.mark(integration, "broken", "the token was revoked")
    assert [i.status for i in await lab.integrations.owned(sender)] == ["broken"]
    await lab.integrations.mark(integration, "live", None)
    assert [i.status for i in await lab.integrations.owned(sender)] == ["live"]


async def test_only_what_is_live_and_polled_is_polled(lab: Lab) -> None:
    await lab.endpoint()
    (pushed,) = await lab.integrations.owned(await carrier(lab, "sender"))
    assert not await lab.integrations.polled(pushed)
