"""Questions and answers about knowledge as bytes."""

from typing import Any
from uuid import UUID

import orjson

from actors.domain.errors import InvalidInput
from actors.domain.ids import TenantId
from actors.domain.knowledge.hybrid import Hit
from actors.domain.knowledge.likeness import Compared, Levels
from actors.ports.knowledge import Answered, Question


def question_to_json(question: Question) -> dict[str, Any]:
    """Return a question as JSON."""
    return {
        "tenant": str(question.tenant_id),
        "bases": question.bases,
        "text": question.text,
        "limit": question.limit,
        "sentences": question.sentences,
    }


def question_from_json(raw: Any) -> Question:
    """Return the question that was sent.

    Raises:
        InvalidInput: it is none of ours.
    """
    try:
        bases = tuple([str(UUID(base)) for base in raw["bases"]])
        sentences = tuple([str(sentence) for sentence in raw.get("sentences", ())])
        return Question(TenantId(UUID(raw["tenant"])), bases, str(raw["text"]), int(raw["limit"]), sentences)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput(f"no question about knowledge: {error}") from error


def answer_to_bytes(answered: Answered) -> bytes:
    """Return an answer as it travels."""
    return orjson.dumps(answered)


def answer_from_json(raw: Any) -> Answered:
    """Return the answer that was received.

    Raises:
        InvalidInput: it is none of ours.
    """
    try:
        hits = tuple([Hit(**hit) for hit in raw["hits"]])
        return Answered(raw["verdict"], hits, raw["embedder"], raw["why"], raw["stages_ms"], _compared(raw.get("compared") or {}))
    except (KeyError, TypeError) as error:
        raise InvalidInput(f"no answer about knowledge: {error}") from error


def _compared(raw: Any) -> Compared:
    if not raw.get("embedder"):
        return Compared(why=str(raw.get("why", "")))
    return Compared(tuple(raw["cosines"]), Levels(**raw["levels"]), raw["embedder"])
