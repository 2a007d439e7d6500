"""Canonical forms: the same content is the same text, whoever stored it how. Fields in a fixed order, without defaults."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Literal

from actors.domain.agent.models import Persona
from actors.domain.configuration.models import Form
from actors.domain.scripts.steps import ATTEMPTS, HAND_OFF
from actors.domain.sequences.models import STOPS_UNSAID

Kind = Literal["script", "rule", "sequence", "passage"]
ITEMS: Final[Mapping[Kind, str]] = {"passage": "passages", "script": "scripts", "rule": "rules", "sequence": "sequences"}
# The rest follows by name. What an action does stands before what it does it with.
_FIRST = ("id", "do", "on", "fact", "op")
_MOST_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class Shape:
    """The fields of a kind in their order, and what is left out because it goes without saying."""

    key: str
    order: tuple[str, ...]
    defaults: Mapping[str, Any]


PERSONA_FIELDS: Final = tuple([field.name for field in fields(Persona)])
SHAPES: Final[Mapping[Kind, Shape]] = {
    "script": Shape(
        "key",
        (
            "key",
            "name",
            "enabled",
            "priority",
            "languages",
            "phrases",
            "keywords",
            "expressions",
            "meanings",
            "strictness",
            "when",
            "answer",
            "alone",
            "handoff",
            "buttons",
            "attachment",
            "steps",
            "finish",
            "leave",
            "expires_s",
        ),
        {
            "enabled": True,
            "priority": 0,
            "languages": [],
            "phrases": [],
            "keywords": [],
            "expressions": [],
            "meanings": [],
            "strictness": "normal",
            "when": {"all": []},
            "answer": {},
            "alone": False,
            "handoff": False,
            "buttons": [],
            "attachment": None,
            "steps": [],
            "finish": {},
            "leave": {},
            "expires_s": 86_400,
        },
    ),
    "rule": Shape(
        "key",
        (
            "key",
            "name",
            "enabled",
            "trigger",
            "when",
            "actions",
            "stops",
            "limit",
            "cooldown_s",
            "timezone",
            "wakes",
            "lets_answer",
        ),
        {
            "enabled": True,
            "when": {"all": []},
            "stops": False,
            "limit": "always",
            "cooldown_s": 0,
            "timezone": "UTC",
            "wakes": False,
            "lets_answer": False,
        },
    ),
    "sequence": Shape(
        "key",
        ("key", "name", "enabled", "timezone", "hours", "stops_on", "again", "again_after_s", "goal", "listens_s", "steps"),
        {
            "enabled": True,
            "timezone": "UTC",
            "hours": {},
            "stops_on": list(STOPS_UNSAID),
            "again": "never",
            "again_after_s": 0,
            "goal": None,
            "listens_s": 86_400,
        },
    ),
    "passage": Shape("id", ("id", "title", "text", "language", "questions"), {"language": "", "questions": []}),
}
_HOURS = {"from": "", "to": "", "quiet_from": "", "quiet_to": "", "weekdays": []}
_TRIGGER = {"after_s": 0, "of": ""}
_STEP: Mapping[str, Any] = {
    "expects": "text",
    "options": [],
    "pattern": "",
    "min": None,
    "max": None,
    "remember": "",
    "retry": {},
    "attempts": ATTEMPTS,
    "otherwise": HAND_OFF,
    "next": [],
}


def canonical(kind: Kind, stored: Mapping[str, Any]) -> Form:
    """Return an item as files show it: its `id` is called `key`, and what is as it is by default is left out."""
    shape = SHAPES[kind]
    given = {**stored, shape.key: stored.get("id")}
    if shape.key != "id":
        given.pop("id", None)
    if kind == "sequence" and isinstance(given.get("hours"), Mapping):
        given["hours"] = without_usual_hours(given["hours"])
    if kind == "rule" and isinstance(given.get("trigger"), Mapping):
        given["trigger"] = _without(given["trigger"], _TRIGGER)
    if kind == "script" and isinstance(given.get("steps"), list):
        given["steps"] = [_without(step, _STEP) if isinstance(step, Mapping) else step for step in given["steps"]]
    named = {name: plain(given[name]) for name in shape.order if name in given}
    return {name: value for name, value in named.items() if value is not None and not _goes_without_saying(shape, name, value)}


def storable(kind: Kind, form: Form) -> dict[str, Any]:
    """Return what is stored of an item of a file."""
    shape = SHAPES[kind]
    filled = {**shape.defaults, **form}
    if kind == "rule" and isinstance(filled.get("trigger"), Mapping):
        filled["trigger"] = {**_TRIGGER, **filled["trigger"]}
    if kind == "sequence" and isinstance(filled.get("hours"), Mapping):
        filled["hours"] = {**_HOURS, **filled["hours"]}
    if shape.key != "id":
        filled["id"] = filled.pop(shape.key, None)
    return filled


def canonical_persona(stored: Mapping[str, Any]) -> Form:
    """Return a persona as files show it: what was set, in the order of the console."""
    return {name: plain(stored[name]) for name in PERSONA_FIELDS if stored.get(name) is not None}


def without_usual_hours(hours: Mapping[str, Any]) -> Form:
    """Return hours without what is as it is by default."""
    return _without(hours, _HOURS)


def canonical_definition(raw: Mapping[str, Any], bases: Mapping[str, str]) -> Form:
    """Return a published definition as files show it; `bases` are keys by id, what is not among them is gone."""
    parts: dict[str, Any] = {
        "persona": canonical_persona(raw.get("persona", {})),
        "passages": _all("passage", raw.get("passages", ())),
        "scripts": _all("script", raw.get("scripts", ())),
        "rules": _all("rule", raw.get("rules", ())),
        "sequences": sorted(_all("sequence", raw.get("sequences", ())), key=lambda form: str(form["key"])),
        "knowledge": sorted([bases[base] for base in raw.get("knowledge", ()) if base in bases]),
    }
    return {name: value for name, value in parts.items() if value}


def storable_definition(form: Form, bases: Mapping[str, str]) -> dict[str, Any]:
    """Return what is stored of a published definition of a file; `bases` are ids by key."""
    parts = {
        "persona": dict(form.get("persona", {})),
        "scripts": [storable("script", item) for item in form.get("scripts", ())],
        "passages": [storable("passage", item) for item in form.get("passages", ())],
        "rules": [storable("rule", item) for item in form.get("rules", ())],
        "sequences": [storable("sequence", item) for item in form.get("sequences", ())],
        "knowledge": sorted([bases[key] for key in form.get("knowledge", ())]),
    }
    return {name: value for name, value in parts.items() if value or name in {"persona", "scripts", "passages"}}


def plain(value: Any) -> Any:
    """Return a value with the names of objects in a fixed order, and whole numbers written as such."""
    match value:
        case Mapping():
            names = sorted(value, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), str(name)))
            return {name: plain(value[name]) for name in names}
        case list() | tuple():
            return [plain(item) for item in value]
        case float() if value.is_integer() and abs(value) < _MOST_EXACT:
            return int(value)
        case _:
            return value


def _goes_without_saying(shape: Shape, name: str, value: Any) -> bool:
    return name in shape.defaults and value == shape.defaults[name] and isinstance(value, bool) == isinstance(shape.defaults[name], bool)


def _all(kind: Kind, items: Iterable[Any]) -> list[Form]:
    return [canonical(kind, item) for item in items]


def _without(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in defaults or value != defaults[name]}


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> Sequence[str]:
    """Return the names of the fields that differ."""
    return [name for name in {**before, **after} if before.get(name) != after.get(name)]
