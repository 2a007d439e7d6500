"""The audit log: who changed what, written in the transaction of the change."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from actors.domain.activity import TOLD_BY_AUDIT
from storage.postgres import Connection, Database

_RECORD = """
insert into audit_log (tenant_id, user_id, key_id, actor, action, subject, before, after)
values ($1, $2, $3, $4, $5, $6, $7::jsonb, $8::jsonb)"""
_TELL = "insert into activity_logs (tenant_id, kind, data) values ($1, $2, $3::jsonb)"
_PAGE = """
select id, at, user_id, key_id, actor, action, subject, before::text, after::text from audit_log
where ($1::text is null or action = $1) and ($2::text is null or subject = $2) and ($3::uuid is null or user_id = $3)
  and ($4::bigint is null or id < $4)
order by id desc limit $5"""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a change: a user, an API key, or (neither) the program itself; `name` is kept as it is now."""

    name: str
    user_id: UUID | None = None
    key_id: UUID | None = None


COMMAND_LINE = Actor("command line")
PROGRAM = Actor("Callboard")


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which rows; None means any."""

    action: str | None = None
    subject: str | None = None
    user_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One change. `before` and `after` hold what differs; neither ever holds a secret."""

    id: int
    at: datetime
    user_id: UUID | None
    key_id: UUID | None
    actor: str
    action: str
    subject: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


async def record(
    connection: Connection,
    tenant_id: UUID,
    actor: Actor,
    action: str,
    subject: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    title: str = "",
) -> None:
    """Write one row, in the transaction of the change it tells of; changes of people and settings are activity as well.

    Args:
        connection: a transaction of the tenant.
        tenant_id: whose log.
        actor: who; the gateway has it as `caller.actor`.
        action: the subject's kind and what was done to it, as `agent.published`.
        subject: the kind and the id, as `agent:ID`.
        before: what was, as far as it differs: plain JSON values, no secrets.
        after: what is.
        title: how people call the subject.
    """
    await connection.execute(_RECORD, tenant_id, actor.user_id, actor.key_id, actor.name, action, subject, _json(before), _json(after))
    if action in TOLD_BY_AUDIT:
        data = {"by": actor.name, "subject": subject, "title": title, "fields": sorted(after or {})}
        await connection.execute(_TELL, tenant_id, action, _json(data))


class AuditLog:
    """The log as people read it; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, tenant_id: UUID, where: AuditFilter, before: int | None, limit: int) -> list[AuditRow]:
        """Return rows, the newest first, older than the row `before`."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            rows = await connection.fetch(_PAGE, where.action, where.subject, where.user_id, before, limit)
        return [_row(r) for r in rows]


def _row(r: Any) -> AuditRow:
    before, after = (r[name] and orjson.loads(r[name]) for name in ("before", "after"))
    return AuditRow(r["id"], r["at"], r["user_id"], r["key_id"], r["actor"], r["action"], r["subject"], before, after)


def _json(document: Mapping[str, Any] | None) -> str | None:
    return None if document is None else orjson.dumps(dict(document)).decode()
