"""What a bot's token looks like."""

import re

TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{6,128}")
_WITHIN = re.compile(rf"(?<![A-Za-z0-9_:-]){TOKEN.pattern}(?![A-Za-z0-9_:-])")


def token_in(text: str) -> str | None:
    """Return the token in what was pasted: people copy the whole message of @BotFather. None if there is none, or several."""
    found = set(_WITHIN.findall(text))
    return found.pop() if len(found) == 1 else None
