"""Who may do what, generated from the operations: a matrix of roles, and one of tenants. A new operation is in both by itself."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from actors.domain.proposing.models import Proposal, Proposals
from gateway.api.operation import Operation
from gateway.openapi import unconnected
from storage.accounts.audit import Actor
from storage.accounts.roles import RANK, Level, at_least
from storage.crypto import SecretBox, load_or_create_key
from storage.kommo_connections import KommoConnections, NewKommo
from storage.postgres import Database, Role
from tests.fakes.telegram_process import TelegramProcess
from tests.integration.gateway.company import Company, EchoHost, found
from tests.integration.gateway.desk import DELIVERY, Desk
from tests.integration.gateway.processes import GatewayProcess

LEVELS: tuple[Level, ...] = ("viewer", "operator", "admin", "owner")
# What needs nobody's credential: logging in, and what a widget's visitors do.
PUBLIC = {
    ("POST", "/api/session"),
    ("POST", "/api/session/link"),
    ("POST", "/api/widget/{token}/session"),
    ("GET", "/api/widget/{token}/messages"),
    ("POST", "/api/widget/{token}/messages"),
    ("GET", "/api/widget/{token}/events"),
}
RULE = {"name": "Tag", "trigger": {"on": "message_received"}, "actions": [{"do": "add_tag", "tag": "vip"}]}
PLAN = {"name": "Follow up", "steps": [{"do": "add_tag", "tag": "vip"}]}
# One acceptable body for each operation on a thing that takes one: without it, a 422 could hide a missing 404.
BODIES: Mapping[str, Any] = {
    "AcceptBody": {"name": "Anna", "scripts": [{"id": "delivery", "name": "Delivery", "phrases": ["delivery"], "answer": "350 roubles"}]},
    "ActsBody": {"acts": True},
    "CheckBody": {"question": "how much is delivery?", "expected": {"kind": "text", "value": "350"}},
    "CorrectionBody": {"question": "how much is delivery?", "right": {"kind": "new_script", "text": "350 roubles"}},
    "DigestBody": {"enabled": True, "hour": 9, "time_zone": "UTC"},
    "BackTestBody": {"rule": RULE},
    "RuleBody": RULE,
    "RuleDraft": {"rule": RULE},
    "RuleOrder": {"rules": []},
    "SequenceBody": PLAN,
    "SequenceDraft": {"sequence": PLAN},
    "PreviewBody": {"sequence": PLAN, "start": "2026-03-01T10:00:00Z"},
    "EnrollBody": {"conversation_id": "1"},
    "AgentCopy": {"name": "Copy"},
    "AgentPatch": {"name": "Renamed"},
    "KommoInvite": {"client_id": "client", "client_secret": "secret"},
    "KommoPatch": {"salesbot": {"bot_id": 1, "field_id": 2}},
    "KommoToken": {"address": "shop", "token": "token"},
    "ConnectBody": {"token": "4200000042:a-token-that-works"},
    "AvailabilityPatch": {"available": True},
    "IntegrationPatch": {"status": "paused"},
    "DocumentBody": {"title": "Terms", "text": "350 roubles"},
    "AssignRequest": {"user_id": None},
    "RetentionBody": {"activity_days": 365, "traces_days": 30, "conversations_days": None},
    "OwnChannelBody": {"channel_id": "344a5002-f8ca-454d-af3d-396180102ac7", "secret": "0" * 40},
    "PageBody": {"address": "https://shop.example/terms"},
    "SiteBody": {"address": "https://shop.example/"},
    "PassagesBody": {"passages": []},
    "PublishBody": {"note": "n"},
    "ChecksRunBody": {"version": "draft"},
    "ReplayRequest": {"version": "draft"},
    "ReplyRequest": {"text": "hello"},
    "ScriptBody": DELIVERY,
    "ScriptsImport": {"format": "callboard/scripts/1", "scripts": []},
    "SearchBody": {"text": "delivery"},
    "TenantPatch": {"name": "Renamed"},
    "TrialBody": {"what": "host"},
    "TryBody": {"text": "delivery"},
    "UserPatch": {"name": "Renamed"},
    "SchedulePatch": {"enabled": False},
    "VersionNote": {"note": "n"},
    "WidgetCreate": {"origins": ["https://shop.example"]},
    "WidgetPatch": {"name": "Renamed"},
}
# Lists that hold nothing a company wrote.
NOBODYS = {"/api/session", "/api/rules/vocabulary", "/api/webhook-secret", "/api/actors"}
# Its own test has both: a file is there only where a provider still has it.
ELSEWHERE = {"/api/conversations/{id}/messages/{message_id}/files/{n}"}
# Lists of the caller's own that hold nothing at first.
PERSONAL = {
    "/api/session",
    "/api/me/telegram-link",
    "/api/tenant/stop",
    "/api/dashboard/summary",
    "/api/unanswered",
    "/api/digest",
    "/api/retention",
}
CANARY = "canary-of-acme"


@pytest.fixture
async def gateway(database: str, redis_url: str, tmp_path: Path, telegram: TelegramProcess) -> AsyncIterator[GatewayProcess]:
    """One that reaches a Bot API which knows the bot of BODIES."""
    await telegram.add_bot(BODIES["ConnectBody"]["token"])
    env = {"CALLBOARD_REPLY_WAIT_S": "4", "CALLBOARD_TELEGRAM_API": telegram.url}
    async with GatewayProcess(database, redis_url, tmp_path, env) as running:
        yield running


@pytest.fixture
async def operations() -> list[Operation]:
    return (await unconnected()).registry.operations


async def send(gateway: GatewayProcess, operation: Operation, path: str, headers: Mapping[str, str]) -> tuple[int, str]:
    """Send what the operation accepts."""
    given: dict[str, Any] = {"headers": {**headers, **({"If-Match": '"1"'} if operation.versioned else {})}}
    if operation.body is not None:
        given["json"] = BODIES.get(operation.body.__name__, {})
    if operation.raw:
        given |= {"data": b"format: callboard/configuration/1", "params": {"name": "terms.txt"} if operation.path.endswith("files") else {}}
        given["headers"]["Content-Type"] = operation.raw.media[0]
    async with gateway.session.request(operation.method, path, **given) as response:
        return response.status, await response.text()


def nowhere(operation: Operation) -> str:
    """Return a path of the operation's form that names nothing."""
    path = operation.path
    for name in operation.things:
        unknown = {"number": str(2**62), "uuid": str(uuid4()), "text": "x" * 43}[operation.kind(name)]
        path = path.replace(f"{{{name}}}", unknown)
    return path


