"""What KnowledgeActors know of a message: what documents hold where passages are not sure, and which sentences it is alike.

One question asks for both, so a message is embedded once. A turn never waits for longer than the question may take.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from actors.domain.agent.models import AgentOutcome, AgentRequest
from actors.domain.errors import TerminalError, TransientError
from actors.domain.ids import TenantId
from actors.domain.knowledge.hybrid import Hit
from actors.domain.knowledge.likeness import Likeness
from actors.domain.knowledge.models import RANK, Findings, Found, Passage
from actors.domain.scripts.meaning import likeness_of
from actors.domain.text import words
from actors.ports.knowledge import Answered, Knowledge, Question
from actors.ports.time import Ticks

LIMIT = 8  # shown to a model
PASSAGES = 5  # of the version itself


class Documents:
    """Adds to the agent's findings what its knowledge bases hold, and how alike the message is to sentences of scripts."""

    def __init__(self, clock: Ticks, knowledge: Knowledge | None) -> None:
        self._clock = clock
        self._knowledge = knowledge

    def wanted(self, request: AgentRequest, findings: Findings) -> bool:
        """Return whether anybody is to be asked: what was authored for this version goes first, and at once."""
        return self._knowledge is not None and (request.picked is not None or request.meant is not None or _open(request, findings))

    async def search(self, tenant_id: TenantId, request: AgentRequest, outcome: AgentOutcome, *, unsure: bool) -> AgentOutcome:
        """Return the outcome with what the documents hold and which sentences are alike; if nobody answers it stays and says so.

        Args:
            tenant_id: whose documents.
            request: what is asked.
            outcome: what the passages of the version gave.
            unsure: whether chunks that do not answer by themselves are of use, as they are to a model.
        """
        assert self._knowledge is not None
        began = self._clock.monotonic()
        try:
            if request.picked is not None:
                found = _picked(await self._knowledge.chunk(tenant_id, request.picked))
                answer = Answered("sure" if found else "no", found, why="" if found else "the document is gone")
            else:
                answer = await self._knowledge.search(_question(tenant_id, request, outcome.findings))
        except (TransientError, TerminalError) as error:
            told = {"why": str(error)} if _searched(request, outcome.findings) else outcome.knowledge
            likeness = Likeness(why=str(error)) if request.meant else outcome.likeness
            return replace(outcome, knowledge=told, likeness=likeness, stages_ms=self._stages(outcome, began))
        searched = _searched(request, outcome.findings)
        return replace(
            outcome,
            findings=merged(outcome.findings, answer, unsure=unsure) if searched else outcome.findings,
            knowledge=_traced(answer) if searched else outcome.knowledge,
            likeness=likeness_of(request.meant, answer.compared) if request.meant else outcome.likeness,
            stages_ms=self._stages(outcome, began),
        )

    async def look_again(self, tenant_id: TenantId | None, request: AgentRequest, query: str) -> Findings:
        """Return what passages and documents hold on words of a model's own."""
        wanted = replace(request, text=query, words=words(query), meant=None)
        findings = wanted.index.search_words(wanted.words, PASSAGES, wanted.language)
        if tenant_id is None or not self.wanted(wanted, findings):
            return findings
        return (await self.search(tenant_id, wanted, AgentOutcome(findings), unsure=True)).findings

    def _stages(self, outcome: AgentOutcome, began: float) -> dict[str, float]:
        return {**outcome.stages_ms, "knowledge": round((self._clock.monotonic() - began) * 1_000, 3)}


def merged(own: Findings, answer: Answered, *, unsure: bool) -> Findings:
    """Return both with the surer one first."""
    hits = [hit for hit in answer.hits if unsure or hit.verdict != "no"]
    found = tuple([_found(hit) for hit in hits])
    if RANK[answer.verdict] >= RANK[own.verdict]:
        return Findings(answer.verdict, (*found, *own.found)) if found else own
    return Findings(own.verdict, (*own.found, *found))


def _open(request: AgentRequest, findings: Findings) -> bool:
    """Return whether documents may answer what the passages are not sure of."""
    return bool(request.knowledge) and findings.verdict != "sure"


def _searched(request: AgentRequest, findings: Findings) -> bool:
    return request.picked is not None or _open(request, findings)


def _question(tenant_id: TenantId, request: AgentRequest, findings: Findings) -> Question:
    bases = request.knowledge if _open(request, findings) else ()
    return Question(tenant_id, bases, request.text, LIMIT, request.meant.sentences if request.meant else ())


def _found(hit: Hit) -> Found:
    return Found(Passage(hit.passage_id, hit.shown_title, hit.text, place=hit.place), hit.score, hit.words, 0)


def _picked(hit: Hit | None) -> tuple[Hit, ...]:
    return () if hit is None else (hit,)


def _traced(answer: Answered) -> dict[str, Any]:
    full = {
        "embedder": answer.embedder,
        "why": answer.why,
        "verdict": answer.verdict,
        "titles": _titles(answer.hits),
        "ms": answer.stages_ms,
    }
    return {name: value for name, value in full.items() if value}


def _titles(hits: Sequence[Hit]) -> dict[str, str]:
    return {hit.passage_id: hit.shown_title for hit in hits}
