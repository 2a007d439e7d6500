"""Both languages of the console say the same things, every word that is asked for is there, and none is there for nothing."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from actors.domain.configuration.forms import PERSONA_FIELDS, SHAPES

SOURCES = Path(__file__).parents[3] / "gateway" / "console" / "src"
PLURALS = {"en": {"one", "other"}, "ru": {"one", "few", "many", "other"}}
_PLURAL = re.compile(r"^(.*)_(zero|one|two|few|many|other)$")
_ASKED = re.compile(r"""\bt\(\s*(?:[^()"'`]*\?\s*)?["'`]([^"'`]+)["'`](?:\s*:\s*["'`]([^"'`]+)["'`])?""")
# Asked for under a name that is made of the API's words.
_MADE = re.compile(
    r"^(mode|mode-means|reason|stage|control|language|role|live|live\.hint|problem\.status|scheme|chat\.role|trace\.verdict|knowledge\.(?:kind|kind-hint|says|verdict|problem|place))\."
)


def flat(words: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in words.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def words(language: str) -> dict[str, str]:
    return dict(flat(json.loads((SOURCES / "locales" / f"{language}.json").read_text(encoding="utf-8"))))


def without_plurals(keys: Mapping[str, str]) -> set[str]:
    return {match.group(1) if (match := _PLURAL.match(key)) else key for key in keys}


def sources() -> str:
    found = [path for path in SOURCES.rglob("*.ts*") if "widget" not in path.parts and path.name != "schema.d.ts"]
    return "\n".join(path.read_text(encoding="utf-8") for path in found)


def test_both_languages_have_the_same_keys() -> None:
    assert without_plurals(words("ru")) == without_plurals(words("en"))


@pytest.mark.parametrize("language", ["ru", "en"])
def test_plurals_are_whole(language: str) -> None:
    forms: dict[str, set[str]] = {}
    for key in words(language):
        if match := _PLURAL.match(key):
            forms.setdefault(match.group(1), set()).add(match.group(2))
    assert forms
    assert {key: found for key, found in forms.items() if found != PLURALS[language]} == {}


def test_placeholders_are_the_same() -> None:
    def gaps(text: str) -> set[str]:
        return set(re.findall(r"{{(\w+)}}", text))

    ru, en = words("ru"), words("en")
    assert {key for key in ru.keys() & en.keys() if gaps(ru[key]) != gaps(en[key])} == set()


def test_what_is_asked_for_is_there_and_the_other_way_round() -> None:
    text = sources()
    asked = {key for match in _ASKED.finditer(text) for key in match.groups() if key and "${" not in key}
    known = without_plurals(words("en"))
    assert asked - known == set()
    unused = {key for key in known - asked if not _MADE.match(key) and f'"{key}"' not in text}
    # Names that are put together in the sources: `agents.${text}` and the like.
    made = set(re.findall(r"`([a-z.-]+\.)\$\{", text))
    assert {key for key in unused if not any(key.startswith(prefix) for prefix in made)} == set()


def test_every_field_that_may_differ_has_a_name() -> None:
    named = {key.removeprefix("differs.field.") for key in words("en") if key.startswith("differs.field.")}
    may_differ = {*PERSONA_FIELDS, *[name for shape in SHAPES.values() for name in shape.order if name != shape.key]}
    assert named == may_differ | {"questions"}  # the steps of a script


def test_no_words_outside_of_the_translations() -> None:
    """Text between tags and in attributes that people see must come from `t`."""
    between = re.findall(r">\s*([A-Za-zА-Яа-яЁё][^<>{}=;()]*[A-Za-zА-Яа-яЁё])\s*</", sources())
    attributes = re.findall(r"\b(?:label|title|placeholder|description|aria-label)=\"([^\"]+)\"", sources())
    assert set(between) - {"Callboard", "Ctrl K", "ID"} == set()
    assert set(attributes) - {"https://shop.example"} == set()
