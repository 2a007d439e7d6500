"""What may not be saved as a persona."""

import re

from actors.domain.agent.models import Persona
from actors.domain.errors import Problem

_LANGUAGE = re.compile(r"[a-z]{2,3}")


def persona_problems(persona: Persona, place: str = "persona") -> list[Problem]:
    """Return everything that is wrong with the persona, each with its place."""
    return [
        Problem(f"{place}.languages[{number}]", f'{language!r} is not a language code such as "ru"')
        for number, language in enumerate(persona.languages)
        if not _LANGUAGE.fullmatch(language)
    ]
