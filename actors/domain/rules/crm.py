"""Actions of rules in a CRM: how they are written, what may not be saved, and what they become for one turn."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from actors.domain.errors import Problem
from actors.domain.fields import Fields
from actors.domain.rules.facts import FACTS, kind_of

LONGEST = 2_000  # characters of a filled text
LONGEST_DELAY_S = 365 * 86_400.0
MOST_TAGS = 20
MOST_FIELDS = 50
_HIGHEST_ID = 10**15
_PLACE = re.compile(r"\{([a-z_]+(?:\.[A-Za-z0-9_]+)+)\}")
_ENTITIES = ("lead", "contact")


@dataclass(frozen=True, slots=True)
class Crm:
    """Do something in the agent's CRM; `kind` says what, `params` may hold facts in braces, as `{contact.name}`."""

    kind: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CrmKnown:
    """What the synced copies of an agent's accounts hold. `synced`: they hold anything; else nothing can be checked."""

    connected: bool
    synced: bool = False
    stages: Collection[tuple[int, int]] = ()  # pipeline and stage
    users: Collection[int] | None = None  # None: the account does not let us see them
    fields: Collection[tuple[str, int]] = ()  # lead or contact, and the field


def _lead(fields: Fields) -> Mapping[str, Any]:
    named = {"name": fields.text("name"), "pipeline": _id(fields, "pipeline"), "stage": _id(fields, "stage")}
    if bool(named["pipeline"]) != bool(named["stage"]):
        fields.wrong("stage", "choose a stage of the pipeline, or neither")
    return {**named, "user": _id(fields, "user"), "tags": _tags(fields), "fields": _values(fields)}


def _contact(fields: Fields) -> Mapping[str, Any]:
    return {"name": fields.text("name"), "phone": fields.text("phone"), "email": fields.text("email"), "user": _id(fields, "user")}


def _move(fields: Fields) -> Mapping[str, Any]:
    return {"pipeline": _id(fields, "pipeline", needed=True), "stage": _id(fields, "stage", needed=True)}


def _fields(fields: Fields) -> Mapping[str, Any]:
    given = {"on": _on(fields), "price": fields.text("price"), "fields": _values(fields)}
    if not given["fields"] and not given["price"]:
        fields.wrong("fields", "say which field gets which value")
    return given


def _tag(fields: Fields) -> Mapping[str, Any]:
    tags = _tags(fields)
    if not tags:
        fields.wrong("tags", "needs at least one tag")
    return {"on": _on(fields), "tags": tags}


def _note(fields: Fields) -> Mapping[str, Any]:
    return {"on": _on(fields), "text": fields.text("text", required=True)}


def _task(fields: Fields) -> Mapping[str, Any]:
    due_s = fields.number("due_s", 86_400.0, 60.0, LONGEST_DELAY_S)
    return {"on": _on(fields), "text": fields.text("text", required=True), "due_s": due_s, "user": _id(fields, "user")}


def _responsible(fields: Fields) -> Mapping[str, Any]:
    return {"on": _on(fields), "user": _id(fields, "user", needed=True)}


# What stands in `do`, the kind of the effect, and how it is read.
READERS: Mapping[str, tuple[str, Callable[[Fields], Mapping[str, Any]]]] = {
    "crm_lead": ("kommo.lead", _lead),
    "crm_contact": ("kommo.contact", _contact),
    "crm_move": ("kommo.move", _move),
    "crm_fields": ("kommo.fields", _fields),
    "crm_tags": ("kommo.tags", _tag),
    "crm_note": ("kommo.note", _note),
    "crm_task": ("kommo.task", _task),
    "crm_responsible": ("kommo.responsible", _responsible),
}


def reader(do: str) -> Callable[[Fields], Crm]:
    """Return what reads an action of this name."""
    kind, read = READERS[do]
    return lambda fields: Crm(kind, {name: value for name, value in read(fields).items() if value not in ("", 0, (), {})})


