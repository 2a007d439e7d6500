"""Checks: regression cases of an agent, and corrections that make them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints

from actors.ports.checks import LONGEST_QUESTION, Case, CaseRun, Expectation, NewCase, Said
from gateway.check_runs import CheckRun
from gateway.schemas.agents import Language, Title
from gateway.schemas.bodies import Body, ListQuery, Number, Uuid, VersionNumber, View, cleaned
from gateway.schemas.conversations import Id

Question = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_QUESTION), BeforeValidator(cleaned)]
Value = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), BeforeValidator(cleaned)]
AnswerText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=3_500), BeforeValidator(cleaned)]
ExpectsName = Literal["script", "passage", "handoff", "text"]
CheckOutcome = Literal["passed", "failed", "open"]


class CheckQuery(ListQuery):
    """Which checks: those there are, or those that can be brought back."""

    deleted: bool = False


class ExpectValue(Body):
    """The script or passage of this id, or that the answer contains this text."""

    kind: Literal["script", "passage", "text"]
    value: Value


class ExpectHandoff(Body):
    """That a person is called."""

    kind: Literal["handoff"]


class CheckBody(Body):
    """A question and what is expected."""

    question: Question
    language: Language | Literal[""] = Field(default="", description="empty: as the question shows")
    expected: Annotated[ExpectValue | ExpectHandoff, Field(discriminator="kind")]


class RightScript(Body):
    """A script of the draft is the right answer: the question becomes one of its phrases."""

    kind: Literal["script"]
    script_id: Uuid


class RightNewScript(Body):
    """A new script with this text is the right answer."""

    kind: Literal["new_script"]
    text: AnswerText
    name: Title | None = Field(default=None, description="without one, as the question")


class RightPassage(Body):
    """A passage of the draft is the right answer: the question becomes one of those it answers."""

    kind: Literal["passage"]
    passage_id: Title


class RightNewPassage(Body):
    """A new passage with this text is the right answer."""

    kind: Literal["new_passage"]
    text: AnswerText
    title: Title | None = Field(default=None, description="without one, as the question")


class RightHandoff(Body):
    """A person is to answer: a new script that hands over."""

    kind: Literal["handoff"]


class CorrectionBody(Body):
    """A question that was answered wrongly, and what is right."""

    question: Question
    language: Language | Literal[""] = Field(default="", description="of the question and a written answer; empty: as the question shows")
    message_id: Number | None = Field(default=None, description="the reply that was wrong")
    right: Annotated[RightScript | RightNewScript | RightPassage | RightNewPassage | RightHandoff, Field(discriminator="kind")]


class ChecksRunBody(Body):
    """The version that is asked."""

    version: Literal["published", "draft"] | VersionNumber = "draft"


class CheckSaid(View):
    """What was answered. `mode` is how, `script` which script matched, `sources` the ids of passages."""

    mode: str
    text: str
    script: str
    sources: list[str]
    reason: str


class CheckView(View):
    """A check with its last outcome; null: it was never run. `open`: a model would have to be asked."""

    id: UUID
    question: str
    language: str
    expects: ExpectsName
    value: str
    title: str = Field(description="of the script or passage, if the draft has it")
    message_id: Id | None
    created_at: datetime
    created_by: str
    deleted_at: datetime | None
    outcome: CheckOutcome | None
    outcome_version: int | None
    outcome_at: datetime | None
    said: CheckSaid | None


class CheckPage(View):
    """Checks, oldest first."""

    items: list[CheckView]
    next: str | None = Field(description="the cursor of the next page")


class ChecksRunItem(View):
    """What came of one check, and what came of it on the version that customers have; null: that is the same version."""

    id: UUID
    question: str
    outcome: CheckOutcome
    before: CheckOutcome | None
    said: CheckSaid


class ChecksRunView(View):
    """What came of all checks on a version. `broken`: those that fail and passed on what is published."""

    version: int
    passed: int
    failed: int
    open: int
    broken: int
    items: list[ChecksRunItem]


def new_case(body: CheckBody) -> NewCase:
    """Return a check as it is stored."""
    value = body.expected.value if isinstance(body.expected, ExpectValue) else ""
    return NewCase(body.question, body.language, Expectation(body.expected.kind, value))


def check_view(case: Case, run: CaseRun | None = None, version: int | None = None) -> CheckView:
    """Return a check; with `run`, just run on a version."""
    said = run.said if run else case.said
    return CheckView(
        id=case.id,
        question=case.question,
        language=case.language,
        expects=case.expectation.expects,
        value=case.expectation.value,
        title=case.title,
        message_id=str(case.message_id) if case.message_id is not None else None,
        created_at=case.created_at,
        created_by=case.created_by,
        deleted_at=case.deleted_at,
        outcome=run.outcome if run else case.outcome,
        outcome_version=version if run else case.outcome_version,
        outcome_at=case.outcome_at,
        said=said_view(said) if said else None,
    )


def said_view(said: Said) -> CheckSaid:
    """Return what was answered."""
    return CheckSaid(mode=said.mode, text=said.text, script=said.script, sources=list(said.sources), reason=said.reason)


def run_view(run: CheckRun) -> ChecksRunView:
    """Return what came of all checks."""
    counted: Mapping[str, int] = {name: sum(r.outcome == name for r in run.now.values()) for name in ("passed", "failed", "open")}
    items = [
        ChecksRunItem(
            id=case.id,
            question=case.question,
            outcome=run.now[case.id].outcome,
            before=run.before[case.id].outcome if case.id in run.before else None,
            said=said_view(run.now[case.id].said),
        )
        for case in run.cases
    ]
    return ChecksRunView(version=run.version, **counted, broken=len(run.broken), items=items)
