"""OutboxStore: order, silence, leases, and outcomes that cannot be known."""

from typing import Literal

import pytest

from actors.domain.errors import OwnershipLost
from actors.domain.ids import ConversationId, OutboxId
from actors.ports.outbox import Outcome
from tests.contract.labs import Endpoint, Lab, carrier, claim_ids, open_conversation, receive, turn

LEASE_S = 0.5


async def said(lab: Lab, shop: Endpoint, replies: list[str], policy: Literal["once", "repeat_once"] = "repeat_once") -> ConversationId:
    conversation = await open_conversation(lab, shop)
    assert await lab.turns.commit([turn(shop, conversation, 0, replies=replies, policy=policy)], []) == [True]
    return conversation


async def state_of(lab: Lab, row: OutboxId) -> tuple[str, int]:
    return (await lab.outbox_states())[row]


async def test_rows_of_a_conversation_go_out_one_after_another(lab: Lab) -> None:
    shop, sender = await lab.endpoint(), await carrier(lab, "sender")
    await said(lab, shop, ["one", "two"])
    (first,) = await lab.outbox.claim(sender, [], 10, 10, 20)
    assert (first.body, first.delivery_class, first.attempts, first.address) == ({"text": "one"}, "reply", 0, shop.address())
    assert await claim_ids(lab, sender) == []
    assert await lab.outbox.begin(sender, [first.id]) == {first.id}
    assert await claim_ids(lab, sender) == []
    assert await lab.outbox.finish(sender, [Outcome(first.id, "sent", provider_message_id="9")]) == 1
    (second,) = await lab.outbox.claim(sender, [], 10, 10, 20)
    assert second.body == {"text": "two"}


@pytest.mark.parametrize("outcome", ["failed", "sent"])
async def test_a_settled_row_opens_the_way(lab: Lab, outcome: Literal["failed", "sent"]) -> None:
    shop, sender = await lab.endpoint(), await carrier(lab, "sender")
    await said(lab, shop, ["one", "two"])
    (first,) = await claim_ids(lab, sender)
    await lab.outbox.begin(sender, [first])
    assert await lab.outbox.finish(sender, [Outcome(first, outcome, "why")]) == 1
    assert await state_of(lab, first) == (outcome, 0)
    assert len(await claim_ids(lab, sender)) == 1


async def test_limits_hold_and_paused_integrations_wait(lab: Lab) -> None:
    shop, other, sender = await lab.endpoint(), await lab.endpoint(), await carrier(lab, "sender")
    for n in range(5):
        conversation = await open_conversation(lab, shop, f"c{n}")
        assert await lab.turns.commit([turn(shop, conversation, 0, replies=["hi"])], []) == [True]
    await said(lab, other, ["hello"])
    claims = await lab.outbox.claim(sender, [other.integration_id], 2, 10, 20)
    assert [c.address.integration_id for c in claims] == [shop.integration_id] * 2
    assert len(await lab.outbox.claim(sender, [], 100, 3, 20)) == 3


async def test_replies_go_before_steps(lab: Lab) -> None:
    shop, sender = await lab.endpoint(), await carrier(lab, "sender")
    for key, kind in (("a", "steps"), ("b", "replies")):
        conversation = await open_conversation(lab, shop, key)
        commit = turn(shop, conversation, 0, steps=["step"]) if kind == "steps" else turn(shop, conversation, 0, replies=["reply"])
        assert await lab.turns.commit([commit], []) == [True]
    claims = await lab.outbox.claim(sender, [], 1, 10, 20)
    assert [c.delivery_class for c in claims] == ["reply"]
    assert [c.delivery_class for c in await lab.outbox.claim(sender, [], 1, 10, 20)] == ["step"]


async def test_a_step_is_not_claimed_while_the_customer_waits_for_an_answer(lab: Lab) -> None:
    shop, sender = await lab.endpoint(), await carrier(lab, "sender")
    conversation = await open_conversation(lab, shop)
    assert await lab.turns.commit([turn(shop, conversation, 0, steps=["still interested?"])], []) == [True]
    ids = await receive(lab, shop, ["yes"])
    assert await claim_ids(lab, sender) == []
    assert await lab.turns.commit([turn(shop, conversation, 1, ids)], []) == [True]
    assert len(await claim_ids(lab, sender)) == 1


