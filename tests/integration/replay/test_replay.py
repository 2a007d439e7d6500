"""A replay decides recorded conversations again: the same version says the same, a mutant does not, and nothing has an effect."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from actors.domain.errors import TransientError
from actors.domain.jobs import JobCancelled, Mark
from actors.domain.knowledge import engine
from actors.ports.jobs import JobLease, NewJob
from actors.ports.replays import ReplayedConversation
from actors.runtime.clock import SystemClock
from actors.runtime.composition import parsers
from actors.services.jobs.agent_replay import AgentReplay, ReplayPayload
from storage.accounts.audit import Actor
from storage.catalogue import Agents, PostgresCatalogue
from storage.jobs.queue import PostgresJobQueue
from storage.jobs.views import TenantJobs
from storage.replays import PostgresReplays, ReplayRow, TenantReplays
from tests.integration.host_lab import HostLab
from tests.integration.replay.recording import DEFINITION, Oracle, Recorder, kinds

CHATS = int(os.environ.get("REPLAY_CHATS", "40"))  # 200 in the long form, see docs/replay.md
WORLD = ("conversations", "messages", "outbox", "inbox", "timers", "actions", "traces", "activity_logs")


@dataclass
class Context:
    """A try of a job, as the worker gives it."""

    lease: JobLease
    attempt: int = 1
    checkpoint: Mapping[str, Any] = field(default_factory=dict)

    async def report(self, mark: Mark) -> None: ...


async def replayed(
    lab: HostLab, agent_id: UUID, version: int, conversations: Sequence[int], *, asks: bool
) -> tuple[Mapping[str, Any], list[ReplayRow]]:
    """Ask for a replay and carry it out as the worker does; return its result and its turns."""
    shop, queue = lab.shop, PostgresJobQueue(lab.shop.engine)
    payload = ReplayPayload(agent_id=agent_id, version=version, conversations=list(conversations))
    job_id = await TenantJobs(shop.api).request(shop.tenant_id, NewJob(AgentReplay, payload), Actor("Olga"))
    [job] = await queue.exchange(uuid4(), (), 1, 60.0)
    replay = AgentReplay(PostgresCatalogue(shop.engine), PostgresReplays(shop.engine), parsers(), SystemClock(), None, asks=asks)
    result = await replay.run(payload, Context(job.lease))
    return result, await TenantReplays(shop.api).page(shop.tenant_id, job_id, None, None, 0, 100_000)


def told(rows: Sequence[ReplayRow]) -> str:
    """Return what differs, for a test that fails."""
    return "\n".join(f"{row.conversation_id}/{row.number} {row.outcome} {row.body}" for row in rows if row.outcome != "same")[:6_000]


async def versions_of(lab: HostLab, agent_id: UUID) -> int:
    version: int = await lab.shop.owner.fetchval("select published_version from agents where id = $1", agent_id)
    return version


async def sizes(lab: HostLab) -> tuple[int, int, int]:
    """Return how large traces are as stored: the median, the 99th percentile, the largest."""
    some = "percentile_disc(array[0.5, 0.99]) within group (order by length(body))"
    row = await lab.shop.owner.fetchrow(f"select {some} as parts, max(length(body)) as largest from traces")
    assert row is not None
    return (*row["parts"], row["largest"])


async def test_the_same_version_decides_every_turn_as_it_did_and_a_mutant_does_not(lab: HostLab, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, asking = await lab.add_agent(DEFINITION), await lab.add_agent(DEFINITION)
    oracle, chats = Oracle(), range(1, CHATS // 2 + 1)
    async with lab.running(lab.host()):
        await Recorder(lab, await lab.add_integration(plain)).talk(chats)
    async with lab.running(lab.host(model=oracle)):
        await Recorder(lab, await lab.add_integration(asking)).talk(chats)
    have, least = await kinds(lab), CHATS // 10
    assert have["dialogue"] >= 2, have
    assert all(have[kind] >= least for kind in ("script", "extractive", "rule", "handoff", "burst", "model", "failed model", "tool")), have
    print("bytes of a trace (median, 99 %, largest):", *await sizes(lab))  # with -s
    before, asked = await lab.counts(*WORLD), oracle.asked
    for agent_id, asks in ((plain, False), (asking, True)):
        conversations = await TenantReplays(lab.shop.api).latest(lab.shop.tenant_id, agent_id, 500)
        assert len(conversations) == CHATS // 2
        result, rows = await replayed(lab, agent_id, await versions_of(lab, agent_id), conversations, asks=asks)
        assert result["same"] == len(rows) > 0, told(rows)
        assert result["conversations"] == len(conversations)
    assert (await lab.counts(*WORLD), oracle.asked) == (before, asked)  # nothing had any effect

    hotter = {**DEFINITION, "persona": {**DEFINITION["persona"], "temperature": 0.9}}
    version = await Agents(lab.shop.api).publish(lab.shop.tenant_id, asking, hotter)
    conversations = await TenantReplays(lab.shop.api).latest(lab.shop.tenant_id, asking, 500)
    result, rows = await replayed(lab, asking, version, conversations, asks=True)
    assert result["asked"] > 0 == result["differs"], told(rows)  # what a model said at another temperature says nothing
    assert oracle.asked == asked

    monkeypatch.setattr(engine, "SURE_COVERAGE", engine.SURE_COVERAGE + 0.05)
    conversations = await TenantReplays(lab.shop.api).latest(lab.shop.tenant_id, plain, 500)
    result, rows = await replayed(lab, plain, await versions_of(lab, plain), conversations, asks=False)
    assert result["differs"] > 0


class Interrupted(PostgresReplays):
    """Does not live longer than two conversations."""

    saved = 0

    async def save(self, lease: JobLease, replayed: ReplayedConversation, mark: Mark) -> None:
        if self.saved == 2:
            raise TransientError("the worker is gone")
        self.saved += 1
        await super().save(lease, replayed, mark)


async def test_a_replay_goes_on_where_it_was_and_ends_when_somebody_wants_it(lab: HostLab) -> None:
    shop, chats, agent_id = lab.shop, range(1, 7), await lab.add_agent(DEFINITION)
    async with lab.running(lab.host()):
        await Recorder(lab, await lab.add_integration(agent_id)).say({chat: ["opening hours?"] for chat in chats})
    conversations = await TenantReplays(shop.api).latest(shop.tenant_id, agent_id, 500)
    payload = ReplayPayload(agent_id=agent_id, version=1, conversations=conversations)
    jobs = TenantJobs(shop.api)
    job_id = await jobs.request(shop.tenant_id, NewJob(AgentReplay, payload), Actor("Olga"))
    [job] = await PostgresJobQueue(shop.engine).exchange(uuid4(), (), 1, 60.0)

    def handler(store: PostgresReplays) -> AgentReplay:
        return AgentReplay(PostgresCatalogue(shop.engine), store, parsers(), SystemClock(), None, asks=False)

    with pytest.raises(TransientError):
        await handler(Interrupted(shop.engine)).run(payload, Context(job.lease))
    checkpoint = orjson.loads(await shop.owner.fetchval("select checkpoint::text from jobs where id = $1", job_id))
    result = await handler(PostgresReplays(shop.engine)).run(payload, Context(job.lease, checkpoint=checkpoint))
    assert (result["conversations"], result["same"]) == (6, 6)
    rows = await TenantReplays(shop.api).page(shop.tenant_id, job_id, None, None, 0, 100)
    assert [row.conversation_id for row in rows] == conversations

    await jobs.cancel(shop.tenant_id, job_id, Actor("Olga"))
    with pytest.raises(JobCancelled):
        await handler(PostgresReplays(shop.engine)).run(payload, Context(job.lease))
    await shop.owner.execute("delete from jobs where id = $1", job_id)
    assert await shop.owner.fetchval("select count(*) from replay_turns") == 0  # they go with their job
