"""What a customer's words ask for, before anything is decided: a button, a choice from a list, a script. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from actors.domain.rules.facts import Facts
from actors.domain.scripts.engine import ScriptIndex
from actors.domain.scripts.models import ScriptMatch
from actors.domain.text import Words

_HELLO = re.compile(
    r"(?:(?:здравствуй(?:те)?|здрась?те|привет(?:ик|ствую)?|салют|хай|добр(?:ый|ого) (?:день|дня|вечер|вечера|времени суток)|доброе утро"
    r"|доброго утра|hello|hi|hey|hiya|greetings|good (?:morning|afternoon|evening|day))"
    r"(?: (?:вам|всем|снова|there|all|everyone|again))? ?)+"
)


def quote(data: Mapping[str, Any]) -> str:
    """Return what a message answers or passes on as one line of JSON; empty if nothing."""
    shown = {name: data[name] for name in ("in_reply_to", "forwarded_from") if name in data}
    return json.dumps(shown, ensure_ascii=False) if shown else ""


def is_start(text: str) -> bool:
    """Return whether this is Telegram's button that opens a chat: /start, with or without a parameter or the bot's name."""
    return text == "/start" or text.startswith(("/start ", "/start@"))


def is_hello(asked: Words) -> bool:
    """Return whether a message says hello, in Russian or English, and nothing else."""
    return _HELLO.fullmatch(" ".join(asked.folded)) is not None


def picked(text: str, choices: Sequence[str]) -> str:
    """Return the id of the passage a customer chose by its number; empty if none."""
    number = text.rstrip(" .)")
    if len(number) > 2 or not number.isascii() or not number.isdigit() or not 1 <= int(number) <= len(choices):
        return ""
    return choices[int(number) - 1]


def match_scripts(scripts: ScriptIndex, texts: Sequence[str], asked: Words, language: str, facts: Facts) -> ScriptMatch:
    """Match the last message alone, unless all together reach a script of a higher priority ("how much is delivery?", "thanks")."""
    together = scripts.match_words(asked, "\n".join(texts), language, facts)
    if len(texts) == 1 or together.winner is None:
        return together
    alone = scripts.match(texts[-1], language, facts)
    if alone.winner and alone.winner.script.priority >= together.winner.script.priority:
        return alone
    return together
