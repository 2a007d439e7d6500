"""The configuration of a tenant in words: agents, bases of knowledge, and what is connected."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

FORMAT: Final = "callboard/configuration/1"
DRAFT: Final = "draft"  # in place of a published definition: it says the same as the draft
Form = Mapping[str, Any]
Published = Form | Literal["draft"] | None  # None: nothing is published, or nothing is said about it


@dataclass(frozen=True, slots=True)
class AgentForm:
    """An agent. `key` is unique in the tenant; it is the name, unless an older agent has that name.

    Items are canonical (forms.py): scripts and rules in their order, sequences by key, `knowledge` holds keys of bases.
    """

    key: str
    name: str
    persona: Form = field(default_factory=dict)
    passages: tuple[Form, ...] = ()
    scripts: tuple[Form, ...] = ()
    rules: tuple[Form, ...] = ()
    sequences: tuple[Form, ...] = ()
    knowledge: tuple[str, ...] = ()
    published: Published = None


@dataclass(frozen=True, slots=True)
class DocumentForm:
    """A document of a base; several may have the same title."""

    title: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class BaseForm:
    """A base of knowledge, shared by the agents that name it."""

    key: str
    name: str
    documents: tuple[DocumentForm, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Connected:
    """Something that is connected: only that it is, for secrets do not travel."""

    agent: str
    channel: str
    name: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """All of it: agents, bases and connections, each in the order of names."""

    agents: tuple[AgentForm, ...] = ()
    bases: tuple[BaseForm, ...] = ()
    integrations: tuple[Connected, ...] = ()


def labels(names: list[str]) -> list[str]:
    """Return a unique key for each name, in the order in which things were made: the second `Anna` is `Anna #2`."""
    taken: set[str] = set()
    found = []
    for name in names:
        number, label = 1, name
        while label in taken:
            number += 1
            label = f"{name} #{number}"
        taken.add(label)
        found.append(label)
    return found
