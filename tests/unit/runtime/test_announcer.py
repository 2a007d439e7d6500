"""Hints after commits: events for those who wait for a turn, and for lists a few changes a second, however many turns."""

import asyncio
from uuid import UUID, uuid4

from actors.domain.ids import Address, AgentId, ConversationId, InboxId, IntegrationId, TenantId, TurnId
from actors.ports.conversations import ConversationRecord
from actors.ports.turns import SettledInput, TurnCommit
from actors.runtime.host.announcer import Announcer
from tests.fakes.signals import FakeSignals

TENANTS = TenantId(UUID(int=1)), TenantId(UUID(int=2))


def turn(number: int, tenant: TenantId = TENANTS[0], channel: str = "telegram") -> tuple[ConversationRecord, TurnCommit]:
    address = Address(IntegrationId(UUID(int=7)), str(number))
    record = ConversationRecord(ConversationId(number), tenant, address, 0, "bot", b"", AgentId(UUID(int=3)), channel, "once")
    inputs = (SettledInput(InboxId(number)),)
    return record, TurnCommit(TurnId(uuid4()), tenant, ConversationId(number), 0, b"{}", None, inputs, (), (), (), (), b"")


async def test_each_tenant_hears_of_its_own_conversations_once() -> None:
    signals = FakeSignals()
    announcer = Announcer(signals)
    announcer.committed([turn(1), turn(2, TENANTS[1]), turn(1)])
    await announcer.flush()
    assert signals.changes == [(TENANTS[0], (1,), ()), (TENANTS[1], (2,), ())]
    assert [conversation for conversation, _ in signals.events] == [1, 2, 1]


async def test_in_a_crowd_only_our_own_channels_get_an_event_for_each_turn() -> None:
    signals = FakeSignals()
    announcer = Announcer(signals)
    announcer.committed([*(turn(n) for n in range(1, 40)), turn(50, channel="test"), turn(51, channel="web")])
    await announcer.flush()
    assert [conversation for conversation, _ in signals.events] == [50, 51]
    assert len(signals.changes) == 1


async def test_many_turns_are_few_hints_for_lists() -> None:
    signals = FakeSignals()
    announcer = Announcer(signals)
    running = asyncio.create_task(announcer.run())
    async with asyncio.timeout(10):
        number = 0
        while len(signals.changes) < 3:
            number += 1
            announcer.committed([turn(number)])
            await asyncio.sleep(0.002)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    told = [conversation for _, messages, _ in signals.changes for conversation in messages]
    assert told == list(range(1, len(told) + 1))  # none is lost, none is told twice
    assert len(told) > 5
