"""A kept answer and the effect it tells of are committed together, once."""

import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from actors.domain.errors import TerminalError
from storage.catalogue import Agents
from storage.idempotency import AnswerSealed, Idempotency, KeyReused, Request
from storage.postgres import Database
from tests.contract.labs import RealLab


async def names(lab: RealLab, tenant_id: UUID) -> list[str]:
    rows = await lab.owner.fetch("select name from agents where tenant_id = $1 and name <> 'Anna' order by name", tenant_id)
    return [row["name"] for row in rows]


@pytest.fixture
async def request_(real_lab: RealLab) -> Request:
    return Request((await real_lab.endpoint()).tenant_id, uuid4(), "key-1", b"POST /api/agents", "Bearer cb_x")


async def carry_out(database: Database, request: Request, name: str = "Boris") -> str:
    async with Idempotency(database).once(request) as attempt:
        if attempt.before is not None:
            return f"again: {attempt.before}"
        await Agents(database).create(request.tenant_id, name, {})
        await attempt.keep(name)
    return name


async def test_the_second_time_there_is_the_answer_and_no_effect(real_lab: RealLab, request_: Request) -> None:
    assert await carry_out(real_lab.api, request_) == "Boris"
    assert await carry_out(real_lab.api, request_, "Vera") == "again: Boris"
    assert await names(real_lab, request_.tenant_id) == ["Boris"]


async def test_twins_at_the_same_time_have_one_effect(real_lab: RealLab, request_: Request) -> None:
    answers = await asyncio.gather(*(carry_out(real_lab.api, request_) for _ in range(3)))
    assert sorted(answers) == ["Boris", "again: Boris", "again: Boris"]
    assert await names(real_lab, request_.tenant_id) == ["Boris"]


async def test_what_fails_leaves_neither_effect_nor_key(real_lab: RealLab, request_: Request) -> None:
    agents = Agents(real_lab.api)

    async def fail() -> None:
        async with Idempotency(real_lab.api).once(request_):
            await agents.create(request_.tenant_id, "Gone", {})
            raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        await fail()
    assert await names(real_lab, request_.tenant_id) == []
    assert await carry_out(real_lab.api, request_) == "Boris"


async def test_a_part_that_fails_is_undone_alone(real_lab: RealLab, request_: Request) -> None:
    agents = Agents(real_lab.api)

    async def fail_late() -> None:
        async with real_lab.api.tenant_transaction(request_.tenant_id) as connection:
            await connection.execute("update agents set name = 'Changed'")
            raise RuntimeError("late")

    async with Idempotency(real_lab.api).once(request_) as attempt:
        await agents.create(request_.tenant_id, "Kept", {})
        with pytest.raises(TerminalError):
            await agents.publish(request_.tenant_id, uuid4(), {})
        with pytest.raises(RuntimeError, match="late"):
            await fail_late()
        await attempt.keep("done")
    assert await names(real_lab, request_.tenant_id) == ["Kept"]


async def test_only_this_tenant_and_this_task_join(real_lab: RealLab, request_: Request) -> None:
    other = (await real_lab.endpoint()).tenant_id
    agents = Agents(real_lab.api)

    async def fail() -> None:
        async with Idempotency(real_lab.api).once(request_):
            await agents.create(other, "Of another tenant", {})
            await asyncio.create_task(agents.create(request_.tenant_id, "Of another task", {}))
            raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        await fail()
    assert await names(real_lab, other) == ["Of another tenant"]
    assert await names(real_lab, request_.tenant_id) == ["Of another task"]


async def test_a_key_is_one_callers_and_one_requests(real_lab: RealLab, request_: Request) -> None:
    assert await carry_out(real_lab.api, request_) == "Boris"
    with pytest.raises(KeyReused):
        await carry_out(real_lab.api, replace(request_, content=b"POST /api/agents other"))
    assert await carry_out(real_lab.api, replace(request_, caller_id=uuid4()), "Vera") == "Vera"
    assert await carry_out(real_lab.api, replace(request_, key="key-2"), "Galina") == "Galina"
    assert await names(real_lab, request_.tenant_id) == ["Boris", "Galina", "Vera"]


async def test_the_answer_opens_with_the_callers_credential_only(real_lab: RealLab, request_: Request) -> None:
    await carry_out(real_lab.api, request_, "a-key-shown-once")
    with pytest.raises(AnswerSealed):
        await carry_out(real_lab.api, replace(request_, credential="Bearer cb_y"))
    stored = await real_lab.owner.fetchrow("select * from idempotency_keys")
    everything = b"|".join(bytes(value) if isinstance(value, bytes) else str(value).encode() for value in stored.values())
    for secret in (b"a-key-shown-once", b"key-1", b"cb_x"):
        assert secret not in everything
