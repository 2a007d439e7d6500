"""Regression cases: questions whose answers are known to be right, and what comes of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

Expects = Literal["script", "passage", "handoff", "text"]
Outcome = Literal["passed", "failed", "open"]

MOST_CASES = 500  # of an agent: each publishing runs them all
LONGEST_QUESTION = 500  # characters


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is expected. `value` is the id of the script or passage, or what the text contains; empty for a handoff."""

    expects: Expects
    value: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What was answered: as far as it is known without a model."""

    mode: str
    text: str = ""
    script: str = ""
    sources: tuple[str, ...] = ()  # ids
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CaseRun:
    """What came of a case. `open`: a model would have to be asked."""

    outcome: Outcome
    said: Said


@dataclass(frozen=True, slots=True)
class NewCase:
    """A case to be stored. `message_id` is the reply that was wrong."""

    question: str
    language: str
    expectation: Expectation
    message_id: int | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A case as stored, with its last outcome; None: it was never run."""

    id: UUID
    position: int
    question: str
    language: str
    expectation: Expectation
    message_id: int | None
    created_at: datetime
    created_by: str
    deleted_at: datetime | None
    outcome: Outcome | None
    outcome_version: int | None
    outcome_at: datetime | None
    said: Said | None
    title: str = ""  # of the script or passage, if the draft has it
