"""The reconcile loop over a pool that is only a dict: what is missing, dead, silent, old or foreign."""

import asyncio
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest

from actors.runtime.members import Answer, Member, Part, PoolLost
from actors.runtime.stage.placing import installation_of, parts
from actors.runtime.stage.reconciler import Limits, Reconciler

HOST = Part("host", 0, 1, 3)
LIMITS = Limits(probe_every_s=1, silence_s=5, start_s=30, proven_s=30, retry_cap_s=4)


class Time:
    """A clock that stands still until moved."""

    def __init__(self) -> None:
        self.t = 1000.0

    def monotonic(self) -> float:
        return self.t


class FakePool:
    """Actors as names; each is up, silent, dead or ended."""

    def __init__(self) -> None:
        self.actors: dict[str, str] = {}
        self.killed: list[str] = []
        self.created: list[Member] = []
        self.drained: list[str] = []
        self.lost = False
        self.born = "up"

    async def names(self) -> set[str]:
        if self.lost:
            raise PoolLost("gone")
        return {name for name, state in self.actors.items() if state != "dead"} | {"someone-elses-actor"}

    async def create(self, member: Member) -> None:
        self.created.append(member)
        self.actors[member.name] = self.born

    async def ping(self, name: str) -> Answer:
        match self.actors[name]:
            case "silent":
                await asyncio.Event().wait()
            case "dead":
                raise ConnectionError("dead")
            case "ended":
                return Answer(False, {}, "ended with ValueError: bad")
            case "starting":
                return Answer(False)
        return Answer(True, {"mailbox": 2}, pid=4711, rss=90)

    async def kill(self, name: str) -> None:
        self.killed.append(name)
        self.actors.pop(name, None)

    async def drain(self, name: str) -> None:
        if self.actors[name] == "silent":
            await asyncio.Event().wait()
        self.drained.append(name)


class Scene:
    """A reconciler with its fakes."""

    def __init__(self) -> None:
        self.pool = FakePool()
        self.time = Time()
        self.said: list[str] = []
        numbers = count(1)
        self.reconciler = Reconciler(self.pool, self.time, lambda: UUID(int=next(numbers)), self.said.append, LIMITS)  # type: ignore[arg-type]
        self.wanted = frozenset({HOST})

    async def steps(self, n: int = 1, seconds: float = 0.25) -> None:
        for _ in range(n):
            await self.reconciler.step(self.wanted)
            await asyncio.sleep(0)  # probes answer
            self.time.t += seconds

    @property
    def living(self) -> list[Member]:
        return [m for name in self.pool.actors if (m := Member.parse(name))]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_name_says_everything_and_nothing_else_is_a_member() -> None:
    member = Member(Part("sender", 3, 7, 12), UUID(int=2**127 + 5))
    assert Member.parse(member.name) == member
    assert Member.parse("sender-3") is None
    assert member.carrier.parts == 7
    assert member.carrier.generation == member.generation


def test_the_parts_of_an_installation() -> None:
    assert sorted(map(str, parts(2, 1, 5))) == ["activity-0", "host-0", "host-1", "scheduler-0", "sender-0", "sync-0"]
    assert {p.epoch for p in parts(2, 1, 5)} == {5}


def test_an_installation_has_an_identity_that_stays(tmp_path: Path) -> None:
    first = installation_of(tmp_path / "new")
    assert installation_of(tmp_path / "new") == first
    assert installation_of(tmp_path / "other") != first


async def test_what_is_missing_is_created_once(scene: Scene) -> None:
    scene.wanted = parts(2, 1, 1)
    await scene.steps(1)
    assert scene.reconciler.states()["host-1"] == "starting"
    assert not scene.reconciler.complete(scene.wanted)
    await scene.steps(8)
    assert len(scene.pool.created) == len(scene.wanted)
    assert scene.reconciler.complete(scene.wanted)
    assert set(scene.reconciler.states().values()) == {"alive"}


async def test_a_dead_actor_is_back_with_the_next_step_under_a_new_generation(scene: Scene) -> None:
    await scene.steps(2)
    (old,) = scene.living
    scene.pool.actors[old.name] = "dead"
    await scene.steps(1)
    (new,) = scene.living
    assert new.part == HOST
    assert new.generation != old.generation


async def test_a_silent_actor_is_killed_and_replaced_after_five_seconds_not_before(scene: Scene) -> None:
    await scene.steps(6)
    (old,) = scene.living
    scene.pool.actors[old.name] = "silent"
    await scene.steps(5, seconds=1)
    assert scene.living == [old]
    await scene.steps(3, seconds=1)
    assert scene.living != [old]
    assert old.name in scene.pool.killed
    assert "did not answer for 5 s" in scene.said[0]


async def test_a_starting_actor_has_more_patience(scene: Scene) -> None:
    scene.pool.born = "silent"
    await scene.steps(29, seconds=1)
    assert len(scene.pool.created) == 1
    await scene.steps(3, seconds=1)
    assert len(scene.pool.created) == 2


