"""Tools of an agent: what its owner lets a model do, each a set of actions as rules have them, with what the model fills in.

The model only chooses among them and gives words for their parameters; nothing else can be called. What is asked for is carried out
by the commit of the turn, and only with the model's own words to the customer.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from actors.domain.errors import Problem
from actors.domain.fields import Fields
from actors.domain.messages import clean_text
from actors.domain.rules.crm import named_facts
from actors.domain.rules.models import Action, Rule, Trigger, Wait, read_action
from actors.domain.rules.validation import MOST_ACTIONS, action_problems

TOOL = "tool."  # what a model filled in, as a fact: {tool.phone}
SEARCH = "search_knowledge"
REFUSED = "refused"  # how the answer to a call begins that is not carried out
MOST_TOOLS = 20
MOST_PARAMETERS = 10
MOST_CALLS = 5  # of one turn that are carried out
LONGEST_VALUE = 500  # characters of what is filled in
LONGEST_DESCRIPTION = 1_000
ACCEPTED = "accepted: it is done as soon as you have answered the customer"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_NOBODY = Trigger("message_received")


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a model has to fill in."""

    name: str
    description: str = ""
    required: bool = True


@dataclass(frozen=True, slots=True)
class Tool:
    """What a model may have done. `description` says when, in words for the model."""

    name: str
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    actions: tuple[Action, ...] = ()
    raw_actions: tuple[Mapping[str, Any], ...] = ()

    def as_rule(self) -> Rule:
        """Return its actions as those of a rule that nothing wakes."""
        return Rule(f"tool:{self.name}", self.name, _NOBODY, actions=self.actions, raw_actions=self.raw_actions)


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model is told of it; `schema` is the JSON Schema of its arguments."""

    name: str
    description: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What a model asked for: `arguments` is JSON as it wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Called:
    """A call and what it was told. Only one that was accepted is carried out."""

    name: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    answer: str = ""
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class Round:
    """What a model asked for in one answer, and what each call was told."""

    calls: tuple[ToolCall, ...]
    answers: tuple[str, ...]


def read_tool(raw: object, place: str, problems: list[Problem]) -> Tool:
    """Read one tool of a persona; what is wrong is added to `problems`."""
    fields = Fields(raw, place, problems)
    given = raw.get("actions") if isinstance(raw, Mapping) else None
    return Tool(
        name=fields.text("name", required=True),
        description=fields.text("description", required=True),
        parameters=fields.objects("parameters", lambda item, there: _parameter(item, there, problems)),
        actions=fields.objects("actions", lambda item, there: read_action(item, there, problems)),
        raw_actions=tuple([item for item in given if isinstance(item, Mapping)]) if isinstance(given, list | tuple) else (),
    )


def _parameter(raw: object, place: str, problems: list[Problem]) -> Parameter:
    fields = Fields(raw, place, problems)
    return Parameter(fields.text("name", required=True), fields.text("description"), fields.flag("required", True))


def tool_problems(tools: Sequence[Tool], place: str, scripts: Collection[str] | None = None) -> Iterator[Problem]:
    """Yield everything that is wrong with tools; `scripts` are the ids there are, None: not known."""
    if len(tools) > MOST_TOOLS:
        yield Problem(place, f"at most {MOST_TOOLS} tools")
    seen = {SEARCH}
    for number, tool in enumerate(tools):
        here = f"{place}[{number}]"
        if tool.name and not _NAME.fullmatch(tool.name):
            yield Problem(f"{here}.name", "use small latin letters, digits and _, beginning with a letter")
        if tool.name in seen:
            yield Problem(f"{here}.name", f"there is a tool {tool.name} already")
        seen.add(tool.name)
        if len(tool.description) > LONGEST_DESCRIPTION:
            yield Problem(f"{here}.description", f"is longer than {LONGEST_DESCRIPTION} characters")
        yield from _parameter_problems(tool, here)
        yield from _action_problems(tool, here, scripts)


def _parameter_problems(tool: Tool, place: str) -> Iterator[Problem]:
    if len(tool.parameters) > MOST_PARAMETERS:
        yield Problem(f"{place}.parameters", f"at most {MOST_PARAMETERS} parameters")
    names = [parameter.name for parameter in tool.parameters]
    for number, name in enumerate(names):
        if name and not _NAME.fullmatch(name):
            yield Problem(f"{place}.parameters[{number}].name", "use small latin letters, digits and _, beginning with a letter")
        if name in names[:number]:
            yield Problem(f"{place}.parameters[{number}].name", f"there is a parameter {name} already")


def _action_problems(tool: Tool, place: str, scripts: Collection[str] | None) -> Iterator[Problem]:
    if not tool.actions:
        yield Problem(f"{place}.actions", "needs an action, else it does nothing")
    if len(tool.actions) > MOST_ACTIONS:
        yield Problem(f"{place}.actions", f"at most {MOST_ACTIONS} actions")
    own = frozenset([TOOL + parameter.name for parameter in tool.parameters])
    for number, (action, raw) in enumerate(zip(tool.actions, tool.raw_actions, strict=False)):
        there = f"{place}.actions[{number}]"
        if isinstance(action, Wait):
            yield Problem(f"{there}.do", "what comes later is a sequence: start one")
        yield from action_problems(action, there, scripts, own)
        for name in sorted(named_facts(raw)):
            if name.startswith(TOOL) and name not in own:
                yield Problem(there, f"there is no parameter {name.removeprefix(TOOL)}; there are: {', '.join(sorted(own)) or 'none'}")


def specs(tools: Sequence[Tool], *, searches: bool) -> tuple[ToolSpec, ...]:
    """Return what a model is told of the tools; `searches`: it may look into the knowledge with words of its own."""
    found = [ToolSpec(tool.name, tool.description, _schema(tool.parameters)) for tool in tools]
    return (*found, _SEARCHES) if searches else tuple(found)


def _schema(parameters: Sequence[Parameter]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {p.name: {"type": "string", "description": p.description} for p in parameters},
        "required": [p.name for p in parameters if p.required],
        "additionalProperties": False,
    }


_SEARCHES = ToolSpec(
    SEARCH,
    "Look for further reference passages. Use it when those you have do not answer the question.",
    _schema([Parameter("query", "What to look for, in the customer's language")]),
)


def judged(tools: Sequence[Tool], call: ToolCall, earlier: Sequence[Called]) -> Called:
    """Return what becomes of a call: what was not offered, or is not filled in, is refused with the reason."""
    tool = next((known for known in tools if known.name == call.name), None)
    if tool is None:
        return Called(call.name[:64], answer=f"{REFUSED}: there is no such tool")
    given = arguments_of(call)
    if given is None:
        return Called(tool.name, answer=f"{REFUSED}: the arguments are no JSON object")
    values = {p.name: value for p in tool.parameters if (value := clean_text(_text(given.get(p.name)), LONGEST_VALUE).strip())}
    if missing := [p.name for p in tool.parameters if p.required and p.name not in values]:
        return Called(tool.name, values, f"{REFUSED}: not filled in: {', '.join(missing)}")
    accepted = [known for known in earlier if known.accepted]
    if any(known.name == tool.name and known.arguments == values for known in accepted):
        return Called(tool.name, values, f"{REFUSED}: this was accepted already")
    if len(accepted) >= MOST_CALLS:
        return Called(tool.name, values, f"{REFUSED}: at most {MOST_CALLS} at a time")
    return Called(tool.name, values, ACCEPTED, accepted=True)


def arguments_of(call: ToolCall) -> Mapping[str, Any] | None:
    """Return the arguments of a call; None if they are no object."""
    try:
        given = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        return None
    return given if isinstance(given, dict) else None


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int | float) else ""
