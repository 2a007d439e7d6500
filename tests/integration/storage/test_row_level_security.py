"""Nothing of one tenant ever reaches another: proved for both roles and for every table, found in the catalogue."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from actors.domain.agent.spending import Spent
from actors.ports.checks import Expectation, NewCase
from actors.ports.documents import Piece
from actors.ports.jobs import NewJob
from actors.ports.kommo import KommoAccount
from actors.ports.turns import ActionRow, TimerRow
from actors.services.jobs.knowledge_ingest import IngestPayload, KnowledgeIngest
from storage.accounts.audit import Actor
from storage.accounts.login_links import LoginLinks
from storage.accounts.users import NewUser, Users
from storage.api_keys import ApiKeys
from storage.authoring.cases import Cases
from storage.authoring.rules import Rules
from storage.authoring.scripts import Scripts
from storage.authoring.sequences import Sequences
from storage.crypto import SecretBox
from storage.enrollments import Enrollments
from storage.idempotency import Idempotency, Request
from storage.knowledge.documents import KnowledgeDocuments, NewDocument
from storage.knowledge.incoming import KnowledgeIncoming, NewFile
from storage.knowledge.sites import KnowledgeSites
from storage.kommo_accounts import PostgresKommo
from storage.kommo_connections import KommoConnections, NewKommo
from storage.operators.linking import OperatorLinks
from storage.postgres import Database, Role
from storage.widgets import Widgets
from tests.contract.labs import Endpoint, RealLab, open_conversation, receive, turn

_TABLES = """
select c.relname from pg_class c where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
and (c.relname = 'tenants'
     or exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped))"""
_FOREIGN_KEYS = """
select con.conname, con.conrelid::regclass::text as child, con.confrelid::regclass::text as parent,
       (select array_agg(a.attname::text order by k.n) from unnest(con.conkey) with ordinality k (attnum, n)
        join pg_attribute a on a.attrelid = con.conrelid and a.attnum = k.attnum) as columns
