"""Replays: recorded conversations as they are read for one, and the turns that came of it. They go with their job."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from actors.domain.ids import Address, AgentId, ConversationId, InboxId, IntegrationId, TenantId
from actors.domain.jobs import Mark
from actors.domain.trace import from_bytes
from actors.ports.conversations import ConversationRecord
from actors.ports.inbox import InboxRow
from actors.ports.jobs import JobLease
from actors.ports.replays import MOST_TURNS, Outcome, RecordedConversation, RecordedMessage, RecordedTurn, ReplayedConversation
from storage.conversations import TITLE
from storage.jobs.fence import fenced
from storage.jobs.views import JobState
from storage.postgres import Connection, Database

_MOST_MESSAGES = 20 * MOST_TURNS
_CONVERSATION = f"""
select c.id, c.tenant_id, c.integration_id, c.key, {TITLE} as title, g.agent_id, g.channel, g.reply_policy, g.account, g.username
from conversations c join integrations g on g.id = c.integration_id where c.id = $1"""  # noqa: S608
_TRACES = "select turn_id, body, created_at from traces where conversation_id = $1 order by created_at, turn_id limit $2"
_MESSAGES = "select id, turn_id, seq, role, mode, body, sources from messages where conversation_id = $1 order by id limit $2"
_INBOX = "select id, kind, raw, received_at, attempts from inbox where id = any($1::bigint[])"
_PERSONAS = """
select v.agent_id, v.version, v.definition -> 'persona' as persona
from unnest($1::uuid[], $2::int[]) w (agent_id, version) join agent_versions v on v.agent_id = w.agent_id and v.version = w.version"""
_LATEST = """
select c.id from conversations c join integrations g on g.id = c.integration_id
where g.agent_id = $1 and c.kind = 'chat' and not c.state ? 'operator' order by c.last_at desc, c.id desc limit $2"""
_KNOWN = "select id from conversations where id = any($1::bigint[])"
_SAVE = """
insert into replay_turns (tenant_id, job_id, conversation_id, title, number, turn_id, outcome, body)
select $1, $2, $3, $4, u.number, u.turn_id, u.outcome, u.body
from unnest($5::int[], $6::uuid[], $7::text[], $8::jsonb[]) with ordinality u (number, turn_id, outcome, body, n) order by u.n"""
_PAGE = """
select position, conversation_id, title, number, turn_id, outcome, body::text from replay_turns
where job_id = $1 and ($2::text is null or outcome = $2) and ($3::bigint is null or conversation_id = $3) and position > $4
order by position limit $5"""
_REPLAY = """
select id, number, (payload ->> 'version')::int as version, state, progress_done, progress_total, progress_note, result::text, error,
       created_by, created_at, finished_at
from jobs where name = 'agent:replay'"""
_OF_AGENT = f"{_REPLAY} and payload ->> 'agent_id' = $1 and ($2::bigint is null or number < $2) order by number desc limit $3"
_FIND = f"{_REPLAY} and id = $1"


@dataclass(frozen=True, slots=True)
class ReplayItem:
    """A replay as lists show it. `number` is its place in them."""

    id: UUID
    number: int
    version: int
    state: JobState
    progress_done: int
    progress_total: int | None
    progress_note: str
    result: Mapping[str, Any] | None
    error: str | None
    created_by: str
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """A replayed turn as stored. `position` is its place in the replay."""

    position: int
    conversation_id: int
    title: str
    number: int
    turn_id: UUID
    outcome: Outcome
    body: Mapping[str, Any]


class PostgresReplays:
    """What is replayed and what came of it; the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def personas(self, tenant_id: TenantId, versions: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], Mapping[str, Any]]:
        """Return the personas of versions, by agent and number; those that do not exist are left out."""
        agents, numbers = [UUID(agent) for agent, _ in versions], [number for _, number in versions]
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch(_PERSONAS, agents, numbers)
        return {(str(r["agent_id"]), r["version"]): orjson.loads(r["persona"] or "{}") for r in rows}

    async def load(self, tenant_id: TenantId, conversation_id: ConversationId) -> RecordedConversation | None:
        """Return a recorded conversation; None if the tenant has none of this id."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            found = await connection.fetchrow(_CONVERSATION, conversation_id)
            if found is None:
                return None
            record = _record(found)
            messages = tuple([_message(r) for r in await connection.fetch(_MESSAGES, conversation_id, _MOST_MESSAGES)])
            kept = await connection.fetch(_TRACES, conversation_id, MOST_TURNS + 1)
            turns = await _turns(connection, record, kept[:MOST_TURNS])
        return RecordedConversation(record, found["title"], turns, messages, _forgotten(turns, messages), len(kept) > MOST_TURNS)

    async def save(self, lease: JobLease, replayed: ReplayedConversation, mark: Mark) -> None:
        """Store the turns of one conversation and the mark, in one transaction under the job's lease."""
        numbers = [turn.number for turn in replayed.turns]
        ids, outcomes = [turn.turn_id for turn in replayed.turns], [turn.outcome for turn in replayed.turns]
        bodies = [orjson.dumps(_body(asdict(turn))).decode() for turn in replayed.turns]
        where = (lease.tenant_id, lease.job_id, replayed.conversation_id, replayed.title)
        async with fenced(self._database, lease) as writes:
            if replayed.turns:
                await writes.connection.execute(_SAVE, *where, numbers, ids, outcomes, bodies)
            writes.mark = mark


