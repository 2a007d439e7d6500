"""A configuration has every field of what it is made of: one that is missing would be lost by an import."""

from dataclasses import fields
from typing import Any

import pytest

from actors.domain.configuration.forms import SHAPES, Kind, canonical, storable
from actors.domain.knowledge.models import Passage, read_passage
from actors.domain.scripts.models import Script, read_script
from actors.domain.scripts.steps import Step, read_step

NOT_WRITTEN = {"place"}  # of a chunk that was found


@pytest.mark.parametrize(("kind", "model"), [("passage", Passage), ("script", Script)])
def test_every_field_has_its_place(kind: Kind, model: Any) -> None:
    known = {"id" if name == "key" else name for name in SHAPES[kind].order}
    assert {field.name for field in fields(model)} - NOT_WRITTEN <= known


ASKS = {"id": "size", "ask": {"en": "Which size?"}}
SAID_ANYWAY: dict[str, Any] = {
    "expects": "text",
    "options": [],
    "pattern": "",
    "min": None,
    "max": None,
    "remember": "",
    "retry": {},
    "attempts": 3,
    "otherwise": "hand_off",
    "next": [],
}


def test_what_goes_without_saying_of_a_step_is_left_out() -> None:
    stored = {"id": "order", "phrases": ["order"], "steps": [{**SAID_ANYWAY, **ASKS}], "finish": {"en": "Noted"}, "expires_s": 86_400.0}
    form = canonical("script", stored)
    assert form == {"key": "order", "phrases": ["order"], "steps": [ASKS], "finish": {"en": "Noted"}}
    assert read_script(storable("script", form), "", []) == read_script(stored, "", [])
    assert read_step({**ASKS, **SAID_ANYWAY}, "", []) == read_step(ASKS, "", []) == Step("size", {"en": "Which size?"})


def test_a_passage_comes_back_as_it_was() -> None:
    stored = {"id": "wool", "title": "Care", "text": "Cold water", "language": "en", "questions": ["how do I wash it?"]}
    assert read_passage(storable("passage", canonical("passage", stored)), "", []) == read_passage(stored, "", [])
