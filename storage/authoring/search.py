"""Finding scripts by what people remember of them: case, accents and ё do not matter."""

from collections.abc import Mapping
from typing import Any

from actors.domain.text import fold


def search_text(definition: Mapping[str, Any]) -> str:
    """Return what a script is found by: its name, what it listens for, its answers and questions."""
    said = [definition.get("answer"), *[step.get("ask") for step in definition.get("steps") or ()], definition.get("finish")]
    answers = [text for texts in said for text in (texts or {}).values()]
    listed = [text for name in ("phrases", "keywords", "expressions", "meanings") for text in definition.get(name, ())]
    parts = [definition.get("name", ""), *listed, *answers]
    return fold("\n".join(str(part) for part in parts))


def like(text: str) -> str:
    """Return the LIKE pattern that finds `text` anywhere."""
    escaped = fold(text).replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%"
