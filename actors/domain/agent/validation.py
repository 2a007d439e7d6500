"""What may not be saved as a persona."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from actors.domain.agent.models import Persona, read_persona
from actors.domain.agent.tools import tool_problems
from actors.domain.errors import InvalidDefinition, Problem
from actors.domain.rules.facts import zone
from actors.domain.sequences.validation import hours_problems

_LANGUAGE = re.compile(r"[a-z]{2,3}")


def persona_problems(persona: Persona, place: str = "persona", scripts: Collection[str] | None = None) -> list[Problem]:
    """Return everything that is wrong with the persona, each with its place; `scripts` are the ids there are, None: not known."""
    wrong = [
        Problem(f"{place}.languages[{number}]", f'{language!r} is not a language code such as "ru"')
        for number, language in enumerate(persona.languages)
        if not _LANGUAGE.fullmatch(language)
    ]
    if zone(persona.timezone) is None:
        wrong.append(Problem(f"{place}.timezone", f"there is no time zone {persona.timezone}: write it as Europe/Moscow"))
    if persona.answers_per_day < 0:
        wrong.append(Problem(f"{place}.answers_per_day", "must not be negative; 0 is no limit"))
    wrong += hours_problems(persona.hours, f"{place}.hours")
    return [*wrong, *tool_problems(persona.tools, f"{place}.tools", scripts)]


def check_persona(raw: Mapping[str, Any]) -> Persona:
    """Return a persona by itself.

    Raises:
        InvalidDefinition: it may not be saved.
    """
    problems: list[Problem] = []
    persona = read_persona(raw, "persona", problems)
    problems += persona_problems(persona)
    if problems:
        raise InvalidDefinition(problems)
    return persona
