"""Proposals to a new agent: the catalogue's questions asked to its knowledge base, and scripts written by a model where there is one."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from actors.domain.agent.spending import Spent
from actors.domain.errors import TransientError
from actors.domain.ids import TenantId
from actors.domain.knowledge.models import RANK
from actors.domain.proposing.engine import language
from actors.domain.proposing.models import Looked, Proposal, SitePassage
from actors.domain.proposing.topics import TOPICS
from actors.domain.proposing.written import FORM, form, quoted, rules, shown, taken
from actors.ports.knowledge import Answered, Knowledge, Question
from actors.ports.model import ModelAnswer, ModelRequest
from actors.ports.time import Clock
from actors.services.agent import Models, paid, refused
from actors.services.asking import Asking
from actors.services.talking import keep_back

WRITING_S = 90.0  # nobody waits at a telephone: ten scripts are a long answer
LONGEST_FORM = 4_000  # tokens
_HITS = 5
_TRIES = 5  # of a question that nobody answered in time; embedding hundreds of new passages keeps the actor busy
_PAUSE_S = 1.5


class Looking:
    """Asks a base all questions of the catalogue."""

    def __init__(self, clock: Clock, knowledge: Knowledge) -> None:
        self._clock = clock
        self._knowledge = knowledge

    async def look(self, tenant_id: TenantId, base_id: UUID, spoken: str) -> dict[str, Looked]:
        """Return what the search says to each topic, by id.

        Raises:
            TransientError: the base cannot be searched now.
        """

        async def search(text: str) -> Looked:
            said = await self._search(Question(tenant_id, (str(base_id),), text, _HITS))
            return Looked(said.verdict, said.hits)

        return await looked(search, spoken)

    async def _search(self, question: Question) -> Answered:
        for _ in range(_TRIES - 1):
            try:
                return await self._knowledge.search(question)
            except TransientError:
                await self._clock.sleep(_PAUSE_S)
        return await self._knowledge.search(question)


async def looked(search: Callable[[str], Awaitable[Looked]], spoken: str) -> dict[str, Looked]:
    """Ask each topic as a sentence, then by its name, as customers do; return the surer outcome of each, by id."""
    found: dict[str, Looked] = {}
    for topic in TOPICS:
        said = topic.said[spoken]
        best = await search(said.question)
        if best.verdict != "sure":
            best = max(best, await search(said.name), key=lambda one: RANK[one.verdict])
        found[topic.id] = best
    return found


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote, or why nothing."""

    proposals: Sequence[Proposal] = ()
    why: str = ""
    spent: Spent | None = None


class Writing:
    """Has a model write scripts; what it writes is checked, and whatever goes wrong is a reason, never an error."""

    def __init__(self, clock: Clock, models: Models | None, limit_s: float = WRITING_S) -> None:
        self._models = models
        self._asking = Asking(clock)
        self._limit_s = limit_s

    async def write(self, tenant_id: TenantId, passages: Sequence[SitePassage]) -> Written:
        """Return scripts that stand on the site; none, and no reason, where there is no model."""
        quotable = shown(passages)
        if self._models is None or not quotable:
            return Written()
        try:
            if why := await refused(self._models, tenant_id):
                return Written(why=why, spent=Spent(refused=True))
        except TransientError as error:
            return Written(why=f"nobody can say what was spent today: {error}")
        return await self._written(self._models, quotable)

    async def _written(self, models: Models, passages: Sequence[SitePassage]) -> Written:
        spoken = language(passages)
        told, data = rules(spoken), quoted(passages)
        request = ModelRequest(told, (("user", data),), max_tokens=LONGEST_FORM, tools=(form(),))
        endpoints = [models.first, *([models.fallback] if models.fallback else [])]
        asked = await self._asking.ask(endpoints, request, self._limit_s, self._limit_s, keep_back)
        spent = paid(models.prices, [(f"{told}\n{data}", asked.paid)])
        if asked.answer is None:
            return Written(why=asked.failure, spent=spent)
        proposals = taken(_filled(asked.answer), passages, spoken)
        return Written(proposals, "" if proposals else "nothing of what it wrote stands on the site", spent)


def _filled(answer: ModelAnswer) -> str:
    """Return the form that a model filled in, as JSON; empty if it did something else."""
    return next((call.arguments for call in answer.calls if call.name == FORM), "")
