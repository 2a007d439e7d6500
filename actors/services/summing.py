"""A running summary of what a model is shown no more, made beside its answer: nobody waits for it longer than a moment."""

import asyncio
from collections.abc import Sequence

from actors.domain.agent.models import AgentRequest
from actors.domain.agent.summary import Past, Summary, question, read_summary, summed, unsummed
from actors.ports.model import ModelAnswer, ModelRequest
from actors.services.talking import Ask, keep_back

WAITED_FOR_S = 0.5  # so long an answer that is there waits


class Summing:
    """The summary of one turn, as far as there is something to sum up."""

    def __init__(self, ask: Ask, request: AgentRequest, history: Sequence[tuple[str, str]], shown: int) -> None:
        """Begin, if enough of `history` is not among the last `shown` messages any more."""
        known = read_summary(request.state.summary)
        gone = () if request.persona.strict else unsummed(known, history, shown)
        self.given = ""  # what the model was given for it
        self.paid: Sequence[ModelAnswer] = ()
        self._task = asyncio.create_task(self._sum_up(ask, known, gone, request.language), name="summary") if gone else None

    async def result(self) -> Summary | None:
        """Return the summary if it is there within a moment; else it is tried again in the next turn."""
        if self._task is None:
            return None
        await asyncio.wait([self._task], timeout=WAITED_FOR_S)
        return self._task.result() if self._task.done() else None

    def give_up(self) -> None:
        """End it, whatever became of it."""
        if self._task is not None:
            self._task.cancel()

    async def _sum_up(self, ask: Ask, known: Summary | None, gone: Past, language: str) -> Summary | None:
        rules, text = question(known, gone, language)
        asked = await ask(ModelRequest(rules, (("user", text),)), keep_back)
        self.given, self.paid = f"{rules}\n{text}", asked.paid
        return summed(asked.answer.text, gone) if asked.answer else None
