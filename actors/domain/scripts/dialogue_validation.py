"""What may not be saved as a dialogue: every fault with its place, steps nobody reaches, ways without an end, variables nobody set."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from actors.domain.errors import Problem
from actors.domain.rules.conditions import pattern_problem, questions_of
from actors.domain.rules.crm import LONGEST, named_facts
from actors.domain.rules.facts import FACTS, VARIABLE, kind_in_dialogues, kind_of
from actors.domain.rules.validation import condition_problems, name_problem
from actors.domain.scripts.models import Script
from actors.domain.scripts.steps import ENDS, FINISH, Step
from actors.domain.text import words

MOST_STEPS = 30
MOST_OPTIONS = 20
MOST_BRANCHES = 20
MOST_TESTS = 50  # of one branch, as of one rule
LONGEST_OPTION = 100  # characters of a value or a label
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_ONLY = {"pattern": "text", "min": "number", "max": "number", "options": "choice"}


def dialogue_problems(script: Script, place: str) -> Iterator[Problem]:
    """Yield everything that is wrong with the steps of a script."""
    if len(script.steps) > MOST_STEPS:
        yield Problem(f"{place}.steps", f"at most {MOST_STEPS} steps")
        return
    known = {step.id for step in script.steps}
    seen: set[str] = set()
    for number, step in enumerate(script.steps):
        here = f"{place}.steps[{number}]"
        if step.id in seen:
            yield Problem(f"{here}.id", f"another step has the id {step.id}")
        seen.add(step.id)
        yield from _of_step(step, here, script.languages, known)
    if are_clear(script):
        yield from _of_ways(script, place)


def are_clear(script: Script) -> bool:
    """Return whether it is clear where the ways of a dialogue lead: every step is there, and once."""
    known = {step.id for step in script.steps}
    led = {target for step in script.steps for target in (step.otherwise, *[branch.goto for branch in step.next])}
    return len(known) == len(script.steps) and led <= {*known, *ENDS}


def answered_ways(script: Script) -> Mapping[str, Collection[str]]:
    """Return where answers that fit may lead from each step."""
    return {step.id: _answered(script, number) for number, step in enumerate(script.steps)}


def _of_step(step: Step, place: str, languages: Sequence[str], known: Collection[str]) -> Iterator[Problem]:
    if step.id in ENDS or (step.id and not _ID.fullmatch(step.id)):
        yield Problem(f"{place}.id", f"latin letters, digits, _ . and - only, and none of: {', '.join(ENDS)}")
    if not step.ask:
        yield Problem(f"{place}.ask", "needs a question in at least one language")
    for language in languages:
        if step.ask and language not in step.ask:
            yield Problem(f"{place}.ask", f"has no text in {language}, one of the script's languages")
    if step.remember and (reason := name_problem(step.remember)):
        yield Problem(f"{place}.remember", reason)
    yield from _of_expected(step, place)
    if step.otherwise not in ENDS and step.otherwise not in known:
        yield Problem(f"{place}.otherwise", f"there is no step {step.otherwise}")
    yield from _of_branches(step, place, known)


def _of_expected(step: Step, place: str) -> Iterator[Problem]:
    given = {"pattern": step.pattern, "min": step.least is not None, "max": step.most is not None, "options": step.options}
    for name, expects in _ONLY.items():
        if given[name] and step.expects != expects:
            yield Problem(f"{place}.{name}", f"only where the answer is expected to be of the kind {expects}")
    if step.pattern and (reason := pattern_problem(step.pattern)):
        yield Problem(f"{place}.pattern", reason)
    if step.least is not None and step.most is not None and step.least > step.most:
        yield Problem(f"{place}.max", "is below the lowest number")
    if step.expects == "choice":
        yield from _of_options(step, f"{place}.options")


def _of_options(step: Step, place: str) -> Iterator[Problem]:
    if not 0 < len(step.options) <= MOST_OPTIONS:
        yield Problem(place, f"needs 1 to {MOST_OPTIONS} options")
    seen: set[tuple[str, ...]] = set()
    for number, option in enumerate(step.options):
        here = f"{place}[{number}]"
        said = {words(text).folded for text in (option.value, *option.label.values())}
        if not seen.isdisjoint(said):
            yield Problem(f"{here}.value", "is, or reads, like another option")
        seen |= said
        for name, text in (("value", option.value), *[(f"label.{language}", text) for language, text in option.label.items()]):
            if text and (len(text) > LONGEST_OPTION or not words(text).folded):
                yield Problem(f"{here}.{name}", f"must contain a word, and at most {LONGEST_OPTION} characters")


def _of_branches(step: Step, place: str, known: Collection[str]) -> Iterator[Problem]:
    if len(step.next) > MOST_BRANCHES:
        yield Problem(f"{place}.next", f"at most {MOST_BRANCHES} branches")
    for number, branch in enumerate(step.next):
        here = f"{place}.next[{number}]"
        if branch.goto and branch.goto not in ENDS and branch.goto not in known:
            yield Problem(f"{here}.goto", f"there is no step {branch.goto}")
        if branch.always and number < len(step.next) - 1:
            yield Problem(f"{here}.when", "is always true, so what stands behind it is never looked at")
        if len(questions_of(branch.when)) > MOST_TESTS:
            yield Problem(f"{here}.when", f"at most {MOST_TESTS} questions")
        yield from condition_problems(branch.when, f"{here}.when", kind_in_dialogues)


def _of_ways(script: Script, place: str) -> Iterator[Problem]:
    steps = script.steps
    answered = answered_ways(script)
    ways = {step.id: {*answered[step.id], step.otherwise} for step in steps}
    reached = _reached(steps[0].id, ways)
    ending = _ending(answered)
    for number, step in enumerate(steps):
        if step.id not in reached:
            yield Problem(f"{place}.steps[{number}]", "no step leads here")
        elif step.id not in ending:
            yield Problem(f"{place}.steps[{number}].next", "whatever is answered, the dialogue never ends from here")
    if FINISH in reached and not script.finish and not script.handoff:
        yield Problem(f"{place}.finish", "needs a text: the dialogue can end here")
    yield from _of_named(script, place, set_before(steps, answered))


def _answered(script: Script, number: int) -> list[str]:
    """Return where answers that fit may lead from a step."""
    step = script.steps[number]
    targets = [branch.goto for branch in step.next]
    if step.next and step.next[-1].always:
        return targets
    return [*targets, script.steps[number + 1].id if number + 1 < len(script.steps) else FINISH]


def _reached(first: str, ways: Mapping[str, Collection[str]]) -> set[str]:
    reached, ahead = {first}, [first]
    while ahead:
        more = set(ways.get(ahead.pop(), ())) - reached
        reached |= more
        ahead.extend(more)
    return reached


def _ending(answered: Mapping[str, Collection[str]]) -> set[str]:
    """Return the steps from which answers that fit can lead to an end."""
    ending = set(ENDS)
    while more := {step for step, targets in answered.items() if step not in ending and not ending.isdisjoint(targets)}:
        ending |= more
    return ending


def set_before(steps: Sequence[Step], answered: Mapping[str, Collection[str]]) -> Mapping[str, set[str]]:
    """Return the variables that some way to each step or end has set."""
    known: dict[str, set[str]] = {name: set() for name in (*ENDS, *[step.id for step in steps])}
    changed = True
    while changed:
        changed = False
        for step in steps:
            fit = known[step.id] | ({step.remember} - {""})
            for target, brought in [*[(target, fit) for target in answered[step.id]], (step.otherwise, known[step.id])]:
                if target in known and not brought <= known[target]:
                    known[target] |= brought
                    changed = True
    return known


def _of_named(script: Script, place: str, known: Mapping[str, set[str]]) -> Iterator[Problem]:
    for number, step in enumerate(script.steps):
        for name, texts in (("ask", step.ask), ("retry", step.retry)):
            yield from text_problems(texts, f"{place}.steps[{number}].{name}", known[step.id])
    yield from text_problems(script.answer, f"{place}.answer", set())
    yield from text_problems(script.finish, f"{place}.finish", known[FINISH])
    yield from text_problems(script.leave, f"{place}.leave", set())


def text_problems(texts: Mapping[str, str], place: str, variables: Collection[str] | None, longest: int = LONGEST) -> Iterator[Problem]:
    """Yield what is wrong with texts that name facts in braces; `variables` may be named, None: any."""
    for language, text in texts.items():
        if len(text) > longest:
            yield Problem(f"{place}.{language}", f"is longer than {longest} characters")
        for fact in sorted(named_facts(text)):
            if fact.startswith(VARIABLE):
                if variables is not None and fact.removeprefix(VARIABLE) not in variables:
                    yield Problem(f"{place}.{language}", f"no step before it remembers {fact.removeprefix(VARIABLE)}")
            elif kind_of(fact) is None or fact.startswith("time."):
                yield Problem(f"{place}.{language}", f"there is no {fact}; there are: {VARIABLE}NAME, {', '.join(FACTS)}")
