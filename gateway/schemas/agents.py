"""Agents, their passages and their versions: what is sent and what is shown."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints

from actors.domain.agent.models import MOST_ANSWERS, read_persona
from actors.domain.configuration.history import Difference
from gateway.schemas.bodies import Body, Document, ListQuery, Query, Text, View, cleaned
from gateway.schemas.hours import HoursBody, hours_filled
from storage.authoring.drafts import AgentDraft, PassagesDraft
from storage.authoring.versions import VersionDocument, VersionItem

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), BeforeValidator(cleaned)]
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1_000), BeforeValidator(cleaned)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), BeforeValidator(cleaned)]
LongText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=16_384), BeforeValidator(cleaned)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$"), BeforeValidator(cleaned)]
Languages = Annotated[list[Language], Field(max_length=20)]
Texts = Annotated[dict[Language, Text], Field(max_length=20)]
MOST_DIFFERENCES = 200


def _numbered(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 10 else value


Numbered = Annotated[int, Field(ge=0, lt=2**31, strict=True)]  # in a query it is written in digits


class ToolParameter(Body):
    """What a model fills in: `{tool.NAME}` stands for it in the texts of actions."""

    name: Line
    description: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), BeforeValidator(cleaned)] = ""
    required: bool = True


class ToolBody(Body):
    """What a model may have done. `description` tells it when; `actions` are those of rules, but for `wait`."""

    name: Line
    description: Note
    parameters: Annotated[list[ToolParameter], Field(max_length=10)] = []  # noqa: RUF012  # pydantic copies defaults
    actions: Annotated[list[Document], Field(max_length=20)]


class PersonaFields(Body):
    """Who answers. What is left out stays as it is; null takes a field back to its default. Texts are by language, times in seconds."""

    name: Title | None = None
    languages: Languages | None = None
    responder: Literal["agent", "chain"] | None = None
    debounce_s: Annotated[float, Field(ge=0, le=60)] | None = None
    greeting: Texts | None = None
    fallback_text: Texts | None = None
    handoff_text: Texts | None = None
    choices_text: Texts | None = None
    overdue_text: Texts | None = None
    handoff_limit_s: Annotated[float, Field(ge=1, le=86_400)] | None = None
    waiting_s: Annotated[float, Field(ge=0, le=2_592_000)] | None = None
    hours: Annotated[HoursBody, Field(description="outside of them messages go to people")] | None = None
    timezone: Line | None = None
    answers_per_day: (
        Annotated[int, Field(ge=0, le=MOST_ANSWERS, description="of a conversation; then people are called; 0: any")] | None
    ) = None
    outside_text: Texts | None = None
    model: Line | None = None
    fallback_model: Line | None = None
    instructions: LongText | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=16, le=4_096, description="of a model's answer")] | None = None
    strict: bool | None = None
    answer_deadline_s: Annotated[float, Field(ge=0.1, le=300)] | None = None
    tools: Annotated[list[ToolBody], Field(max_length=20)] | None = None
    searches: bool | None = None

    def given(self) -> dict[str, Any]:
        """Return the fields that were sent, nulls included."""
        return self.model_dump(exclude_unset=True, by_alias=True)


class AgentQuery(ListQuery):
    """Which agents: those in use, or those in the archive."""

    archived: bool = False


class AgentCreate(Body):
    """A new agent. Its persona's name is the agent's unless it has one of its own."""

    name: Title
    persona: PersonaFields = PersonaFields()


class AgentPatch(Body):
    """What becomes of an agent's draft; what is left out stays."""

    name: Title | None = None
    persona: PersonaFields = PersonaFields()


class AgentCopy(Body):
    """How the copy is called; without a name, as the original."""

    name: Title | None = None


class VersionNote(Body):
    """Why: shown in the history."""

    note: Note = ""


class PublishBody(VersionNote):
    """Why, and whether it is published although checks fail that pass on what is published."""

    despite_checks: bool = False


class PersonaView(View):
    """The persona of the draft, defaults filled in."""

    name: str
    languages: list[str]
    responder: Literal["agent", "chain"]
    debounce_s: float
    greeting: dict[str, str]
    fallback_text: dict[str, str]
    handoff_text: dict[str, str]
    choices_text: dict[str, str]
    overdue_text: dict[str, str]
    handoff_limit_s: float
    waiting_s: float
    hours: dict[str, Any]
    timezone: str
    answers_per_day: int
    outside_text: dict[str, str]
    model: str
    fallback_model: str
    instructions: str
    temperature: float
    max_tokens: int
    strict: bool
    answer_deadline_s: float
    tools: list[dict[str, Any]]
    searches: bool


class AgentItem(View):
    """An agent in a list. `version` is the draft's and its ETag; `published_version` 0 means that nothing is published yet."""

    id: UUID
    name: str
    version: int
    published_version: int
    unpublished_changes: bool
    created_at: datetime
    changed_at: datetime
    changed_by: str
    archived_at: datetime | None