class TenantReplays:
    """Replays as the API asks for them and shows them; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def latest(self, tenant_id: UUID, agent_id: UUID, number: int) -> list[int]:
        """Return the ids of the agent's last conversations with customers, the most recent first."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [r["id"] for r in await connection.fetch(_LATEST, agent_id, number)]

    async def known(self, tenant_id: UUID, ids: Sequence[int]) -> set[int]:
        """Return those of the ids that are conversations of the tenant."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return {r["id"] for r in await connection.fetch(_KNOWN, list(ids))}

    async def of_agent(self, tenant_id: UUID, agent_id: UUID, before: int | None, limit: int) -> list[ReplayItem]:
        """Return an agent's replays, the newest first, older than the number `before`."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return [_item(r) for r in await connection.fetch(_OF_AGENT, str(agent_id), before, limit)]

    async def find(self, tenant_id: UUID, job_id: UUID) -> ReplayItem | None:
        """Return one replay."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            r = await connection.fetchrow(_FIND, job_id)
        return _item(r) if r else None

    async def page(
        self, tenant_id: UUID, job_id: UUID, outcome: Outcome | None, conversation_id: int | None, after: int, limit: int
    ) -> list[ReplayRow]:
        """Return turns of a replay in their order, after the place `after` (0: from the start)."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch(_PAGE, job_id, outcome, conversation_id, after, limit)
        return [_replayed(r) for r in rows]


async def _turns(connection: Connection, record: ConversationRecord, kept: Sequence[Any]) -> tuple[RecordedTurn, ...]:
    traces = [(r["turn_id"], r["created_at"], from_bytes(r["body"])) for r in kept]
    ids = [inbox_id for _, _, trace in traces for inbox_id in trace.get("inputs", ())]
    rows = {r["id"]: _row(r, record) for r in await connection.fetch(_INBOX, ids)}
    return tuple(
        [RecordedTurn(turn_id, at, trace, tuple([rows[i] for i in trace.get("inputs", ()) if i in rows])) for turn_id, at, trace in traces]
    )


def _forgotten(turns: Sequence[RecordedTurn], messages: Sequence[RecordedMessage]) -> int:
    """Return how many turns were answered before the first whose trace is kept."""
    kept = {turn.turn_id for turn in turns}
    first = min([message.id for message in messages if message.turn_id in kept], default=None)
    return len({m.turn_id for m in messages if m.role == "customer" and m.turn_id not in kept and (first is None or m.id < first)})


def _record(r: Any) -> ConversationRecord:
    return ConversationRecord(
        id=ConversationId(r["id"]),
        tenant_id=TenantId(r["tenant_id"]),
        address=Address(IntegrationId(r["integration_id"]), r["key"]),
        version=0,
        control="bot",
        state=b"{}",
        agent_id=AgentId(r["agent_id"]),
        channel=r["channel"],
        reply_policy=r["reply_policy"],
        account=r["account"],
        username=r["username"],
    )


def _message(r: Any) -> RecordedMessage:
    sources = tuple([(str(source["id"]), str(source["title"])) for source in orjson.loads(r["sources"])])
    return RecordedMessage(r["id"], r["turn_id"], r["seq"], r["role"], r["mode"] or "", r["body"], sources)


def _row(r: Any, record: ConversationRecord) -> InboxRow:
    return InboxRow(InboxId(r["id"]), record.tenant_id, record.address, r["kind"], r["raw"], r["received_at"], 0.0, r["attempts"])


def _body(turn: dict[str, Any]) -> dict[str, Any]:
    """Return what lists do not go by."""
    return {name: turn[name] for name in ("at", "asked", "recorded", "now", "differs", "why")}


def _replayed(r: Any) -> ReplayRow:
    body = orjson.loads(r["body"])
    return ReplayRow(r["position"], r["conversation_id"], r["title"], r["number"], r["turn_id"], r["outcome"], body)


def _item(r: Any) -> ReplayItem:
    return ReplayItem(**{**dict(r), "result": orjson.loads(r["result"]) if r["result"] else None})
