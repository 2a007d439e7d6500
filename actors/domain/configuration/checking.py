"""What of a configuration may not be saved: as if each item was saved by itself beside the others."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from actors.domain.agent.validation import check_persona
from actors.domain.catalogue import read_definition
from actors.domain.configuration.comparing import said
from actors.domain.configuration.forms import ITEMS, SHAPES, Kind, storable, storable_definition
from actors.domain.configuration.models import AgentForm, Configuration, Form
from actors.domain.errors import InvalidDefinition, Problem
from actors.domain.knowledge.models import read_passage
from actors.domain.knowledge.validation import passage_problems
from actors.domain.rules.models import read_rule
from actors.domain.rules.validation import rule_problems
from actors.domain.scripts.models import read_script
from actors.domain.scripts.validation import script_problems
from actors.domain.scripts.written import written_problems
from actors.domain.sequences.models import read_sequence
from actors.domain.sequences.validation import named_by_rules, sequence_problems

_ITEM = re.compile(r"(passages|scripts|rules|sequences)\[(\d+)\]")
_SOME_BASE = "00000000-0000-0000-0000-000000000000"  # which one it is, is known when it is stored
_KIND: Mapping[str, Kind] = {name: kind for kind, name in ITEMS.items()}


def check(current: Configuration, wanted: Configuration, target: Configuration) -> None:
    """Accept what an import would store. What stays as it is was accepted once, and is not looked at again.

    Args:
        current: what there is.
        wanted: what the file says; places are within it.
        target: what everything would be afterwards.

    Raises:
        InvalidDefinition: with every problem and its place.
    """
    here, after = {agent.key: agent for agent in current.agents}, {agent.key: agent for agent in target.agents}
    problems: list[Problem] = []
    for number, agent in enumerate(wanted.agents):
        faults = _faults(here.get(agent.key) or AgentForm(agent.key, agent.name), agent, after[agent.key])
        problems += [Problem(f"agents[{number}].{fault.place}", fault.reason) for fault in faults]
    if problems:
        raise InvalidDefinition(problems)


def _faults(before: AgentForm, agent: AgentForm, after: AgentForm) -> Iterator[Problem]:
    if agent.persona != before.persona:
        yield from _refused(lambda: check_persona(agent.persona))
    for problem in _of_items(agent, after):
        if not _known(problem, before, agent):
            yield _in_words_of_files(problem)
    published = agent.published
    if published is not None and not isinstance(published, str) and published != said(before):
        bases = {str(key): _SOME_BASE for key in published.get("knowledge", ())}
        for problem in _refused(lambda: read_definition(storable_definition(published, bases))):
            yield _in_words_of_files(Problem(f"published.{problem.place}", problem.reason))


def _of_items(agent: AgentForm, after: AgentForm) -> Iterator[Problem]:
    problems: list[Problem] = []
    scripts = [read_script(raw, f"scripts[{n}]", problems) for n, raw in enumerate(_raw("script", agent.scripts))]
    passages = [read_passage(raw, f"passages[{n}]", problems) for n, raw in enumerate(_raw("passage", agent.passages))]
    rules = [read_rule(raw, f"rules[{n}]", problems) for n, raw in enumerate(_raw("rule", agent.rules))]
    plans = [read_sequence(raw, f"sequences[{n}]", problems) for n, raw in enumerate(_raw("sequence", agent.sequences))]
    spoken = _enabled(after.scripts)
    yield from problems
    yield from script_problems(scripts)
    yield from written_problems(scripts)
    yield from passage_problems(passages)
    yield from rule_problems(rules, spoken)
    yield from sequence_problems(plans, spoken)
    yield from named_by_rules(rules, _enabled(after.sequences))


def _known(problem: Problem, before: AgentForm, agent: AgentForm) -> bool:
    """Return whether the item with the problem is there already, just as it is."""
    found = _ITEM.match(problem.place)
    if found is None:
        return False
    form = getattr(agent, found[1])[int(found[2])]
    name = SHAPES[_KIND[found[1]]].key
    return form in [one for one in getattr(before, found[1]) if one[name] == form[name]]


def _in_words_of_files(problem: Problem) -> Problem:
    """Return the problem where files have it: their items have a `key`, except passages."""
    renamed = problem.place.endswith(".id") and "passages[" not in problem.place and "steps[" not in problem.place
    return Problem(problem.place.removesuffix(".id") + ".key", problem.reason) if renamed else problem


def _refused(look: Callable[[], object]) -> Sequence[Problem]:
    try:
        look()
    except InvalidDefinition as error:
        return error.problems
    return ()


def _raw(kind: Kind, forms: Sequence[Form]) -> Iterator[dict[str, object]]:
    return (storable(kind, form) for form in forms)


def _enabled(forms: Sequence[Form]) -> frozenset[str]:
    return frozenset([str(form["key"]) for form in forms if form.get("enabled", True) is True])
