"""Bots as they are connected: which agent has which, with its token encrypted and its webhook's secret hashed."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from actors.domain.errors import TerminalError, TransientError
from actors.domain.ids import IntegrationId, shard_of
from actors.domain.troubles import TROUBLE_CODES, Trouble, TroubleCode
from actors.ports.connecting import Bot, ConnectedBot, Holder, Mode, Placed, WatchedBot
from storage import integration_log
from storage.accounts.audit import PROGRAM, Actor
from storage.crypto import SecretBox, SecretKeyError
from storage.integrations import LIVE_ACCOUNT, secret_hash
from storage.postgres import Connection, Database

CHANNEL = "telegram"
ATTEMPTS = 3  # two companies that connect one bot at the same moment take it from each other; nobody does so for long

_HOLDER = """
select g.id, g.tenant_id, g.agent_id, a.name from integrations g join agents a on a.id = g.agent_id
where g.channel = $1 and g.account = $2 and g.status <> 'disconnected'"""
_LOCK_HOLDER = "select 1 from integrations where id = $1 and agent_id = $2 and status <> 'disconnected' for update"
_AGENT = "select 1 from agents where id = $1 and tenant_id = $2 and archived_at is null for share"
_INSERT = """
insert into integrations (id, tenant_id, agent_id, channel, account, username, mode, secret_hash, token_encrypted, shard)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"""
_REPLACE = """
update integrations set username = $2, mode = $3, secret_hash = $4, token_encrypted = $5, status = 'live', problem = null,
  problem_code = null
where id = $1"""
_MOVE = """
update integrations set status = 'disconnected', problem = 'moved', problem_code = 'moved', secret_hash = null
where id = $1 returning username"""
_WITHDRAW = """
update outbox set state = 'withdrawn', error = 'the bot was connected elsewhere'
where integration_id = $1 and shard = $2 and state = 'pending'"""
_COLUMNS = "id, tenant_id, agent_id, account, username, mode, status, problem, problem_code, token_encrypted"
_FIND = f"""
select {_COLUMNS} from integrations
where id = $1 and agent_id = $2 and channel = $3 and status <> 'disconnected'"""  # noqa: S608
_WATCHED = """
select id, tenant_id, agent_id from integrations
where channel = $1 and status in ('live', 'broken') and ($2::uuid is null or id > $2) order by id limit $3"""
_RECEIVE = """
update integrations set mode = $2, secret_hash = $3, problem = null, problem_code = null where id = $1"""
_NOTE = """
update integrations set problem = $2::text, problem_code = $3,
  status = case when $4::bool and status = 'live' then 'broken' when $2::text is null and status = 'broken' then 'live' else status end