from pg_constraint con where con.contype = 'f' and con.connamespace = 'public'::regnamespace"""
_COLUMNS = """
select attname from pg_attribute
where attrelid = $1::regclass and attnum > 0 and not attisdropped and attidentity = '' and attgenerated = ''"""
ROLES = list(Role)


@dataclass
class Shops:
    lab: RealLab
    mine: Endpoint
    theirs: Endpoint
    tables: list[str]


@pytest.fixture
async def shops(real_lab: RealLab) -> Shops:
    """Two tenants with a row in every table that belongs to a tenant."""
    mine, theirs = await real_lab.endpoint(), await real_lab.endpoint()
    for shop in (mine, theirs):
        (input_id,) = await receive(real_lab, shop, ["hello"])
        conversation = await open_conversation(real_lab, shop)
        commit = turn(shop, conversation, 0, [input_id], ["hi"], timers=[TimerRow("wake", 3600.0, {})])
        assert await real_lab.turns.commit([commit], []) == [True]
        await real_lab.set_control(shop, conversation, "human")
        await ApiKeys(real_lab.api).create(shop.tenant_id, "key", "owner")
        user = await Users(real_lab.api).create(shop.tenant_id, NewUser(f"{shop.tenant_id}@x.test", "", "owner", "en"), Actor("olga"))
        await an_operator(real_lab, shop, user.id, conversation)
        link = await LoginLinks(real_lab.api).create(shop.tenant_id, user.id, "login", Actor("olga"))
        await LoginLinks(real_lab.api).redeem(link, "a browser")  # opens a session
        await Scripts(real_lab.api).create(shop.tenant_id, Actor("olga"), shop.agent_id, {"id": "hello", "phrases": ["hello"]})
        rule = {"id": "tag", "trigger": {"on": "message_received"}, "actions": [{"do": "stop"}]}
        assert await Rules(real_lab.api).create(shop.tenant_id, Actor("olga"), shop.agent_id, rule)
        due = "insert into rule_schedules (tenant_id, agent_id, integration_id, rule, cron, time_zone) "
        due += "values ($1, $2, agent_endpoint($1, $2), 'morning', '0 9 * * *', 'UTC')"
        await real_lab.owner.execute(due, shop.tenant_id, shop.agent_id)
        acting = turn(shop, conversation, 2)
        acting = replace(acting, actions=(ActionRow(0, "webhook.call", {}, "tag"),), agent_id=shop.agent_id, spent=Spent(1, 1, 1))
        assert await real_lab.turns.commit([acting], []) == [True]
        plan = {"id": "follow", "steps": [{"do": "notify", "text": "x"}]}
        assert await Sequences(real_lab.api).create(shop.tenant_id, Actor("olga"), shop.agent_id, plan)
        enrolling = Enrollments(real_lab.api).control(shop.tenant_id, shop.agent_id, conversation, "follow", "start", "olga", plan)
        assert await enrolling
        assert await Widgets(real_lab.api).create(shop.tenant_id, Actor("olga"), shop.agent_id, "site", ["https://x.test"])
        document = NewDocument("Terms", "text", "350 roubles", [Piece("", "350 roubles")])
        assert await KnowledgeDocuments(real_lab.api).add(shop.tenant_id, Actor("olga"), shop.agent_id, document)
        (chunk,) = await real_lab.owner.fetch("select id, base_id from chunks where tenant_id = $1", shop.tenant_id)
        incoming = KnowledgeIncoming(real_lab.api, _reading)
        assert await incoming.add_file(shop.tenant_id, Actor("olga"), shop.agent_id, NewFile("Terms", "text", "terms.txt", b"350"))
        site = await KnowledgeSites(real_lab.api, _reading).add(shop.tenant_id, Actor("olga"), shop.agent_id, "https://x.test")
        assert site
        offered = "insert into site_proposals (tenant_id, agent_id, site_id) values ($1, $2, $3)"
        await real_lab.owner.execute(offered, shop.tenant_id, shop.agent_id, site.id)
        values = (chunk["id"], shop.tenant_id, chunk["base_id"], bytes(4))
        await real_lab.owner.execute("insert into chunk_vectors values ($1, $2, $3, 'test', 1, $4)", *values)
        async with Idempotency(real_lab.api).once(Request(shop.tenant_id, user.id, "key", b"content", "credential")) as attempt:
            await attempt.keep("{}")
        account = await _connect_kommo(real_lab, shop, 1 if shop is mine else 2)
        await _show_in_kommo(real_lab, account, conversation)
        await real_lab.owner.execute("insert into activity_rollups (tenant_id, grain, at) values ($1, 'day', now())", shop.tenant_id)
        await real_lab.owner.execute("insert into jobs (id, tenant_id, name) values (gen_random_uuid(), $1, 'sync')", shop.tenant_id)
        await real_lab.owner.execute("insert into digests (tenant_id, user_id, key) values ($1, $2, 'day')", shop.tenant_id, user.id)
        left_out = "insert into dismissed_questions values ($1, $2, gen_random_uuid(), now(), 'olga')"
        await real_lab.owner.execute(left_out, shop.tenant_id, shop.agent_id)
        notice = "insert into notices (tenant_id, conversation_id, body) values ($1, $2, 'x')"
        await real_lab.owner.execute(notice, shop.tenant_id, conversation)
        ask = "insert into kommo_asks (tenant_id, integration_id, path, entity, asked_at) values ($1, $2, $3, 'lead:5', now())"
        await real_lab.owner.execute(ask, shop.tenant_id, shop.integration_id, "/api/v4/salesbot/1/continue/2")
        await _replay(real_lab, shop)
    tables = [r[0] for r in await real_lab.owner.fetch(_TABLES)]
    for table in tables:
        rows = await real_lab.owner.fetchval(f"select count(distinct {_tenant_column(table)}) from {table}")
        assert rows == 2, f"{table} has no row of each tenant: this fixture must make one, or the table is not tested"
    return Shops(real_lab, mine, theirs, tables)


def _reading(document_id: UUID, by: str) -> NewJob[IngestPayload]:
    return NewJob(KnowledgeIngest, IngestPayload(document_id=document_id), str(document_id), by=by)


async def _replay(lab: RealLab, shop: Endpoint) -> None:
    """A replayed turn, an event of a back-test and a check."""
    turn = """
    insert into replay_turns (tenant_id, job_id, conversation_id, title, number, turn_id, outcome, body)
    select $1, j.id, c.id, '', 1, gen_random_uuid(), 'same', '{}' from jobs j, conversations c
    where j.tenant_id = $1 and c.tenant_id = $1 limit 1"""
    await lab.owner.execute(turn, shop.tenant_id)
    event = """
    insert into back_test_events (tenant_id, job_id, conversation_id, turn_id, outcome, body)
    select $1, j.id, c.id, gen_random_uuid(), 'fired', '{}' from jobs j, conversations c
    where j.tenant_id = $1 and c.tenant_id = $1 limit 1"""
    await lab.owner.execute(event, shop.tenant_id)
    new = NewCase("delivery?", "", Expectation("handoff"))
    assert await Cases(lab.api).add(shop.tenant_id, Actor("olga"), shop.agent_id, new)


async def _connect_kommo(lab: RealLab, shop: Endpoint, account_id: int) -> KommoAccount:
    connections, store = KommoConnections(lab.api, SecretBox(bytes(32))), PostgresKommo(lab.engine, SecretBox(bytes(32)))
    new = NewKommo(shop.agent_id, account_id, "shop.kommo.com", "Shop", "token")
    account = (await connections.connect(shop.tenant_id, Actor("olga"), new)).account
    await connections.begin(shop.tenant_id, Actor("olga"), shop.agent_id, "client", "secret", "https://x.test")
    await store.count(account)
    assert await store.take_bot(account, 7, 10.0) is None
    mirrored = "insert into kommo_mirror values ($1, $2, 'lead', '7', 'Tyres', '{}', $2, 'added', $2)"
    synced = (
        "insert into kommo_syncs (tenant_id, integration_id, what, synced_by, full_at, counts) values ($1, $2, 'contacts', $2, now(), '{}')"
    )
    subject = "insert into kommo_subjects (tenant_id, integration_id, subject, holder, until) values ($1, $2, 'lead:contact:7', 1, now())"
    for statement in (mirrored, synced, subject):
        await lab.owner.execute(statement, account.tenant_id, account.integration_id)
    return account


async def _show_in_kommo(lab: RealLab, account: KommoAccount, conversation: int) -> None:
    channel = """
