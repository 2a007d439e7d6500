"""The typing indicator on the host's side: only while an agent works, again before it fades, never left behind."""

import asyncio
from uuid import uuid4

from actors.domain.ids import Address, AgentId, ConversationId, IntegrationId, TenantId
from actors.ports.conversations import ConversationRecord
from actors.runtime.clock import SystemClock
from actors.runtime.host.announcer import Announcer
from actors.runtime.host.typing import AGAIN_S, shown_typing
from tests.fakes.signals import FakeSignals
from tests.unit.runtime.host_on_fakes import AGENT, HostOnFakes
from tests.unit.runtime.test_conversation_host import model


class SteppedClock(SystemClock):
    """Sleeps until it is told to go on."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.slept: asyncio.Queue[float] = asyncio.Queue()
        self.go = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        self.slept.put_nowait(seconds)
        await self.go.wait()
        self.go.clear()


async def test_typing_is_asked_for_while_a_step_works_and_never_by_what_answers_at_once() -> None:
    hold = asyncio.Event()
    script = {"id": "hi", "phrases": ["hello"], "answer": {"en": "Hello!"}}
    lab = HostOnFakes({**AGENT, "scripts": [script]}, model(hold), "telegram")
    async with lab.running() as host:
        await lab.write("quick", "hello")
        await lab.settled()
        assert lab.replies("quick") == ["Hello!"]
        assert lab.signals.typed == []
        await lab.write("slow", "question")
        await lab.until(lambda: bool(lab.signals.typed))
        assert lab.signals.typed == [Address(lab.integration.id, "slow")]
        hold.set()
        await lab.settled()
        assert host.status()["steps"] == 0
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("typing")]


async def test_typing_is_repeated_before_it_fades() -> None:
    clock, signals = SteppedClock(), FakeSignals()
    announcer = Announcer(signals)
    record = ConversationRecord(
        ConversationId(1), TenantId(uuid4()), Address(IntegrationId(uuid4()), "5"), 0, "bot", b"{}", AgentId(uuid4()), "telegram", "once"
    )
    async with shown_typing(record, announcer, clock):
        for _ in range(3):
            await clock.slept.get()
            await announcer.flush()
            clock.go.set()
    assert signals.typed == [record.address] * 3
    assert clock.asked[:3] == [AGAIN_S] * 3
    assert AGAIN_S < 5.0
