"""Scripts: what is sent, what is shown, and how a phrase fared against them."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from actors.domain.knowledge.likeness import Likeness, Strictness
from actors.domain.rules.conditions import LONGEST_PATTERN
from actors.domain.scripts.dialogue_validation import MOST_STEPS
from actors.domain.scripts.models import EXPIRES_S, LONGEST_WAIT_S, Script, ScriptMatch, read_script
from actors.domain.scripts.validation import LONGEST_ADDRESS, MOST_BUTTONS, MOST_EXPRESSIONS, MOST_MEANINGS
from gateway.schemas.agents import Language, Languages, Line, Texts, Title
from gateway.schemas.bodies import Body, Document, ListQuery, Text, View, cleaned
from storage.authoring.definitions import DefinitionItem

FORMAT: Final = "callboard/scripts/1"
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"), BeforeValidator(cleaned)]
Phrase = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), BeforeValidator(cleaned)]
Phrases = Annotated[list[Phrase], Field(max_length=1_000)]
Expression = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_PATTERN), BeforeValidator(cleaned)]


Search = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), BeforeValidator(cleaned)]


class ScriptQuery(ListQuery):
    """Which scripts: `q` is looked for in name, phrases, keywords and answers; `language` asks for those that can answer in it."""

    q: Search | None = None
    language: Language | None = None
    enabled: bool | None = None
    deleted: bool = False


class ButtonBody(Body):
    """A button below an answer: what stands on it, by language. Without a `url` it is what a customer says who presses it."""

    label: Texts
    url: Line = ""


class AttachmentBody(Body):
    """A picture or file that is shown with an answer; Telegram fetches it, elsewhere its address is shown."""

    kind: Literal["photo", "document"]
    url: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_ADDRESS), BeforeValidator(cleaned)]


class ScriptFields(Body):
    """An authored answer. Phrases match as sequences of words, keywords as words in any place; both in every word form.

    `expressions` are RE2's, found anywhere in the text, without case and accents. Where no script matches by its words, a message means
    the script that has a sentence like it among its `meanings`; how alike is the `strictness`. `when` is a condition as in rules that
    must hold as well; it may ask for facts of message, conversation and agent, for variables, contact.name, contact.blocked and times,
    by the clock of the agent's time zone. Texts may name facts and variables, as `{contact.name}`.

    With `steps` it is a dialogue that `answer`, if any, begins. A step: `{"id", "ask": {"en": "..."}}`, and as needed `expects`
    (`text`, `number`, `phone`, `email`, `date`, `choice`, `yes_no`), `options` of a choice (`{"value", "label": {"en": "..."}}`),
    `pattern` of a text (RE2), `min` and `max` of a number, `remember` (the variable that keeps the answer), `retry` (said of an answer
    that does not fit, after `attempts` of which it goes on at `otherwise`) and `next`: `{"when": a condition as in rules, which may ask
    for answer.text and answer.number, "goto"}`, the first that is true; else the step behind it follows. `goto` and `otherwise` name
    a step, `finish`, `hand_off` or `leave`. Texts may name variables and facts, as `{variable.size}`. `finish` is said at the
    end, `leave` to who leaves before it; `handoff` passes the conversation over at the end.
    """

    name: Title
    enabled: bool = True
    priority: Annotated[int, Field(strict=True, ge=-1_000, le=1_000)] = 0
    languages: Languages = []  # noqa: RUF012  # pydantic copies defaults; empty: any language
    phrases: Phrases = []  # noqa: RUF012
    keywords: Phrases = []  # noqa: RUF012
    expressions: Annotated[list[Expression], Field(max_length=MOST_EXPRESSIONS)] = []  # noqa: RUF012
    meanings: Annotated[list[Phrase], Field(max_length=MOST_MEANINGS)] = []  # noqa: RUF012
    strictness: Strictness = "normal"
    when: Document = {"all": []}  # noqa: RUF012
    answer: Texts = {}  # noqa: RUF012
    alone: bool = False
    handoff: bool = False
    buttons: Annotated[list[ButtonBody], Field(max_length=MOST_BUTTONS)] = []  # noqa: RUF012
    attachment: AttachmentBody | None = None
    steps: Annotated[list[Document], Field(max_length=MOST_STEPS)] = []  # noqa: RUF012
    finish: Texts = {}  # noqa: RUF012
    leave: Texts = {}  # noqa: RUF012
    expires_s: Annotated[float, Field(ge=60, le=LONGEST_WAIT_S)] = EXPIRES_S


class ScriptBody(ScriptFields):
    """A script as it is written. `key` is how traces name it; a new one without gets one, a changed one without keeps its own."""

    key: Key | None = None

    def definition(self, key: str) -> dict[str, Any]:
        """Return what is stored and published."""
        return {"id": self.key or key, **self.model_dump(exclude={"key"})}


class ScriptView(View):
    """A script of the draft; `version` is its ETag."""

    id: UUID
    key: str
    version: int
    name: str
    enabled: bool
    priority: int
    languages: list[str]
    phrases: list[str]
    keywords: list[str]
    expressions: list[str]
    meanings: list[str]
    strictness: Strictness
    when: dict[str, Any]
    answer: dict[str, str]
    alone: bool
    handoff: bool
    buttons: list[dict[str, Any]]
    attachment: dict[str, Any] | None
    steps: list[dict[str, Any]]
    finish: dict[str, str]
    leave: dict[str, str]
    expires_s: float
    created_at: datetime
    changed_at: datetime
    changed_by: str
    deleted_at: datetime | None


class ScriptPage(View):
    """Scripts in their order."""

    items: list[ScriptView]
    next: str | None


class TryBody(Body):
    """What a customer might say. Without a language it is told from the letters, as in a conversation."""

    text: Text
    language: Language | None = None


class TriedScript(View):
    """How one script fared: `wins`, or the reason why it does not answer; `matched` names the phrase and keywords of the winner.

    `likeness` is how alike the text is to the nearest of its sentences, by the embedder's cosine; `closeness` says it in a word: for which
    strictness it is enough.
    """

    id: UUID
    key: str
    name: str
    score: int
    wins: bool
    reason: str
    matched: list[str]
    likeness: float | None = None
    closeness: Strictness | Literal["no"] | None = None
    sentence: str = ""


class TryView(View):
    """How a text fares against the scripts of the draft, the best first; `unlisted` ones lost like the last ones.

    `not_compared` says why nothing was compared in meaning, if scripts have sentences for that.
    """

    language: str
    scripts: list[TriedScript]
    unlisted: int
    not_compared: str = ""


class ScriptDocument(ScriptFields):
    """A script in a file."""

    key: Key


class ScriptsDocument(Body):
    """All scripts of an agent in one file."""

    format: Literal["callboard/scripts/1"] = FORMAT
    scripts: Annotated[list[ScriptDocument], Field(max_length=10_000)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        keys: set[str] = set()
        for number, script in enumerate(self.scripts):
            if script.key in keys:
                raise ValueError(f"scripts[{number}] has the key {script.key} of another script")
            keys.add(script.key)
        return self


class ScriptsImport(ScriptsDocument):
    """Scripts to take in by their keys, over those that have the same; with `replace` all others are deleted."""

    replace: bool = False


class ImportView(View):
    """How many scripts were taken in."""

    imported: int


def script_view(item: DefinitionItem) -> ScriptView:
    """Return a script."""
    return ScriptView(
        **_fields(item),
        id=item.id,
        key=item.key,
        version=item.version,
        created_at=item.created_at,
        changed_at=item.changed_at,
        changed_by=item.changed_by,
        deleted_at=item.deleted_at,
    )


def scripts_document(items: Sequence[DefinitionItem]) -> ScriptsDocument:
    """Return scripts as one file; it can be imported as it is."""
    # What is stored was accepted once: an export must not fail because rules became stricter.
    scripts = [ScriptDocument.model_construct(**_fields(item), key=item.key) for item in items]
    return ScriptsDocument.model_construct(format=FORMAT, scripts=scripts)


def definitions_of(body: ScriptsDocument) -> list[dict[str, Any]]:
    """Return imported scripts as they are stored."""
    return [{"id": script.key, **script.model_dump(exclude={"key"})} for script in body.scripts]


def try_view(items: Sequence[DefinitionItem], match: ScriptMatch, likeness: Likeness, language: str) -> TryView:
    """Return how a text fared, the winner first, then by score, then by likeness."""
    by_key = {item.key: item for item in items}
    tried = [_tried(by_key[loser.script_id], loser.score, likeness, reason=loser.reason) for loser in match.losers]
    tried.sort(key=lambda script: (-script.score, -(script.likeness or 0.0)))
    if won := match.winner:
        tried.insert(0, _tried(by_key[won.script.id], won.score, likeness, matched=won.matched))
    return TryView(language=language, scripts=tried, unlisted=match.unlisted, not_compared=likeness.why)


def script_of(item: DefinitionItem) -> Script:
    """Return a script as the domain knows it."""
    return _read(item)


def _tried(item: DefinitionItem, score: int, likeness: Likeness, reason: str = "", matched: Sequence[str] = ()) -> TriedScript:
    tried = TriedScript(id=item.id, key=item.key, name=_read(item).name, score=score, wins=not reason, reason=reason, matched=list(matched))
    if (near := likeness.nearest.get(item.key)) is None:
        return tried
    cosine, sentence = near
    return tried.model_copy(update={"likeness": cosine, "closeness": likeness.levels.closeness(cosine), "sentence": sentence})


def _read(item: DefinitionItem) -> Script:
    return read_script(item.definition, "", [])


def _fields(item: DefinitionItem) -> dict[str, Any]:
    script = _read(item)
    return {
        "name": script.name,
        "enabled": script.enabled,
        "priority": script.priority,
        "languages": list(script.languages),
        "phrases": list(script.phrases),
        "keywords": list(script.keywords),
        "expressions": list(script.expressions),
        "meanings": list(script.meanings),
        "strictness": script.strictness,
        "when": item.definition.get("when") or {"all": []},
        "answer": dict(script.answer),
        "alone": script.alone,
        "handoff": script.handoff,
        "buttons": [asdict(button) for button in script.buttons],
        "attachment": script.attachment and asdict(script.attachment),
        "steps": item.definition.get("steps") or [],
        "finish": dict(script.finish),
        "leave": dict(script.leave),
        "expires_s": script.expires_s,
    }