async def test_a_takeover_withdraws_what_is_not_on_the_wire(lab: Lab) -> None:
    shop, sender = await lab.endpoint(), await carrier(lab, "sender")
    conversation = await said(lab, shop, ["one", "two"])
    (claimed,) = await claim_ids(lab, sender)
    await lab.set_control(shop, conversation, "human")
    assert {state for state, _ in (await lab.outbox_states()).values()} == {"withdrawn"}
    assert await lab.outbox.begin(sender, [claimed]) == set()
    await lab.set_control(shop, conversation, "bot")
    assert await claim_ids(lab, sender) == []


async def test_what_may_have_been_read_is_in_doubt_after_a_takeover_not_withdrawn(lab: Lab) -> None:
    shop, sender = await lab.endpoint(), await carrier(lab, "sender")
    conversation = await said(lab, shop, ["one", "two"])
    (first,) = await claim_ids(lab, sender)
    await lab.outbox.begin(sender, [first])
    await lab.outbox.finish(sender, [Outcome(first, "unknown", delay_s=60.0)])
    assert await state_of(lab, first) == ("pending", 1)
    await lab.set_control(shop, conversation, "human")
    assert sorted((await lab.outbox_states()).values()) == [("unknown", 1), ("withdrawn", 0)]
    await lab.set_control(shop, conversation, "bot")
    assert await claim_ids(lab, sender) == []


async def test_a_bots_row_that_comes_back_does_not_speak_and_does_not_block_the_operator(lab: Lab) -> None:
    shop, sender = await lab.endpoint(), await carrier(lab, "sender")
    conversation = await said(lab, shop, ["from the bot"])
    (row,) = await claim_ids(lab, sender)
    await lab.outbox.begin(sender, [row])
    await lab.set_control(shop, conversation, "human")
    assert await lab.outbox.finish(sender, [Outcome(row, "retry", delay_s=0.0)]) == 1
    assert await claim_ids(lab, sender) == []
    await lab.operator_reply(shop, conversation, "from a person")
    (claim,) = await lab.outbox.claim(sender, [], 10, 10, 20)
    assert (claim.delivery_class, claim.body) == ("operator", {"text": "from a person"})
    await lab.outbox.begin(sender, [claim.id])
    await lab.outbox.finish(sender, [Outcome(claim.id, "sent")])
    await lab.set_control(shop, conversation, "bot")
    assert (await state_of(lab, row))[0] == "withdrawn"
    assert await claim_ids(lab, sender) == []


async def test_a_test_chat_has_nothing_to_deliver(lab: Lab) -> None:
    shop, sender = await lab.endpoint("test"), await carrier(lab, "sender")
    conversation = await open_conversation(lab, shop)
    await lab.operator_reply(shop, conversation, "hello")
    assert await claim_ids(lab, sender) == []


async def test_an_operators_answer_takes_over(lab: Lab) -> None:
    shop, sender = await lab.endpoint(), await carrier(lab, "sender")
    conversation = await said(lab, shop, ["from the bot"])
    await lab.operator_reply(shop, conversation, "from a person")
    (record,) = await lab.conversations.activate([(shop.tenant_id, shop.address())])
    assert record.control == "human"
    assert [c.body for c in await lab.outbox.claim(sender, [], 10, 10, 20)] == [{"text": "from a person"}]


async def test_a_retry_waits_for_its_time(lab: Lab) -> None:
    shop, sender = await lab.endpoint(), await carrier(lab, "sender")
    await said(lab, shop, ["one"])
    (row,) = await claim_ids(lab, sender)
    assert await lab.outbox.finish(sender, [Outcome(row, "retry", "429", delay_s=0.2)]) == 1  # claimed, never begun
    assert await claim_ids(lab, sender) == []
    await lab.elapse(0.25)
    (again,) = await lab.outbox.claim(sender, [], 10, 10, 20)
    assert (again.id, again.attempts, again.uncertain) == (row, 0, 0)