async def test_an_actor_is_alive_when_its_body_is_built(scene: Scene) -> None:
    scene.pool.born = "starting"
    await scene.steps(8)
    assert scene.reconciler.states() == {"host-0": "starting"}
    scene.pool.actors[scene.living[0].name] = "up"
    await scene.steps(2)
    assert scene.reconciler.states() == {"host-0": "alive"}


async def test_an_actor_whose_body_ended_is_replaced_with_its_reason(scene: Scene) -> None:
    await scene.steps(6)
    (old,) = scene.living
    scene.pool.actors[old.name] = "ended"
    await scene.steps(8)
    assert scene.living != [old]
    assert "ValueError: bad" in scene.said[0]


async def test_an_actor_that_never_lives_is_tried_ever_more_slowly(scene: Scene) -> None:
    scene.pool.born = "ended"
    await scene.steps(400, seconds=0.25)  # 100 s
    assert 15 < len(scene.pool.created) < 30
    assert len(scene.living) <= 1


async def test_a_proven_actor_is_replaced_at_once_again(scene: Scene) -> None:
    for _ in range(3):
        await scene.steps(40, seconds=1)
        (old,) = scene.living
        scene.pool.actors[old.name] = "dead"
        await scene.steps(1)
        assert scene.living != [old]
        assert len(scene.living) == 1


async def test_living_actors_of_an_earlier_stage_are_kept(scene: Scene) -> None:
    earlier = Member(HOST, UUID(int=77))
    scene.pool.actors[earlier.name] = "up"
    await scene.steps(8)
    assert scene.living == [earlier]
    assert scene.pool.created == []
    assert scene.reconciler.complete(scene.wanted)


async def test_a_silent_actor_of_an_earlier_stage_is_replaced(scene: Scene) -> None:
    earlier = Member(HOST, UUID(int=77))
    scene.pool.actors[earlier.name] = "silent"
    await scene.steps(8, seconds=1)
    assert earlier.name in scene.pool.killed
    assert len(scene.living) == 1


async def test_older_epochs_second_generations_and_parts_nobody_wants_are_killed(scene: Scene) -> None:
    older = Member(Part("host", 0, 1, 2), UUID(int=70))
    surplus = Member(Part("host", 1, 2, 3), UUID(int=71))
    first, second = Member(HOST, UUID(int=72)), Member(HOST, UUID(int=73))
    for member in (older, surplus, first, second):
        scene.pool.actors[member.name] = "up"
    await scene.steps(2)
    assert len(scene.living) == 1
    assert scene.living[0].part == HOST
    assert {older.name, surplus.name} < set(scene.pool.killed)
    assert "someone-elses-actor" not in scene.pool.killed


async def test_a_new_epoch_replaces_everything(scene: Scene) -> None:
    await scene.steps(6)
    scene.wanted = frozenset({Part("host", 0, 2, 4), Part("host", 1, 2, 4)})
    await scene.steps(2)
    assert {m.part for m in scene.living} == scene.wanted
    assert len(scene.pool.killed) == 1


async def test_nothing_wanted_means_nothing_left(scene: Scene) -> None:
    await scene.steps(6)
    scene.wanted = frozenset()
    await scene.steps(1)
    assert scene.living == []


async def test_draining_waits_for_those_that_finish_and_ends_the_others_in_time(scene: Scene) -> None:
    scene.wanted = frozenset({Part("host", 0, 2, 3), Part("host", 1, 2, 3)})
    await scene.steps(6)
    first, second = sorted(scene.living, key=lambda m: m.name)
    scene.pool.actors[second.name] = "silent"
    await asyncio.wait_for(scene.reconciler.drain(0.05), 1)
    assert scene.pool.drained == [first.name]
    assert set(scene.pool.killed) == {first.name, second.name}
    assert len(asyncio.all_tasks()) == 1


async def test_a_lost_pool_is_for_the_caller(scene: Scene) -> None:
    scene.pool.lost = True
    with pytest.raises(PoolLost):
        await scene.steps(1)


async def test_the_cast_says_who_plays_and_how_often_it_was_replaced(scene: Scene) -> None:
    await scene.steps(3)
    (first,) = scene.reconciler.cast()
    assert {name: first[name] for name in ("kind", "number", "epoch", "state", "pid", "rss", "status", "restarts", "why")} == {
        "kind": "host",
        "number": 0,
        "epoch": 3,
        "state": "alive",
        "pid": 4711,
        "rss": 90,
        "status": {"mailbox": 2},
        "restarts": 0,
        "why": "",
    }
    scene.pool.actors[scene.living[0].name] = "dead"
    scene.pool.born = "starting"
    await scene.steps(2)
    (second,) = scene.reconciler.cast()
    assert (second["state"], second["pid"], second["restarts"], second["why"]) == ("starting", None, 1, "died")
    assert second["generation"] != first["generation"]