insert into kommo_channels (id, tenant_id, integration_id, channel_id, amojo_id, scope_id, secret_encrypted)
values ($2::uuid, $1, $2, 'c', ($2::uuid)::text, 'c_' || ($2::uuid)::text, 'sealed')"""
    await lab.owner.execute(channel, account.tenant_id, account.integration_id)
    chat = "insert into kommo_chats (conversation_id, tenant_id, channel, cursor) values ($1, $2, $3, 0)"
    await lab.owner.execute(chat, conversation, account.tenant_id, account.integration_id)


async def an_operator(lab: RealLab, shop: Endpoint, user_id: UUID, conversation: int) -> None:
    """Somebody with a code, a chat, a wrong try, and a customer they were asked about."""
    await OperatorLinks(lab.api).issue(shop.tenant_id, user_id, Actor("olga"))
    for statement in (
        "insert into operator_chats (tenant_id, user_id, conversation_id) values ($1, $2, $3)",
        "insert into operator_tries (tenant_id, conversation_id, tries) select $1, $3, 1 where $2::uuid is not null",
        "with h as (insert into handoffs (tenant_id, conversation_id, kind) values ($1, $3, 'handoff') returning id)"
        " insert into handoff_asks (tenant_id, handoff_id, user_id) select $1, h.id, $2 from h",
    ):
        await lab.owner.execute(statement, shop.tenant_id, user_id, conversation)


async def _as(lab: RealLab, role: Role, tenant: UUID | None, *, local: bool = False) -> None:
    """Make the owner's connection work as `role`, for one tenant or none."""
    one, many = (str(tenant), f"{{{tenant}}}") if tenant else ("", "")
    await lab.owner.execute("select set_config('app.tenant', $1, $3), set_config('app.tenants', $2, $3)", one, many, local)
    await lab.owner.execute(f"set {'local ' if local else ''}role {role}")


def _tenant_column(table: str) -> str:
    return "id" if table == "tenants" else "tenant_id"


async def test_the_catalogue_finds_the_tables(shops: Shops) -> None:
    """A query that finds nothing would make every other test here green."""
    assert {"tenants", "conversations", "messages", "inbox", "outbox", "traces", "timers", "integrations", "api_keys"} <= set(shops.tables)


