"""The scheduler: timers fire once, leases end, keys are forgotten, and a failure is tried again."""

import asyncio

from actors.domain.errors import TransientError
from actors.domain.ids import ConversationId
from actors.runtime.clock import SystemClock
from actors.runtime.scheduler_actor import SchedulerActor
from tests.fakes.delivery_stores import FakeOutbox
from tests.fakes.stores import FakeConversations, FakeTimers
from tests.fakes.world import TimerEntry, World
from tests.unit.runtime.rows import address


class Housekeeper:
    def __init__(self, portions: list[int]) -> None:
        self.portions = portions

    async def tidy(self, portion: int = 1000) -> int:
        return self.portions.pop(0) if self.portions else 0


class AwayOnce(FakeTimers):
    away = True

    async def fire(self, limit: int) -> int:
        if self.away:
            self.away = False
            raise TransientError("postgres is away")
        return await super().fire(limit)


class Asking:
    """Two handoffs are due, and three notices, once."""

    def __init__(self) -> None:
        self.due, self.notices = 2, 3

    async def advance(self, limit: int) -> int:
        asked, self.due = min(self.due, limit), 0
        return asked

    async def tell(self, limit: int) -> int:
        said, self.notices = min(self.notices, limit), 0
        return said

    async def sweep(self) -> int:
        return 0


class Schedules:
    """Three are due, once."""

    def __init__(self) -> None:
        self.due = 3

    async def fire(self, limit: int) -> int:
        fired, self.due = min(self.due, limit), 0
        return fired


async def test_due_timers_become_inputs_whatever_failed_before() -> None:
    world = World()
    bot = world.add_integration("test")
    [record] = await FakeConversations(world).activate([(bot.tenant_id, address("1", bot.id))])
    world.timers[record.id, "give_back"] = TimerEntry(bot.tenant_id, ConversationId(record.id), "give_back", 0.0, {})
    world.advance(1.0)
    keeper, schedules = Housekeeper([1000, 1000, 3]), Schedules()
    scheduler = SchedulerActor(SystemClock(), AwayOnce(world), FakeOutbox(world), keeper, Asking(), rules=schedules)
    task = asyncio.create_task(scheduler.run())
    async with asyncio.timeout(5):
        while (await scheduler.ping())["fired"] == 0:
            await asyncio.sleep(0.02)
    await scheduler.drain()
    await task
    assert [entry.kind for entry in world.inbox.values()] == ["timer"]
    assert await scheduler.ping() == {
        "fired": 1,
        "called": 3,
        "steps": 0,
        "expired": 0,
        "forgotten": 2003,
        "asked": 2,
        "told": 3,
        "failures": 1,
    }
