"""The unit of work: many turns, one commit; each turn is written whole or not at all."""

from collections.abc import Sequence
from typing import Any

import orjson

from actors.ports import TurnCommit
from storage.postgres import Database

_PARAMETERS = ", ".join(f"${n}" for n in range(1, 34))
_COMMIT = f"select turns_commit({_PARAMETERS})"


class PostgresTurns:
    """Commits turns; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def commit(self, turns: Sequence[TurnCommit], finished_batches: Sequence[int]) -> list[bool]:
        """Commit many turns in one transaction; return for each whether it won.

        A second turn of one conversation in the same call loses: it was computed before the first was committed.
        """
        first = _first_of_conversation(turns)
        arrays = _arrays([turns[n] for n in first])
        won = await self._database.fetchval(_COMMIT, *arrays, list(finished_batches))
        winners = {first[n - 1] for n in won}
        return [n in winners for n in range(len(turns))]


def _first_of_conversation(turns: Sequence[TurnCommit]) -> list[int]:
    seen: dict[int, int] = {}
    for n, turn in enumerate(turns):
        seen.setdefault(turn.conversation_id, n)
    return list(seen.values())


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _columns(rows: list[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def _arrays(turns: Sequence[TurnCommit]) -> list[list[Any]]:
    """Return the arguments of turns_commit: one array per column, rows point to their turn by its 1-based index."""
    heads = [(t.tenant_id, t.conversation_id, t.expected_version, t.turn_id, t.state.decode(), t.control, t.trace) for t in turns]
    numbered = list(enumerate(turns, 1))
    inputs = [(n, i.inbox_id, i.state, i.reason) for n, t in numbered for i in t.inputs]
    messages = [
        (
            n,
            seq,
            m.inbox_id,
            m.role,
            m.body,
            m.mode,
            _json([{"id": s.id, "title": s.title} for s in m.sources]) if m.sources else "[]",
            m.external_id,
        )
        for n, t in numbered
        for seq, m in enumerate(t.messages)
    ]
    outbox = [(n, o.seq, o.delivery_class, o.policy, _json(dict(o.body))) for n, t in numbered for o in t.outbox]
    timers = [(n, r.kind, r.delay_s, _json(dict(r.payload))) for n, t in numbered for r in t.timers]
    activity = [(n, a.kind, a.agent_id, _json(dict(a.data))) for n, t in numbered for a in t.activity]
    return [
        *_columns(heads, 7),
        *_columns(inputs, 4),
        *_columns(messages, 8),
        *_columns(outbox, 5),
        *_columns(timers, 4),
        *_columns(activity, 4),
    ]