class AgentView(AgentItem):
    """An agent with its draft."""

    persona: PersonaView


class AgentPage(View):
    """Agents, oldest first."""

    items: list[AgentItem]
    next: str | None


class PassageBody(Body):
    """A piece of knowledge that an answer may use. Without a language it serves all."""

    id: Title
    title: Title
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=3_500), BeforeValidator(cleaned)]
    language: Language | Literal[""] = ""
    questions: Annotated[list[Line], Field(max_length=50, description="that it was said to answer")] = []  # noqa: RUF012


class PassagesBody(Body):
    """All passages of the draft: they are replaced as a whole."""

    passages: Annotated[list[PassageBody], Field(max_length=10_000)]


class PassagesView(View):
    """All passages of the draft; the ETag is the agent's."""

    version: int
    passages: list[dict[str, Any]]


class VersionQuery(ListQuery):
    """Which versions: those that were published, or with `tried` also those that only test conversations used."""

    tried: bool = False


class VersionItemView(View):
    """A version. `published_at` is null for a draft that was only tried, `copy_of` what was rolled back to; `current` answers customers."""

    version: int
    current: bool
    created_at: datetime
    created_by: str
    published_at: datetime | None
    published_by: str | None
    note: str
    copy_of: int | None


class VersionView(VersionItemView):
    """A version with its whole document."""

    definition: dict[str, Any]


class VersionPage(View):
    """Versions, the newest first."""

    items: list[VersionItemView]
    next: str | None


class ChangesQuery(Query):
    """What is compared: the older side and the newer one. 0, and `published` as long as nothing is, stand for nothing at all."""

    since: Annotated[Literal["published"] | Numbered, BeforeValidator(_numbered)] = "published"
    until: Annotated[Literal["draft", "published"] | Numbered, BeforeValidator(_numbered)] = Field(
        default="draft", description="`draft` is the draft as it is now; it may have faults"
    )


class FieldView(View):
    """A field that differs; what goes without saying is said, null is nothing at all."""

    name: str
    before: Any
    after: Any


class DifferenceView(View):
    """An item that differs. `moved`: its place among others, which counts where several would answer; `name` may be empty."""

    kind: Literal["persona", "passage", "script", "rule", "sequence", "knowledge"]
    key: str
    name: str
    fate: Literal["added", "changed", "deleted", "moved"]
    fields: list[FieldView] = Field(description="of what is changed")


class ChangesView(View):
    """What the newer side does otherwise: 200 items at most, and how many more there are. 0 is what was before anything was published."""

    since: int
    until: int | Literal["draft"]
    items: list[DifferenceView]
    left_off: int


def changes_view(since: int, until: int | Literal["draft"], found: Sequence[Difference]) -> ChangesView:
    """Return what differs between two versions."""
    items = [DifferenceView.model_validate(asdict(one)) for one in found[:MOST_DIFFERENCES]]
    return ChangesView(since=since, until=until, items=items, left_off=len(found) - len(items))


def agent_item(draft: AgentDraft) -> AgentItem:
    """Return an agent for a list."""
    return AgentItem(**_agent(draft))


def agent_view(draft: AgentDraft) -> AgentView:
    """Return an agent with its draft."""
    written = {"tools": draft.persona.get("tools") or [], "hours": hours_filled(draft.persona.get("hours") or {})}
    persona = {**asdict(read_persona(draft.persona, "persona", [])), **written}
    return AgentView(**_agent(draft), persona=PersonaView(**persona))


def passages_view(draft: PassagesDraft) -> PassagesView:
    """Return the passages of a draft."""
    return PassagesView(version=draft.version, passages=list(draft.passages))


def version_item(item: VersionItem, published_version: int) -> VersionItemView:
    """Return a version for a list."""
    return VersionItemView(**asdict(item), current=item.version == published_version)


def version_view(found: VersionDocument, published_version: int) -> VersionView:
    """Return a version with its document."""
    return VersionView(**asdict(found.item), current=found.item.version == published_version, definition=dict(found.definition))


def passages_of(body: PassagesBody) -> Sequence[dict[str, Any]]:
    """Return the passages as they are stored."""
    return [_passage(passage) for passage in body.passages]


def _passage(body: PassageBody) -> dict[str, Any]:
    return body.model_dump(exclude=None if body.questions else {"questions"})


def _agent(draft: AgentDraft) -> dict[str, Any]:
    return {
        "id": draft.id,
        "name": draft.name,
        "version": draft.version,
        "published_version": draft.published_version,
        "unpublished_changes": draft.differs,
        "created_at": draft.created_at,
        "changed_at": draft.changed_at,
        "changed_by": draft.changed_by,
        "archived_at": draft.archived_at,
    }
