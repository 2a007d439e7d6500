"""`rules:back-test`: a rule, or a change of one, against the events of the last days. Nothing is sent or changed."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from actors.domain.ids import AgentId, TenantId
from actors.domain.jobs import Mark, Progress
from actors.domain.rules.back_test import BackTest, Trial
from actors.domain.rules.models import Rule, read_rule
from actors.domain.rules.past import PastTurn, Said, wants_words
from actors.domain.trace import from_bytes
from actors.ports.back_tests import BackTestStore, Span, StoredTurn
from actors.ports.jobs import JobContext

MOST_DAYS = 90


class BackTestPayload(BaseModel):
    """What is tried: a definition of a rule, and that of the one it would replace. `before`: the rules asked before it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    agent_id: UUID
    rule_id: UUID | None = None
    tried: dict[str, Any]
    saved: dict[str, Any] | None = None
    before: list[str] = []
    days: int = Field(ge=1, le=MOST_DAYS)


class RuleBackTest:
    """Reads traces page by page and asks the rules, off the event loop. A try begins anew: there is nothing to go on from."""

    name: ClassVar[str] = "rules:back-test"
    timeout_s: ClassVar[float] = 3_600.0
    payload = BackTestPayload

    def __init__(self, store: BackTestStore) -> None:
        self._store = store

    async def run(self, payload: BackTestPayload, context: JobContext) -> Mapping[str, Any]:
        """Try the rule; return in numbers what came of it."""
        tenant_id, agent_id = context.lease.tenant_id, AgentId(payload.agent_id)
        span = await self._store.span(tenant_id, agent_id, payload.days)
        test = await self._test(tenant_id, payload, span)
        async for page in self._store.pages(tenant_id, agent_id, span):
            turns = await asyncio.to_thread(_read, page.turns)
            said = await self._said(tenant_id, test, turns)
            await asyncio.to_thread(_take, test, turns, said)
            await context.report(Mark(Progress(page.done, span.conversations)))
        done = Progress(span.conversations, span.conversations)
        await self._store.save(context.lease, test.findings(), Mark(done))
        return {"since": span.since.isoformat(), "until": span.until.isoformat(), **test.result()}

    async def _test(self, tenant_id: TenantId, payload: BackTestPayload, span: Span) -> BackTest:
        tried, before = read_rule(payload.tried, "", []), frozenset(payload.before)
        saved = read_rule(payload.saved, "", []) if payload.saved else None
        known = saved or (tried if payload.rule_id else None)
        remembered = await self._remembered(tenant_id, AgentId(payload.agent_id), known, span)
        return BackTest(Trial(tried, before, remembered), Trial(saved, before, remembered) if saved else None)

    async def _remembered(self, tenant_id: TenantId, agent_id: AgentId, known: Rule | None, span: Span) -> Mapping[int, int]:
        """Return what conversations remember of the rule when the span begins; only a limit makes them."""
        if known is None or not known.limited:
            return {}
        return await self._store.fired_before(tenant_id, agent_id, known.id, span.since)

    async def _said(self, tenant_id: TenantId, test: BackTest, turns: Sequence[PastTurn]) -> Mapping[UUID, Said]:
        wanted = [turn.turn_id for turn in turns if wants_words(turn.trace, test.ons)]
        return await self._store.said(tenant_id, wanted) if wanted else {}


def _read(stored: Sequence[StoredTurn]) -> list[PastTurn]:
    return [PastTurn(turn.conversation_id, turn.turn_id, turn.at, _trace(turn.body)) for turn in stored]


def _trace(body: bytes) -> Mapping[str, Any]:
    try:
        return from_bytes(body)
    except ValueError:  # what it kept is unknown
        return {}


def _take(test: BackTest, turns: Sequence[PastTurn], said: Mapping[UUID, Said]) -> None:
    if said:
        turns = [PastTurn(t.conversation_id, t.turn_id, t.at, t.trace, said.get(t.turn_id)) for t in turns]
    test.take(turns)
