"""The unit of work: many turns, one commit; each turn is written whole or not at all."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson

from actors.domain.effects import Source
from actors.domain.ids import ConversationId
from actors.ports.turns import TurnCommit
from storage import assigning, enrolling
from storage.operators.desk import Desk
from storage.postgres import Database
from storage.spending import spend_rows

_FIRST_HEARD = 1_000  # the seq of the first message overheard in a turn: behind those that the turn itself says
_FIRST_WRITTEN = 2_000  # of the first that a person wrote elsewhere
_EXPECTED = 2  # where turns_commit takes the versions; -1 is none: the turn loses
_PARAMETERS = ", ".join(f"${n}" for n in range(1, 34))
_COMMIT = f"select turns_commit({_PARAMETERS})"


class PostgresTurns:
    """Commits turns; needs the role callboard_engine."""

    def __init__(self, database: Database, interrupt: Callable[[Sequence[ConversationId]], Awaitable[None]] | None = None) -> None:
        """Take `interrupt` to tell hosts of conversations whose steps must not go on."""
        self._database = database
        self._interrupt = interrupt

    async def commit(self, turns: Sequence[TurnCommit], finished_batches: Sequence[int]) -> list[bool]:
        """Commit many turns in one transaction; return for each whether it won.

        A second turn of one conversation in the same call loses: it was computed before the first was committed.
        """
        first = _first_of_conversation(turns)
        taken = [turns[n] for n in first]
        arguments = [*_arrays(taken), list(finished_batches)]
        if any(_has_more(turn) for turn in taken):
            won = await self._commit_more(taken, arguments)
        else:
            won = await self._database.fetchval(_COMMIT, *arguments)
        winners = {first[n - 1] for n in won}
        return [n in winners for n in range(len(turns))]

    async def _commit_more(self, turns: Sequence[TurnCommit], arguments: list[Any]) -> list[int]:
        """Write what few turns have, too, in the same transaction; those that have nothing of it pay one round trip less."""
        tenants = list({turn.tenant_id for turn in turns})
        async with self._database.tenants_transaction(tenants) as connection:
            desk = await Desk.open(connection, turns)
            behind = await enrolling.overtaken(connection, turns)
            arguments[_EXPECTED] = [-1 if turn.conversation_id in behind else turn.expected_version for turn in turns]
            won: list[int] = await connection.fetchval(_COMMIT, *arguments)
            winners = [turns[n - 1] for n in won]
            if any(_has_more(turn) for turn in winners):
                await connection.execute("select turns_more($1)", _json([_more(turn) for turn in winners if _has_more(turn)]))
            if acting := [turn for turn in winners if turn.actions]:
                await connection.execute("select turns_actions($1)", _json([_actions(turn) for turn in acting]))
            if heard := [row for turn in winners for row in _heard(turn)]:
                await connection.execute("select turns_overheard($1)", _json(heard))
            if wrote := [row for turn in winners for row in _wrote(turn)]:
                await connection.execute("select turns_wrote($1)", _json(wrote))
            if asks := [row for turn in winners for row in _asks(turn)]:
                await connection.execute("select salesbots_asked($1)", _json(asks))
            await enrolling.settle(connection, winners)
            await assigning.settle(connection, winners)
            await desk.settle(winners)
            if spent := spend_rows(winners):  # last: everybody who spends waits for the company's row
                await connection.execute("select turns_spend($1)", _json(spent))
        if self._interrupt and desk.changed:
            await self._interrupt([ConversationId(changed) for changed in sorted(desk.changed)])
        return won


def _source(source: Source) -> dict[str, str]:
    return {"id": source.id, "title": source.title, **({"place": source.place} if source.place else {})}


def _has_more(turn: TurnCommit) -> bool:
    rows = (
        turn.revisions,
        turn.actions,
        turn.overheard,
        turn.wrote,
        turn.moves,
        turn.relay,
        turn.enrollments,
        turn.steps,
        turn.spent,
        turn.leads_moved,
        turn.asks,
        turn.assigned,
    )
    return any(rows) or turn.stop_sending is not None or any(m.data for m in turn.messages)


def _more(turn: TurnCommit) -> dict[str, Any]:
    return {
        "turn": str(turn.turn_id),
        "conversation": turn.conversation_id,
        "data": [{"seq": seq, "data": dict(m.data)} for seq, m in enumerate(turn.messages) if m.data],
        "revisions": [{"external_id": r.external_id, "body": r.body, "data": dict(r.data)} for r in turn.revisions],
        "stop": turn.stop_sending,
    }


def _actions(turn: TurnCommit) -> dict[str, Any]:
    return {
        "turn": str(turn.turn_id),
        "conversation": turn.conversation_id,
        "agent": str(turn.agent_id),
        "actions": [{"seq": a.seq, "kind": a.kind, "params": dict(a.params), "rule": a.rule} for a in turn.actions],
    }


def _heard(turn: TurnCommit) -> list[dict[str, Any]]:
    where = {"tenant": str(turn.tenant_id), "conversation": turn.conversation_id, "turn": str(turn.turn_id)}
    return [
        {**where, "seq": _FIRST_HEARD + n, "inbox": o.inbox_id, "id": o.external_id, "text": o.text, "by": o.by, "name": o.name}
        | {"said_at": o.said_at, "received_at": o.received_at}
        for n, o in enumerate(turn.overheard)
    ]


def _wrote(turn: TurnCommit) -> list[dict[str, Any]]:
    where = {"tenant": str(turn.tenant_id), "conversation": turn.conversation_id, "turn": str(turn.turn_id)}
    return [
        {**where, "seq": _FIRST_WRITTEN + n, "inbox": w.inbox_id, "id": w.external_id, "text": w.text, "name": w.name}
        for n, w in enumerate(turn.wrote)
    ]


def _asks(turn: TurnCommit) -> list[dict[str, Any]]:
    return [{"conversation": turn.conversation_id, "path": a.at, "entity": a.about, "asked_at": a.asked_at.isoformat()} for a in turn.asks]


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
            _json([_source(s) for s in m.sources]) if m.sources else "[]",
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
