"""What becomes of integrations, told twice in the transaction of the change: to the audit log and to the feed of activity."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from storage.accounts.audit import Actor, record
from storage.authoring.changes import to_text
from storage.postgres import Connection

_TELL = "insert into activity_logs (tenant_id, kind, agent_id, data) values ($1, $2, $3, $4::jsonb)"


@dataclass(frozen=True, slots=True)
class Subject:
    """Which integration."""

    tenant_id: UUID
    id: UUID
    agent_id: UUID
    channel: str
    account: str
    username: str


async def tell(
    connection: Connection,
    about: Subject,
    by: Actor,
    action: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    **more: Any,
) -> None:
    """Write both rows.

    Args:
        connection: a transaction that sees the subject's tenant.
        about: which integration.
        by: who did it.
        action: as `integration.paused`: the kind of the activity, too.
        before: what was, as far as it differs.
        after: what is.
        more: what the feed says besides.
    """
    await record(connection, about.tenant_id, by, action, f"integration:{about.id}", before, after)
    named = {"integration_id": str(about.id), "channel": about.channel, "account": about.account, "username": about.username}
    data = {"by": by.name, **named, **(after or {}), **more}
    await connection.execute(_TELL, about.tenant_id, action, about.agent_id, to_text(data))