@pytest.mark.parametrize("role", ROLES)
async def test_roles_are_bound_by_row_level_security(shops: Shops, role: Role) -> None:
    row = await shops.lab.owner.fetchrow("select rolsuper, rolbypassrls from pg_roles where rolname = $1", role)
    assert tuple(row) == (False, False)
    owned = await shops.lab.owner.fetchval("select count(*) from pg_class where relowner = $1::regrole", role)
    assert owned == 0
    for table in shops.tables:
        flags = await shops.lab.owner.fetchrow("select relrowsecurity, relforcerowsecurity from pg_class where oid = $1::regclass", table)
        assert tuple(flags) == (True, True), table


async def test_processes_work_as_these_roles(real_lab: RealLab) -> None:
    assert await real_lab.engine.fetchval("select current_user::text") == Role.ENGINE
    assert await real_lab.api.fetchval("select current_user::text") == Role.API


@pytest.mark.parametrize("role", ROLES)
async def test_without_a_tenant_there_is_nothing(shops: Shops, role: Role) -> None:
    await _as(shops.lab, role, None)
    for table in shops.tables:
        assert await shops.lab.owner.fetchval(f"select count(*) from {table}") == 0, table


@pytest.mark.parametrize("role", ROLES)
async def test_a_tenant_sees_and_changes_its_own_rows_only(shops: Shops, role: Role) -> None:
    await _as(shops.lab, role, shops.mine.tenant_id)
    for table in shops.tables:
        column = _tenant_column(table)
        tenants = {r[0] for r in await shops.lab.owner.fetch(f"select distinct {column} from {table}")}
        assert tenants == {shops.mine.tenant_id}, table
        assert (
            await shops.lab.owner.execute(f"update {table} set {column} = {column} where {column} = '{shops.theirs.tenant_id}'")
            == "UPDATE 0"
        )
        await _refused(shops.lab.owner, f"update {table} set {column} = '{shops.theirs.tenant_id}'", table)
        if table != "tenants":
            assert await shops.lab.owner.execute(f"delete from {table} where {column} = '{shops.theirs.tenant_id}'") == "DELETE 0"


@pytest.mark.parametrize("role", ROLES)
async def test_foreign_rows_are_refused(shops: Shops, role: Role) -> None:
    """A copy of the other tenant's own row, inserted by us: it violates nothing but the policy."""
    for table in shops.tables:
        columns, row = await _row_of(shops, table, shops.theirs.tenant_id)
        await _as(shops.lab, role, shops.mine.tenant_id)
        names, values = ", ".join(columns), ", ".join(f"${n}" for n in range(1, len(columns) + 1))
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await shops.lab.owner.execute(f"insert into {table} ({names}) values ({values})", *row)
        await shops.lab.owner.execute("reset role")


async def test_foreign_references_are_refused(shops: Shops) -> None:
    """Our row that points to the other tenant's row: every key between tenant tables carries the tenant."""
    keys = [k for k in await shops.lab.owner.fetch(_FOREIGN_KEYS) if k["child"] in shops.tables and k["parent"] != "tenants"]
    assert len(keys) >= 8
    for key in keys:
        assert key["columns"][0] == "tenant_id", f"{key['conname']} would let a row point to another tenant"
        reference = key["columns"][1]
        foreign = await shops.lab.owner.fetchval(f"select id from {key['parent']} where tenant_id = $1", shops.theirs.tenant_id)
        for role in ROLES:
            with pytest.raises(asyncpg.ForeignKeyViolationError):
                await _point_to(shops, role, key["child"], reference, foreign)


async def _point_to(shops: Shops, role: Role, child: str, reference: str, foreign: Any) -> None:
    """Point one of our rows to `foreign`, in a transaction that is rolled back."""
    owner = shops.lab.owner
    async with owner.transaction():
        # The other tenant's rows go first, or a unique key could refuse the update before the foreign key does.
        await owner.execute("set local session_replication_role = replica")
        await owner.execute(f"delete from {child} where tenant_id = '{shops.theirs.tenant_id}'")
        await owner.execute("set local session_replication_role = origin")
        await _as(shops.lab, role, shops.mine.tenant_id, local=True)
        one = f"(select ctid from {child} limit 1)"
        assert await owner.execute(f"update {child} set {reference} = $1 where ctid = {one}", foreign) == "a refusal"


