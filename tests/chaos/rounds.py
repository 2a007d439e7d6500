"""A run of the rig: customers in rounds, every webhook at both gateways in opposite order, deaths from the seed; then the checker."""

import asyncio
import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from actors.ports.inbox import NewInput
from tests.chaos.checker import check, read
from tests.chaos.dump import dump
from tests.chaos.generator import update_of
from tests.chaos.ledger import now
from tests.chaos.plan import Bot
from tests.chaos.rig import Rig, both_own_everything, new_input, quiet
from tests.chaos.setup import CHAIN_AGENT, make_bots

CHATS = 60
ROUND = 20
ROUND_S = 0.06  # 330 messages a second
SETTLE_S = 20.0
AGENT = {**CHAIN_AGENT, "persona": {**CHAIN_AGENT["persona"], "debounce_s": 0.03}}


@dataclass(slots=True)
class Customers:
    """Writes the generator's ledger; the next message of a chat leaves only after the last was acknowledged."""

    rig: Rig
    tenant: str
    bots: list[Bot]
    chance: random.Random
    poison_at: tuple[int, ...]
    ledger: list[dict[str, Any]] = field(default_factory=list)
    seqs: dict[int, int] = field(default_factory=dict)

    async def write(self, messages: int) -> None:
        """Send that many messages in rounds."""
        loop, start, sent = asyncio.get_running_loop(), asyncio.get_running_loop().time(), 0
        while sent < messages:
            batch = [self._message(sent + n, chat) for n, chat in enumerate(self.chance.sample(range(CHATS), ROUND))]
            sent += len(batch)
            await self._round(batch)
            await asyncio.sleep(max(0.0, start + sent / ROUND * ROUND_S - loop.time()))

    def _message(self, number: int, chat: int) -> tuple[str, NewInput]:
        bot, chat_id = self.bots[chat % len(self.bots)], 5_000 + chat
        self.seqs[chat] = self.seqs.get(chat, 0) + 1
        poison = number in self.poison_at
        text = f"{bot.account}/{chat_id} {self.seqs[chat]}" + (" poison" if poison else "")
        raw = json.dumps(update_of(number, chat_id, number, text)).encode()
        new = new_input(self.tenant, bot.integration, bot.account, chat_id, number, raw)
        row = {"e": "sent", "key": new.dedupe_key, "chat": f"{bot.account}/{chat_id}", "seq": self.seqs[chat], "text": text, "t": now()}
        self.ledger.append(row | ({"poison": True} if poison else {}))
        return new.dedupe_key, new

    async def _round(self, batch: list[tuple[str, NewInput]]) -> None:
        """Deliver all messages to both gateways at once, in opposite order; repeat what nobody acknowledged."""
        waiting = dict(batch)
        while waiting:
            forward = [(key, 0, new) for key, new in waiting.items()]
            backward = [(key, 1, new) for key, new in reversed(waiting.items())]
            copies = [self._post(*copy) for pair in zip(forward, backward, strict=True) for copy in pair]
            copies += [self._post(key, 0, new) for key, _, new in forward if self.chance.random() < 0.3]
            for key in await asyncio.gather(*copies):
                waiting.pop(key or "", None)

    async def _post(self, key: str, gateway: int, new: NewInput) -> str | None:
        if not await self.rig.ingest(gateway, new):
            return None
        if not any(row["e"] == "acked" and row["key"] == key for row in self.ledger[-4 * ROUND :]):
            self.ledger.append({"e": "acked", "key": key, "t": now()})
        return key


async def _deaths(rig: Rig, chance: random.Random) -> None:
    """Both gateways share a fate: a copy that only one of them had in memory would hide what the other lost."""
    while True:
        await asyncio.sleep(chance.uniform(0.1, 0.25))
        victims = chance.choice((("host-0",), ("host-1",), ("host-0", "host-1"), ("sender",), ("sender",), ("gateway-0", "gateway-1")))
        await rig.kill(*victims)


async def run_rig(dsn: str, home: Path, seed: int, messages: int) -> dict[str, Any]:
    """Run and return the checker's verdict."""
    rig = Rig(dsn, home, seed)
    tenant, _, bots = await make_bots(dsn, home, 4, AGENT)
    poison_at = (messages // 3, 2 * messages // 3)
    customers = Customers(rig, tenant, bots, random.Random(seed), poison_at)
    with both_own_everything():
        await rig.start()
        deaths = asyncio.create_task(_deaths(rig, random.Random(seed + 1)))
        try:
            await customers.write(messages)
            deaths.cancel()
            await quiet(dsn, SETTLE_S)
        finally:
            deaths.cancel()
            await asyncio.gather(deaths, return_exceptions=True)
            await rig.stop()
    await asyncio.sleep(0.1)
    await _flush_statistics(dsn)
    await dump(dsn, home / "database.jsonl")
    verdict = check(customers.ledger, read(home / "database.jsonl"), rig.channel.rows, messages, rig.in_flight)
    return {**verdict, "deaths": rig.deaths, "fence_rejections": rig.fenced, "poison": len(poison_at)}


async def _flush_statistics(dsn: str) -> None:
    """Deadlocks are counted by each backend and shown when it reports, at the latest when it ends."""
    connection = await asyncpg.connect(dsn, server_settings={"jit": "off"})
    await connection.execute("select pg_stat_force_next_flush(); select pg_stat_clear_snapshot()")
    await connection.close()
