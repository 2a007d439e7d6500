"""Scripts in words: an authored answer or dialogue, what it listens for, and how a match went."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from actors.domain.effects import Attachment
from actors.domain.errors import Problem
from actors.domain.fields import Fields
from actors.domain.knowledge.likeness import STRICTEST_FIRST, Strictness
from actors.domain.rules.models import EVERYTHING, Condition, read_condition
from actors.domain.scripts.steps import Step, read_step

EXPIRES_S = 86_400.0  # how long a question waits for its answer
LONGEST_WAIT_S = 90 * 86_400.0


@dataclass(frozen=True, slots=True)
class Choice:
    """A button below the answer: what stands on it by language, and the address it opens; without one it is said when pressed."""

    label: Mapping[str, str]
    url: str = ""


@dataclass(frozen=True, slots=True)
class Script:
    """An authored answer. Phrases match as sequences of words, keywords as words in any place, both by word form; expressions are RE2's.

    Where none of them matches, a message that is alike one of the `meanings` in meaning means this script; how alike is `strictness`.
    With `steps` it is the beginning of a dialogue: `answer`, if any, is said first.
    """

    id: str
    name: str
    enabled: bool = True
    priority: int = 0
    languages: tuple[str, ...] = ()  # empty: any
    phrases: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    expressions: tuple[str, ...] = ()
    meanings: tuple[str, ...] = ()  # sentences as customers say them, in any language
    strictness: Strictness = "normal"
    when: Condition = EVERYTHING  # asked where words match; what is not known does not fulfil it
    answer: Mapping[str, str] = field(default_factory=dict)
    alone: bool = False  # small talk: answers only a message that says nothing else ("hello", but not "hello, how do I wash it?")
    handoff: bool = False  # pass the conversation to an operator; what it says, if anything, replaces the agent's handoff text
    steps: tuple[Step, ...] = ()
    buttons: tuple[Choice, ...] = ()
    attachment: Attachment | None = None
    finish: Mapping[str, str] = field(default_factory=dict)  # said at the end of the dialogue
    leave: Mapping[str, str] = field(default_factory=dict)  # said to who leaves it before; empty: a short text
    expires_s: float = EXPIRES_S  # after so long without an answer a message is none


@dataclass(frozen=True, slots=True)
class Winner:
    """The script that answers, and what in the message made it match; or the sentence that it is alike, by this cosine."""

    script: Script
    score: int
    matched: tuple[str, ...]
    likeness: float = 0.0


@dataclass(frozen=True, slots=True)
class Loser:
    """A script that was considered and does not answer; `reason` is the first condition that failed."""

    script_id: str
    reason: str
    score: int = 0


@dataclass(frozen=True, slots=True)
class ScriptMatch:
    """How a message fared against all scripts."""

    winner: Winner | None = None
    losers: tuple[Loser, ...] = ()
    unlisted: int = 0  # losers beyond the longest list worth keeping


NO_MATCH = ScriptMatch()


def read_script(raw: object, place: str, problems: list[Problem]) -> Script:
    """Read one script of a definition; what is wrong is added to `problems`."""
    fields = Fields(raw, place, problems)
    script_id = fields.text("id", required=True)
    return Script(
        id=script_id,
        name=fields.text("name", script_id),
        enabled=fields.flag("enabled", True),
        priority=fields.whole("priority", 0, 1_000),
        languages=fields.texts("languages"),
        phrases=fields.texts("phrases"),
        keywords=fields.texts("keywords"),
        expressions=fields.texts("expressions"),
        meanings=fields.texts("meanings"),
        strictness=_strictness(fields),
        when=read_condition(fields.inner("when") or {"all": []}, f"{place}.when" if place else "when", problems),
        answer=fields.by_language("answer"),
        alone=fields.flag("alone", False),
        handoff=fields.flag("handoff", False),
        steps=fields.objects("steps", lambda item, there: read_step(item, there, problems)),
        buttons=fields.objects("buttons", lambda item, there: _choice(item, there, problems)),
        attachment=_attachment(fields.inner("attachment"), f"{place}.attachment" if place else "attachment", problems),
        finish=fields.by_language("finish"),
        leave=fields.by_language("leave"),
        expires_s=fields.number("expires_s", EXPIRES_S, 60.0, LONGEST_WAIT_S),
    )


def _strictness(fields: Fields) -> Strictness:
    given = fields.choice("strictness", "normal", STRICTEST_FIRST)
    return next((known for known in STRICTEST_FIRST if known == given), "normal")


def _choice(raw: object, place: str, problems: list[Problem]) -> Choice:
    fields = Fields(raw, place, problems)
    return Choice(fields.by_language("label"), fields.text("url"))


def _attachment(raw: object, place: str, problems: list[Problem]) -> Attachment | None:
    if not raw:
        return None
    fields = Fields(raw, place, problems)
    kind = fields.choice("kind", "photo", ("photo", "document"))
    return Attachment("document" if kind == "document" else "photo", fields.text("url", required=True))
