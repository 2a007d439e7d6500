"""What companies spent on models; it is written by the unit of work."""

from collections.abc import Sequence
from typing import Any

from actors.domain.ids import TenantId
from actors.ports.turns import TurnCommit
from storage.postgres import Database

_TODAY = "select micros from spend where tenant_id = $1 and day = (clock_timestamp() at time zone 'utc')::date"


class PostgresSpending:
    """Implements the port Spending; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def spent_today(self, tenant_id: TenantId) -> int:
        """Return what the company spent since midnight (UTC), in millionths of a dollar."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            return await connection.fetchval(_TODAY, tenant_id) or 0


def spend_rows(turns: Sequence[TurnCommit]) -> list[dict[str, Any]]:
    """Return the argument of turns_spend."""
    return [
        {
            "tenant": str(turn.tenant_id),
            "turn": str(turn.turn_id),
            "conversation": turn.conversation_id,
            "agent": str(turn.agent_id) if turn.agent_id else None,
            "micros": used.micros or 0,
            "prompt": used.prompt_tokens,
            "completion": used.completion_tokens,
            "refused": int(used.refused),
        }
        for turn in turns
        if (used := turn.spent) is not None
    ]
