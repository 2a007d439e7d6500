"""What may not be saved as knowledge."""

from collections.abc import Sequence

from actors.domain.errors import Problem
from actors.domain.knowledge.models import Passage

LONGEST_PASSAGE = 3_500  # characters; a passage is given to customers as it stands, and Telegram takes 4,096
MOST_PASSAGES = 10_000


def passage_problems(passages: Sequence[Passage], place: str = "passages") -> list[Problem]:
    """Return everything that is wrong with the passages, each with its place."""
    problems = [Problem(place, f"at most {MOST_PASSAGES} passages")] if len(passages) > MOST_PASSAGES else []
    seen: set[str] = set()
    for number, passage in enumerate(passages):
        if passage.id in seen:
            problems.append(Problem(f"{place}[{number}].id", f"another passage has the id {passage.id}"))
        if len(passage.text) > LONGEST_PASSAGE:
            problems.append(Problem(f"{place}[{number}].text", f"is longer than {LONGEST_PASSAGE} characters"))
        seen.add(passage.id)
    return problems
