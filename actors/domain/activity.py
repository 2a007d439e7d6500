"""What the activity log may say: every kind of fact, in one list, and what each is about. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

Subject = Literal["conversation", "agent", "user", "api_key", "tenant"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fact. `about` is what its entry opens; `error` ones are counted as errors."""

    title: str
    about: Subject
    error: bool = False


_CRM_NOUNS = {
    "lead": "Lead",
    "contact": "Contact",
    "company": "Company",
    "customer": "Customer",
    "task": "CRM task",
    "talk": "Talk",
    "unsorted": "Unsorted request",
    "catalog": "Catalog item",
    "template": "Template",
}
_CRM_VERBS = ("added", "updated", "deleted", "restored", "moved", "reassigned")
_CRM_OTHERS = {
    "note.added": "Note added",
    "task.closed": "CRM task closed",
    "talk.opened": "Talk opened",
    "talk.closed": "Talk closed",
    "talk.read": "Talk read",
    "unsorted.accepted": "Unsorted request accepted",
    "unsorted.declined": "Unsorted request declined",
    "template.reviewed": "Template reviewed",
    "lead.mail_in": "Lead: mail",
    "lead.call_in": "Lead: call",
    "lead.chat": "Lead: chat",
    "lead.site_visit": "Lead: visit to the site",
    "lead.period": "Lead: time of the stage",
    "customer.mail_in": "Customer: mail",
    "customer.call_in": "Customer: call",
    "customer.chat": "Customer: chat",
    "customer.site_visit": "Customer: visit to the site",
    "customer.period": "Customer: time of the stage",
}
# What a CRM tells: integrations/kommo/events.py gives its events these names.
_CRM = {
    **{f"{noun}.{verb}": Kind(f"{title} {verb}", "conversation") for noun, title in _CRM_NOUNS.items() for verb in _CRM_VERBS},
    **{name: Kind(title, "conversation") for name, title in _CRM_OTHERS.items()},
}
# A kind that is written anywhere and is not here turns tests/contract/test_activity_kinds.py red. Names are part of the API:
# programs filter by them, so none is ever renamed.
KINDS: Mapping[str, Kind] = {
    "action.done": Kind("Action done", "conversation"),
    "action.failed": Kind("Action failed", "conversation", error=True),
    "action.retried": Kind("Action repeated", "conversation"),
    "action.unknown": Kind("Unknown whether an action was done", "conversation", error=True),
    "agent.archived": Kind("Agent archived", "agent"),
    "agent.changed": Kind("Agent changed", "agent"),
    "agent.created": Kind("Agent created", "agent"),
    "agent.published": Kind("Agent published", "agent"),
    "agent.restored": Kind("Agent restored", "agent"),
    "api_key.created": Kind("API key created", "api_key"),
    "api_key.revoked": Kind("API key revoked", "api_key"),
    "bot.caught_up": Kind("Bot answers who was not answered", "agent"),
    "bot.resumed": Kind("Bot speaks again", "agent"),
    "bot.stopped": Kind("Bot stopped", "agent"),
    "contact.blocked": Kind("Customer blocked the bot", "conversation"),
    "contact.unblocked": Kind("Customer unblocked the bot", "conversation"),
    "contact.unreachable": Kind("Customer cannot be reached", "conversation", error=True),
    "conversation.assigned": Kind("Conversation assigned", "conversation"),
    "conversation.closed": Kind("Conversation closed", "conversation"),
    "conversation.opened": Kind("Conversation opened again", "conversation"),
    "conversation.given_back": Kind("Conversation given back to the agent", "conversation"),
    "conversation.late": Kind("Message arrived late", "conversation"),
    "conversation.moved": Kind("Conversation moved", "conversation"),
    "conversation.other_bot": Kind("Another bot answered", "conversation"),
    "conversation.reopened": Kind("Answered after all", "conversation"),
    "conversation.robots": Kind("A robot is at the other end", "conversation"),
    "conversation.started": Kind("Customer opened the chat", "conversation"),
    "conversation.taken": Kind("Conversation taken over", "conversation"),
    "delivery.failed": Kind("Message not delivered", "conversation", error=True),
    "delivery.found": Kind("Message found at the channel", "conversation"),
    "delivery.unknown": Kind("Unknown whether a message was delivered", "conversation", error=True),
    "digest.sent": Kind("Daily digest sent", "agent"),
    "handoff.overdue": Kind("Nobody took the conversation", "conversation", error=True),
    "integration.blocked": Kind("Integration blocked", "agent", error=True),
    "integration.broken": Kind("Integration broken", "agent", error=True),
    "integration.changed": Kind("Integration changed", "agent"),
    "integration.connected": Kind("Integration connected", "agent"),
    "integration.disconnected": Kind("Integration disconnected", "agent"),
    "integration.moved": Kind("Integration moved", "agent"),
    "integration.paused": Kind("Integration paused", "agent"),
    "integration.reconnected": Kind("Integration connected again", "agent"),
    "integration.resubscribed": Kind("Webhook set again", "agent"),
    "integration.resumed": Kind("Integration resumed", "agent"),
    "message.dead": Kind("Message could not be handled", "conversation", error=True),
    "mirror.refused": Kind("Kommo does not show a message", "conversation", error=True),
    "mirror.unknown": Kind("Unknown whether Kommo shows a message", "conversation", error=True),
    "operator.notice": Kind("Notice for operators", "conversation"),
    "rule.failed": Kind("Rule failed", "conversation", error=True),
    "rule.fired": Kind("Rule fired", "conversation"),
    "rule.missed": Kind("Moments of a schedule were left out", "agent"),
    "salesbot.asked": Kind("A Salesbot waits for an answer", "conversation"),
    "sequence.crossed": Kind("A step crossed the customer's answer", "conversation"),
    "sequence.finished": Kind("Sequence finished", "conversation"),
    "sequence.refused": Kind("Sequence not started", "conversation"),
    "sequence.started": Kind("Sequence started", "conversation"),
    "sequence.step": Kind("Step of a sequence", "conversation"),
    "sequence.stopped": Kind("Sequence stopped", "conversation"),
    "session.opened": Kind("Login", "user"),
    "spend.limit_reached": Kind("Daily limit for models reached", "conversation", error=True),
    "tenant.changed": Kind("Company settings changed", "tenant"),
    "tool.used": Kind("The agent used a tool", "conversation"),
    "turn.answered": Kind("Agent answered", "conversation"),
    "turn.handed_off": Kind("Handed over to a person", "conversation"),
    "turn.silent": Kind("Message without an automatic answer", "conversation"),
    "user.changed": Kind("User changed", "user"),
    "user.invited": Kind("User invited", "user"),
    "user.password_set": Kind("Password set", "user"),
    "user.removed": Kind("User removed", "user"),
    "webhook.cut": Kind("Webhook too large to be read whole", "conversation", error=True),
    **_CRM,
}
# Facts about people and settings: written with the audit row, by storage/accounts/audit.py. Those of agents are told apart.
TOLD_BY_AUDIT = frozenset(name for name, kind in KINDS.items() if kind.about in {"user", "api_key", "tenant"})


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the log; feeds go by (xid, id), below the oldest transaction that still runs."""

    xid: str = "0"
    id: int = 0


@dataclass(frozen=True, slots=True)
class Fact:
    """A row of the log with what it takes to tell of it; `channel` is empty where there is no conversation."""

    place: Place
    tenant_id: UUID
    kind: str
    at: datetime
    agent_id: UUID | None
    conversation_id: int | None
    data: Mapping[str, Any]
    agent_name: str | None = None
    conversation_title: str | None = None
    channel: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """What a fact is about: a kind of thing, its id if it has one, and how people call it."""

    type: str
    id: str | None
    title: str


def about(fact: Fact) -> About:
    """Return what a fact is about. Data names it as `subject` (`script:ID`) and `title`; else it follows from the kind."""
    named = fact.data.get("subject")
    if isinstance(named, str) and ":" in named:
        kind, _, subject_id = named.partition(":")
        return About(kind, subject_id, _title(fact, kind))
    if fact.conversation_id is not None:
        return About("conversation", str(fact.conversation_id), fact.conversation_title or "")
    if fact.agent_id is not None:
        return About("agent", str(fact.agent_id), fact.agent_name or "")
    known = KINDS.get(fact.kind)
    return About(known.about if known else fact.kind.partition(".")[0], None, _title(fact, ""))


def title(kind: str) -> str:
    """Return what happened in a few English words, for programs; the console has words of its own."""
    known = KINDS.get(kind)
    return known.title if known else kind.replace(".", " ").replace("_", " ").capitalize()


def is_error(kind: str) -> bool:
    """Return whether a fact of this kind counts as an error."""
    known = KINDS.get(kind)
    return known.error if known else kind.endswith((".failed", ".broken", ".dead"))


def _title(fact: Fact, kind: str) -> str:
    given = fact.data.get("title") or fact.data.get("name")
    if isinstance(given, str):
        return given
    return fact.agent_name or "" if kind == "agent" else ""


def update(fact: Fact) -> dict[str, Any]:
    """Return a fact as the API shows it and live events carry it."""
    subject = about(fact)
    return {
        "id": str(fact.place.id),
        "kind": fact.kind,
        "at": fact.at.isoformat().replace("+00:00", "Z"),
        "agent_id": str(fact.agent_id) if fact.agent_id else None,
        "conversation_id": str(fact.conversation_id) if fact.conversation_id else None,
        "subject": {"type": subject.type, "id": subject.id, "title": subject.title},
        "title": title(fact.kind),
        "data": dict(fact.data),
    }
