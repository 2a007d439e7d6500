"""One turn's talk with a model: it may call tools, is told what came of each, and has to answer in the end."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias

from actors.domain.agent.engine import found_by_search
from actors.domain.agent.models import Persona, Prompt, Try
from actors.domain.agent.tools import REFUSED, SEARCH, Called, Round, ToolCall, arguments_of, judged
from actors.domain.knowledge.models import Findings, together
from actors.ports.model import ModelAnswer, ModelRequest
from actors.services.asking import Asked, OnDelta

MOST_ROUNDS = 3  # of calls, then it has to answer
MOST_CALLED = 8  # of one answer that are looked at
LONGEST_QUERY = 500  # characters
SEARCH_S = 3.0

Ask: TypeAlias = Callable[[ModelRequest, OnDelta], Awaitable[Asked]]


class Talk:
    """What is said and called until there is an answer. Words beside calls are not said."""

    def __init__(
        self, ask: Ask, look_again: Callable[[str], Awaitable[Findings]], persona: Persona, prompt: Prompt, findings: Findings
    ) -> None:
        """Begin nothing yet.

        Args:
            ask: asks the persona's models as long as there is time.
            look_again: searches the knowledge for words of a model's own.
            persona: who answers, with its tools.
            prompt: what the model is asked.
            findings: what it is shown.
        """
        self._ask = ask
        self._look_again = look_again
        self._persona = persona
        self._prompt = prompt
        self._rounds: list[Round] = []
        self.findings = findings  # with what it found itself
        self.calls: list[Called] = []

    @property
    def given(self) -> str:
        """Return all that the model was given."""
        answers = [answer for one in self._rounds for answer in one.answers]
        return "\n".join([self._prompt.system, *(text for _, text in self._prompt.messages), *answers])

    async def hold(self, on_delta: OnDelta) -> Asked:
        """Return the model's last answer, with the tries and prices of all."""
        tools = self._prompt.tools
        shown = keep_back if self._persona.strict or tools else on_delta  # what is not yet checked, or may be taken back, is not shown
        tries: tuple[Try, ...] = ()
        paid: tuple[ModelAnswer, ...] = ()
        while True:
            speaks = len(self._rounds) == MOST_ROUNDS
            asked = await self._ask(self._question(speaks=speaks), shown)
            tries, paid = tries + asked.tries, paid + asked.paid
            got = asked.answer
            if got is None or not tools or not got.calls or speaks:
                return replace(asked, tries=tries, paid=paid)
            calls = got.calls[:MOST_CALLED]
            self._rounds.append(Round(calls, tuple([await self._answer(call) for call in calls])))

    def _question(self, *, speaks: bool) -> ModelRequest:
        return ModelRequest(
            self._prompt.system,
            self._prompt.messages,
            self._persona.temperature,
            self._persona.max_tokens,
            tools=self._prompt.tools,
            rounds=tuple(self._rounds),
            speaks=speaks,
        )

    async def _answer(self, call: ToolCall) -> str:
        if call.name == SEARCH and self._persona.searches:
            return await self._search(call)
        called = judged(self._persona.tools, call, self.calls)
        self.calls.append(called)
        return called.answer

    async def _search(self, call: ToolCall) -> str:
        query = str((arguments_of(call) or {}).get("query") or "").strip()[:LONGEST_QUERY]
        if not query:
            return f"{REFUSED}: not filled in: query"
        try:
            async with asyncio.timeout(SEARCH_S):
                found = await self._look_again(query)
        except TimeoutError:
            return f"{REFUSED}: the search took too long"
        self.calls.append(Called(SEARCH, {"query": query}, f"{len(found.found)} found"))
        self.findings = together(self.findings, found)
        return found_by_search(found.found)


async def keep_back(_: str) -> None:
    """Show nothing."""
