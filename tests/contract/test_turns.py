"""TurnStore and ConversationStore: a turn is written whole or not at all."""

from dataclasses import replace

import pytest

from actors.domain.errors import TerminalError
from actors.domain.ids import ConversationId
from actors.ports.turns import SettledInput
from tests.contract.labs import Endpoint, Lab, carrier, claim_ids, open_conversation, receive, turn


async def bodies(lab: Lab, shop: Endpoint, conversation: ConversationId) -> list[str]:
    return [m.body for m in await lab.conversations.history(shop.tenant_id, conversation, 100)]


async def test_a_conversation_exists_before_its_first_turn(lab: Lab) -> None:
    shop = await lab.endpoint()
    wanted = [(shop.tenant_id, shop.address("a")), (shop.tenant_id, shop.address("b")), (shop.tenant_id, shop.address("a"))]
    first = await lab.conversations.activate(wanted)
    again = await lab.conversations.activate(wanted)
    assert sorted(r.address.key for r in first) == ["a", "b"]
    assert {r.address: r.id for r in first} == {r.address: r.id for r in again}
    assert {(r.version, r.control, r.state, r.channel, r.agent_id) for r in first} == {(0, "bot", b"{}", "telegram", shop.agent_id)}


async def test_a_turn_writes_everything(lab: Lab) -> None:
    shop, sender = await lab.endpoint(), await carrier(lab, "sender")
    ids = await receive(lab, shop, ["a", "b"])
    conversation = await open_conversation(lab, shop)
    assert await lab.turns.commit([turn(shop, conversation, 0, ids, ["hello"], control="waiting")], []) == [True]
    (record,) = await lab.conversations.activate([(shop.tenant_id, shop.address())])
    assert (record.version, record.control, record.state.replace(b" ", b"")) == (1, "waiting", b'{"turns":1}')
    assert await bodies(lab, shop, conversation) == [f"input {ids[0]}", f"input {ids[1]}", "hello"]
    assert {i: s for i, (s, _) in (await lab.inbox_states()).items()} == dict.fromkeys(ids, "done")
    assert len(await claim_ids(lab, sender)) == 1


async def test_a_stale_version_loses_and_writes_nothing(lab: Lab) -> None:
    shop = await lab.endpoint()
    first, second = await receive(lab, shop, ["a", "b"])
    conversation = await open_conversation(lab, shop)
    assert await lab.turns.commit([turn(shop, conversation, 0, [first], ["one"])], []) == [True]
    assert await lab.turns.commit([turn(shop, conversation, 0, [second], ["stale"])], []) == [False]
    assert await bodies(lab, shop, conversation) == [f"input {first}", "one"]
    assert (await lab.inbox_states())[second] == ("pending", 0)
    assert len(await lab.outbox_states()) == 1


async def test_a_settled_input_makes_the_turn_lose_even_with_the_right_version(lab: Lab) -> None:
    shop = await lab.endpoint()
    first, second = await receive(lab, shop, ["a", "b"])
    conversation = await open_conversation(lab, shop)
    assert await lab.turns.commit([turn(shop, conversation, 0, [first], ["one"])], []) == [True]
    assert await lab.turns.commit([turn(shop, conversation, 1, [first, second], ["twice"])], []) == [False]
    assert await bodies(lab, shop, conversation) == [f"input {first}", "one"]
    assert len(await lab.outbox_states()) == 1


async def test_only_winners_are_written(lab: Lab) -> None:
    shop = await lab.endpoint()
    a, b = (await receive(lab, shop, ["a"], "a"))[0], (await receive(lab, shop, ["b"], "b"))[0]
    conversations = [await open_conversation(lab, shop, key) for key in ("a", "b")]
    assert await lab.turns.commit([turn(shop, conversations[0], 0, [a], ["first"])], []) == [True]
    batch = [turn(shop, conversations[0], 0, [a], ["loser"]), turn(shop, conversations[1], 0, [b], ["winner"])]
    assert await lab.turns.commit(batch, []) == [False, True]
    assert await bodies(lab, shop, conversations[0]) == [f"input {a}", "first"]
    assert await bodies(lab, shop, conversations[1]) == [f"input {b}", "winner"]
    assert len(await lab.outbox_states()) == 2


async def test_the_second_turn_of_a_conversation_in_one_commit_loses(lab: Lab) -> None:
    shop = await lab.endpoint()
    first, second = await receive(lab, shop, ["a", "b"])
    conversation = await open_conversation(lab, shop)
    batch = [turn(shop, conversation, 0, [first], ["one"]), turn(shop, conversation, 0, [second], ["two"])]
    assert await lab.turns.commit(batch, []) == [True, False]
    assert await bodies(lab, shop, conversation) == [f"input {first}", "one"]


async def test_what_the_database_refuses_it_refuses_for_the_batch_and_halves_find_it(lab: Lab) -> None:
    shop = await lab.endpoint()
    good = (await receive(lab, shop, ["a"], "good"))[0]
    conversation, poisoned = await open_conversation(lab, shop, "good"), await open_conversation(lab, shop, "bad")
    batch = [turn(shop, conversation, 0, [good], ["fine"]), turn(shop, poisoned, 0, replies=["NUL \x00"])]
    with pytest.raises(TerminalError):
        await lab.turns.commit(batch, [])
    assert (await lab.inbox_states())[good] == ("pending", 0)
    assert await lab.turns.commit(batch[:1], []) == [True]
    with pytest.raises(TerminalError):
        await lab.turns.commit(batch[1:], [])


async def test_a_dead_letter_is_settled_with_its_reason(lab: Lab) -> None:
    shop = await lab.endpoint()
    (letter,) = await receive(lab, shop, ["poison"])
    conversation = await open_conversation(lab, shop)
    settled = replace(turn(shop, conversation, 0), inputs=(SettledInput(letter, "dead", "it kills hosts"),))
    assert await lab.turns.commit([settled], []) == [True]
    assert (await lab.inbox_states())[letter] == ("dead", 0)


async def test_control_changes_make_a_turn_in_progress_lose(lab: Lab) -> None:
    shop = await lab.endpoint()
    ids = await receive(lab, shop, ["a"])
    conversation = await open_conversation(lab, shop)
    await lab.set_control(shop, conversation, "human")
    assert await lab.turns.commit([turn(shop, conversation, 0, ids, ["too late"])], []) == [False]
    (record,) = await lab.conversations.activate([(shop.tenant_id, shop.address())])
    assert (record.version, record.control) == (1, "human")


async def test_history_is_the_tail_oldest_first_and_of_one_tenant(lab: Lab) -> None:
    shop, other = await lab.endpoint(), await lab.endpoint()
    conversation = await open_conversation(lab, shop)
    for version in range(5):
        assert await lab.turns.commit([turn(shop, conversation, version, replies=[str(version)])], []) == [True]
    assert [m.body for m in await lab.conversations.history(shop.tenant_id, conversation, 3)] == ["2", "3", "4"]
    assert await lab.conversations.history(other.tenant_id, conversation, 3) == []


async def test_nothing_to_commit_still_finishes_batches(lab: Lab) -> None:
    shop, host = await lab.endpoint(), await carrier(lab)
    await receive(lab, shop, ["a"])
    pulled = await lab.inbox.pull(host, [], [], [], 10)
    assert pulled is not None
    assert await lab.turns.commit([], [pulled.batch_id]) == []
    assert await lab.inbox.suspects(await carrier(lab)) == []
