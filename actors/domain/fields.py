"""Reading JSON written by people: every wrong field is reported with its place, none raises by itself."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from actors.domain.errors import Problem

LONGEST_TEXT = 16_384  # characters of one field
T = TypeVar("T")


class Fields:
    """One JSON object being read: each getter returns a usable value and notes what was wrong with it."""

    def __init__(self, raw: object, place: str, problems: list[Problem]) -> None:
        self.place = place
        self._problems = problems
        self._raw: Mapping[str, Any] = raw if isinstance(raw, Mapping) else {}
        if not isinstance(raw, Mapping):
            problems.append(Problem(place, "must be an object"))

    def wrong(self, name: str, reason: str) -> None:
        """Note that the field `name` is wrong."""
        self._problems.append(Problem(f"{self.place}.{name}" if self.place else name, reason))

    def text(self, name: str, default: str = "", *, required: bool = False) -> str:
        """Return a text field without surrounding blanks."""
        value = self._raw.get(name)
        if value is None:
            value = default
        if not isinstance(value, str) or len(value) > LONGEST_TEXT:
            self.wrong(name, f"must be a text of at most {LONGEST_TEXT} characters")
            return default
        if required and not value.strip():
            self.wrong(name, "must not be empty")
        return value.strip()

    def choice(self, name: str, default: str, allowed: Sequence[str]) -> str:
        """Return one of the allowed texts."""
        value = self.text(name, default)
        if value in allowed:
            return value
        self.wrong(name, f"must be one of: {', '.join(allowed)}")
        return default

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """Return a number within the limits; NaN is within none."""
        value = self._raw.get(name, default)
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            return float(value)
        self.wrong(name, f"must be a number from {low:g} to {high:g}")
        return default

    def whole(self, name: str, default: int, limit: int) -> int:
        """Return a whole number from -limit to limit."""
        value = self._raw.get(name, default)
        if isinstance(value, int) and not isinstance(value, bool) and -limit <= value <= limit:
            return value
        self.wrong(name, f"must be a whole number from {-limit} to {limit}")
        return default

    def flag(self, name: str, default: bool) -> bool:
        """Return true or false."""
        value = self._raw.get(name, default)
        if isinstance(value, bool):
            return value
        self.wrong(name, "must be true or false")
        return default

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts; empty ones are problems."""
        return tuple(self._texts(name))

    def _texts(self, name: str) -> Iterator[str]:
        for number, value in enumerate(self._list(name)):
            if isinstance(value, str) and value.strip() and len(value) <= LONGEST_TEXT:
                yield value.strip()
            else:
                self.wrong(f"{name}[{number}]", "must be a text, not empty")

    def by_language(self, name: str) -> dict[str, str]:
        """Return texts by language code, e.g. {"ru": "Здравствуйте", "en": "Hello"}."""
        value = self._raw.get(name) or {}
        if not isinstance(value, Mapping):
            self.wrong(name, 'must be an object of texts by language, e.g. {"ru": "...", "en": "..."}')
            return {}
        inner = Fields(value, f"{self.place}.{name}" if self.place else name, self._problems)
        return {str(language): inner.text(str(language), required=True) for language in value}

    def objects(self, name: str, read: Callable[[object, str], T]) -> tuple[T, ...]:
        """Return a list of objects, each read by `read(raw, place)`."""
        place = f"{self.place}.{name}" if self.place else name
        return tuple([read(raw, f"{place}[{number}]") for number, raw in enumerate(self._list(name))])

    def inner(self, name: str) -> object:
        """Return the field as it is, for another reader; an absent one is an empty object."""
        return self._raw.get(name, {})

    def _list(self, name: str) -> Sequence[object]:
        value = self._raw.get(name)
        if value is None:
            return ()
        if isinstance(value, list | tuple):
            return value
        self.wrong(name, "must be a list")
        return ()


def pick(texts: Mapping[str, str], language: str) -> str:
    """Return the text in the language, else the first there is, else an empty one."""
    return texts.get(language) or next(iter(texts.values()), "")
