"""What may not be saved as knowledge."""

from collections.abc import Mapping, Sequence
from typing import Any

from actors.domain.errors import InvalidDefinition, Problem
from actors.domain.knowledge.models import Passage, read_passage

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


def check_passages(raw: Sequence[Mapping[str, Any]]) -> tuple[Passage, ...]:
    """Return passages by themselves.

    Raises:
        InvalidDefinition: they may not be saved.
    """
    problems: list[Problem] = []
    passages = tuple([read_passage(item, f"passages[{number}]", problems) for number, item in enumerate(raw)])
    problems += passage_problems(passages)
    if problems:
        raise InvalidDefinition(problems)
    return passages
