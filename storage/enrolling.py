"""Enrollments in the commit of turns, and their due steps."""

from collections.abc import Sequence
from typing import Any

import orjson

from actors.ports.turns import TurnCommit
from storage.postgres import Connection, Database

MOST_FLYING = 200  # steps that hosts have not handled yet: a customer's message waits behind them


class PostgresSequences:
    """Due steps of the whole installation; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fire(self, limit: int) -> int:
        """Turn at most `limit` due steps into inbox rows, each once; return how many, -1 while hosts have enough of them."""
        fired: int = await self._database.fetchval("select enrollments_fire($1, $2)", limit, MOST_FLYING)
        return fired


async def overtaken(connection: Connection, turns: Sequence[TurnCommit]) -> set[int]:
    """Lock the conversations of a commit and return those where a step would be queued behind the customer's back.

    Their turns must lose: decided anew, they know of the message that waits.
    """
    speaking = [turn.conversation_id for turn in turns if turn.steps]
    if not speaking:
        return set()
    inputs = [item.inbox_id for turn in turns if turn.steps for item in turn.inputs]
    conversations = [turn.conversation_id for turn in turns]
    found = await connection.fetchval("select steps_overtaken($1, $2, $3)", conversations, speaking, inputs)
    return set(found)


async def settle(connection: Connection, winners: Sequence[TurnCommit]) -> None:
    """Write what the winners did to enrollments, and tell the runs that a moved lead ends."""
    moved = [(turn, lead) for turn in winners for lead in turn.leads_moved]
    for turn, lead in moved:
        await connection.execute("select lead_moved($1, $2, $3, $4)", turn.conversation_id, lead.lead, lead.stage, lead.event)
    if changed := [_turn(turn) for turn in winners if turn.enrollments or turn.steps]:
        await connection.execute("select turns_sequences($1)", orjson.dumps(changed).decode())


def _turn(turn: TurnCommit) -> dict[str, Any]:
    return {
        "turn": str(turn.turn_id),
        "tenant": str(turn.tenant_id),
        "agent": str(turn.agent_id),
        "conversation": turn.conversation_id,
        "heard": turn.heard_at,
        "said": [{"seq": row.seq, "sequence": row.sequence, "step": row.step} for row in turn.outbox if row.sequence],
        "changes": [
            {
                "key": change.key,
                "serial": change.serial,
                "state": change.state,
                "step": change.step,
                "next_at": change.next_at.isoformat() if change.next_at else None,
                "reason": change.reason,
                "goal": change.goal,
                "copy": change.copy,
            }
            for change in turn.enrollments
        ],
    }
