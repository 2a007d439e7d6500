"""Companies with an agent, keys and bots, made through the stores; and the simplest possible host."""

import asyncio
import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import UUID, uuid4

from actors.domain.conversation import OWN_CHANNELS
from actors.domain.ids import AgentId, IntegrationId, TenantId, TurnId
from actors.ports.carriers import Carrier
from actors.ports.conversations import ConversationRecord
from actors.ports.inbox import InboxRow
from actors.ports.turns import MessageRow, OutboxRow, SettledInput, TurnCommit
from storage.accounts.roles import Level
from storage.api_keys import ApiKeys
from storage.carriers import PostgresCarriers, PostgresPlacement
from storage.catalogue import Agents
from storage.conversations import PostgresConversations
from storage.crypto import SecretBox
from storage.inbox import PostgresInbox
from storage.integrations import IntegrationAdmin, NewIntegration
from storage.postgres import Database, Role
from storage.tenants import Tenants
from storage.unit_of_work import PostgresTurns

INSTALLATION = UUID(int=1)
DEFINITION: dict[str, Any] = {"persona": {"name": "Anna", "languages": ["ru", "en"]}, "scripts": [], "passages": []}


@dataclass
class Company:
    tenant_id: TenantId
    agent_id: AgentId
    test_id: IntegrationId
    keys: dict[Level, str]
    bots: dict[IntegrationId, str] = field(default_factory=dict)  # integration -> webhook secret

    def headers(self, level: Level = "owner") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[level]}"}


async def found(dsn: str, slug: str, bots: int = 1) -> Company:
    """Create a company with one agent, a test chat, a key of every role, and bots."""
    async with await Database.open(dsn, Role.API, "test", size=1) as database:
        tenant_id = await Tenants(database).create(slug, slug.title())
        agent_id = await Agents(database).create(tenant_id, "Anna", DEFINITION)
        admin = IntegrationAdmin(database, SecretBox(bytes(32)))
        test_id = await admin.create(tenant_id, NewIntegration(agent_id, "test", str(agent_id)))
        levels: tuple[Level, ...] = ("viewer", "operator", "admin", "owner")
        keys = {level: await ApiKeys(database).create(tenant_id, level, level) for level in levels}
        company = Company(tenant_id, agent_id, test_id, keys)
        for number in range(bots):
            await add_bot(company, admin, number)
    return company


async def add_bot(company: Company, admin: IntegrationAdmin, number: int) -> IntegrationId:
    secret = f"secret-{number}-{uuid4().hex}"
    account = str(10**9 + uuid4().int % 10**9)
    bot = await admin.create(company.tenant_id, NewIntegration(company.agent_id, "telegram", account, token="42:t", secret=secret))
    company.bots[bot] = secret
    return bot


class EchoHost:
    """Answers every input with `echo: text`, by the real stores; `silent` turns answer nothing."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._task: asyncio.Task[None] | None = None
        self.silent = False

    async def __aenter__(self) -> "EchoHost":
        self._database = await Database.open(self._dsn, Role.ENGINE, "echo-host", size=2)
        epoch = await PostgresPlacement(self._database).claim(INSTALLATION, 1, 1)
        assert epoch is not None
        self._carrier = Carrier("host", 0, 1, uuid4(), epoch)
        assert await PostgresCarriers(self._database).take(self._carrier, 1)
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._task
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._database.close()

    async def _run(self) -> None:
        inbox, conversations, turns = PostgresInbox(self._database), PostgresConversations(self._database), PostgresTurns(self._database)
        while True:
            pulled = await inbox.pull(self._carrier, [], [], [], 400)
            if pulled is None:
                await asyncio.sleep(0.02)
                continue
            for row in pulled.rows:
                (record,) = await conversations.activate([(row.tenant_id, row.address)])
                await turns.commit([self._turn(row, record)], [pulled.batch_id])

    def _turn(self, row: InboxRow, record: ConversationRecord) -> TurnCommit:
        body = json.loads(row.raw)
        text = body.get("text") or body.get("message", {}).get("text", "")
        said = [MessageRow("customer", text or "-", row.id, external_id=str(row.id))]
        out: tuple[OutboxRow, ...] = ()
        if not self.silent and record.control != "human":
            said.append(MessageRow("agent", f"echo: {text}", mode="diagnostic"))
            out = () if record.channel in OWN_CHANNELS else (OutboxRow(1, "reply", "repeat_once", {"text": f"echo: {text}"}),)
        trace = zlib.compress(json.dumps({"reason": "echo"}).encode())
        inputs = (SettledInput(row.id),)
        return TurnCommit(
            TurnId(UUID(int=uuid4().int)),
            row.tenant_id,
            record.id,
            record.version,
            record.state,
            None,
            inputs,
            tuple(said),
            out,
            (),
            (),
            trace,
        )


def update(update_id: int, chat_id: int = 7, text: str = "hello", **more: Any) -> dict[str, Any]:
    chat = {"id": chat_id, "type": "private"}
    return {"update_id": update_id, "message": {"message_id": update_id, "date": 1, "chat": chat, "text": text}, **more}


def data_dir_of(base: Path, name: str) -> Path:
    path = base / name
    path.mkdir(exist_ok=True)
    return path
