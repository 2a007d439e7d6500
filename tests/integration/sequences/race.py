"""A customer's answer against a step of a sequence, posted at every point of the step's way.

`python -m tests.integration.sequences.race --trials 10000` runs many trials on servers of its own and prints what it found.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from actors.domain.ids import Address, IntegrationId
from actors.ports.carriers import Carrier
from actors.ports.channels import Pace
from actors.ports.integrations import IntegrationRecord
from actors.ports.outbox import Claim
from actors.ports.turns import TurnCommit
from actors.runtime.clock import SystemClock, SystemIds, fresh_generation
from actors.runtime.composition import parsers
from actors.runtime.host.conversation_host import ConversationHost, HostPorts
from actors.services.agent import AgentService
from actors.services.catalogues import Catalogues
from actors.services.conversation import ConversationService
from actors.services.delivery import Delivery, DeliveryLimits
from actors.services.held_claims import HeldClaim
from actors.services.integration_book import IntegrationBook
from storage.carriers import PostgresCarriers
from storage.catalogue import PostgresCatalogue
from storage.conversations import PostgresConversations
from storage.embedded_postgres import EmbeddedPostgres
from storage.enrolling import PostgresSequences
from storage.inbox import PostgresInbox
from storage.integrations import PostgresIntegrations
from storage.migrate import migrate
from storage.outbox import PostgresOutbox
from storage.postgres import Database, Role
from storage.unit_of_work import PostgresTurns
from tests.integration.host_lab import HostLab
from tests.integration.shop import Shop, open_shop

POINTS = ("due", "inbox row", "decided", "committed", "claimed", "request written")
STEP = "How do you like it so far?"
PLAN: dict[str, Any] = {"id": "follow", "name": "Follow up", "steps": [{"do": "send", "text": {"en": STEP}}]}
AGENT: dict[str, Any] = {"persona": {"name": "Anna", "languages": ["en"], "debounce_s": 0.0}, "sequences": [PLAN]}
AT_ONCE = 60
_ENROLL = "select enrollment_control($1, $2, c.id, 'follow', 'start', $4, $5, 'test') from conversations c where c.id = any($3)"


@dataclass
class Trial:
    """One conversation: where its customer answers, and when everything happened on our clock."""

    point: str
    awaited: bool
    posted_at: float = 0.0
    acknowledged_at: float = 0.0
    claimed_at: float = 0.0  # before the claim that took the step was asked for
    stored_at: float = 0.0  # before its outcome was stored
    sent: int = 0


@dataclass
class Findings:
    """What the trials showed. The first three must be 0."""

    trials: int = 0
    sent_after_answer: int = 0
    sent_twice: int = 0
    not_marked: int = 0
    wrongly_marked: int = 0
    answered_first: int = 0
    crossed: int = 0
    points: Counter[str] = field(default_factory=Counter)

    @property
    def wrong(self) -> int:
        return self.sent_after_answer + self.sent_twice + self.not_marked + self.wrongly_marked


class Channel:
    """Notes what is written to the wire; the customer may answer before it has said so."""

    def __init__(self, race: "Race") -> None:
        self._race = race

    def account_pace(self) -> Pace:
        return Pace(0.0, 1_000)

    def address_pace(self, address: Address) -> Pace:
        return Pace(0.0, 1_000)

    async def send(self, integration: IntegrationRecord, claim: Claim, not_after: float) -> str:
        if claim.delivery_class == "step":
            trial = self._race.trials[claim.address.key]
            trial.sent += 1
            await self._race.reach("request written", [claim.address.key])
        return str(claim.id)


class WatchedTurns(PostgresTurns):
    """Tells when a step was decided and when it is committed."""

    race: "Race"
    keys: dict[int, str]

    async def commit(self, turns: Sequence[TurnCommit], finished_batches: Sequence[int]) -> list[bool]:
        steps = [self.keys[turn.conversation_id] for turn in turns if turn.steps]
        await self.race.reach("decided", steps)
        won = await super().commit(turns, finished_batches)
        await self.race.reach("committed", steps)
        return won


class Race:
    """Rounds of trials with one host and one sender that work at the same time."""

    def __init__(self, shop: Shop, databases: Sequence[Database], seed: int) -> None:
        self.trials: dict[str, Trial] = {}
        self._shop = shop
        self._host_database, self._sender_database, self._edge_database = databases
        self._lab = HostLab(shop)
        self._rng = random.Random(seed)
        self._posting: set[asyncio.Task[None]] = set()
        self._numbers = iter(range(1, 10**9))

    async def run(self, count: int) -> Findings:
        agent = await self._lab.add_agent(AGENT)
        self._bot = await self._connect(agent)
        host, turns = self._host()
        delivery = await self._delivery()
        findings = Findings()
        async with self._lab.running(host):
            while findings.trials < count:
                size = min(AT_ONCE, count - findings.trials)
                await self._round(agent, turns, delivery, size)
                await self._judge(findings)
        return findings

    async def reach(self, point: str, keys: Iterable[str]) -> None:
        """Let the customers answer who do so at this point."""
        here = [key for key in keys if self.trials[key].point == point and not self.trials[key].posted_at]
        for key in here:
            self.trials[key].posted_at = time.monotonic()
        if here:
            waited, others = [k for k in here if self.trials[k].awaited], [k for k in here if not self.trials[k].awaited]
            for key in others:
                task = asyncio.create_task(self._answer(key))
                self._posting.add(task)
                task.add_done_callback(self._posting.discard)
            await asyncio.gather(*[self._answer(key) for key in waited])

    async def _answer(self, key: str) -> None:
        message = self._lab.message(self._bot, int(key), next(self._numbers), "Fine, thank you")
        await PostgresInbox(self._edge_database).ingest([message])
        self.trials[key].acknowledged_at = time.monotonic()

    async def _round(self, agent: Any, turns: WatchedTurns, delivery: Delivery, size: int) -> None:
        keys = [str(next(self._numbers)) for _ in range(size)]
        self.trials = {key: Trial(self._rng.choice(POINTS), self._rng.random() < 0.5) for key in keys}
        addresses = [(self._shop.tenant_id, Address(self._bot, key)) for key in keys]
        records = await PostgresConversations(self._host_database).activate(addresses)
        turns.keys = {record.id: record.address.key for record in records}
        steps = json.dumps(PLAN)
        await self._shop.owner.execute(
            _ENROLL, self._shop.tenant_id, agent, [r.id for r in records], steps, json.dumps(["replied", "handed_off"])
        )
        await self.reach("due", keys)
        await PostgresSequences(self._edge_database).fire(1_000)
        await self.reach("inbox row", keys)
        async with asyncio.timeout(60):
            while not await self._quiet(delivery):
                await self._deliver(delivery)
            await asyncio.gather(*self._posting)
            while not await self._quiet(delivery):
                await self._deliver(delivery)

    async def _quiet(self, delivery: Delivery) -> bool:
        open_ones = await self._shop.owner.fetchval(
            "select exists (select from inbox where state = 'pending') "
            "or exists (select from outbox where state in ('pending', 'claimed', 'sending')) "
            "or exists (select from enrollments where next_at <= now())"
        )
        return not open_ones and not delivery.in_hand

    async def _deliver(self, delivery: Delivery) -> None:
        asked_at = time.monotonic()
        if delivery.may_claim:
            await delivery.claim()
        held = [claim for claim in self._held(delivery) if claim.claim.delivery_class == "step"]
        for one in held:
            self.trials[one.claim.address.key].claimed_at = asked_at
        await self.reach("claimed", [one.claim.address.key for one in held])
        if self._rng.random() < 0.5:
            await asyncio.sleep(self._rng.random() * 0.02)  # the host may handle the answer before the request is written
        going = await delivery.begin()
        await asyncio.gather(*[delivery.send(one) for one in going])
        for one in going:
            if one.claim.delivery_class == "step":
                self.trials[one.claim.address.key].stored_at = time.monotonic()
        await delivery.finish()
        await asyncio.sleep(0.001)

    def _held(self, delivery: Delivery) -> list[HeldClaim]:
        return list(delivery._held._heap)

    async def _judge(self, findings: Findings) -> None:
        rows = await self._shop.owner.fetch(
            "select c.key, bool_or(o.crossed) as crossed from outbox o join conversations c on c.id = o.conversation_id "
            "where o.class = 'step' and c.key = any($1) group by 1",
            list(self.trials),
        )
        crossed = {r["key"]: r["crossed"] for r in rows}
        for key, trial in self.trials.items():
            findings.trials += 1
            findings.points[trial.point] += 1
            if not trial.posted_at:  # withdrawn or never claimed: the point was not reached, which only an answer can cause
                raise AssertionError(f"{trial} was never answered")
            findings.sent_twice += trial.sent > 1
            if not trial.sent:
                findings.answered_first += 1
                findings.wrongly_marked += crossed.get(key, False)
                continue
            findings.crossed += 1
            findings.sent_after_answer += trial.acknowledged_at < trial.claimed_at
            findings.not_marked += trial.acknowledged_at < trial.stored_at and not crossed[key]
        states = await self._shop.owner.fetch(
            "select distinct e.state, e.reason from enrollments e join conversations c on c.id = e.conversation_id where c.key = any($1)",
            list(self.trials),
        )
        assert [tuple(r.values()) for r in states] == [("stopped", "replied")], states

    async def _connect(self, agent: Any) -> IntegrationId:
        bot, _ = await self._shop.add_bot(str(self._rng.randrange(10**9)))
        await self._shop.owner.execute("update integrations set agent_id = $2 where id = $1", bot, agent)
        return bot

    def _host(self) -> tuple[ConversationHost, WatchedTurns]:
        database, clock = self._host_database, SystemClock()
        catalogues = Catalogues(PostgresCatalogue(database))
        service = ConversationService(clock, SystemIds(), parsers(), catalogues, AgentService(clock, None, None))
        turns = WatchedTurns(database)
        turns.race = self
        ports = HostPorts(
            clock, PostgresInbox(database), PostgresConversations(database), turns, PostgresCarriers(database), self._lab.signals
        )
        carrier = Carrier("host", 0, 1, fresh_generation(), self._shop.epoch)
        return ConversationHost(carrier, ports, service, catalogues, 300.0), turns

    async def _delivery(self) -> Delivery:
        database, carrier = self._sender_database, Carrier("sender", 0, 1, fresh_generation(), self._shop.epoch)
        assert await PostgresCarriers(database).take(carrier, 1)
        book = IntegrationBook(PostgresIntegrations(database, self._shop.box), carrier)
        await book.reload()
        limits = DeliveryLimits(in_flight=500, in_flight_per_integration=500, per_integration=500)
        return Delivery(carrier, PostgresOutbox(database), book, {"telegram": Channel(self)}, SystemClock(), limits)


async def race(dsn: str, home: Path, trials: int, seed: int) -> Findings:
    """Run trials on a migrated database."""
    async with (
        open_shop(dsn, home) as shop,
        await Database.open(dsn, Role.ENGINE, "host", size=4) as host,
        await Database.open(dsn, Role.ENGINE, "sender", size=2) as sender,
        await Database.open(dsn, Role.ENGINE, "edge", size=8) as edge,
    ):
        return await Race(shop, (host, sender, edge), seed).run(trials)


def main() -> int:
    """Run as the command line says and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="callboard-race-") as name:
        home = Path(name)
        home.chmod(0o711)
        postgres = EmbeddedPostgres(home)
        dsn = postgres.start()
        try:
            asyncio.run(migrate(dsn))
            found = asyncio.run(race(dsn, home, chosen.trials, chosen.seed))
        finally:
            postgres.stop()
    sys.stdout.write(json.dumps({**found.__dict__, "wrong": found.wrong}) + "\n")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
