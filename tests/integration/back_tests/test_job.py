"""A back-test as a job: page by page, again after a death, ended by a person, with what was before its days."""

from uuid import uuid4

import pytest

from actors.domain.jobs import JobCancelled
from actors.ports.jobs import NewJob
from actors.services.jobs.rule_back_test import BackTestPayload, RuleBackTest
from storage import back_tests
from storage.accounts.audit import Actor
from storage.back_tests import PostgresBackTests, TenantBackTests
from storage.jobs.queue import PostgresJobQueue
from storage.jobs.views import TenantJobs
from tests.integration.back_tests.test_equal import BY_KEY
from tests.integration.back_tests.world import DEFINITION, NIGHT, Context, a_world, fires, rule
from tests.integration.host_lab import HostLab


async def test_small_pages_make_no_difference(lab: HostLab, monkeypatch: pytest.MonkeyPatch) -> None:
    world = await a_world(lab, DEFINITION, seed=3)
    async with lab.running(lab.host()):
        await world.talk(chats=8, waves=6)
    whole = {key: await world.back_test(BY_KEY[key]) for key in ("once", "cool")}
    monkeypatch.setattr(back_tests, "_NUMBERS", 5)
    monkeypatch.setattr(back_tests, "_AT_ONCE", 3)
    for size in (1, 2, 5):
        monkeypatch.setattr(back_tests, "PAGE", size)
        for key, (result, events) in whole.items():
            again, same = await world.back_test(BY_KEY[key])
            assert {**again, "since": "", "until": ""} == {**result, "since": "", "until": ""}
            assert fires(same) == fires(events) == await world.fired(key)


async def test_it_begins_anew_after_a_death_and_ends_when_somebody_wants_it(lab: HostLab) -> None:
    shop, world = lab.shop, await a_world(lab, DEFINITION, seed=4)
    async with lab.running(lab.host()):
        await world.talk(chats=5, waves=3)
    payload = BackTestPayload(agent_id=world.agent_id, tried=BY_KEY["cool"], days=7)
    jobs, queue, handler = TenantJobs(shop.api), PostgresJobQueue(shop.engine), RuleBackTest(PostgresBackTests(shop.engine))
    job_id = await jobs.request(shop.tenant_id, NewJob(RuleBackTest, payload), Actor("Olga"))
    [job] = await queue.exchange(uuid4(), (), 1, 60.0)
    for _ in range(2):  # the worker died between the events and the outcome
        result = await handler.run(payload, Context(job.lease))
    events = await TenantBackTests(shop.api).page(shop.tenant_id, job_id, None, None, 0, 1_000)
    assert len([event for event in events if event.outcome == "fired"]) == result["tried"]["fired"] > 0
    assert len(events) == result["events"]
    await jobs.cancel(shop.tenant_id, job_id, Actor("Olga"))
    await shop.owner.execute("delete from back_test_events")
    with pytest.raises(JobCancelled):
        await handler.run(payload, Context(job.lease))
    assert await TenantBackTests(shop.api).page(shop.tenant_id, job_id, None, None, 0, 1_000) == []


async def test_a_saved_rule_goes_on_from_when_it_fired_before(lab: HostLab) -> None:
    once = rule("once", "message_received", NIGHT, limit="once")
    world = await a_world(lab, {**DEFINITION, "rules": [once]}, seed=5)
    async with lab.running(lab.host()):
        await world.talk(chats=8, waves=10)
    fired = (await world.fired("once")).total()
    assert fired > 4
    await lab.shop.owner.execute(
        """with old as (select turn_id from activity_logs where kind = 'rule.fired' and data ->> 'rule' = 'once' order by id limit 2),
           gone as (update traces set created_at = created_at - interval '20 days' where turn_id in (select turn_id from old))
           update activity_logs set at = at - interval '20 days' where turn_id in (select turn_id from old)"""
    )
    week, _ = await world.back_test(once)
    assert week["tried"]["fired"] == fired - 2
    month, _ = await world.back_test(once, days=30)
    assert month["tried"]["fired"] == fired
    change, _ = await world.back_test({**once, "limit": "always"}, once)
    assert change["saved"]["fired"] == fired - 2
    assert change["gained"] == change["tried"]["fired"] - change["saved"]["fired"] > 0
