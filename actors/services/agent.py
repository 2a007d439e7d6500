"""The agent's step: look for passages, ask the model if there is one. No transaction is open meanwhile; cancelling it leaves nothing."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from actors.domain.agent.engine import build_prompt, found_by_search, worth_asking
from actors.domain.agent.models import AgentOutcome, AgentRequest, Persona, Prompt, Said, Try
from actors.domain.agent.spending import PriceList, Spent, spent, tokens
from actors.domain.agent.spending import together as sum_of
from actors.domain.agent.strict import unfounded
from actors.domain.agent.summary import Past, Summary, question, read_summary, summed, unsummed
from actors.domain.agent.tools import REFUSED, SEARCH, Called, Round, ToolCall, arguments_of, judged
from actors.domain.errors import TransientError
from actors.domain.ids import TenantId
from actors.domain.knowledge.models import Findings, together
from actors.ports.knowledge import Knowledge
from actors.ports.model import Endpoint, ModelAnswer, ModelRequest
from actors.ports.spending import Spending
from actors.ports.time import Clock
from actors.services.asking import Asked, Asking, OnDelta
from actors.services.documents import PASSAGES, Documents

LONGEST_ANSWER_TOKENS = 600  # five sentences, in Russian too
SUMMARY_S = 0.5  # so long an answer that is there waits for the summary
MOST_ROUNDS = 3  # of calls, then it has to answer
MOST_CALLED = 8  # of one answer that are looked at
LONGEST_QUERY = 500


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
        if self._models is None or not worth_asking(request, findings):
            return outcome
        prompt = build_prompt(request, findings, history)
        try:
            refused = await self._refused(self._models, tenant_id)
        except TransientError as error:
            return replace(outcome, failure=f"nobody can say what was spent today: {error}", prompt=prompt.reference)
        if refused:
            return replace(outcome, failure=refused, prompt=prompt.reference, spent=Spent(refused=True))
        ends_at = began + request.persona.answer_deadline_s
        talk = _Talk(self, self._models, request, prompt, tenant_id, findings, ends_at)
        summing = _Summing(self, self._models, request, history, prompt, ends_at)
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
            spent=_total(_paid(self._models.prices, talk.given, asked.paid), summing.spent),
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

    async def ask(self, models: Models, persona: Persona, asked: ModelRequest, ends_at: float, on_delta: OnDelta) -> Asked:
        """Ask the persona's models until then."""
        left_s = ends_at - self._clock.monotonic()
        return await self._asking.ask(_endpoints(models, persona), asked, left_s, persona.answer_deadline_s, on_delta)

    async def look_again(self, tenant_id: TenantId | None, request: AgentRequest, query: str) -> Findings:
        """Return what the knowledge holds on words of a model's own."""
        return await self._documents.look_again(tenant_id, request, query)

    async def _refused(self, models: Models, tenant_id: TenantId | None) -> str:
        """Return why the company may not ask a model now, empty if it may. Questions under way at once may exceed the limit together."""
        if not models.limit_micros or models.spending is None or tenant_id is None:
            return ""
        used = await models.spending.spent_today(tenant_id)
        limit = models.limit_micros / 1_000_000
        return f"not asked: the limit of ${limit:g} a day is reached" if used >= models.limit_micros else ""


