"""People who take conversations over, answer and give back over the API, and steps put into the outbox as a sequence would."""

import asyncio
import json
import random
from contextlib import suppress
from uuid import uuid4

import aiohttp
import asyncpg

from storage.postgres import DRIVER_ERRORS
from tests.chaos.ledger import Ledger, now
from tests.chaos.plan import Plan

PAUSE_S = 0.5
HOLD_S = (1.0, 4.0)
REPEAT_S = 0.3
_FIND = """select c.id from conversations c join integrations g on g.id = c.integration_id where g.account = $1 and c.key = $2"""
_STEP = """
insert into outbox (tenant_id, conversation_id, integration_id, shard, turn_id, seq, class, policy, body)
select c.tenant_id, c.id, g.id, g.shard, $2, 0, 'step', 'once', $3::jsonb
from conversations c join integrations g on g.id = c.integration_id where c.id = $1"""
_UNAVAILABLE = (*DRIVER_ERRORS, aiohttp.ClientError)


class Operators:
    """Acts on random conversations until stopped; every conversation is given back at the end."""

    def __init__(self, plan: Plan, ledger: Ledger, chats: list[str]) -> None:
        self._plan = plan
        self._ledger = ledger
        self._chats = chats
        self._random = random.Random(plan.seed + 1)
        self._counter = 0
        self._held: set[str] = set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Act until `stopping`."""
        if not self._plan.operators:
            return
        headers = {"Authorization": f"Bearer {self._plan.api_key}"}
        async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=10)) as session, asyncio.TaskGroup() as group:
            while not stopping.is_set():
                chat = self._random.choice(self._chats)
                if chat not in self._held:
                    act = self._step(chat) if self._random.random() < 0.5 else self._take(session, chat)
                    group.create_task(act)
                with suppress(TimeoutError):
                    await asyncio.wait_for(stopping.wait(), PAUSE_S)

    async def _take(self, session: aiohttp.ClientSession, chat: str) -> None:
        self._held.add(chat)
        try:
            conversation = await self._find(chat)
            if conversation is None:
                return
            await self._call(session, chat, conversation, "takeover")
            await asyncio.sleep(self._random.uniform(*HOLD_S))
            if self._random.random() < 0.5:
                await self._call(session, chat, conversation, "reply")
            await asyncio.sleep(self._random.uniform(*HOLD_S))
            await self._call(session, chat, conversation, "give_back")
        finally:
            self._held.discard(chat)

    async def _call(self, session: aiohttp.ClientSession, chat: str, conversation: int, what: str) -> None:
        url = f"{self._plan.gateways[0]}/api/conversations/{conversation}/{what.replace('_', '-')}"
        asked = now()
        while True:
            self._counter += 1
            self._ledger.write("control_try", what=what, chat=chat, t=now())
            text = f"operator {self._counter}"  # another text every time: an answer that got lost may have been stored
            with suppress(*_UNAVAILABLE):
                async with session.post(url, json={"text": text} if what == "reply" else {}) as response:
                    await response.read()
                    if 200 <= response.status < 300:
                        self._ledger.write("control", what=what, chat=chat, t=asked, t_acked=now(), text=text)
                        return
                    if 400 <= response.status < 500 and response.status != 429:
                        raise AssertionError(f"{what}: {response.status} {await response.text()}")
            await asyncio.sleep(REPEAT_S)

    async def _step(self, chat: str) -> None:
        conversation = await self._find(chat)
        if conversation is None:
            return
        self._counter += 1
        text = f"step {self._counter}"
        with suppress(*_UNAVAILABLE):
            connection = await asyncpg.connect(
                self._plan.database_url, timeout=5, server_settings={"role": "callboard_engine", "jit": "off"}
            )
            try:
                async with connection.transaction():
                    await connection.execute("select set_config('app.tenants', $1, true)", "{" + self._plan.tenant + "}")
                    await connection.execute(_STEP, conversation, uuid4(), json.dumps({"text": text}))
                self._ledger.write("step", chat=chat, text=text, t=now())
            finally:
                await connection.close(timeout=2)

    async def _find(self, chat: str) -> int | None:
        account, key = chat.split("/")
        with suppress(*_UNAVAILABLE):
            connection = await asyncpg.connect(self._plan.database_url, timeout=5, server_settings={"jit": "off"})
            try:
                found: int | None = await connection.fetchval(_FIND, account, key)
                return found
            finally:
                await connection.close(timeout=2)
        return None
