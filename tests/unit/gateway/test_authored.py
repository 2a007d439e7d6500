"""Refusals of authoring become problems that point at the place."""

import pytest

from actors.domain.errors import InvalidDefinition
from actors.domain.errors import Problem as Fault
from gateway.api.authored import MOST_FLAWS, refusals
from gateway.problems import Problem
from storage.authoring.changes import InUse, Stale, Taken


def refused(error: Exception) -> Problem:
    with pytest.raises(Problem) as caught, refusals():
        raise error
    return caught.value


def test_places_become_json_pointers() -> None:
    places = {
        "scripts[2].answer.ru": "/scripts/2/answer/ru",
        "persona.languages[0]": "/persona/languages/0",
        "phrases[1]": "/phrases/1",
        "": "",
        "answer.a/b~c": "/answer/a~1b~0c",
    }
    problem = refused(InvalidDefinition([Fault(place, "wrong") for place in places]))
    assert problem.status == 422
    assert [flaw.pointer for flaw in problem.errors] == list(places.values())


def test_thousands_of_faults_are_not_all_listed() -> None:
    assert len(refused(InvalidDefinition([Fault("a", "wrong")] * 5_000)).errors) == MOST_FLAWS


def test_a_stale_version_names_the_current_one() -> None:
    problem = refused(Stale(7))
    assert (problem.status, problem.headers["ETag"]) == (412, '"7"')


def test_what_is_taken_or_in_use_conflicts() -> None:
    taken, used = refused(Taken("another script has this key")), refused(InUse(["telegram", "kommo"]))
    assert (taken.status, taken.errors[0].pointer) == (409, "/key")
    assert (used.status, used.extra) == (409, {"channels": ["telegram", "kommo"]})
    assert "telegram, kommo" in used.detail