class _Talk:
    """One turn's talk with a model: it may call tools, is told what came of each, and has to answer in the end."""

    def __init__(
        self,
        service: AgentService,
        models: Models,
        request: AgentRequest,
        prompt: Prompt,
        tenant_id: TenantId | None,
        findings: Findings,
        ends_at: float,
    ) -> None:
        self._service = service
        self._models = models
        self._request = request
        self._prompt = prompt
        self._tenant_id = tenant_id
        self._ends_at = ends_at
        self._rounds: list[Round] = []
        self.findings = findings
        self.calls: list[Called] = []

    @property
    def given(self) -> str:
        """Return all that the model was given."""
        answers = [answer for one in self._rounds for answer in one.answers]
        return "\n".join([self._prompt.system, *(text for _, text in self._prompt.messages), *answers])

    async def hold(self, on_delta: OnDelta) -> Asked:
        """Return the model's last answer, with the tries and prices of all. Words beside calls are not said."""
        persona, tools = self._request.persona, self._prompt.tools
        shown = _keep_back if persona.strict or tools else on_delta  # what is not yet checked, or may be taken back, is not shown
        tries: tuple[Try, ...] = ()
        paid: tuple[ModelAnswer, ...] = ()
        while True:
            speaks = len(self._rounds) == MOST_ROUNDS
            question = ModelRequest(self._prompt.system, self._prompt.messages, persona.temperature, LONGEST_ANSWER_TOKENS)
            question = replace(question, tools=tools, rounds=tuple(self._rounds), speaks=speaks)
            asked = await self._service.ask(self._models, persona, question, self._ends_at, shown)
            tries, paid = tries + asked.tries, paid + asked.paid
            got = asked.answer
            if got is None or not tools or not got.calls or speaks:
                return replace(asked, tries=tries, paid=paid)
            calls = got.calls[:MOST_CALLED]
            self._rounds.append(Round(calls, tuple([await self._answer(call) for call in calls])))

    async def _answer(self, call: ToolCall) -> str:
        if call.name == SEARCH and self._request.persona.searches:
            return await self._search(call)
        called = judged(self._request.persona.tools, call, self.calls)
        self.calls.append(called)
        return called.answer

    async def _search(self, call: ToolCall) -> str:
        query = str((arguments_of(call) or {}).get("query") or "").strip()[:LONGEST_QUERY]
        if not query:
            return f"{REFUSED}: not filled in: query"
        found = await self._service.look_again(self._tenant_id, self._request, query)
        self.calls.append(Called(SEARCH, {"query": query}, f"{len(found.found)} found"))
        self.findings = together(self.findings, found)
        return found_by_search(found.found)


class _Summing:
    """Sums up what is shown no more while the answer is made; nobody waits for it longer than a moment."""

    def __init__(
        self,
        service: AgentService,
        models: Models,
        request: AgentRequest,
        history: Sequence[tuple[str, str]],
        prompt: Prompt,
        ends_at: float,
    ) -> None:
        known = read_summary(request.state.summary)
        gone = () if request.persona.strict else unsummed(known, history, prompt.past)
        self.spent: Spent | None = None
        self._task = asyncio.create_task(self._sum_up(service, models, request, known, gone, ends_at)) if gone else None

    async def result(self) -> Summary | None:
        """Return the summary if it is there within a moment; else it is tried again in the next turn."""
        if self._task is None:
            return None
        await asyncio.wait([self._task], timeout=SUMMARY_S)
        return self._task.result() if self._task.done() else None

    def give_up(self) -> None:
        """End it, whatever became of it."""
        if self._task is not None:
            self._task.cancel()

    async def _sum_up(
        self, service: AgentService, models: Models, request: AgentRequest, known: Summary | None, gone: Past, ends_at: float
    ) -> Summary | None:
        system, text = question(known, gone, request.language)
        asked = await service.ask(models, request.persona, ModelRequest(system, (("user", text),)), ends_at, _keep_back)
        self.spent = _paid(models.prices, f"{system}\n{text}", asked.paid)
        return summed(asked.answer.text, gone) if asked.answer else None


def _endpoints(models: Models, persona: Persona) -> list[Endpoint]:
    """Return whom to ask, in this order; a persona may name models of its own."""
    first = replace(models.first, model=persona.model or models.first.model)
    spare = models.fallback
    if persona.fallback_model:
        spare = replace(spare or models.first, model=persona.fallback_model)
    return [first] if spare is None or spare == first else [first, spare]


def _total(one: Spent | None, other: Spent | None) -> Spent | None:
    return sum_of(one, other) if one and other else one or other


def _paid(prices: PriceList, given: str, answers: Sequence[ModelAnswer]) -> Spent | None:
    """Return what the answers cost together, also those that were of no use."""
    total: Spent | None = None
    for got in answers:
        asked, said = got.prompt_tokens, got.completion_tokens
        estimated = asked is None or said is None
        if asked is None:
            asked = tokens(given)
        one = spent(prices, got.model, asked, tokens(got.text) if said is None else said, estimated=estimated)
        total = one if total is None else sum_of(total, one)
    return total


async def _keep_back(_: str) -> None: ...


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
