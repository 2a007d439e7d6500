"""Turns that ask for actions in Kommo, and the loop of a sender that carries them out, in the test's process."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import orjson

from actors.domain.ids import Address, AgentId, ConversationId, IntegrationId
from actors.ports.actions import ActionRunner
from actors.ports.carriers import Carrier
from actors.ports.turns import ActionRow
from actors.runtime.action_loop import ActionLoop
from actors.runtime.clock import SystemClock
from actors.services.acting import Acting, ActingLimits
from integrations.kommo.client import KommoClient
from integrations.kommo.crm_runner import CrmRunner
from integrations.kommo.wire import Wire
from storage.actions import PostgresActions
from storage.carriers import PostgresCarriers
from storage.conversations import PostgresConversations
from storage.crm_desk import PostgresCrmDesk
from storage.unit_of_work import PostgresTurns
from tests.contract.labs import Endpoint, turn
from tests.fakes.kommo.process import KommoProcess
from tests.integration.kommo.office import Office

LEASE_S = 4.0
TIMEOUT_S = 1.0
OPEN = "select from actions where state in ('pending', 'claimed', 'sending')"
Asked = tuple[str, Mapping[str, Any]]


@asynccontextmanager
async def acting(office: Office) -> AsyncIterator[None]:
    """Carry actions out while the block lasts."""
    carrier = Carrier("sender", 0, 1, uuid4(), office.shop.epoch)
    assert await PostgresCarriers(office.shop.engine).take(carrier, 1)
    client = KommoClient(Wire(SystemClock(), TIMEOUT_S, office.kommo.url), office.store, office.pace, SystemClock(), uuid4)
    crm = CrmRunner(client, PostgresCrmDesk(office.shop.engine), LEASE_S)
    runners: dict[str, ActionRunner] = dict.fromkeys(crm.kinds, crm)
    loop = ActionLoop(Acting(carrier, PostgresActions(office.shop.engine), runners, ActingLimits(LEASE_S)), SystemClock())
    task = asyncio.create_task(loop.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.close()


async def chat(office: Office, integration: IntegrationId, key: str, state: Mapping[str, Any] | None = None) -> ConversationId:
    """Return a conversation, with what a message would have left in its state."""
    [record] = await PostgresConversations(office.shop.engine).activate([(office.shop.tenant_id, Address(integration, key))])
    if state:
        await office.shop.owner.execute(
            "update conversations set state = state || $2::jsonb where id = $1", record.id, orjson.dumps(dict(state)).decode()
        )
    return record.id


async def ask(office: Office, integration: IntegrationId, key: str, *asked: Asked, state: Mapping[str, Any] | None = None) -> UUID:
    """Commit a turn that asks for actions; return its id."""
    conversation = await chat(office, integration, key, state)
    version = await office.shop.owner.fetchval("select version from conversations where id = $1", conversation)
    agent_id = AgentId(office.shop.agent_id)
    made = turn(Endpoint(office.shop.tenant_id, agent_id, integration), conversation, version)
    if state:
        made = replace(made, state=orjson.dumps(dict(state)))
    rows = tuple([ActionRow(place, kind, dict(params), "night") for place, (kind, params) in enumerate(asked)])
    assert await PostgresTurns(office.shop.engine).commit([replace(made, actions=rows, agent_id=agent_id)], []) == [True]
    return made.turn_id


async def ended(office: Office, timeout_s: float = 60.0) -> list[Any]:
    """Wait until every action has ended; return them with their results."""
    await office.shop.until(f"not exists ({OPEN})", timeout_s)
    rows = await office.shop.owner.fetch("select * from actions order by id")
    return [{**row, "result": orjson.loads(row["result"] or b"{}")} for row in rows]


async def look(kommo: KommoProcess, account: int = 1) -> dict[str, Any]:
    """Return everything that is in an account."""
    return dict(await kommo.control("look", account=account))
