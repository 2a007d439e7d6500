"""The agent's step: look for passages, ask the model if there is one. No transaction is open meanwhile; cancelling it leaves nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from actors.domain.agent.engine import HANDOFF_WORD, LONGEST_ANSWER, build_prompt, worth_asking
from actors.domain.agent.models import AgentOutcome, AgentRequest, Prompt, Said
from actors.domain.errors import TerminalError, TransientError
from actors.domain.ids import TenantId
from actors.ports.knowledge import Knowledge
from actors.ports.model import ChatModel, ModelAnswer, ModelRequest
from actors.ports.time import Clock
from actors.services.documents import Documents

PASSAGES = 5  # shown to a model
LONGEST_ANSWER_TOKENS = 600  # five sentences, in Russian too

OnDelta = Callable[[str], Awaitable[None]]


class AgentService:
    """Answers what no script does: from passages alone, or by a model that was shown them."""

    def __init__(self, clock: Clock, model: ChatModel | None = None, knowledge: Knowledge | None = None) -> None:
        self._clock = clock
        self._model = model
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
        outcome = self._retrieve(request)
        if tenant_id is not None and self._documents.wanted(request, outcome.findings):
            outcome = await self._documents.search(tenant_id, request, outcome, unsure=self._model is not None)
        if request.picked is not None:
            return outcome
        findings, retrieved = outcome.findings, self._clock.monotonic()
        if self._model is None or not worth_asking(request, findings):
            return outcome
        prompt = build_prompt(request, findings, history)
        said, failure = await self._ask(self._model, request, prompt, on_delta)
        stages = {**outcome.stages_ms, "model": _ms(self._clock.monotonic() - retrieved)}
        return replace(outcome, said=said, failure=failure, prompt=prompt.reference, stages_ms=stages)

    def at_once(self, request: AgentRequest) -> AgentOutcome | None:
        """Return the outcome if nothing has to be waited for: no model, no documents; None if `answer` is needed."""
        if self._model is not None:
            return None
        outcome = self._retrieve(request)
        return None if self._documents.wanted(request, outcome.findings) else outcome

    def _retrieve(self, request: AgentRequest) -> AgentOutcome:
        started = self._clock.monotonic()
        findings = request.index.search_words(request.words, PASSAGES, request.language)
        return AgentOutcome(findings, stages_ms={"retrieve": _ms(self._clock.monotonic() - started)})

    async def _ask(self, model: ChatModel, request: AgentRequest, prompt: Prompt, on_delta: OnDelta) -> tuple[Said | None, str]:
        persona = request.persona
        asked = ModelRequest(prompt.system, prompt.messages, persona.temperature, LONGEST_ANSWER_TOKENS, persona.model)
        try:
            async with asyncio.timeout(persona.answer_deadline_s):
                got = await model.answer(asked, _Gate(on_delta).pass_on)
        except TimeoutError:
            return None, f"no answer within {persona.answer_deadline_s:g} s"
        except (TransientError, TerminalError) as error:
            return None, f"{type(error).__name__}: {error}"
        return (_said(got), "") if got.text.strip() else (None, "the answer was empty")


class _Gate:
    """Keeps back deltas while they may still become the word for a handoff, and what exceeds the longest answer."""

    def __init__(self, on_delta: OnDelta) -> None:
        self._on_delta = on_delta
        self._held = ""
        self._open = False
        self._passed = 0

    async def pass_on(self, delta: str) -> None:
        self._held += delta
        if not self._open and HANDOFF_WORD.startswith(self._held.strip()[: len(HANDOFF_WORD)]):
            return
        self._open = True
        piece, self._held = self._held[: LONGEST_ANSWER - self._passed], ""
        self._passed += len(piece)
        if piece:
            await self._on_delta(piece)


def _said(got: ModelAnswer) -> Said:
    return Said(got.text, got.model, got.prompt_tokens, got.completion_tokens)


def _ms(seconds: float) -> float:
    return round(seconds * 1_000, 3)
