"""Kinds of activity are part of the API: the list is frozen, and everything that is written anywhere is on it."""

import re
from pathlib import Path

import pytest

from actors.domain.activity import KINDS, TOLD_BY_AUDIT
from tests.unit.console.test_translations import words

ROOT = Path(__file__).parents[2]
_WORD = r"[a-z_]+\.[a-z_]+"
# The ways in which kinds are written: effects and rows of turns, changes of agents, audit rows, and statements of SQL.
_PYTHON = [
    rf'LogActivity\(\s*"({_WORD})"',
    rf'"({_WORD})" if \w+ else "({_WORD})"',
    rf'ActivityRow\("({_WORD})"',
    r'Change\("(agent\.\w+)"',
    r'"(integration\.\w+)"',
    rf'CrmEvent\([^)"]*"({_WORD})"',
]
_AUDIT = rf'record\([^"]*"({_WORD})"'
_INSERT = re.compile(r"""insert into activity_logs.*?(?:;|\"{3})""", re.DOTALL)
# Kinds that are no words of one statement: `agent.*` and the outcomes of a delivery.
_MADE = {"agent.archived", "agent.restored", "delivery.failed", "action.done", "action.failed", "action.unknown"}
FROZEN = {
    "action.done", "action.failed", "action.retried", "action.unknown", "agent.archived", "agent.changed", "agent.created",
    "agent.published", "agent.restored", "api_key.created", "api_key.revoked", "bot.caught_up",
    "bot.resumed", "bot.stopped", "contact.blocked",
    "contact.unblocked", "contact.unreachable", "conversation.assigned", "conversation.closed", "conversation.opened",
    "conversation.given_back", "conversation.late",
    "conversation.moved",
    "conversation.other_bot", "conversation.reopened",
    "conversation.robots", "conversation.started", "conversation.taken", "delivery.failed", "delivery.found",
    "delivery.unknown", "digest.sent",
    "handoff.overdue", "integration.blocked", "integration.broken", "integration.changed", "integration.connected",
    "integration.disconnected", "integration.moved", "integration.paused", "integration.reconnected", "integration.resubscribed",
    "integration.resumed",
    "message.dead", "mirror.refused", "mirror.unknown", "operator.notice", "rule.failed", "rule.fired", "rule.missed", "salesbot.asked",
    "sequence.crossed", "sequence.finished",
    "sequence.refused", "sequence.started", "sequence.step", "sequence.stopped", "session.opened", "spend.limit_reached",
    "tenant.changed", "tool.used", "turn.answered",
    "turn.handed_off", "turn.silent", "user.changed", "user.invited", "user.password_set", "user.removed", "webhook.cut",
}  # fmt: skip
CRM = {f"{noun}.{verb}" for noun in ("lead", "contact", "company", "customer", "task", "talk", "unsorted", "catalog", "template")
       for verb in ("added", "updated", "deleted", "restored", "moved", "reassigned")}  # fmt: skip
CRM |= {
    "note.added",
    "task.closed",
    "talk.opened",
    "talk.closed",
    "talk.read",
    "unsorted.accepted",
    "unsorted.declined",
    "template.reviewed",
}
CRM |= {f"{noun}.{hook}" for noun in ("lead", "customer") for hook in ("mail_in", "call_in", "chat", "site_visit", "period")}
FROZEN |= CRM


def written() -> set[str]:
    """Return the kinds that code and migrations write."""
    found: set[str] = set()
    for folder in ("actors", "gateway", "integrations", "storage"):
        for path in (ROOT / folder).rglob("*.py"):
            if "node_modules" in path.parts:
                continue
            text = path.read_text(encoding="utf-8")
            for statement in _INSERT.findall(text):
                found |= set(re.findall(rf"'({_WORD})'", statement))
            for pattern in _PYTHON:
                found |= {kind for match in re.finditer(pattern, text) if _writes(text, pattern) for kind in match.groups()}
            found |= set(re.findall(_AUDIT, text)) & TOLD_BY_AUDIT
    for path in (ROOT / "storage" / "migrations").glob("*.sql"):
        for statement in _INSERT.findall(path.read_text(encoding="utf-8")):
            found |= set(re.findall(rf"'({_WORD})'", statement))
    return found


def _writes(text: str, pattern: str) -> bool:
    """Return whether a choice between two words is one of kinds: only where effects are made."""
    return " if " not in pattern or "LogActivity" in text


def test_the_list_is_frozen() -> None:
    """A name that is gone breaks programs that filter by it: add, never rename or remove."""
    assert KINDS.keys() >= FROZEN, "a kind is gone"
    assert KINDS.keys() == FROZEN, "add the new kind here as well: from now on it is part of the API"


def test_every_kind_that_is_written_is_on_the_list_and_the_other_way_round() -> None:
    found = written()
    assert {"turn.answered", "conversation.taken", "user.invited", "contact.blocked", "agent.published"} <= found
    assert found - KINDS.keys() == set()
    assert KINDS.keys() - found - CRM == _MADE


@pytest.mark.parametrize("language", ["ru", "en"])
def test_every_kind_has_words_of_its_own(language: str) -> None:
    known = words(language)
    assert [kind for kind in KINDS if f"activity.{kind}" not in known] == []
