"""Asking over Redis: an answer in time, or the asker knows soon that there is none."""

import asyncio
import time
from uuid import uuid4

import pytest

from actors.domain.errors import TransientError
from actors.domain.ids import TenantId, owned
from actors.domain.knowledge.hybrid import Hit
from actors.ports.knowledge import Answered, Question
from storage.knowledge.answering import KnowledgeAnswers
from storage.knowledge.calls import KnowledgeCalls
from storage.postgres import Database, Role

pytestmark = pytest.mark.alone

HIT = Hit(1, str(uuid4()), "Terms", "", "350 roubles", 0.9, 0.9, 1.0, "sure")


def question(text: str = "how much?") -> Question:
    return Question(TenantId(uuid4()), (str(uuid4()),), text)


async def echo(asked: Question) -> Answered:
    if asked.text == "slow":
        await asyncio.sleep(5)
    if asked.text == "broken":
        raise ValueError("a bug")
    return Answered("sure", (HIT,), "e", stages_ms={"search": 1.0})


@pytest.fixture
async def nowhere() -> Database:
    """No question needs PostgreSQL."""
    return await Database.open("postgresql://nobody@localhost:1/nothing", Role.API, "test", size=1)


async def heard(calls: KnowledgeCalls) -> None:
    """Wait until somebody answers."""
    async with asyncio.timeout(30):
        while True:
            try:
                await calls.search(question())
            except TransientError:
                await asyncio.sleep(0.05)
            else:
                return


async def test_questions_of_all_tenants_are_answered_by_whoever_owns_their_shards(redis_url: str, nowhere: Database) -> None:
    async with (
        KnowledgeCalls(redis_url, nowhere) as calls,
        KnowledgeAnswers(redis_url, owned(0, 2), echo) as one,
        KnowledgeAnswers(redis_url, owned(1, 2), echo) as two,
    ):
        serving = [asyncio.create_task(answers.serve()) for answers in (one, two)]
        await heard(calls)
        await asyncio.sleep(0.2)
        got = await asyncio.gather(*(calls.search(question()) for _ in range(64)))
        assert {answered.hits for answered in got} == {(HIT,)}
        assert got[0] == Answered("sure", (HIT,), "e", "", {"search": 1.0})
        assert one.counts["answered"] > 10
        assert two.counts["answered"] > 10
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


async def test_who_hears_nobody_knows_it_at_once(redis_url: str, nowhere: Database) -> None:
    async with KnowledgeCalls(redis_url, nowhere, 5.0) as calls:
        began = time.monotonic()
        with pytest.raises(TransientError, match="nobody"):
            await calls.search(question())
        assert time.monotonic() - began < 2.0


async def test_silence_and_errors_end_in_time_and_silence_is_not_asked_again_at_once(redis_url: str, nowhere: Database) -> None:
    async with KnowledgeCalls(redis_url, nowhere, 0.3) as calls, KnowledgeAnswers(redis_url, owned(0, 1), echo) as answers:
        serving = asyncio.create_task(answers.serve())
        await heard(calls)
        with pytest.raises(TransientError, match="a bug"):
            await calls.search(question("broken"))
        began = time.monotonic()
        with pytest.raises(TransientError):
            await calls.search(question("slow"))
        assert time.monotonic() - began < 1.5
        calls._silent_until = 0.0
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def test_without_redis_it_is_an_error_like_any_other(nowhere: Database) -> None:
    async with KnowledgeCalls("redis://127.0.0.1:1/0", nowhere, 2.0) as calls:
        for _ in range(2):
            with pytest.raises(TransientError):
                await calls.search(question())
            calls._silent_until = 0.0
