"""What the API shows. Ids are strings (JavaScript loses digits of 64-bit numbers); times are RFC 3339 UTC."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from storage.catalogue import AgentSummary
from storage.listings import ConversationItem, Delivery, MessageItem
from storage.messages import MessageView


def time(at: datetime | None) -> str | None:
    """Return a time in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None


def agent(item: AgentSummary) -> dict[str, Any]:
    """Return an agent."""
    return {"id": str(item.id), "name": item.name, "version": item.published_version, "created_at": time(item.created_at)}


def conversation(item: ConversationItem) -> dict[str, Any]:
    """Return a conversation."""
    return {
        "id": str(item.id),
        "agent_id": str(item.agent_id),
        "integration_id": str(item.integration_id),
        "channel": item.channel,
        "control": item.control,
        "version": item.version,
        "title": item.title,
        "created_at": time(item.created_at),
        "last_at": time(item.last_at),
    }


def message(item: MessageItem) -> dict[str, Any]:
    """Return a message with what became of it; `delivery` is null where the commit is the delivery."""
    return {
        "id": str(item.id),
        "turn_id": str(item.turn_id),
        "role": item.role,
        "text": item.body,
        "mode": item.mode,
        "sources": list(item.sources),
        "created_at": time(item.created_at),
        "delivery": _delivery(item.delivery) if item.delivery else None,
    }


def reply(replies: Sequence[MessageView]) -> dict[str, Any] | None:
    """Return all that a turn said as one reply; None if it said nothing."""
    if not replies:
        return None
    sources = {source["id"]: source for said in replies for source in said.sources}
    return {
        "id": str(replies[0].id),
        "text": "\n\n".join(said.body for said in replies),
        "mode": replies[-1].mode,
        "sources": list(sources.values()),
    }


def _delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "state": delivery.state,
        "policy": delivery.policy,
        "uncertain": delivery.uncertain,
        "attempts": delivery.attempts,
        "error": delivery.error,
        "sent_at": time(delivery.sent_at),
    }