async def test_public_operations_are_those_we_know(operations: list[Operation]) -> None:
    assert {(o.method, o.path) for o in operations if o.level is None} == PUBLIC
    assert {o.level for o in operations} == {None, "viewer", "operator", "admin", "owner"}


async def test_every_operation_needs_its_role(gateway: GatewayProcess, company: Company, operations: list[Operation]) -> None:
    wrong: list[tuple[str, str, str, int]] = []
    callers: dict[str, dict[str, str]] = {"nobody": {}, "a made-up key": {"Authorization": f"Bearer cb_{'x' * 43}"}}
    callers |= {level: company.headers(level) for level in LEVELS}
    checked = 0
    for operation in operations:
        if operation.level is None:
            continue
        for who, headers in callers.items():
            status, _ = await send(gateway, operation, nowhere(operation), headers)
            if who not in RANK:
                right = status == 401
            else:
                level: Level = next(level for level in LEVELS if level == who)
                right = status not in {401, 403} if at_least(level, operation.level) else status == 403
            checked += 1
            if not right or status >= 500:
                wrong.append((operation.method, operation.path, who, status))
    assert wrong == []
    assert checked == 6 * sum(operation.level is not None for operation in operations)


class Estate:
    """Everything that one company has: an id of each thing."""

    def __init__(self, company: Company, things: dict[str, str]) -> None:
        self.company, self.things = company, things

    def path(self, operation: Operation, own: frozenset[str] = frozenset(), other: "Estate | None" = None) -> str:
        """Return the operation's path with the ids of this estate; those of the parameters `own` are of the other."""
        path = operation.path
        for name, thing in operation.things.items():
            things = other.things if other and name in own else self.things
            path = path.replace(f"{{{name}}}", things["kommo" if thing == "integration" and operation.tag == "kommo" else thing])
        return path


