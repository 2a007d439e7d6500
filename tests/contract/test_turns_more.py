"""TurnStore: what few turns write besides messages and replies: data, revisions, the end of sending."""

from dataclasses import replace

from actors.ports.turns import MessageRow, Revision, TimerRow
from tests.contract.labs import Lab, carrier, claim_ids, open_conversation, receive, turn


async def test_a_revision_changes_what_history_shows(lab: Lab) -> None:
    shop = await lab.endpoint()
    first, edit, other = await receive(lab, shop, ["a", "b", "c"])
    conversation = await open_conversation(lab, shop)
    said = turn(shop, conversation, 0, [first], ["answer"])
    photo = {"media": [{"kind": "photo", "file_id": "f"}]}
    said = replace(said, messages=(MessageRow("customer", "delivry?", first, external_id="9", data=photo), said.messages[1]))
    assert await lab.turns.commit([said], []) == [True]
    revised = replace(turn(shop, conversation, 1, [edit]), messages=(), revisions=(Revision("9", "delivery?"), Revision("404", "nobody's")))
    assert await lab.turns.commit([revised], []) == [True]
    history = await lab.conversations.history(shop.tenant_id, conversation, 10)
    assert [m.body for m in history] == ["delivery?", "answer"]
    stale = replace(turn(shop, conversation, 1, [other]), messages=(), revisions=(Revision("9", "never"),))
    assert await lab.turns.commit([stale], []) == [False]
    assert [m.body for m in await lab.conversations.history(shop.tenant_id, conversation, 10)] == ["delivery?", "answer"]


async def test_a_revision_stays_in_its_conversation_and_tenant(lab: Lab) -> None:
    shops = [await lab.endpoint(), await lab.endpoint()]
    conversations = []
    for shop in shops:
        (first,) = await receive(lab, shop, ["a"])
        conversations.append(await open_conversation(lab, shop))
        said = replace(turn(shop, conversations[-1], 0, [first]), messages=(MessageRow("customer", "mine", first, external_id="9"),))
        assert await lab.turns.commit([said], []) == [True]
    inputs = [(await receive(lab, shop, ["b"]))[0] for shop in shops]
    revised = replace(turn(shops[0], conversations[0], 1, [inputs[0]]), messages=(), revisions=(Revision("9", "changed"),))
    plain = turn(shops[1], conversations[1], 1, [inputs[1]])
    assert await lab.turns.commit([revised, plain], []) == [True, True]
    assert [m.body for m in await lab.conversations.history(shops[0].tenant_id, conversations[0], 10)] == ["changed"]
    assert [m.body for m in await lab.conversations.history(shops[1].tenant_id, conversations[1], 10)] == ["mine", f"input {inputs[1]}"]


async def test_who_blocked_gets_nothing_any_more(lab: Lab) -> None:
    shop, sender = await lab.endpoint(), await carrier(lab, "sender")
    first, block, elsewhere = await receive(lab, shop, ["a", "b"]) + await receive(lab, shop, ["c"], "8")
    conversation, other = await open_conversation(lab, shop), await open_conversation(lab, shop, "8")
    timer = TimerRow("give_back", 5.0, {})
    assert await lab.turns.commit([turn(shop, conversation, 0, [first], ["one", "two"], steps=["three"], timers=[timer])], []) == [True]
    assert await lab.turns.commit([turn(shop, other, 0, [elsewhere], ["four"])], []) == [True]
    stop = replace(turn(shop, conversation, 1, [block]), messages=(), stop_sending="blocked")
    assert await lab.turns.commit([stop], []) == [True]
    states = [state for state, _ in (await lab.outbox_states()).values()]
    assert sorted(states) == ["failed", "failed", "failed", "pending"]
    assert len(await claim_ids(lab, sender)) == 1
    await lab.elapse(10.0)
    assert await lab.timers.fire(10) == 0


async def test_an_activated_conversation_knows_its_endpoint(lab: Lab) -> None:
    shop = await lab.endpoint()
    (record,) = await lab.conversations.activate([(shop.tenant_id, shop.address("-5"))])
    assert record.account
    assert record.username == ""
