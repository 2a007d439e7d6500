"""What a turn's facts say for the counters of the dashboard: how many messages it handled, and how long they waited."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from actors.domain.agent.spending import Spent
from actors.domain.decision import Decision
from actors.domain.ids import AgentId
from actors.domain.messages import InboundMessage, Input
from actors.ports.turns import ActivityRow

_ENDS = ("turn.answered", "turn.handed_off")


def counted(
    activity: Sequence[ActivityRow], inputs: Sequence[Input], decision: Decision, agent_id: AgentId, spent: Spent | None = None
) -> tuple[ActivityRow, ...]:
    """Return the turn's facts; the first that says how it ended, and only it, has `messages`, `seconds` and what models cost, `micros`.

    A turn in which a customer spoke, or a model, and nobody answered has a fact of its own: else they would not be counted.
    """
    numbers = _numbers(inputs, decision) | ({"micros": spent.micros} if spent and spent.micros else {})
    if not numbers:
        return tuple(activity)
    for place, row in enumerate(activity):
        if row.kind in _ENDS:
            return (*activity[:place], replace(row, data={**row.data, **numbers}), *activity[place + 1 :])
    numbers.pop("seconds", None)
    return (*activity, ActivityRow("turn.silent", agent_id, {"reason": decision.trace.reason, **numbers}))


def _numbers(inputs: Sequence[Input], decision: Decision) -> dict[str, Any]:
    spoken = [item.received_at for item in inputs if isinstance(item, InboundMessage)]
    if not spoken:
        return {}
    decided_at = datetime.fromisoformat(decision.trace.decided_at)
    seconds = max((decided_at - min(spoken)).total_seconds(), 0.0)
    return {"messages": len(spoken), "seconds": round(seconds, 3)}