where id = $1 and status <> 'disconnected'
returning status"""


class Desk:
    """The bots of one tenant, changed in one name; needs the role callboard_engine, for a bot may come from another tenant."""

    def __init__(self, engine: Database, box: SecretBox, tenant_id: UUID, by: Actor) -> None:
        self._engine = engine
        self._box = box
        self._tenant_id = tenant_id
        self._by = by

    async def holder(self, account: str) -> Holder | None:
        """Return which live integration has the account, in the whole installation."""
        async with self._engine.dispatch_transaction() as connection:
            r = await connection.fetchrow(_HOLDER, CHANNEL, account)
        if r is None:
            return None
        return Holder(IntegrationId(r["id"]), r["tenant_id"], r["agent_id"], r["name"], r["tenant_id"] == self._tenant_id)

    async def place(self, agent_id: UUID, bot: Bot, token: str, mode: Mode) -> Placed | None:
        """Connect a bot to an agent, from wherever it was; None if the tenant has no such agent.

        Where it is there already, the token is replaced and its conversations go on.

        Raises:
            TransientError: others connect the same bot right now.
        """
        for _ in range(ATTEMPTS):
            held = await self.holder(bot.id)
            try:
                async with self._engine.tenants_transaction([self._tenant_id, *([held.tenant_id] if held else [])]) as connection:
                    if await connection.fetchval(_AGENT, agent_id, self._tenant_id) is None:
                        return None
                    if held is None or await connection.fetchval(_LOCK_HOLDER, held.integration_id, held.agent_id):
                        return await self._place(connection, agent_id, bot, token, mode, held)
            except TerminalError as error:
                if LIVE_ACCOUNT not in str(error):
                    raise
        raise TransientError("the same bot is being connected elsewhere at this moment")

    async def find(self, agent_id: UUID, integration_id: UUID) -> ConnectedBot | None:
        """Return a bot of an agent with its token."""
        async with self._engine.tenant_transaction(self._tenant_id) as connection:
            r = await connection.fetchrow(_FIND, integration_id, agent_id, CHANNEL)
        return self._bot(r) if r else None

    async def receive(self, bot: ConnectedBot, mode: Mode) -> str:
        """Change how messages are received and return the webhook's secret. What it still sends after a change to `poll` is taken."""
        secret = self._secret(bot.id)
        async with self._engine.tenant_transaction(self._tenant_id) as connection:
            await connection.execute(_RECEIVE, bot.id, mode, secret_hash(secret))
            if mode != bot.mode:
                about = await self._about(connection, bot)
                await integration_log.tell(connection, about, self._by, "integration.changed", {"mode": bot.mode}, {"mode": mode})
        return secret

    async def note(self, bot: ConnectedBot, trouble: Trouble | None, *, broken: bool = False) -> None:
        """Say for people what is wrong. What is broken stops; without trouble it goes on."""
        async with self._engine.tenant_transaction(self._tenant_id) as connection:
            text = None if trouble is None else trouble.detail or trouble.code
            status = await connection.fetchval(_NOTE, bot.id, text, trouble.code if trouble else None, broken)
            if status == "broken" and bot.status != "broken":
                change = {"status": bot.status}, {"status": status}
                about = await self._about(connection, bot)
                await integration_log.tell(
                    connection, about, self._by, "integration.broken", *change, problem_code=trouble.code if trouble else None
                )

    async def _place(self, connection: Connection, agent_id: UUID, bot: Bot, token: str, mode: Mode, held: Holder | None) -> Placed:
        stays = held is not None and held.ours and held.agent_id == agent_id
        moved_from = None if stays else held
        if moved_from is not None:
            await self._move_away(connection, moved_from, bot.id)
        integration_id: UUID = held.integration_id if held and stays else await connection.fetchval("select gen_random_uuid()")
        secret = self._secret(integration_id)
        columns = (bot.username, mode, secret_hash(secret), self._box.encrypt(token, str(integration_id)))
        if stays:
            await connection.execute(_REPLACE, integration_id, *columns)
        else:
            shard = shard_of(integration_id)
            await connection.execute(_INSERT, integration_id, self._tenant_id, agent_id, CHANNEL, bot.id, *columns, shard)
        about = integration_log.Subject(self._tenant_id, integration_id, agent_id, CHANNEL, bot.id, bot.username)
        after = {"mode": mode, "status": "live"}
        await integration_log.tell(connection, about, self._by, "integration.connected", None, after, moved=moved_from is not None)
        placed = ConnectedBot(IntegrationId(integration_id), agent_id, bot.id, mode, "live", None, token)
        return Placed(placed, secret, moved_from)

    async def _move_away(self, connection: Connection, held: Holder, account: str) -> None:
        """Both tenants are told; another tenant is not told by whom."""
        username = await connection.fetchval(_MOVE, held.integration_id)
        await connection.execute(_WITHDRAW, held.integration_id, shard_of(held.integration_id))
        by = self._by if held.ours else Actor("another company")
        about = integration_log.Subject(held.tenant_id, held.integration_id, held.agent_id, CHANNEL, account, username)
        await integration_log.tell(connection, about, by, "integration.moved", None, {"status": "disconnected"})

    async def _about(self, connection: Connection, bot: ConnectedBot) -> integration_log.Subject:
        username = await connection.fetchval("select username from integrations where id = $1", bot.id)
        return integration_log.Subject(self._tenant_id, bot.id, bot.agent_id, CHANNEL, bot.account, username)

    def _secret(self, integration_id: UUID) -> str:
        return self._box.derive(f"webhook:{integration_id}")

    def _bot(self, r: Any) -> ConnectedBot:
        return ConnectedBot(
            IntegrationId(r["id"]),
            r["agent_id"],
            r["account"],
            r["mode"],
            r["status"],
            stored_trouble(r["problem"], r["problem_code"]),
            self._token(r),
        )

    def _token(self, r: Any) -> str | None:
        if r["token_encrypted"] is None:
            return None
        try:
            return self._box.decrypt(r["token_encrypted"], str(r["id"]))
        except SecretKeyError:
            return None


class Bots:
    """The bots of all tenants, to be looked after; needs the role callboard_engine. The key is read when there is a bot."""

    def __init__(self, engine: Database, box: Callable[[], SecretBox]) -> None:
        self._engine = engine
        self._box = box

    async def page(self, after: UUID | None, limit: int) -> Sequence[WatchedBot]:
        """Return the next bots that work or should."""
        async with self._engine.dispatch_transaction() as connection:
            rows = await connection.fetch(_WATCHED, CHANNEL, after, limit)
        box = self._box() if rows else None
        return [WatchedBot(r["id"], r["agent_id"], Desk(self._engine, box, r["tenant_id"], PROGRAM)) for r in rows if box]


def stored_trouble(problem: str | None, code: str | None) -> Trouble | None:
    """Return what a row says is wrong; a word that another version of the program wrote is `other`.

    Without a detail, the row's text is the word.
    """
    if problem is None:
        return None
    known: TroubleCode = code if code in TROUBLE_CODES else "other"  # type: ignore[assignment]
    return Trouble(known, "" if problem == code else problem)
