"""The configuration of a tenant as a file: how it is taken in, and what became of it."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from actors.domain.configuration.comparing import Step, counts
from gateway.schemas.bodies import Query, View


def _flag(value: object) -> object:
    if isinstance(value, str) and value not in {"true", "false"}:
        raise ValueError("true or false")
    return value


Flag = Annotated[bool, BeforeValidator(_flag)]


class ImportQuery(Query):
    """How a file is taken in."""

    dry_run: Annotated[Flag, Field(description="say what would happen, and change nothing")] = False
    prune: Annotated[Flag, Field(description="delete what the file does not have; agents are archived")] = False


class StepView(View):
    """What becomes of one item.

    `kept`: it is not in the file and stays; `connect`: it has to be connected by hand, with its secret. `of` is the agent or base
    it belongs to, `fields` are those that differ.
    """

    what: Literal["agent", "persona", "passage", "script", "rule", "sequence", "order", "knowledge", "document", "published", "integration"]
    of: str
    key: str
    fate: Literal["added", "changed", "deleted", "same", "kept", "connect"]
    fields: list[str]


class FatesView(View):
    """How many items have which fate."""

    added: int
    changed: int
    deleted: int
    same: int
    kept: int
    connect: int


class ImportPlanView(View):
    """What became of a file, or would become. `steps` has everything but what stays the same."""

    dry_run: bool
    counts: FatesView
    steps: list[StepView]


def import_view(steps: Sequence[Step], *, dry_run: bool) -> ImportPlanView:
    """Return what became of a file."""
    told = [
        StepView(what=step.what, of=step.of, key=step.key, fate=step.fate, fields=list(step.fields))
        for step in steps
        if step.fate != "same"
    ]
    return ImportPlanView(dry_run=dry_run, counts=FatesView(**counts(steps)), steps=told)
