"""The file of a configuration: YAML for people. What is written is read as the same; what means something else elsewhere is refused."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from actors.domain.errors import InvalidInput, Problem
from actors.domain.messages import clean_text

DEEPEST = 40
MOST_VALUES = 500_000
_WIDE = 1_000_000  # a paragraph is a line: what changes in it is seen as one change
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,18})")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+([eE][-+][0-9]+)?")
_WORDS: Mapping[str, Any] = {"": None, "null": None, "~": None, "true": True, "false": False}
_ODD = re.compile(r"[^\S\n ]")  # blanks that nobody tells from a blank


class _Dumper(yaml.CSafeDumper):
    """No anchors; texts of several lines as blocks."""

    def ignore_aliases(self, data: Any) -> bool:
        """Return that nothing is written as a reference."""
        return True


def _text(dumper: yaml.CSafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text and _fits_a_block(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _fits_a_block(text: str) -> bool:
    """Return whether a text may stand as it is: emitters mistake others, and nobody sees what stands at the end of a line."""
    lines = text.removesuffix("\n").split("\n")
    return (
        bool(lines[0]) and lines[0][0] != " " and bool(lines[-1]) and not _ODD.search(text) and all(line == line.rstrip() for line in lines)
    )


_Dumper.add_representer(str, _text)


def write(document: Mapping[str, Any]) -> str:
    """Return the document as YAML, in the order it has."""
    written: str = yaml.dump(document, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=_WIDE, default_flow_style=False)
    return written


class Parsed:
    """A document that was read, and on which line everything stands."""

    def __init__(self, value: Any, lines: Mapping[str, int]) -> None:
        self.value = value
        self._lines = lines

    def line(self, place: str) -> int | None:
        """Return the line of a place (`agents[0].scripts[2].answer`), or of what it is missing in."""
        while place and place not in self._lines:
            place = place[: max(place.rfind("."), place.rfind("["), 0)]
        return self._lines.get(place)

    def located(self, problems: Sequence[Problem]) -> list[Problem]:
        """Return problems that say on which line they are."""
        return [Problem(p.place, f"line {line}: {p.reason}" if (line := self.line(p.place)) else p.reason) for p in problems]


def parse(text: str) -> Parsed:
    """Read YAML as it is written here: objects, lists, texts, numbers, true, false and null. No references, no tags.

    Raises:
        InvalidInput: with the line.
    """
    reader = _Reader(text)
    try:
        return Parsed(reader.document(), reader.lines)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise InvalidInput(f"{where}this is not YAML: {getattr(error, 'problem', None) or error}") from None


class _Reader:
    """Builds values of events itself: nothing of a file is ever made into anything else than data, and it cannot multiply itself."""

    def __init__(self, text: str) -> None:
        self.lines: dict[str, int] = {}
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.CSafeLoader)
        self._values = 0

    def document(self) -> Any:
        value: Any = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _refusal(event, "only one document fits into a file")
                value = self._value(self._next(), "", 0)
        return value

    def _value(self, event: yaml.Event, place: str, depth: int) -> Any:
        self._values += 1
        if self._values > MOST_VALUES or depth > DEEPEST:
            raise _refusal(event, "it holds too many values" if depth <= DEEPEST else f"nested deeper than {DEEPEST}")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise _refusal(event, "references (& and *) are not read here: write it out")
        if getattr(event, "tag", None) is not None:
            raise _refusal(event, "tags (!) are not read here")
        self.lines.setdefault(place, _line(event))
        match event:
            case yaml.ScalarEvent():
                return _scalar(event)
            case yaml.SequenceStartEvent():
                return self._list(place, depth)
            case _:
                return self._object(place, depth)

    def _list(self, place: str, depth: int) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            found.append(self._value(event, f"{place}[{len(found)}]", depth + 1))
        return found

    def _object(self, place: str, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or event.anchor or event.tag:
                raise _refusal(event, "the name of a value must be a word")
            name = clean_text(event.value)
            if name in found:
                raise _refusal(event, f"{name} occurs twice")
            here = f"{place}.{name}" if place else name
            self.lines[here] = _line(event)
            found[name] = self._value(self._next(), here, depth + 1)
        return found

    def _next(self) -> yaml.Event:
        return next(self._events)


def _scalar(event: yaml.ScalarEvent) -> Any:
    text: str = event.value
    if event.implicit[0]:
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return _number(event, text)
    return clean_text(text, limit=len(text))


def _number(event: yaml.ScalarEvent, text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise _refusal(event, "a number is out of range")
    return value


def _refusal(event: yaml.Event, reason: str) -> InvalidInput:
    return InvalidInput(f"line {_line(event)}: {reason}")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