async def settle(gateway: GatewayProcess, company: Company, database: str, name: str) -> Estate:
    """Make one of each thing for a company; its texts hold the name."""
    desk = Desk(gateway, company)
    agent_id = str(company.agent_id)
    agent = f"/api/agents/{agent_id}"
    script = await desk.do("POST", f"{agent}/scripts", {**DELIVERY, "answer": {"en": name}}, expect=201)
    rule = await desk.do("POST", f"{agent}/rules", {**RULE, "name": name}, expect=201)
    document = await a_file(gateway, company, name)
    site = await desk.do("POST", f"{agent}/knowledge/sites", {"address": f"https://{name}.example/"}, expect=202)
    await proposals(database, company, site["site_id"])
    sequence = await desk.do("POST", f"{agent}/sequences", {**PLAN, "name": name}, expect=201)
    await desk.do("POST", f"{agent}/publish", {"note": name})
    check = await desk.do("POST", f"{agent}/checks", {"question": name, "expected": {"kind": "handoff"}}, expect=201)
    widget = await desk.do("POST", f"{agent}/widgets", {"origins": ["https://shop.example"], "name": name}, expect=201)
    user = await desk.do("POST", "/api/users", {"email": f"{name}@example.com", "role": "operator", "name": name}, expect=201)
    key = await desk.do("POST", "/api/api-keys", {"name": name, "role": "viewer"}, expect=201)
    async with EchoHost(database):
        said = await desk.do("POST", "/api/chat", {"agent_id": agent_id, "text": name})
    whom = {"conversation_id": said["conversation_id"]}
    enrollment = await desk.do("POST", f"{agent}/sequences/{sequence['id']}/enrollments", whom, expect=201)
    job_id, export_id = await queue_of(database, company)
    schedules = await desk.do("GET", "/api/schedules")
    things = {
        "job": job_id,
        "export": export_id,
        "replay": await a_replay(database, company),
        "back test": await a_back_test(database, company),
        "schedule": schedules["items"][0]["id"],
        "rule": rule["id"],
        "sequence": sequence["id"],
        "enrollment": enrollment["id"],
        "action": await an_action(database, company, int(said["conversation_id"])),
        "agent": agent_id,
        "check": check["id"],
        "script": script["id"],
        "document": document,
        "site": site["site_id"],
        "question": await a_question(desk, database, said["message_id"]),
        "version": "1",
        "widget": widget["id"],
        "integration": str(next(iter(company.bots))),
        "kommo": str(await connect_kommo(company, database, Path(gateway.env["CALLBOARD_DATA_DIR"]))),
        "user": user["user"]["id"],
        "api key": key["id"],
        "tenant": str(company.tenant_id),
        "conversation": said["conversation_id"],
        "message": said["message_id"],
    }
    return Estate(company, things)


async def a_question(desk: Desk, database: str, message_id: str) -> str:
    """Let a message have been without a good answer; return the question's id."""
    connection = await asyncpg.connect(database)
    await connection.execute(
        "insert into activity_logs (tenant_id, kind, agent_id, conversation_id, turn_id, data)"
        " select m.tenant_id, 'turn.handed_off', $2, m.conversation_id, m.turn_id, '{\"reason\": \"no passage is sure\"}'"
        " from messages m where m.id = $1",
        int(message_id),
        desk.company.agent_id,
    )
    await connection.close()
    [question] = (await desk.do("GET", f"/api/agents/{desk.company.agent_id}/knowledge/questions"))["items"]
    return str(question["id"])


