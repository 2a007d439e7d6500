"""What every change of an agent does: take its draft, say that nothing published equals it any more, and tell people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from actors.domain.errors import TerminalError
from storage.accounts.audit import Actor, record
from storage.postgres import Connection

_LOCK = "select from agent_drafts where agent_id = $1 for update"
_READ = """
select a.name, a.published_version, d.persona::text, d.passages::text, d.version, d.as_version
from agents a join agent_drafts d on d.agent_id = a.id
where a.id = $1 and ($2::boolean is null or (a.archived_at is not null) = $2)"""
_TOUCH = "update agent_drafts set as_version = null, changed_at = now(), changed_by = $2 where agent_id = $1"
_TELL = "insert into activity_logs (tenant_id, kind, agent_id, data) values ($1, $2, $3, $4::jsonb)"


class Stale(TerminalError):
    """Somebody changed it since it was read; `current` is its version now."""

    def __init__(self, current: int) -> None:
        super().__init__(f"it was changed meanwhile and has version {current} now")
        self.current = current


class Taken(TerminalError):
    """Another script, rule or sequence of the agent has this key."""


class InUse(TerminalError):
    """The agent cannot be archived while customers reach it; `channels` names where."""

    def __init__(self, channels: Sequence[str]) -> None:
        super().__init__(f"the agent is connected: {', '.join(channels)}")
        self.channels = tuple(channels)


@dataclass(frozen=True, slots=True)
class LockedDraft:
    """A draft whose agent nobody else changes until the transaction ends, unless it was only read."""

    agent_id: UUID
    name: str
    published_version: int
    persona: Mapping[str, Any]
    passages: Sequence[Any]
    version: int
    as_version: int | None


async def lock(connection: Connection, agent_id: UUID, expected: int | None = None, *, archived: bool = False) -> LockedDraft | None:
    """Take an agent's draft for a change; None if the tenant has no such agent.

    Raises:
        Stale: its version is not the expected one.
    """
    await connection.execute(_LOCK, agent_id)
    draft = await read(connection, agent_id, archived=archived)  # a new statement sees what the one before waited for
    if draft is not None:
        check(draft.version, expected)
    return draft


async def read(connection: Connection, agent_id: UUID, *, archived: bool | None = None) -> LockedDraft | None:
    """Return an agent's draft without taking it; None if the tenant has no such agent, by default in use or in the archive."""
    r = await connection.fetchrow(_READ, agent_id, archived)
    if r is None:
        return None
    persona, passages = orjson.loads(r["persona"]), orjson.loads(r["passages"])
    return LockedDraft(agent_id, r["name"], r["published_version"], persona, passages, r["version"], r["as_version"])


def check(version: int, expected: int | None) -> None:
    """Refuse a change of what is not the expected version any more.

    Raises:
        Stale: it is another.
    """
    if expected is not None and version != expected:
        raise Stale(version)


async def touch(connection: Connection, agent_id: UUID, by: Actor) -> None:
    """Say that the draft differs from every version, whatever changed."""
    await connection.execute(_TOUCH, agent_id, by.name)


@dataclass(frozen=True, slots=True)
class Change:
    """What is told of a change. `subject` is `agent:ID` or `script:ID`; `about` is what the feed of activity shows of it."""

    action: str
    subject: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    about: Mapping[str, Any] | None = None


async def tell(connection: Connection, tenant_id: UUID, agent_id: UUID, by: Actor, change: Change) -> None:
    """Write the audit row and the activity of a change; changes of scripts are activity of their agent."""
    await record(connection, tenant_id, by, change.action, change.subject, change.before, change.after)
    kind = change.action if change.action.startswith("agent.") else "agent.changed"
    data = {"by": by.name, "what": change.action, **(change.about or {})}
    if not change.subject.startswith("agent:"):
        data["subject"] = change.subject
    await connection.execute(_TELL, tenant_id, kind, agent_id, to_text(data))


def to_text(document: Any) -> str:
    """Return JSON as a parameter of type jsonb takes it."""
    return orjson.dumps(document).decode()
