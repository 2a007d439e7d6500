"""A back-test of a rule says what the live engine did on the same events; a mutant of the evaluator does not."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from actors.domain.rules import conditions, engine
from actors.domain.trace import from_bytes
from actors.services.jobs import rule_back_test
from tests.integration.back_tests.world import DEFINITION, RULES, World, a_world, fires
from tests.integration.host_lab import HostLab

CHATS = int(os.environ.get("BACK_TEST_CHATS", "60"))
WAVES = 12
BY_KEY = {known["id"]: known for known in RULES}


def not_of_unknown_is_true(patch: pytest.MonkeyPatch) -> None:
    def check(inner: Any) -> Any:
        return lambda facts: (not inner(facts)[0], inner(facts)[1])

    patch.setattr(conditions, "_not", check)


def no_cool_down(patch: pytest.MonkeyPatch) -> None:
    known = engine._too_soon
    patch.setattr(engine, "_too_soon", lambda *given: "" if (why := known(*given)) == "it fired a short time ago" else why)


def no_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(engine, "_too_soon", lambda *_: "")


def nothing_changes_in_a_turn(patch: pytest.MonkeyPatch) -> None:
    def read(body: bytes) -> dict[str, Any]:
        trace = from_bytes(body)
        for event in trace.get("rules", {}).get("events", ()):
            event.pop("facts", None)
        return trace

    patch.setattr(rule_back_test, "from_bytes", read)


def nobody_stops_others(patch: pytest.MonkeyPatch) -> None:
    def read(body: bytes) -> dict[str, Any]:
        trace = from_bytes(body)
        for event in trace.get("rules", {}).get("events", ()):
            event.pop("stopped_by", None)
        return trace

    patch.setattr(rule_back_test, "from_bytes", read)


MUTANTS: dict[str, tuple[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "not": ("open", not_of_unknown_is_true),
    "cool-down": ("cool", no_cool_down),
    "once": ("once", no_once),
    "facts": ("greeted", nothing_changes_in_a_turn),
    "stops": ("behind", nobody_stops_others),
}


async def test_every_rule_fires_in_a_back_test_where_it_fired(lab: HostLab) -> None:
    world = await a_world(lab, DEFINITION, seed=7)
    async with lab.running(lab.host()):
        await world.talk(CHATS, WAVES)
    turns = await lab.shop.owner.fetchval("select count(*) from traces")
    assert turns > CHATS * WAVES * 0.7
    never = {"open"}
    for key, definition in BY_KEY.items():
        did = await world.fired(key)
        result, events = await world.back_test(definition)
        assert fires(events) == did, (key, result)
        assert (result["turns"], result["tried"]["fired"]) == (turns, did.total())
        assert result["tried"]["woken"] == did.total() + sum(reason["events"] for reason in result["tried"]["reasons"])
        assert bool(did) is (key not in never), key
    await _mutants_are_found(world)


async def _mutants_are_found(world: World) -> None:
    for name, (key, mutate) in MUTANTS.items():
        with pytest.MonkeyPatch.context() as patch:
            mutate(patch)
            _, events = await world.back_test(BY_KEY[key])
        assert fires(events) != await world.fired(key), name
