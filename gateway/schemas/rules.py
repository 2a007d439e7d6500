"""Rules and actions: what is sent, what is shown, and how a rule fared."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from actors.domain.errors import Problem
from actors.domain.rules.conditions import OPERATORS
from actors.domain.rules.facts import FACTS, HOOK, VARIABLE, kind_in_scripts
from actors.domain.rules.models import LONGEST_WAIT_S, TRIGGERS, On
from actors.services.jobs.rule_back_test import MOST_DAYS
from gateway.schemas.agents import Line, Title
from gateway.schemas.bodies import Body, Document, ListQuery, Number, Uuid, View
from gateway.schemas.conversations import Id
from gateway.schemas.scripts import Key
from storage.actions import ActionItem
from storage.authoring.definitions import DefinitionItem
from storage.rule_log import Execution

Limit = Literal["always", "once", "daily"]
Seconds = Annotated[float, Field(ge=0, le=LONGEST_WAIT_S)]


class TriggerBody(Body):
    """What wakes a rule.

    `after_s`: no_reply (from the customer) and no_answer (to them); `of`: which tag, script or sequence; empty: any.
    `cron`: when a schedule is due, five fields (minute, hour, day, month, weekday) in the time zone of the rule.
    """

    on: On
    after_s: Seconds = 0.0
    of: Line = ""
    cron: Line = ""


class RuleBody(Body):
    """A rule as it is written.

    `when`: `{"all": [...]}`, `{"any": [...]}`, `{"not": {...}}` or `{"fact", "op", "value"}`; `GET /api/rules/vocabulary` says
    what can be asked. `actions`: `{"do": "send", "text": {"en": "..."}}`, `send_script` (`script`), `set_variable` (`name`,
    `value`), `add_tag` and `remove_tag` (`tag`), `hand_off`, `assign` (`user`: an e-mail address), `call_webhook` (`url`,
    `fields`), `notify` (`text`), `start_sequence` and `stop_sequence` (`sequence`; empty: all), `stop`, `wait` (`seconds`; what
    follows is done later).

    In Kommo: `crm_contact` (`name`, `phone`, `email`) and `crm_lead` (`name`, `pipeline` and `stage`, `tags`, `fields`, `user`)
    find one or make one; `crm_move` (`pipeline`, `stage`), `crm_fields` (`fields`: values by the field's number, `price`),
    `crm_tags` (`tags`), `crm_note` (`text`), `crm_task` (`text`, `due_s`, `user`), `crm_responsible` (`user`); the last five
    are about the lead, or with `"on": "contact"` about the contact. Texts may hold facts in braces: `{contact.name}`.
    """

    key: Key | None = None
    name: Title
    enabled: bool = True
    trigger: TriggerBody
    when: Document = {"all": []}  # noqa: RUF012  # pydantic copies defaults
    actions: Annotated[list[Document], Field(max_length=100)]
    stops: bool = False
    limit: Limit = "always"
    cooldown_s: Seconds = 0.0
    timezone: Line = "UTC"
    wakes: bool = False
    lets_answer: bool = False

    def definition(self, key: str) -> dict[str, Any]:
        """Return what is stored and published."""
        return {"id": self.key or key, **self.model_dump(exclude={"key"})}


class RuleView(View):
    """A rule of the draft; `version` is its ETag, `position` its place in the order."""

    id: UUID
    key: str
    version: int
    position: int
    name: str
    enabled: bool
    trigger: dict[str, Any]
    when: dict[str, Any]
    actions: list[dict[str, Any]]
    stops: bool
    limit: Limit
    cooldown_s: float
    timezone: str
    wakes: bool
    lets_answer: bool
    created_at: datetime
    changed_at: datetime
    changed_by: str
    deleted_at: datetime | None


class RuleQuery(ListQuery):
    """Which rules: those there are, or those that can be restored."""

    deleted: bool = False


class RulePage(View):
    """Rules in their order."""

    items: list[RuleView]
    next: str | None


class RuleOrder(Body):
    """All rules of the agent, each once, in their new order."""

    rules: Annotated[list[Uuid], Field(max_length=10_000)]


class RuleList(View):
    """All rules in their order."""

    items: list[RuleView]


class RuleDraft(Body):
    """A rule that may be unfinished; `rule_id` names the one it would replace."""

    rule: Document
    rule_id: Uuid | None = None


class FaultView(View):
    """What is wrong, and where: a JSON pointer into the rule."""

    pointer: str
    reason: str


class ValidationView(View):
    """Whether a rule may be saved."""

    valid: bool
    problems: list[FaultView]


class BackTestBody(Body):
    """A rule that is saved (`rule_id`), one that is not (`rule`), or a change of a saved one (both), against the last days."""

    rule_id: Uuid | None = None
    rule: Document | None = None
    days: Annotated[int, Field(ge=1, le=MOST_DAYS)] = 7


class FactView(View):
    """A fact, its type, and how it can be asked."""

    name: str
    kind: str
    operators: list[str]
    in_scripts: bool = Field(default=False, description="scripts may ask for it, too")


class VocabularyView(View):
    """All that rules can be made of.

    Variables are facts of type text under `variable.NAME`; so is what a webhook brought, under `hook.PATH`.
    """

    triggers: list[str]
    facts: list[FactView]
    variable: FactView
    hook: FactView


class RuleHookView(View):
    """Where a system of the company's own wakes rules: `{rule}` stands for the key of one."""

    url: str


class ActionView(View):
    """Something asked of a system outside. `would_do`: a test conversation only says so."""

    id: Id
    agent_id: UUID
    conversation_id: Id
    turn_id: UUID
    kind: str
    rule: str
    state: Literal["pending", "claimed", "sending", "done", "failed", "unknown", "would_do"]
    attempts: int
    error: str | None
    created_at: datetime
    due_at: datetime
    ended_at: datetime | None
    params: dict[str, Any]
    result: dict[str, Any]


class ActionQuery(ListQuery):
    """Which actions; `rule` is a rule's key."""

    state: Literal["pending", "done", "failed", "unknown", "would_do"] | None = None
    rule: Key | None = None


class ActionPage(View):
    """Actions, the newest first."""

    items: list[ActionView]
    next: str | None


class ActionList(View):
    """Actions in the order of their turn."""

    items: list[ActionView]


class ActsBody(Body):
    """Whether a test conversation acts in earnest."""

    acts: bool


class ActsView(View):
    """Whether a test conversation acts in earnest, from its next turn on."""

    acts: bool


class WebhookSecretView(View):
    """What receivers check `X-Callboard-Signature` with: `v1=` and the hex HMAC-SHA256 of `X-Callboard-Timestamp`, a dot and the body."""

    secret: str


class ExecutionView(View):
    """One time a rule fired (`reasons`: what it asked and found; `done`: what it did) or failed (`reason`)."""

    id: Number
    at: datetime
    failed: bool
    on: str
    conversation_id: Id | None
    turn_id: UUID | None
    reasons: list[str]
    done: list[str]
    reason: str
    actions: list[ActionView]


class ExecutionPage(View):
    """Executions, the newest first."""

    items: list[ExecutionView]
    next: str | None


def rule_view(item: DefinitionItem) -> RuleView:
    """Return a rule."""
    body = RuleBody.model_construct(**{"name": item.key, "trigger": {"on": "message_received"}, "actions": [], **item.definition})
    fields = {name: getattr(body, name) for name in RuleBody.model_fields if name != "key"}
    return RuleView(
        **fields,
        id=item.id,
        key=item.key,
        version=item.version,
        position=item.position,
        created_at=item.created_at,
        changed_at=item.changed_at,
        changed_by=item.changed_by,
        deleted_at=item.deleted_at,
    )


def fault_view(problem: Problem, pointer: str) -> FaultView:
    """Return what is wrong."""
    return FaultView(pointer=pointer, reason=problem.reason)


def vocabulary() -> VocabularyView:
    """Return all that rules can be made of."""
    facts = [
        FactView(name=name, kind=kind, operators=list(OPERATORS[kind]), in_scripts=kind_in_scripts(name) is not None)
        for name, kind in FACTS.items()
    ]
    variable = FactView(name=VARIABLE, kind="text", operators=list(OPERATORS["text"]), in_scripts=True)
    hook = FactView(name=HOOK, kind="text", operators=list(OPERATORS["text"]))
    return VocabularyView(triggers=list(TRIGGERS), facts=facts, variable=variable, hook=hook)


def action_view(item: ActionItem) -> ActionView:
    """Return an action."""
    return ActionView(
        id=str(item.id),
        agent_id=item.agent_id,
        conversation_id=str(item.conversation_id),
        turn_id=item.turn_id,
        kind=item.kind,
        rule=item.rule,
        state=item.state,
        attempts=item.attempts,
        error=item.error,
        created_at=item.created_at,
        due_at=item.due_at,
        ended_at=item.ended_at,
        params=dict(item.params),
        result=dict(item.result),
    )


def execution_view(item: Execution, actions: Sequence[ActionItem]) -> ExecutionView:
    """Return an execution with what became of its actions."""
    data: Mapping[str, Any] = item.data
    return ExecutionView(
        id=str(item.id),
        at=item.at,
        failed=item.kind == "rule.failed",
        on=str(data.get("on", "")),
        conversation_id=str(item.conversation_id) if item.conversation_id else None,
        turn_id=item.turn_id,
        reasons=list(data.get("reasons", ())),
        done=list(data.get("done", ())),
        reason=str(data.get("reason", "")),
        actions=[action_view(action) for action in actions],
    )
