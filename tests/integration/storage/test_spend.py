"""Money is counted with the turn that spent it: once, with its winner, and for its company."""

from dataclasses import replace

from actors.domain.agent.spending import Spent
from storage.spending import PostgresSpending
from tests.contract.labs import RealLab, open_conversation, receive, turn


async def test_only_a_turn_that_wins_has_spent(real_lab: RealLab) -> None:
    shop = await real_lab.endpoint()
    (first, second) = await receive(real_lab, shop, ["one", "two"])
    conversation = await open_conversation(real_lab, shop)
    won = replace(turn(shop, conversation, 0, [first]), spent=Spent(10, 5, 100), agent_id=shop.agent_id)
    lost = replace(turn(shop, conversation, 0, [second]), spent=Spent(10, 5, 1_000), agent_id=shop.agent_id)
    assert await real_lab.turns.commit([won], []) == [True]
    assert await real_lab.turns.commit([lost], []) == [False]
    assert await PostgresSpending(real_lab.engine).spent_today(shop.tenant_id) == 100


async def test_turns_of_many_companies_in_one_commit_are_told_apart(real_lab: RealLab) -> None:
    turns = []
    for micros in (7, 11):
        shop = await real_lab.endpoint()
        (row,) = await receive(real_lab, shop, ["one"])
        plain = turn(shop, await open_conversation(real_lab, shop), 0, [row])
        turns.append(replace(plain, spent=Spent(1, 1, micros), agent_id=shop.agent_id))
    assert await real_lab.turns.commit(turns, []) == [True, True]
    spending = PostgresSpending(real_lab.engine)
    assert [await spending.spent_today(one.tenant_id) for one in turns] == [7, 11]
