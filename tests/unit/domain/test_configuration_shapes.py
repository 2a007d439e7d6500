"""A configuration has every field of what it is made of: one that is missing would be lost by an import."""

from dataclasses import fields
from typing import Any

import pytest

from actors.domain.configuration.forms import SHAPES, Kind, canonical, storable
from actors.domain.knowledge.models import Passage, read_passage
from actors.domain.scripts.models import Script

NOT_WRITTEN = {"place"}  # of a chunk that was found


@pytest.mark.parametrize(("kind", "model"), [("passage", Passage), ("script", Script)])
def test_every_field_has_its_place(kind: Kind, model: Any) -> None:
    known = {"id" if name == "key" else name for name in SHAPES[kind].order}
    assert {field.name for field in fields(model)} - NOT_WRITTEN <= known


def test_a_passage_comes_back_as_it_was() -> None:
    stored = {"id": "wool", "title": "Care", "text": "Cold water", "language": "en", "questions": ["how do I wash it?"]}
    assert read_passage(storable("passage", canonical("passage", stored)), "", []) == read_passage(stored, "", [])