async def proposals(database: str, company: Company, site_id: str) -> None:
    """Let the agent have been begun with a site that offers one script."""
    one = Proposal("delivery", "Delivery", ("delivery",), "350 roubles", "https://shop.example/")
    found = Proposals("extractive", "en", "Anna", 1, 1, "", (one,), ())
    connection = await asyncpg.connect(database)
    offered = "insert into site_proposals (tenant_id, agent_id, site_id, found, made_at) values ($1, $2, $3, $4, now())"
    await connection.execute(offered, company.tenant_id, company.agent_id, site_id, json.dumps(asdict(found)))
    await connection.close()


async def a_file(gateway: GatewayProcess, company: Company, name: str) -> str:
    """Hand a file in; return its document's id."""
    headers = {**company.headers(), "Content-Type": "application/octet-stream"}
    path = f"/api/agents/{company.agent_id}/knowledge/files?name={name}.txt"
    async with gateway.session.post(path, data=name.encode(), headers=headers) as answer:
        assert answer.status == 202
        return str((await answer.json())["document_id"])


async def queue_of(database: str, company: Company) -> tuple[str, str]:
    """Return a job that waits, and an export that is done: of nothing, so that it needs no worker."""
    queue = "insert into jobs (tenant_id, name, state, result) values ($1, $2, $3, $4) returning id::text"
    connection = await asyncpg.connect(database)
    try:
        job_id = await connection.fetchval(queue, company.tenant_id, "conversations:export", "queued", None)
        nothing = '{"parts": [], "size": 0}'
        return job_id, await connection.fetchval(queue, company.tenant_id, "conversations:export", "done", nothing)
    finally:
        await connection.close()


async def a_replay(database: str, company: Company) -> str:
    """Return a replay that is done, and found that nothing was said."""
    connection = await asyncpg.connect(database)
    try:
        sql = "insert into jobs (tenant_id, name, state, payload) values ($1, 'agent:replay', 'done', $2) returning id::text"
        payload = {"agent_id": str(company.agent_id), "version": 1, "conversations": []}
        return str(await connection.fetchval(sql, company.tenant_id, json.dumps(payload)))
    finally:
        await connection.close()


async def a_back_test(database: str, company: Company) -> str:
    """Return a back-test that waits."""
    connection = await asyncpg.connect(database)
    try:
        sql = "insert into jobs (tenant_id, name, state, payload) values ($1, 'rules:back-test', 'queued', $2) returning id::text"
        payload = {"agent_id": str(company.agent_id), "tried": {}, "days": 7}
        return str(await connection.fetchval(sql, company.tenant_id, json.dumps(payload)))
    finally:
        await connection.close()


async def an_action(database: str, company: Company, conversation_id: int) -> str:
    """Let an agent ask something of a system outside; return its id."""
    owner = await asyncpg.connect(database)
    try:
        sql = """
        insert into actions (tenant_id, agent_id, conversation_id, shard, turn_id, seq, kind, params, state)
        values ($1, $2, $3, 0, $4, 0, 'webhook.call', '{}', 'failed') returning id"""
        return str(await owner.fetchval(sql, company.tenant_id, company.agent_id, conversation_id, uuid4()))
    finally:
        await owner.close()


async def connect_kommo(company: Company, database: str, data_dir: Path) -> UUID:
    box = SecretBox(load_or_create_key(data_dir))
    async with await Database.open(database, Role.API, "test", size=1) as api:
        new = NewKommo(company.agent_id, company.agent_id.int % 10**9, "shop.kommo.com", "Shop", "token")
        return (await KommoConnections(api, box).connect(company.tenant_id, Actor("olga"), new)).account.integration_id


