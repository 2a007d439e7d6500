"""The customers: 200 conversations over several bots, each webhook delivered one to three times at once and repeated until 2xx.

Its own process: python -m tests.chaos.generator PLAN.json. SIGTERM stops new messages; it ends when everything is acknowledged.
"""

import asyncio
import json
import random
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.chaos.ledger import Ledger, now
from tests.chaos.operators import Operators
from tests.chaos.plan import Bot, Plan

DRAIN_S = 90.0  # longer than any recovery the product may need
REQUEST_S = 10.0
REPEAT_S = 0.2


@dataclass(slots=True)
class Chat:
    """One customer: messages leave one after another, the next only after the previous was acknowledged."""

    bot: Bot
    chat_id: int
    queue: "asyncio.Queue[int]" = field(default_factory=asyncio.Queue)
    planned: int = 0

    @property
    def name(self) -> str:
        """Return `account/key`, the name all ledgers use."""
        return f"{self.bot.account}/{self.chat_id}"


class Generator:
    """Delivers webhooks as Telegram would on a bad day."""

    def __init__(self, plan: Plan, session: aiohttp.ClientSession) -> None:
        self._plan = plan
        self._session = session
        self._random = random.Random(plan.seed)
        self._ledger = Ledger(plan.ledger)
        self._updates = {bot.account: 1_000 for bot in plan.bots}
        self.chats = [Chat(plan.bots[n % len(plan.bots)], 5_000 + n) for n in range(plan.conversations)]
        self.stopping = asyncio.Event()

    async def run(self) -> None:
        """Run until stopped, then until everything is acknowledged or the drain time is over."""
        operators = Operators(self._plan, self._ledger, [c.name for c in self.chats])
        workers = [asyncio.create_task(self._work(chat)) for chat in self.chats]
        people = asyncio.create_task(operators.run(self.stopping))
        planned = await self._pace()
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await people
                await asyncio.gather(*(chat.queue.join() for chat in self.chats))
        for task in (people, *workers):
            task.cancel()
        await asyncio.gather(people, *workers, return_exceptions=True)
        self._ledger.write("end", planned=planned, t=now())
        self._ledger.close()

    async def _pace(self) -> int:
        loop, planned = asyncio.get_running_loop(), 0
        start = loop.time()
        while not self.stopping.is_set() and loop.time() - start < self._plan.seconds:
            while planned < (loop.time() - start) * self._plan.rate:
                chat = self._random.choice(self.chats)
                chat.planned += 1
                chat.queue.put_nowait(chat.planned)
                planned += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), 0.02)
        self.stopping.set()
        return planned

    async def _work(self, chat: Chat) -> None:
        while True:
            seq = await chat.queue.get()
            await self._deliver(chat, seq)
            chat.queue.task_done()

    async def _deliver(self, chat: Chat, seq: int) -> None:
        self._updates[chat.bot.account] += 1
        update_id = self._updates[chat.bot.account]
        text = f"{chat.name} {seq} {self._random.randrange(10**6)}"
        key = f"telegram:{chat.bot.account}:{update_id}"
        body = json.dumps(update_of(update_id, chat.chat_id, seq, text)).encode()
        self._ledger.write("sent", key=key, chat=chat.name, seq=seq, text=text, t=now())
        answers: list[int] = []
        while True:
            copies = [self._post(chat.bot, body) for _ in range(self._random.randint(1, 3))]
            for done in asyncio.as_completed(copies):
                answers.append(await done)
                if 200 <= answers[-1] < 300:
                    self._ledger.write("acked", key=key, t=now(), answers=answers)
                    return
            await asyncio.sleep(REPEAT_S)

    async def _post(self, bot: Bot, body: bytes) -> int:
        url = f"{self._random.choice(self._plan.gateways)}/webhooks/telegram/{bot.integration}"
        headers = {"X-Telegram-Bot-Api-Secret-Token": bot.secret, "Content-Type": "application/json"}
        try:
            async with self._session.post(url, data=body, headers=headers) as response:
                await response.read()
                return response.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0


def update_of(update_id: int, chat_id: int, message_id: int, text: str) -> dict[str, Any]:
    """Return an update as Telegram sends it."""
    person = {"id": chat_id, "is_bot": False, "first_name": "Chaos", "language_code": "en"}
    chat = {"id": chat_id, "type": "private", "first_name": "Chaos"}
    return {"update_id": update_id, "message": {"message_id": message_id, "date": int(now()), "from": person, "chat": chat, "text": text}}


async def main(plan: Plan) -> None:
    """Run the generator of a plan."""
    timeout = aiohttp.ClientTimeout(total=REQUEST_S)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        generator = Generator(plan, session)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, generator.stopping.set)
        await generator.run()


if __name__ == "__main__":
    asyncio.run(main(Plan.read(Path(sys.argv[1]))))