async def test_references_without_a_key_are_only_those_we_know(shops: Shops) -> None:
    """A new `…_id` column between tenant tables needs a composite key, or a reason on this list."""
    known = {
        ("inbox", "turn_id"), ("messages", "turn_id"), ("messages", "inbox_id"), ("messages", "external_id"), ("outbox", "turn_id"),
        ("outbox", "provider_message_id"), ("traces", "turn_id"), ("activity_logs", "agent_id"), ("activity_logs", "conversation_id"),
        ("activity_logs", "turn_id"), ("idempotency_keys", "caller_id"), ("actions", "turn_id"),
        ("documents", "job_id"), ("knowledge_sites", "job_id"),  # jobs go after some days
        ("replay_turns", "turn_id"), ("back_test_events", "turn_id"), ("regression_cases", "message_id"),
        # Kommo's own numbers and names.
        ("outbox", "echo_id"),
        ("kommo_accounts", "account_id"), ("kommo_accounts", "client_id"), ("kommo_accounts", "bot_id"), ("kommo_accounts", "field_id"),
        ("kommo_authorizations", "client_id"), ("kommo_bot_runs", "lead_id"), ("kommo_channels", "channel_id"),
        ("kommo_channels", "amojo_id"), ("kommo_channels", "scope_id"), ("kommo_channels", "bot_id"), ("kommo_chats", "ref_id"),
    }  # fmt: skip
    covered = {(k["child"], c) for k in await shops.lab.owner.fetch(_FOREIGN_KEYS) for c in k["columns"]}
    found = set()
    for table in shops.tables:
        for r in await shops.lab.owner.fetch(_COLUMNS, table):
            if r["attname"].endswith("_id") and r["attname"] != "tenant_id":
                found.add((table, r["attname"]))
    assert found - covered <= known


async def test_the_dispatch_scope_opens_only_what_finds_work(shops: Shops) -> None:
    expected = {
        Role.ENGINE: {
            "actions",
            "activity_logs",
            "agents",
            "conversations",
            "enrollments",
            "handoffs",
            "inbox",
            "integrations",
            "job_schedules",
            "jobs",
            "knowledge_bases",
            "kommo_accounts",
            "kommo_asks",
            "kommo_channels",
            "notices",
            "outbox",
            "rule_schedules",
            "tenants",
            "timers",
        },
        Role.API: {"api_keys", "tenants", "users", "sessions", "login_links", "widgets", "kommo_accounts", "kommo_authorizations"},
    }
    for role, open_tables in expected.items():
        await _as(shops.lab, role, None)
        await shops.lab.owner.execute("select set_config('app.scope', 'dispatch', false)")
        seen = {t for t in shops.tables if await shops.lab.owner.fetchval(f"select count(*) from {t}")}
        assert seen == open_tables
        await shops.lab.owner.execute("reset role")


async def test_settings_end_with_their_transaction(shops: Shops) -> None:
    for database in (shops.lab.engine, shops.lab.api):
        async with database.tenant_transaction(shops.mine.tenant_id) as connection:
            assert await connection.fetchval("select count(*) from conversations") == 1
        assert await database.fetchval("select count(*) from conversations") == 0
        with pytest.raises(RuntimeError, match="in the middle"):
            await _fail_in_the_middle(database, shops.mine.tenant_id)
        assert await database.fetchval("select count(*) from conversations") == 0
    assert await shops.lab.owner.fetchval("select count(*) from timers") == 2


async def _fail_in_the_middle(database: Database, tenant_id: UUID) -> None:
    async with database.tenant_transaction(tenant_id) as connection:
        await connection.execute("delete from timers")
        raise RuntimeError("in the middle")


async def _row_of(shops: Shops, table: str, tenant_id: UUID) -> tuple[list[str], list[Any]]:
    columns = [r["attname"] for r in await shops.lab.owner.fetch(_COLUMNS, table)]
    row = await shops.lab.owner.fetchrow(f"select {', '.join(columns)} from {table} where {_tenant_column(table)} = $1 limit 1", tenant_id)
    return columns, list(row)


async def _refused(connection: Any, statement: str, table: str) -> None:
    try:
        await connection.execute(statement)
    except (asyncpg.InsufficientPrivilegeError, asyncpg.ForeignKeyViolationError, asyncpg.UniqueViolationError):
        return
    pytest.fail(f"{table}: a row was moved to another tenant")