async def test_an_unknown_outcome_is_repeated_once_and_never_a_third_time(lab: Lab) -> None:
    shop, sender = await lab.endpoint(), await carrier(lab, "sender")
    await said(lab, shop, ["one", "two"])
    (row,) = await claim_ids(lab, sender)
    for expected in (("pending", 1), ("unknown", 2)):
        await lab.outbox.begin(sender, [row])
        assert await lab.outbox.finish(sender, [Outcome(row, "unknown", "reset")]) == 1
        assert await state_of(lab, row) == expected
        following = await claim_ids(lab, sender)
        assert (following == [row]) == (expected[0] == "pending")
    assert len(following) == 1  # the next one: unknown opens the way


async def test_once_means_once(lab: Lab) -> None:
    shop, sender = await lab.endpoint(), await carrier(lab, "sender")
    await said(lab, shop, ["one"], "once")
    (row,) = await claim_ids(lab, sender)
    await lab.outbox.begin(sender, [row])
    await lab.outbox.finish(sender, [Outcome(row, "unknown", "reset")])
    assert await state_of(lab, row) == ("unknown", 1)
    assert await claim_ids(lab, sender) == []


async def test_a_lease_that_ends_before_the_send_costs_nothing(lab: Lab) -> None:
    shop, sender = await lab.endpoint(), await carrier(lab, "sender")
    await said(lab, shop, ["one"])
    (row,) = await claim_ids(lab, sender, LEASE_S)
    await lab.elapse(2 * LEASE_S)
    assert await lab.outbox.begin(sender, [row]) == set()
    assert await lab.outbox.expire() == {"pending": 1}
    assert await state_of(lab, row) == ("pending", 0)


@pytest.mark.parametrize(("policy", "after"), [("repeat_once", ("pending", 1)), ("once", ("unknown", 1))])
async def test_a_lease_that_ends_during_the_send_is_an_unknown_outcome(
    lab: Lab, policy: Literal["once", "repeat_once"], after: tuple[str, int]
) -> None:
    shop, sender = await lab.endpoint(), await carrier(lab, "sender")
    await said(lab, shop, ["one"], policy)
    (row,) = await claim_ids(lab, sender, LEASE_S)
    assert await lab.outbox.begin(sender, [row]) == {row}
    assert await lab.outbox.expire() == {}
    await lab.elapse(2 * LEASE_S)
    assert await lab.outbox.expire() == {after[0]: 1}
    assert await state_of(lab, row) == after
    assert await lab.outbox.finish(sender, [Outcome(row, "sent")]) == 0  # too late: it is counted for ever


async def test_a_second_unknown_by_lease_stays_unknown(lab: Lab) -> None:
    shop, sender = await lab.endpoint(), await carrier(lab, "sender")
    await said(lab, shop, ["one"])
    for expected in (("pending", 1), ("unknown", 2)):
        (row,) = await claim_ids(lab, sender, LEASE_S)
        await lab.outbox.begin(sender, [row])
        await lab.elapse(2 * LEASE_S)
        await lab.outbox.expire()
        assert await state_of(lab, row) == expected
    assert await claim_ids(lab, sender) == []


async def test_a_new_generation_gets_the_claimed_rows_at_once_and_the_old_one_sends_none(lab: Lab) -> None:
    shop, old = await lab.endpoint(), await carrier(lab, "sender")
    await said(lab, shop, ["one"])
    (row,) = await claim_ids(lab, old)
    new = await carrier(lab, "sender")
    assert await lab.outbox.reclaim(new) == 1
    assert await lab.outbox.begin(old, [row]) == set()
    assert await lab.outbox.finish(old, [Outcome(row, "retry")]) == 0
    with pytest.raises(OwnershipLost):
        await lab.outbox.claim(old, [], 10, 10, 20)
    assert await claim_ids(lab, new) == [row]
    assert await lab.outbox.reclaim(new) == 0
