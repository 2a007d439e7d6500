"""Rules in words: what wakes them, what they ask, what they do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from actors.domain.errors import Problem
from actors.domain.fields import Fields
from actors.domain.rules.crm import READERS as CRM
from actors.domain.rules.crm import Crm, reader

On = Literal[
    "message_received",
    "conversation_started",
    "script_matched",
    "script_finished",
    "handed_off",
    "tag_set",
    "no_reply",
    "no_answer",
    "sequence_finished",
    "schedule",
    "webhook",
    "lead_added",
    "lead_moved",
    "lead_updated",
    "contact_updated",
    "task_closed",
]
Limit = Literal["always", "once", "daily"]
TRIGGERS: tuple[On, ...] = get_args(On)
TIMED = frozenset({"no_reply", "no_answer"})
LONGEST_WAIT_S = 90 * 86_400.0


@dataclass(frozen=True, slots=True)
class Trigger:
    """What wakes a rule. `after_s`: no_reply from the customer, no_answer to them; `of`: which tag, script or sequence; empty: any.

    `cron`: when a schedule is due, five fields in the time zone of the rule.
    """

    on: On
    after_s: float = 0.0
    of: str = ""
    cron: str = ""


@dataclass(frozen=True, slots=True)
class Test:
    """A question about one fact."""

    __test__ = False  # pytest looks for classes of this name

    fact: str
    op: str
    value: Any = None

    def __str__(self) -> str:
        return f"{self.fact} {self.op}" + ("" if self.value is None else f" {self.value}")


@dataclass(frozen=True, slots=True)
class Group:
    """Questions together; `not` has one."""

    of: Literal["all", "any", "not"]
    items: tuple["Condition", ...]


Condition = Test | Group
EVERYTHING = Group("all", ())


@dataclass(frozen=True, slots=True)
class Send:
    """Say something to the customer."""

    text: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SendScript:
    """Say what a script says."""

    script: str


@dataclass(frozen=True, slots=True)
class SetVariable:
    """Remember something of the conversation."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class AddTag:
    """Tag the conversation."""

    tag: str


@dataclass(frozen=True, slots=True)
class RemoveTag:
    """Take a tag away."""

    tag: str


@dataclass(frozen=True, slots=True)
class HandOff:
    """Pass over to an operator."""


@dataclass(frozen=True, slots=True)
class Assign:
    """Say whose the conversation is, by the e-mail address of a user: they are asked first when a person is needed."""

    user: str


@dataclass(frozen=True, slots=True)
class CallWebhook:
    """Call an address of the tenant's own."""

    url: str
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell operators."""

    text: str


@dataclass(frozen=True, slots=True)
class Enroll:
    """Start a sequence."""

    sequence: str


@dataclass(frozen=True, slots=True)
class Unenroll:
    """Stop a sequence; empty: all that run."""

    sequence: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Neither scripts nor the agent answer."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Do the rest later."""

    seconds: float


Action = (
    Send | SendScript | SetVariable | AddTag | RemoveTag | HandOff | Assign | CallWebhook | Notify | Enroll | Unenroll | Stop | Wait | Crm
)
SPOKEN = (Send, SendScript, HandOff, Assign, Enroll, Unenroll)  # what needs a chat


@dataclass(frozen=True, slots=True)
class Rule:
    """An automation. Without `wakes`, nothing it does wakes rules again; without `lets_answer`, what it says is the answer."""

    id: str
    name: str
    trigger: Trigger
    when: Condition = EVERYTHING
    actions: tuple[Action, ...] = ()
    enabled: bool = True
    stops: bool = False  # when it fires, later rules of the same event do not
    limit: Limit = "always"
    cooldown_s: float = 0.0
    timezone: str = "UTC"
    wakes: bool = False
    lets_answer: bool = False
    raw_actions: tuple[Mapping[str, Any], ...] = ()  # as they are stored: what waits keeps its own copy

    @property
    def limited(self) -> bool:
        """Return whether it has to be remembered when it fired."""
        return self.limit != "always" or self.cooldown_s > 0