async def test_nobody_reaches_what_is_not_theirs(
    gateway: GatewayProcess, company: Company, database: str, operations: list[Operation]
) -> None:
    estate = await settle(gateway, company, database, CANARY)
    theirs = await settle(gateway, await found(database, "other"), database, "canary-of-other")
    before = await rows_of(database, company.tenant_id)
    # What a widget's visitors do is told apart by their own credential: tests of the widget.
    on_things = [operation for operation in operations if operation.things and operation.level and operation.path not in ELSEWHERE]
    wrong: list[tuple[str, str, int]] = []
    for operation in on_things:
        paths = [estate.path(operation)]
        if len(operation.things) > 1:  # somebody else's thing below one's own, where the thing has an id of its own
            last = list(operation.things)[-1]
            if operation.things[last] != "version":
                paths.append(theirs.path(operation, frozenset({last}), estate))
            paths.append(estate.path(operation, frozenset({last}), theirs))
        for path in paths:
            status, text = await send(gateway, operation, path, theirs.company.headers())
            if status != 404 or leaks(text, estate):
                wrong.append((operation.method, path, status))
    assert wrong == []
    assert await rows_of(database, company.tenant_id) == before
    await its_owner_reaches_everything(gateway, estate, on_things)


async def its_owner_reaches_everything(gateway: GatewayProcess, estate: Estate, operations: list[Operation]) -> None:
    """The same requests are no 404 for who may: otherwise the matrix would show nothing."""
    order = ("GET", "PUT", "PATCH", "POST", "DELETE")
    # Innermost things go first, and an agent after everything that it has.
    for operation in sorted(operations, key=lambda o: (order.index(o.method), -len(o.things), o.path)):
        status, text = await send(gateway, operation, estate.path(operation), estate.company.headers())
        nobody_answers = status == 503 and operation.path.endswith("/knowledge/search")  # no KnowledgeActor runs here
        assert status < 500 or nobody_answers, (operation.method, operation.path, text)
        assert status not in {401, 403, 404, 422}, (operation.method, operation.path, status, text)
        if operation.method == "GET":
            assert status == 200, (operation.path, text)


async def test_lists_hold_nothing_of_others(gateway: GatewayProcess, company: Company, database: str, operations: list[Operation]) -> None:
    estate = await settle(gateway, company, database, CANARY)
    other = await found(database, "other")
    lists = [o for o in operations if o.method == "GET" and not o.things and o.answer and o.level]
    assert {"/api/agents", "/api/conversations", "/api/users", "/api/api-keys", "/api/tenants", "/api/audit"} <= {o.path for o in lists}
    for operation in lists:
        queries = [""]
        for name, field in operation.query.model_fields.items() if operation.query else ():
            if UUID in getattr(field.annotation, "__args__", ()):
                queries.append(f"?{name}={estate.things['user' if name == 'assigned_to' else name.removesuffix('_id')]}")
        for query in queries:
            _, text = await send(gateway, operation, operation.path + query, other.headers())
            assert not leaks(text, estate), (operation.path, query, text)
            _, own = await send(gateway, operation, operation.path, company.headers())
            assert leaks(own, estate) or operation.path in NOBODYS | PERSONAL, operation.path


def leaks(text: str, estate: Estate) -> bool:
    """Return whether an answer shows anything of the estate."""
    ids = {value for thing, value in estate.things.items() if thing != "version"}
    return CANARY in text or bool(ids & set(re.findall(r'"([^"]+)"', text)))


async def rows_of(database: str, tenant_id: UUID) -> dict[str, str]:
    """Return a fingerprint of every table's rows of a tenant."""
    connection = await asyncpg.connect(database)
    try:
        tables = await connection.fetch(
            "select c.oid::regclass::text as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' "
            "where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace"
        )
        assert len(tables) > 15
        digest = "select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from {} t where tenant_id = $1"
        return {table["name"]: await connection.fetchval(digest.format(table["name"]), tenant_id) for table in tables}
    finally:
        await connection.close()


async def test_bodies_are_what_the_operations_accept(operations: list[Operation]) -> None:
    for operation in operations:
        if operation.body is not None and operation.things and operation.level:
            operation.body.model_validate(json.loads(json.dumps(BODIES[operation.body.__name__])))
