"""The host with stores in memory: grouping, refusals, lost contact, takeover, the agent's steps."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from actors.domain.errors import OwnershipLost, TerminalError, TransientError
from actors.domain.ids import Address, ConversationId
from tests.unit.runtime.host_on_fakes import AGENT, CHAIN, FunctionModel, HostOnFakes

SLOW = {"persona": {**CHAIN["persona"], "debounce_s": 0.15}}


async def test_turns_of_many_conversations_share_a_commit() -> None:
    lab = HostOnFakes()
    for n in range(30):
        await lab.write(f"c{n}", "one", "two")
    async with lab.running():
        await lab.settled()
    assert len(lab.turns.commits) <= 4
    assert all(lab.texts(f"c{n}") == [["one", "two"]] for n in range(30))
    assert lab.world.batches == {}


async def test_debounce_waits_for_the_next_message_but_not_for_ever() -> None:
    lab = HostOnFakes(SLOW)
    async with lab.running():
        for n in range(16):
            await lab.write("c", f"m{n}")
            await asyncio.sleep(0.06)
        await lab.settled()
    turns = lab.texts("c")
    assert [text for turn in turns for text in turn] == [f"m{n}" for n in range(16)]
    assert 2 <= len(turns) <= 4  # five debounces are 0.75 s, the writing took about 1 s


async def test_the_turn_the_database_refuses_is_found_and_dies_alone() -> None:
    lab = HostOnFakes()
    await lab.write("bad", "good before", "dirty", "good after")
    for n in range(9):
        await lab.write(f"c{n}", "hello")
    async with lab.running() as host:
        await lab.settled()
    assert lab.states().count("dead") == 1
    assert lab.texts("bad") == [["good before"], ["good after"]]
    assert all(lab.texts(f"c{n}") == [["hello"]] for n in range(9))
    assert host.status()["dead"] == 1
    kinds = [row.kind for _, row in lab.world.activity]
    assert kinds.count("message.dead") == 1


async def test_an_input_that_makes_deciding_fail_dies_alone() -> None:
    lab = HostOnFakes()
    await lab.write("c", "one", "boom", "three")
    async with lab.running():
        await lab.settled()
    assert lab.states() == ["done", "dead", "done"]
    assert lab.texts("c") == [["one"], ["three"]]
    [dead] = [entry for entry in lab.world.inbox.values() if entry.state == "dead"]
    assert dead.reason == "RuntimeError: no idea what this is"


async def test_a_commit_of_unknown_outcome_is_pulled_again() -> None:
    lab = HostOnFakes()
    lab.turns.failures += [TransientError("connection lost"), ConnectionResetError(), TransientError("still away")]
    await lab.write("c", "one", "two")
    async with lab.running():
        await lab.settled()
    assert lab.texts("c") == [["one", "two"]]
    assert lab.world.batches == {}


async def test_a_dead_letter_the_database_refuses_does_not_stop_others() -> None:
    lab = HostOnFakes()
    lab.turns.failures += [TerminalError("no"), TerminalError("no, not even dead")]
    await lab.write("bad", "hello")
    async with lab.running():
        await lab.until(lambda: not lab.turns.failures)
        await lab.write("c", "hello")
        await lab.until(lambda: lab.world.at_address(Address(lab.integration.id, "c")) is not None and lab.texts("c") == [["hello"]])
    assert lab.states() == ["pending", "done"]
    assert lab.world.batches == {}


async def test_a_lost_race_is_reloaded_and_done_again() -> None:
    lab = HostOnFakes()
    async with lab.running() as host:
        await lab.write("c", "one")
        await lab.settled()
        entry = lab.world.at_address(Address(lab.integration.id, "c"))
        assert entry is not None
        entry.version += 1  # somebody else's turn
        await lab.write("c", "two")
        await lab.settled()
        assert host.status()["fence_rejections"] == 1
    assert lab.texts("c") == [["one"], ["two"]]


async def test_after_a_commit_the_waiting_and_the_senders_are_told() -> None:
    lab = HostOnFakes(channel="telegram")
    async with lab.running():
        await lab.write("c", "one")
        await lab.until(lambda: bool(lab.signals.events and lab.signals.shards))
    assert lab.signals.shards == [lab.integration.shard]
    [(_, event)] = lab.signals.events
    assert event["type"] == "turn"
    assert event["inbox_ids"] == list(lab.world.inbox)


async def test_a_published_version_is_used_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.runtime.host.conversation_host.REFRESH_S", 0.02)
    lab = HostOnFakes({"persona": {**AGENT["persona"], "greeting": {"en": "Old"}}})
    async with lab.running():
        await lab.write("c", "/start")
        await lab.settled()
        lab.world.publish(lab.integration.agent_id, {"persona": {**AGENT["persona"], "greeting": {"en": "New"}}})
        await asyncio.sleep(0.2)
        await lab.write("c", "/start")
        await lab.settled()
    assert lab.replies("c") == ["Old", "New"]


async def test_an_agent_without_a_version_waits_and_answers_when_it_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.runtime.host.conversation_host.REFRESH_S", 0.02)
    monkeypatch.setattr("actors.runtime.host.turn_line.CATALOGUE_RETRY_S", 0.05)
    lab = HostOnFakes()
    version = lab.world.versions.pop(lab.integration.agent_id)
    async with lab.running() as host:
        await lab.write("c", "one")
        await lab.until(lambda: host.status()["in_hand"] == 1)
        await asyncio.sleep(0.1)
        assert lab.states() == ["pending"]
        lab.world.versions[lab.integration.agent_id] = version
        await lab.settled()
    assert lab.texts("c") == [["one"]]


async def test_an_idle_conversation_leaves_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.runtime.host.conversation_host.PASSIVATE_S", 0.02)
    lab = HostOnFakes()
    lab.host._idle_s = 0.1
    async with lab.running() as host:
        await lab.write("c", "one")
        await lab.settled()
        assert host.status()["activations"] == 1
        await lab.until(lambda: host.status()["activations"] == 0)
        await lab.write("c", "two")
        await lab.settled()
    assert lab.texts("c") == [["one"], ["two"]]


async def test_suspects_are_tried_alone_and_in_order() -> None:
    lab = HostOnFakes()
    for n in range(6):
        await lab.write(f"c{n % 2}", f"m{n}")
    dead = lab.new_host()
    lab.world.carriers["host", 0] = (dead.carrier.generation, 1, {})
    await lab.inbox.pull(dead.carrier, [], [], [], 200)
    async with lab.running():
        await lab.settled()
    assert [len(turns) for turns in lab.turns.commits if turns] == [1] * 6
    assert [entry.attempts for entry in lab.world.inbox.values()] == [1] * 6
    assert lab.texts("c0") == [["m0"], ["m2"], ["m4"]]


async def test_another_generation_ends_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.runtime.host.conversation_host.BEAT_S", 0.05)
    lab = HostOnFakes()
    task = asyncio.create_task(lab.host.run())
    await asyncio.sleep(0.05)
    lab.world.carriers["host", 0] = (lab.new_host().carrier.generation, 1, {})
    with pytest.raises(OwnershipLost):
        await asyncio.wait_for(task, 5)
    assert lab.host.status()["in_hand"] == 0


# The agent's steps


def model(hold: asyncio.Event) -> FunctionModel:
    async def answer(question: str, on_delta: Callable[[str], Awaitable[None]]) -> str:
        await on_delta("An")
        await hold.wait()
        await on_delta("swer")
        return f"answer to {question}"

    return FunctionModel(answer)


async def test_a_message_during_a_step_redoes_it_at_most_three_times() -> None:
    hold = asyncio.Event()
    asked = model(hold)
    lab = HostOnFakes(AGENT, asked)
    async with lab.running() as host:
        for n in range(6):
            await lab.write("c", f"question {n}")
            await lab.until(lambda: len(asked.asked) >= min(lab.sent, 4))
        assert host.status()["steps"] == 1
        hold.set()
        await lab.settled()
    assert asked.asked[3] == "\n".join(f"question {n}" for n in range(4))
    assert lab.replies("c") == [f"answer to {asked.asked[3]}", "answer to question 4\nquestion 5"]


async def test_deltas_are_live_and_carry_the_turn() -> None:
    hold = asyncio.Event()
    lab = HostOnFakes(AGENT, model(hold))
    async with lab.running():
        await lab.write("c", "question")
        await lab.until(lambda: bool(lab.signals.events))
        hold.set()
        await lab.until(lambda: len(lab.signals.events) == 3)
    events = [event for _, event in lab.signals.events]
    assert [event["type"] for event in events] == ["delta", "delta", "turn"]
    assert len({event["turn_id"] for event in events}) == 1
    assert "".join(event.get("text", "") for event in events) == "Answer"


async def test_a_takeover_cancels_the_step_and_silences_the_bot() -> None:
    lab = HostOnFakes(AGENT, model(asyncio.Event()))
    async with lab.running() as host:
        await lab.write("c", "question")
        await lab.until(lambda: host.status()["steps"] == 1)
        entry = lab.world.at_address(Address(lab.integration.id, "c"))
        assert entry is not None
        await lab.conversations.set_control(entry.id, "human")
        await lab.signals.kick_control([ConversationId(entry.id)])
        await lab.settled()
        assert host.status()["steps"] == 0
    assert lab.replies("c") == []
    assert [m.body for m in lab.world.messages] == ["question"]


async def test_steps_wait_for_a_free_place() -> None:
    hold = asyncio.Event()
    asked = model(hold)
    lab = HostOnFakes(AGENT, asked)
    lab.host._steps._most = 2
    async with lab.running() as host:
        for n in range(5):
            await lab.write(f"c{n}", f"question {n}")
        await lab.until(lambda: host.status()["in_hand"] == 5 and len(asked.asked) == 2)
        assert host.status()["steps"] == 2
        hold.set()
        await lab.settled()
    assert all(lab.replies(f"c{n}") == [f"answer to question {n}"] for n in range(5))


async def test_a_step_that_fails_is_a_dead_letter_alone() -> None:
    async def answer(question: str, _: Callable[[str], Awaitable[None]]) -> str:
        if "odd" in question:
            raise RuntimeError("odd")
        return f"answer to {question}"

    lab = HostOnFakes(AGENT, FunctionModel(answer))
    await lab.write("c", "one", "odd", "three")
    async with lab.running():
        await lab.settled()
    assert lab.states() == ["done", "dead", "done"]
    assert lab.replies("c")[0] == "answer to one"


async def test_the_model_sees_what_was_said_before() -> None:
    seen: list[list[tuple[str, str]]] = []

    class Listening(FunctionModel):
        async def answer(self, request, on_delta):  # type: ignore[no-untyped-def]
            seen.append(list(request.messages))
            return await super().answer(request, on_delta)

    async def reply(question: str, _: Callable[[str], Awaitable[None]]) -> str:
        return f"answer to {question}"

    lab = HostOnFakes(AGENT, Listening(reply))
    async with lab.running():
        for text in ("first", "second", "third"):
            await lab.write("c", text)
            await lab.settled()
    assert seen[2] == [
        ("user", "first"),
        ("assistant", "answer to first"),
        ("user", "second"),
        ("assistant", "answer to second"),
        ("user", "third"),
    ]