def _id(fields: Fields, name: str, *, needed: bool = False) -> int:
    value = fields.whole(name, 0, _HIGHEST_ID)
    if value < 0 or (needed and value == 0):
        fields.wrong(name, "must be chosen")
    return max(value, 0)


def _on(fields: Fields) -> str:
    return fields.choice("on", "lead", _ENTITIES)


def _tags(fields: Fields) -> tuple[str, ...]:
    tags = fields.texts("tags")
    if len(tags) > MOST_TAGS:
        fields.wrong("tags", f"at most {MOST_TAGS} tags")
    return tags


def _values(fields: Fields) -> Mapping[str, str]:
    values = fields.by_language("fields")  # the same form: texts by name
    for name in values:
        if not name.isdecimal() or len(name) > 15:
            fields.wrong(f"fields.{name}", "must be the number of a field")
    if len(values) > MOST_FIELDS:
        fields.wrong("fields", f"at most {MOST_FIELDS} fields")
    return values


def text_problems(action: Crm, place: str, known: Collection[str] = ()) -> Iterator[Problem]:
    """Yield places in texts that name no fact, nor anything else that is `known`."""
    for name, value in action.params.items():
        texts = value.items() if isinstance(value, Mapping) else [("", value)]
        for inner, text in texts:
            for fact in _PLACE.findall(text) if isinstance(text, str) else ():
                if kind_of(fact) is None and fact not in known:
                    where = f"{place}.{name}.{inner}" if inner else f"{place}.{name}"
                    yield Problem(where, f"there is no {fact}; there are: {', '.join(FACTS)}")


def copy_problems(action: Crm, place: str, known: CrmKnown) -> Iterator[Problem]:
    """Yield what the agent's CRM does not have, as far as its copy tells."""
    if not known.connected:
        yield Problem(f"{place}.do", "connect a Kommo account to this agent first")
    if not known.synced:
        return
    params = action.params
    if "stage" in params and (params.get("pipeline"), params["stage"]) not in known.stages:
        yield Problem(f"{place}.stage", "the account has no such stage in this pipeline: sync it, or choose another one")
    if "user" in params and known.users is not None and params["user"] not in known.users:
        yield Problem(f"{place}.user", "the account has no such user: sync it, or choose another one")
    entity = params.get("on", "lead")
    for number in params.get("fields", ()):
        if number.isdecimal() and (entity, int(number)) not in known.fields:
            yield Problem(f"{place}.fields.{number}", f"the account has no such field of a {entity}: sync it, or choose another one")


def named_facts(value: Any) -> set[str]:
    """Return what the texts of an action name in braces."""
    match value:
        case str():
            return set(_PLACE.findall(value))
        case Mapping():
            return set().union(*[named_facts(inner) for inner in value.values()])
        case list() | tuple():
            return set().union(*[named_facts(inner) for inner in value])
        case _:
            return set()


def filled(text: str, facts: Mapping[str, Any], longest: int = LONGEST) -> str:
    """Return a text with facts in the place of their names in braces, cut at `longest`; what is no fact stays as it is written."""

    def shown(found: re.Match[str]) -> str:
        name = found.group(1)
        return _shown(facts.get(name)) if name in facts or kind_of(name) is not None else found.group()

    return _PLACE.sub(shown, text)[:longest]


def effect_params(action: Crm, facts: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return what is to be done in this turn: facts stand where their names stood, times are moments."""
    params = {name: _filled(value, facts) for name, value in action.params.items()}
    if "due_s" in params:
        params["due_at"] = int(now.timestamp() + params.pop("due_s"))
    return params


def _filled(value: Any, facts: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return filled(value, facts).strip()
    if isinstance(value, Mapping):
        return {name: text for name, inner in value.items() if (text := _filled(inner, facts))}
    return list(value) if isinstance(value, tuple) else value


def _shown(fact: Any) -> str:
    """Return a fact in a text; one that is not known leaves nothing behind."""
    if fact is None:
        return ""
    return ", ".join([str(item) for item in fact]) if isinstance(fact, list | tuple) else str(fact)
