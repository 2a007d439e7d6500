"""A configuration as a file has it, read: what has not the form of one, with its place. What may not be saved: checking.py."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from actors.domain.configuration.forms import (
    ITEMS,
    PERSONA_FIELDS,
    SHAPES,
    Kind,
    canonical,
    canonical_definition,
    canonical_persona,
    storable,
    storable_definition,
)
from actors.domain.configuration.models import DRAFT, FORMAT, AgentForm, BaseForm, Configuration, Connected, DocumentForm, Published
from actors.domain.errors import InvalidDefinition, Problem
from actors.domain.fields import Fields
from actors.domain.sequences.models import as_definition

DOCUMENT_KINDS = ("text", "markdown", "csv")
LONGEST_NAME = 200  # characters; the console shows it in a line
MOST_AGENTS = 200
MOST_DOCUMENTS = 2_000
LONGEST_DOCUMENT = 262_144  # characters, as the API takes them
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_PARTS = {"format", "agents", "knowledge", "integrations"}
_AGENT = {"agent", "name", "persona", "passages", "scripts", "rules", "sequences", "knowledge", "published"}
_PUBLISHED = _AGENT - {"agent", "name", "published"}


def read_configuration(raw: object) -> Configuration:
    """Read a configuration.

    Raises:
        InvalidDefinition: with every problem and its place.
    """
    problems: list[Problem] = []
    fields = Fields(raw, "", problems)
    if fields.text("format", required=True) != FORMAT and not problems:
        fields.wrong("format", f"must be {FORMAT}: this is another kind of file, or one of another version")
    if problems:
        raise InvalidDefinition(problems)
    _known(raw, "", _PARTS, problems)
    bases = fields.objects("knowledge", lambda item, place: _base(item, place, problems))
    agents = fields.objects("agents", lambda item, place: _agent(item, place, {base.key for base in bases}, problems))
    connected = fields.objects("integrations", lambda item, place: _connected(item, place, problems))
    problems += [*_twice([agent.key for agent in agents], "agents", "agent"), *_twice([b.key for b in bases], "knowledge", "base")]
    named = {key for agent in agents for key in agent.knowledge}
    unused = [number for number, base in enumerate(bases) if base.key not in named]
    problems += [Problem(f"knowledge[{number}].base", "no agent of this file answers from it") for number in unused]
    if len(agents) > MOST_AGENTS:
        problems.append(Problem("agents", f"at most {MOST_AGENTS} agents"))
    if sum(len(base.documents) for base in bases) > MOST_DOCUMENTS:
        problems.append(Problem("knowledge", f"at most {MOST_DOCUMENTS} documents"))
    if problems:
        raise InvalidDefinition(problems)
    return Configuration(agents, bases, connected)


def _agent(raw: object, place: str, bases: set[str], problems: list[Problem]) -> AgentForm:
    fields = Fields(raw, place, problems)
    _known(raw, place, _AGENT, problems)
    key = _name(fields, "agent")
    knowledge = _knowledge(fields, bases)
    persona = _persona(fields.inner("persona"), f"{place}.persona", problems)
    forms = {kind: _forms(kind, fields, problems) for kind in SHAPES}
    return AgentForm(
        key=key,
        name=_name(fields, "name", key),
        persona=persona,
        passages=forms["passage"],
        scripts=forms["script"],
        rules=forms["rule"],
        sequences=forms["sequence"],
        knowledge=knowledge,
        published=_published(raw, place, bases, problems),
    )


def _published(raw: object, place: str, bases: set[str], problems: list[Problem]) -> Published:
    given = raw.get("published") if isinstance(raw, Mapping) else None
    if given is None or given == DRAFT:
        return DRAFT if given else None
    here = f"{place}.published"
    if not isinstance(given, Mapping):
        problems.append(Problem(here, f"must be {DRAFT}, or an object with what is published"))
        return None
    fields = Fields(given, here, problems)
    _known(given, here, _PUBLISHED, problems)
    forms = {kind: _forms(kind, fields, problems) for kind in SHAPES}
    knowledge = _knowledge(fields, bases)
    form = {
        "persona": _persona(fields.inner("persona"), f"{here}.persona", problems),
        **{name: forms[kind] for kind, name in ITEMS.items()},
        "knowledge": knowledge,
    }
    keys = {key: key for key in knowledge}
    return canonical_definition(storable_definition(form, keys), keys)


def _persona(raw: object, place: str, problems: list[Problem]) -> Mapping[str, Any]:
    Fields(raw, place, problems)
    _known(raw, place, set(PERSONA_FIELDS), problems)
    return canonical_persona(raw) if isinstance(raw, Mapping) else {}


def _forms(kind: Kind, fields: Fields, problems: list[Problem]) -> tuple[Mapping[str, Any], ...]:
    return fields.objects(ITEMS[kind], lambda item, place: _form(kind, item, place, problems))


def _form(kind: Kind, raw: object, place: str, problems: list[Problem]) -> Mapping[str, Any]:
    shape = SHAPES[kind]
    fields = Fields(raw, place, problems)
    _known(raw, place, set(shape.order), problems)
    key = fields.text(shape.key, required=True)
    if kind != "passage" and key and not _KEY.fullmatch(key):
        fields.wrong(shape.key, "must be at most 63 letters, digits, dots, dashes or underscores")
    given = raw if isinstance(raw, Mapping) else {}
    if len(str(given.get("name") or given.get("title") or "")) > LONGEST_NAME:
        fields.wrong("name" if "name" in given else "title", f"must be at most {LONGEST_NAME} characters")
    stored = storable(kind, {**given, shape.key: key})
    if kind == "sequence" and isinstance(stored.get("steps"), list) and all(isinstance(step, Mapping) for step in stored["steps"]):
        stored = as_definition(stored)
    return canonical(kind, stored if kind == "passage" else {"name": key, **stored})


def _base(raw: object, place: str, problems: list[Problem]) -> BaseForm:
    fields = Fields(raw, place, problems)
    _known(raw, place, {"base", "name", "documents"}, problems)
    key = _name(fields, "base")
    documents = fields.objects("documents", lambda item, there: _document(item, there, problems))
    return BaseForm(key, _name(fields, "name", key), documents)


def _document(raw: object, place: str, problems: list[Problem]) -> DocumentForm:
    fields = Fields(raw, place, problems)
    _known(raw, place, {"title", "kind", "text"}, problems)
    kind = fields.choice("kind", "text", DOCUMENT_KINDS)
    text = raw.get("text") if isinstance(raw, Mapping) else None
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST_DOCUMENT:
        fields.wrong("text", f"must be a text of at most {LONGEST_DOCUMENT} characters, not empty")
        text = ""
    return DocumentForm(_name(fields, "title"), kind, text)


def _connected(raw: object, place: str, problems: list[Problem]) -> Connected:
    fields = Fields(raw, place, problems)
    _known(raw, place, {"agent", "channel", "name"}, problems)
    return Connected(fields.text("agent", required=True), fields.text("channel", required=True), fields.text("name"))


def _name(fields: Fields, name: str, default: str = "") -> str:
    text = fields.text(name, default, required=True)
    if len(text) > LONGEST_NAME:
        fields.wrong(name, f"must be at most {LONGEST_NAME} characters")
    return text


def _knowledge(fields: Fields, bases: set[str]) -> tuple[str, ...]:
    keys = fields.texts("knowledge")
    for number, key in enumerate(keys):
        if key not in bases:
            fields.wrong(f"knowledge[{number}]", f"there is no base {key} in this file")
    if len(keys) > 1:
        fields.wrong("knowledge", "an agent answers from one base")
    return tuple(sorted(keys))


def _known(raw: object, place: str, names: set[str], problems: list[Problem]) -> None:
    given = raw if isinstance(raw, Mapping) else {}
    problems += [
        Problem(f"{place}.{name}" if place else str(name), f"{name} is not known here; known: {', '.join(sorted(names))}")
        for name in given
        if name not in names
    ]


def _twice(keys: Sequence[str], place: str, name: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for number, key in enumerate(keys):
        if key in seen:
            yield Problem(f"{place}[{number}].{name}", f"another one is called {key}")
        seen.add(key)