def read_rule(raw: object, place: str, problems: list[Problem]) -> Rule:
    """Read one rule of a definition; what is wrong is added to `problems`."""
    fields = Fields(raw, place, problems)
    rule_id = fields.text("id", required=True)
    limit = fields.choice("limit", "always", get_args(Limit))
    return Rule(
        id=rule_id,
        name=fields.text("name", rule_id),
        trigger=_trigger(fields.inner("trigger"), _at(place, "trigger"), problems),
        when=read_condition(fields.inner("when") if fields.inner("when") not in ({}, None) else {"all": []}, _at(place, "when"), problems),
        actions=fields.objects("actions", lambda item, there: read_action(item, there, problems)),
        enabled=fields.flag("enabled", True),
        stops=fields.flag("stops", False),
        limit="once" if limit == "once" else "daily" if limit == "daily" else "always",
        cooldown_s=fields.number("cooldown_s", 0.0, 0.0, LONGEST_WAIT_S),
        timezone=fields.text("timezone", "UTC"),
        wakes=fields.flag("wakes", False),
        lets_answer=fields.flag("lets_answer", False),
        raw_actions=_raw_actions(raw),
    )


def _raw_actions(raw: object) -> tuple[Mapping[str, Any], ...]:
    found = raw.get("actions", ()) if isinstance(raw, Mapping) else ()
    return tuple([item for item in found if isinstance(item, Mapping)]) if isinstance(found, list | tuple) else ()


def _trigger(raw: object, place: str, problems: list[Problem]) -> Trigger:
    fields = Fields(raw, place, problems)
    name = fields.choice("on", "", TRIGGERS)
    on: On = next((known for known in TRIGGERS if known == name), "message_received")
    return Trigger(on, fields.number("after_s", 0.0, 0.0, LONGEST_WAIT_S), fields.text("of"), fields.text("cron"))


DEEPEST = 6  # groups within groups; deeper, nobody understands a rule


def read_condition(raw: object, place: str, problems: list[Problem], depth: int = 0) -> Condition:
    """Read a condition: `{"all": [...]}`, `{"any": [...]}`, `{"not": {...}}` or `{"fact", "op", "value"}`."""
    if depth > DEEPEST:
        problems.append(Problem(place, f"groups may be nested {DEEPEST} deep"))
        return EVERYTHING
    if not isinstance(raw, Mapping):
        problems.append(Problem(place, "must be an object"))
        return EVERYTHING
    for kind in ("all", "any"):
        if kind in raw:
            inner = Fields(raw, place, problems).objects(kind, lambda item, there: read_condition(item, there, problems, depth + 1))
            return Group("all" if kind == "all" else "any", inner)
    if "not" in raw:
        return Group("not", (read_condition(raw["not"], _at(place, "not"), problems, depth + 1),))
    fields = Fields(raw, place, problems)
    value = raw.get("value")
    return Test(fields.text("fact", required=True), fields.text("op", required=True), tuple(value) if isinstance(value, list) else value)


def read_action(raw: object, place: str, problems: list[Problem]) -> Action:
    """Read one action; `do` says which."""
    fields = Fields(raw, place, problems)
    do = fields.choice("do", "", tuple(_READERS))
    return _READERS[do](fields) if do in _READERS else Stop()


def _fields_of(fields: Fields) -> Mapping[str, str]:
    return fields.by_language("fields")  # the same form: texts by name


_READERS: Mapping[str, Any] = {
    "send": lambda fields: Send(fields.by_language("text")),
    "send_script": lambda fields: SendScript(fields.text("script", required=True)),
    "set_variable": lambda fields: SetVariable(fields.text("name", required=True), fields.text("value")),
    "add_tag": lambda fields: AddTag(fields.text("tag", required=True)),
    "remove_tag": lambda fields: RemoveTag(fields.text("tag", required=True)),
    "hand_off": lambda _: HandOff(),
    "assign": lambda fields: Assign(fields.text("user", required=True).lower()),
    "call_webhook": lambda fields: CallWebhook(fields.text("url", required=True), _fields_of(fields)),
    "notify": lambda fields: Notify(fields.text("text", required=True)),
    "start_sequence": lambda fields: Enroll(fields.text("sequence", required=True)),
    "stop_sequence": lambda fields: Unenroll(fields.text("sequence")),
    "stop": lambda _: Stop(),
    "wait": lambda fields: Wait(fields.number("seconds", 0.0, 1.0, LONGEST_WAIT_S)),
    **{do: reader(do) for do in CRM},
}


def _at(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
