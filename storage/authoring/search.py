"""Finding scripts by what people remember of them: case, accents and ё do not matter."""

from collections.abc import Mapping
from typing import Any

from actors.domain.text import fold


def search_text(definition: Mapping[str, Any]) -> str:
    """Return what a script is found by: its name, phrases, keywords and answers."""
    answers = definition.get("answer") or {}
    parts = [definition.get("name", ""), *definition.get("phrases", ()), *definition.get("keywords", ()), *answers.values()]
    return fold("\n".join(str(part) for part in parts))


def like(text: str) -> str:
    """Return the LIKE pattern that finds `text` anywhere."""
    escaped = fold(text).replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%"
