"""Shows the customer that an answer is being written, while an agent's step works on it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from actors.domain.ids import Address
from actors.ports.conversations import ConversationRecord
from actors.ports.time import Clock
from actors.runtime.host.announcer import Announcer

AGAIN_S = 4.5  # Telegram shows it for 5 s or until a message arrives


@asynccontextmanager
async def shown_typing(record: ConversationRecord, announcer: Announcer, clock: Clock) -> AsyncIterator[None]:
    """Ask for the indicator now and again and again while the block lasts; the test chat shows the answer itself."""
    if record.channel == "test":
        yield
        return
    repeating = asyncio.create_task(_repeat(record.address, announcer, clock), name=f"typing {record.id}")
    try:
        yield
    finally:
        repeating.cancel()


async def _repeat(address: Address, announcer: Announcer, clock: Clock) -> None:
    while True:
        announcer.typing(address)
        await clock.sleep(AGAIN_S)
