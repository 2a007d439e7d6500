"""What one version of an agent does otherwise than another: item by item, and field by field."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from actors.domain.agent.models import Persona
from actors.domain.configuration.comparing import ORDERED
from actors.domain.configuration.forms import (
    ITEMS,
    PERSONA_FIELDS,
    SHAPES,
    Kind,
    canonical,
    canonical_persona,
    differing,
    plain,
    without_usual_hours,
)
from actors.domain.configuration.models import Form

What = Literal["persona", "passage", "script", "rule", "sequence", "knowledge"]
Fate = Literal["added", "changed", "deleted", "moved"]
_UNSAID: Final[Form] = {**{name: plain(value) for name, value in asdict(Persona()).items()}, "hours": {}}


@dataclass(frozen=True, slots=True)
class Field:
    """A field that differs: what goes without saying is said here, so that both sides can be read."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Difference:
    """An item that is not as it was.

    Args:
        kind: what it is.
        key: by which both sides know it: its key or id, the id of a base of knowledge; empty for the persona.
        name: what people call it.
        fate: what became of it; `moved`: others that were before it are behind it now, or the other way round.
        fields: what differs, if it is changed.
    """

    kind: What
    key: str
    name: str
    fate: Fate
    fields: tuple[Field, ...] = ()


def differences(before: Mapping[str, Any], after: Mapping[str, Any], bases: Mapping[str, str]) -> list[Difference]:
    """Return what differs between two definitions, whatever their faults; an empty one is what an agent has before all publishing.

    Args:
        before: the older definition.
        after: the newer one.
        bases: names of bases of knowledge, by id.
    """
    found = _persona(before.get("persona") or {}, after.get("persona") or {})
    for kind in ITEMS:
        found += _items(kind, before.get(ITEMS[kind], ()), after.get(ITEMS[kind], ()))
    return [*found, *_knowledge(before.get("knowledge", ()), after.get("knowledge", ()), bases)]


def _persona(before: Form, after: Form) -> list[Difference]:
    was, now = _said(before), _said(after)
    if before and after:
        fields = _fields(was, now, PERSONA_FIELDS)
        return [Difference("persona", "", str(now["name"]), "changed", fields)] if fields else []
    if after:
        return [Difference("persona", "", str(now["name"]), "added")]
    return [Difference("persona", "", str(was["name"]), "deleted")] if before else []


def _said(persona: Form) -> Form:
    """Return a persona with what it leaves out; empty texts, languages and tools are as good as none."""
    given = {name: value for name, value in canonical_persona(persona).items() if value not in ({}, [])}
    if isinstance(hours := given.get("hours"), Mapping):
        given["hours"] = without_usual_hours(hours)
    return {**_UNSAID, **given}


def _items(kind: Kind, before: Iterable[Form], after: Iterable[Form]) -> list[Difference]:
    shape = SHAPES[kind]
    was, now = _by_key(kind, before), _by_key(kind, after)
    found = []
    for key, form in now.items():
        if key not in was:
            found.append(Difference(kind, key, _name(form, key), "added"))
        elif fields := _fields({**shape.defaults, **was[key]}, {**shape.defaults, **form}, shape.order):
            found.append(Difference(kind, key, _name(form, key), "changed", fields))
    found += [Difference(kind, key, _name(form, key), "deleted") for key, form in was.items() if key not in now]
    if kind in ORDERED:
        found += [Difference(kind, key, _name(now[key], key), "moved") for key in _moved(list(was), list(now))]
    return found


def _by_key(kind: Kind, items: Iterable[Form]) -> dict[str, Form]:
    forms = [canonical(kind, item) for item in items]
    return {str(form.get(SHAPES[kind].key)): form for form in forms}


def _name(form: Form, key: str) -> str:
    return str(form.get("name") or form.get("title") or key)


def _fields(before: Form, after: Form, order: Sequence[str]) -> tuple[Field, ...]:
    other = set(differing(before, after))
    return tuple([Field(name, before.get(name), after.get(name)) for name in order if name in other])


def _moved(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """Return as few keys as explain the new order: all but the longest run of those that kept theirs."""
    place = {key: number for number, key in enumerate(before)}
    common = [key for key in after if key in place]
    ends: list[int] = []  # places at which runs of each length end, as early as can be
    lengths = []
    for key in common:
        length = bisect_left(ends, place[key])
        ends[length : length + 1] = [place[key]]
        lengths.append(length)
    kept, wanted = set(), len(ends) - 1
    for key, length in zip(reversed(common), reversed(lengths), strict=True):
        if length == wanted:
            kept.add(key)
            wanted -= 1
    return [key for key in common if key not in kept]


def _knowledge(before: Iterable[str], after: Iterable[str], bases: Mapping[str, str]) -> list[Difference]:
    was, now = list(before), list(after)
    added = [Difference("knowledge", base, bases.get(base, ""), "added") for base in now if base not in was]
    return added + [Difference("knowledge", base, bases.get(base, ""), "deleted") for base in was if base not in now]
