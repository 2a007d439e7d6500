"""A published version of an agent: everything decide() may use besides state and inputs."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actors.domain.agent.models import Persona, read_persona
from actors.domain.agent.validation import persona_problems
from actors.domain.errors import InvalidDefinition, Problem
from actors.domain.fields import Fields
from actors.domain.ids import AgentId
from actors.domain.knowledge.engine import PassageIndex
from actors.domain.knowledge.models import Passage, read_passage
from actors.domain.knowledge.validation import passage_problems
from actors.domain.rules.engine import NO_RULES, RuleIndex
from actors.domain.rules.models import Rule, read_rule
from actors.domain.rules.validation import rule_problems
from actors.domain.scripts.engine import ScriptIndex
from actors.domain.scripts.models import Script, read_script
from actors.domain.scripts.validation import script_problems
from actors.domain.sequences.engine import NO_SEQUENCES, SequenceIndex
from actors.domain.sequences.models import Sequence as Plan
from actors.domain.sequences.models import as_definition, read_sequence
from actors.domain.sequences.validation import named_by_rules, sequence_problems

_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One agent version, indexed for use; immutable, shared by all conversations of the agent."""

    agent_id: AgentId
    version: int
    persona: Persona
    scripts: ScriptIndex
    passages: PassageIndex
    rules: RuleIndex = NO_RULES
    knowledge: tuple[str, ...] = ()  # ids of the bases it answers from besides
    sequences: SequenceIndex = NO_SEQUENCES


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition as read, not yet indexed."""

    persona: Persona
    scripts: tuple[Script, ...]
    passages: tuple[Passage, ...]
    rules: tuple[Rule, ...] = ()
    knowledge: tuple[str, ...] = ()
    sequences: tuple[Plan, ...] = ()


def read_definition(raw: Mapping[str, Any]) -> Definition:
    """Read the JSON of a definition.

    Raises:
        InvalidDefinition: with every problem and its place.
    """
    problems: list[Problem] = []
    fields = Fields(raw, "", problems)
    persona = read_persona(fields.inner("persona"), "persona", problems)
    scripts = fields.objects("scripts", lambda item, place: read_script(item, place, problems))
    passages = fields.objects("passages", lambda item, place: read_passage(item, place, problems))
    rules = fields.objects("rules", lambda item, place: read_rule(item, place, problems))
    enabled = {script.id for script in scripts if script.enabled}
    sequences = fields.objects("sequences", lambda item, place: read_sequence(item, place, problems))
    problems += rule_problems(rules, enabled) + sequence_problems(sequences, enabled)
    problems += named_by_rules(rules, {plan.id for plan in sequences if plan.enabled})
    knowledge = fields.texts("knowledge")
    problems += [Problem(f"knowledge[{n}]", "must be the id of a base") for n, base in enumerate(knowledge) if not _ID.fullmatch(base)]
    acting = [tool.as_rule() for tool in persona.tools]
    problems += [
        Problem(f"persona.tools{p.place.removeprefix('rules')}", p.reason)
        for p in named_by_rules(acting, {plan.id for plan in sequences if plan.enabled})
    ]
    problems += persona_problems(persona, scripts=enabled) + script_problems(scripts) + passage_problems(passages)
    if problems:
        raise InvalidDefinition(problems)
    return Definition(persona, scripts, passages, rules, knowledge, sequences)


def assembled(
    persona: Mapping[str, Any],
    scripts: Iterable[Mapping[str, Any]],
    passages: Sequence[Any],
    rules: Iterable[Mapping[str, Any]] = (),
    knowledge: Sequence[str] = (),
    sequences: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return the definition that publishing a draft makes: what is switched off stays behind."""
    plans = [dict(plan) for plan in sequences if plan.get("enabled", True)]
    enabled = [dict(rule) for rule in rules if rule.get("enabled", True)]
    definition = {
        "persona": dict(persona),
        "scripts": [dict(script) for script in scripts if script.get("enabled", True)],
        "passages": list(passages),
        **({"rules": enabled} if enabled else {}),
        **({"sequences": plans} if plans else {}),
    }
    return {**definition, "knowledge": list(knowledge)} if knowledge else definition


def catalogue(agent_id: AgentId, version: int, definition: Mapping[str, Any]) -> Catalogue:
    """Return the definition indexed for use; costs some milliseconds for a small shop, seconds for thousands of passages.

    Raises:
        InvalidDefinition: with every problem and its place.
    """
    read = read_definition(definition)
    said = {script.id: script.answer for script in read.scripts}
    rules = RuleIndex(read.rules, said) if read.rules or read.sequences or read.persona.tools else NO_RULES
    scripts, passages = ScriptIndex(read.scripts, read.persona.timezone), PassageIndex(read.passages)
    sequences = _sequences(read.sequences, definition)
    return Catalogue(agent_id, version, read.persona, scripts, passages, rules, read.knowledge, sequences)


def _sequences(plans: Sequence[Plan], definition: Mapping[str, Any]) -> SequenceIndex:
    raw = {item["id"]: as_definition(item) for item in definition.get("sequences", ())}
    return SequenceIndex({plan.id: plan for plan in plans if plan.enabled}, raw) if plans else NO_SEQUENCES
