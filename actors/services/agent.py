"""The agent's step: look for passages, ask the model if there is one. No transaction is open meanwhile; cancelling it leaves nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from actors.domain.agent.engine import build_prompt, worth_asking
from actors.domain.agent.models import AgentOutcome, AgentRequest, Persona, Said
from actors.domain.agent.spending import PriceList, Spent, spent, together, tokens
from actors.domain.agent.strict import unfounded
from actors.domain.errors import TransientError
from actors.domain.ids import TenantId
from actors.ports.knowledge import Knowledge
from actors.ports.model import Endpoint, ModelAnswer, ModelRequest
from actors.ports.spending import Spending
from actors.ports.time import Clock
from actors.services.asking import Asked, Asking, OnDelta
from actors.services.documents import PASSAGES, Documents
from actors.services.summing import Summing
from actors.services.talking import Talk


@dataclass(frozen=True, slots=True)
class Models:
    """The models of the installation, and what they may cost. Money is in millionths of a dollar."""

    first: Endpoint
    fallback: Endpoint | None = None
    prices: PriceList = field(default_factory=dict)
    spending: Spending | None = None
    limit_micros: int = 0  # of one company and day (UTC); 0: none


class AgentService:
    """Answers what no script does: from passages alone, or by a model that was shown them."""

    def __init__(self, clock: Clock, models: Models | None = None, knowledge: Knowledge | None = None) -> None:
        self._clock = clock
        self._models = models
        self._asking = Asking(clock)
        self._documents = Documents(clock, knowledge)

    async def answer(
        self, request: AgentRequest, history: Sequence[tuple[str, str]], on_delta: OnDelta, tenant_id: TenantId | None = None
    ) -> AgentOutcome:
        """Return passages and, if a model answered within the persona's deadline, its answer; never fails because of the model.

        Args:
            request: what decide() asks for.
            history: (role, text) of earlier turns, oldest first.
            on_delta: gets the pieces of the answer while it is made.
            tenant_id: whose documents are searched; None: none.
        """
        began = self._clock.monotonic()
        outcome = self._retrieve(request)
        if tenant_id is not None and self._documents.wanted(request, outcome.findings):
            outcome = await self._documents.search(tenant_id, request, outcome, unsure=self._models is not None)
        if request.picked is not None:
            return outcome
        findings, retrieved = outcome.findings, self._clock.monotonic()
        if self._models is None or not worth_asking(request, outcome):
            return outcome
        prompt = build_prompt(request, findings, history)
        try:
            why = await refused(self._models, tenant_id)
        except TransientError as error:
            return replace(outcome, failure=f"nobody can say what was spent today: {error}", prompt=prompt.reference)
        if why:
            return replace(outcome, failure=why, prompt=prompt.reference, spent=Spent(refused=True))
        ask = partial(self._ask, self._models, request.persona, began + request.persona.answer_deadline_s)
        talk = Talk(ask, partial(self._documents.look_again, tenant_id, request), request.persona, prompt, findings)
        summing = Summing(ask, request, history, prompt.past)
        try:
            asked = await talk.hold(on_delta)
            summary = await summing.result() if asked.answer else None
        finally:
            summing.give_up()
        stages = {**outcome.stages_ms, "model": _ms(self._clock.monotonic() - retrieved)}
        said, failure = _said(asked, talk.given, strict=request.persona.strict)
        return replace(
            outcome,
            findings=talk.findings if said else findings,  # what a model looked for is no answer to what the customer asked
            said=said,
            failure=failure,
            prompt=prompt.reference,
            stages_ms=stages,
            tries=asked.tries,
            spent=paid(self._models.prices, [(talk.given, asked.paid), (summing.given, summing.paid)]),
            summary=summary,
            calls=tuple(talk.calls),
        )

    def at_once(self, request: AgentRequest) -> AgentOutcome | None:
        """Return the outcome if nothing has to be waited for: no model, no documents; None if `answer` is needed."""
        if self._models is not None:
            return None
        outcome = self._retrieve(request)
        return None if self._documents.wanted(request, outcome.findings) else outcome

    def _retrieve(self, request: AgentRequest) -> AgentOutcome:
        started = self._clock.monotonic()
        findings = request.index.search_words(request.words, PASSAGES, request.language)
        return AgentOutcome(findings, stages_ms={"retrieve": _ms(self._clock.monotonic() - started)})

    async def _ask(self, models: Models, persona: Persona, ends_at: float, asked: ModelRequest, on_delta: OnDelta) -> Asked:
        left_s = ends_at - self._clock.monotonic()
        return await self._asking.ask(_endpoints(models, persona), asked, left_s, persona.answer_deadline_s, on_delta)


async def refused(models: Models, tenant_id: TenantId | None) -> str:
    """Return why the company may not ask a model now, empty if it may. Questions under way at once may exceed the limit together.

    Raises:
        TransientError: nobody can say what was spent.
    """
    if not models.limit_micros or models.spending is None or tenant_id is None:
        return ""
    used = await models.spending.spent_today(tenant_id)
    limit = models.limit_micros / 1_000_000
    return f"not asked: the limit of ${limit:g} a day is reached" if used >= models.limit_micros else ""


def _endpoints(models: Models, persona: Persona) -> list[Endpoint]:
    """Return whom to ask, in this order; a persona may name models of its own."""
    first = replace(models.first, model=persona.model or models.first.model)
    spare = models.fallback
    if persona.fallback_model:
        spare = replace(spare or models.first, model=persona.fallback_model)
    return [first] if spare is None or spare == first else [first, spare]


def paid(prices: PriceList, asked: Sequence[tuple[str, Sequence[ModelAnswer]]]) -> Spent | None:
    """Return what answers cost together, also those that were of no use; with them goes what was given."""
    total: Spent | None = None
    for given, answers in asked:
        for got in answers:
            estimated = got.prompt_tokens is None or got.completion_tokens is None
            read = tokens(given) if got.prompt_tokens is None else got.prompt_tokens
            written = tokens(got.text) if got.completion_tokens is None else got.completion_tokens
            one = spent(prices, got.model, read, written, estimated=estimated)
            total = one if total is None else together(total, one)
    return total


def _said(asked: Asked, given: str, *, strict: bool) -> tuple[Said | None, str]:
    """Return what is to be said, or why nothing."""
    got = asked.answer
    if got is None:
        return None, asked.failure
    if not got.text.strip():
        return None, "it called tools and said nothing"
    if strict and (why := unfounded(got.text, given)):
        return None, why
    return Said(got.text, got.model, got.prompt_tokens, got.completion_tokens), ""


def _ms(seconds: float) -> float:
    return round(seconds * 1_000, 3)
