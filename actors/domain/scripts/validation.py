"""What may not be saved as scripts."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from actors.domain.errors import InvalidDefinition, Problem
from actors.domain.fields import LONGEST_TEXT
from actors.domain.rules.conditions import pattern_problem, questions_of
from actors.domain.rules.facts import kind_in_scripts
from actors.domain.rules.validation import condition_problems
from actors.domain.scripts.dialogue_validation import MOST_TESTS, dialogue_problems, text_problems
from actors.domain.scripts.models import Script, read_script
from actors.domain.scripts.written import written_problems
from actors.domain.text import words

MOST_SCRIPTS = 10_000
MOST_BUTTONS = 8
LONGEST_LABEL = 60  # characters on a button
LONGEST_ADDRESS = 2_000
_ADDRESS = re.compile(r"https://[^\s/?#@]+\.[^\s/?#@]+(?:[/?#]\S*)?")
MOST_EXPRESSIONS = 20  # of one script
MOST_MEANINGS = 20  # of one script
MOST_MEANINGS_OF_ALL = 500  # a message is compared with each of them while its customer waits
LONGEST_PHRASE = 200  # characters; a phrase is something a customer says in one breath


def script_problems(scripts: Sequence[Script], place: str = "scripts") -> list[Problem]:
    """Return everything that is wrong with the scripts, each with its place."""
    problems = [Problem(place, f"at most {MOST_SCRIPTS} scripts")] if len(scripts) > MOST_SCRIPTS else []
    seen: set[str] = set()
    for number, script in enumerate(scripts):
        here = f"{place}[{number}]"
        if script.id in seen:
            problems.append(Problem(f"{here}.id", f"another script has the id {script.id}"))
        seen.add(script.id)
        problems.extend(_of_one(script, here))
    if sum(len(script.meanings) for script in scripts) > MOST_MEANINGS_OF_ALL:
        problems.append(Problem(place, f"at most {MOST_MEANINGS_OF_ALL} sentences that tell the meaning, over all scripts"))
    return problems


def check_script(raw: Mapping[str, Any], *, written: bool = True) -> Script:
    """Return one script by itself; places are within it.

    Args:
        raw: the script.
        written: somebody writes it now; else it was accepted once, and is not held to what is refused since then.

    Raises:
        InvalidDefinition: it may not be saved.
    """
    problems: list[Problem] = []
    script = read_script(raw, "", problems)
    found = script_problems([script]) + (written_problems([script]) if written else [])
    problems += [Problem(problem.place.removeprefix("scripts[0]").lstrip("."), problem.reason) for problem in found]
    if problems:
        raise InvalidDefinition(problems)
    return script


def check_scripts(raw: Sequence[Mapping[str, Any]]) -> None:
    """Accept scripts that are written together; places begin with `scripts`.

    Raises:
        InvalidDefinition: with every problem and its place.
    """
    problems: list[Problem] = []
    scripts = [read_script(script, f"scripts[{number}]", problems) for number, script in enumerate(raw)]
    problems += script_problems(scripts) + written_problems(scripts)
    if problems:
        raise InvalidDefinition(problems)


def _of_one(script: Script, place: str) -> Iterator[Problem]:
    if not (script.phrases or script.keywords or script.expressions or script.meanings):
        yield Problem(place, "needs a phrase, a keyword or a sentence, else it never answers")
    if not script.answer and not script.handoff and not script.steps:
        yield Problem(f"{place}.answer", "needs a text in at least one language")
    for language in script.languages:
        if script.answer and language not in script.answer:
            yield Problem(f"{place}.answer", f"has no text in {language}, one of the script's languages")
    yield from _of_triggers(script, place)
    yield from _of_shown(script, place)
    if script.steps:
        yield from dialogue_problems(script, place)
    else:
        yield from text_problems(script.answer, f"{place}.answer", None, LONGEST_TEXT)


def _of_triggers(script: Script, place: str) -> Iterator[Problem]:
    for name, texts in (("phrases", script.phrases), ("keywords", script.keywords), ("meanings", script.meanings)):
        yield from _of_texts(texts, f"{place}.{name}")
    if len(script.expressions) > MOST_EXPRESSIONS:
        yield Problem(f"{place}.expressions", f"at most {MOST_EXPRESSIONS} expressions")
    for number, text in enumerate(script.expressions):
        if reason := pattern_problem(text):
            yield Problem(f"{place}.expressions[{number}]", reason)
    if len(script.meanings) > MOST_MEANINGS:
        yield Problem(f"{place}.meanings", f"at most {MOST_MEANINGS} sentences")
    if script.meanings and script.alone:
        yield Problem(f"{place}.meanings", "not of small talk: what is alike in meaning may say more than that")
    if len(questions_of(script.when)) > MOST_TESTS:
        yield Problem(f"{place}.when", f"at most {MOST_TESTS} questions")
    yield from condition_problems(script.when, f"{place}.when", kind_in_scripts)


def _of_shown(script: Script, place: str) -> Iterator[Problem]:
    """What is shown with the answer."""
    for name, given in (("buttons", script.buttons), ("attachment", script.attachment)):
        if given and script.steps:
            yield Problem(f"{place}.{name}", "only where the script asks nothing: questions have buttons of their own")
    if len(script.buttons) > MOST_BUTTONS:
        yield Problem(f"{place}.buttons", f"at most {MOST_BUTTONS} buttons")
    for number, button in enumerate(script.buttons):
        here = f"{place}.buttons[{number}]"
        if not button.label:
            yield Problem(f"{here}.label", "needs words in at least one language")
        for language, text in button.label.items():
            if len(text) > LONGEST_LABEL:
                yield Problem(f"{here}.label.{language}", f"is longer than {LONGEST_LABEL} characters")
        if button.url and not _is_address(button.url):
            yield Problem(f"{here}.url", "must be an address that begins with https://")
    if script.attachment and script.attachment.url and not _is_address(script.attachment.url):
        yield Problem(f"{place}.attachment.url", "must be an address that begins with https://")


def _is_address(url: str) -> bool:
    return len(url) <= LONGEST_ADDRESS and _ADDRESS.fullmatch(url) is not None


def _of_texts(texts: Sequence[str], place: str) -> Iterator[Problem]:
    for number, text in enumerate(texts):
        if len(text) > LONGEST_PHRASE:
            yield Problem(f"{place}[{number}]", f"is longer than {LONGEST_PHRASE} characters")
        elif not words(text).stems:
            yield Problem(f"{place}[{number}]", "contains no word")
