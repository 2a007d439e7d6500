"""What an import comes to: every item that would be added, changed, deleted, or stays."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from actors.domain.configuration.forms import ITEMS, SHAPES, Kind, differing
from actors.domain.configuration.models import AgentForm, BaseForm, Configuration, DocumentForm, Form, labels

What = Literal["agent", "persona", "passage", "script", "rule", "sequence", "order", "knowledge", "document", "published", "integration"]
Fate = Literal["added", "changed", "deleted", "same", "kept", "connect"]
# Their order decides which of equals comes first.
ORDERED: tuple[Kind, ...] = ("passage", "script", "rule")


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one item. `kept`: it is not in the file and stays; `connect`: people have to do it, with their secret.

    Args:
        what: its kind.
        of: the key of its agent or base; empty for what stands alone.
        key: its key, title or name.
        fate: what becomes of it.
        fields: which of its fields differ, if it is changed.
    """

    what: What
    of: str
    key: str
    fate: Fate
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import does: the steps for people, and what everything is afterwards."""

    steps: tuple[Step, ...]
    target: Configuration

    @property
    def changes(self) -> bool:
        """Return whether anything is written."""
        return any(step.fate in {"added", "changed", "deleted"} for step in self.steps)


def plan(current: Configuration, wanted: Configuration, *, prune: bool) -> Plan:
    """Return what an import does.

    Args:
        current: what there is.
        wanted: what the file says.
        prune: whether what the file does not have is deleted (agents: archived); else it is kept.
    """
    steps: list[Step] = []
    agents = _agents(current, wanted, prune, steps)
    bases = _bases(current, wanted, prune, steps)
    connected = set(current.integrations)
    steps += [
        Step("integration", one.agent, f"{one.channel}: {one.name}", "same" if one in connected else "connect")
        for one in wanted.integrations
    ]
    return Plan(tuple(steps), Configuration(tuple(agents), tuple(bases), current.integrations))


def _agents(current: Configuration, wanted: Configuration, prune: bool, steps: list[Step]) -> list[AgentForm]:
    here, there = {agent.key: agent for agent in current.agents}, {agent.key: agent for agent in wanted.agents}
    target = [_agent(here.get(key), agent, prune, steps) for key, agent in there.items()]
    for key in here.keys() - there.keys():
        steps.append(Step("agent", "", key, "deleted" if prune else "kept"))
    return target if prune else [*target, *(agent for key, agent in here.items() if key not in there)]


def _agent(before: AgentForm | None, after: AgentForm, prune: bool, steps: list[Step]) -> AgentForm:
    key = after.key
    was = before or AgentForm(key, after.name)
    renamed = () if was.name == after.name else ("name",)
    steps.append(Step("agent", "", key, "changed" if renamed else "same" if before else "added", renamed))
    persona = after.persona if prune or after.persona else was.persona
    if fields := differing(was.persona, persona):
        steps.append(Step("persona", key, after.name, "changed" if before else "added", tuple(fields)))
    items = {kind: _items(kind, was, after, prune, steps) for kind in ITEMS}
    knowledge = after.knowledge if prune or after.knowledge else was.knowledge  # an agent answers from one base
    steps.extend(Step("knowledge", key, base, "added") for base in knowledge if base not in was.knowledge)
    steps.extend(Step("knowledge", key, base, "deleted") for base in was.knowledge if base not in knowledge)
    target = replace(
        after,
        persona=persona,
        passages=items["passage"],
        scripts=items["script"],
        rules=items["rule"],
        sequences=items["sequence"],
        knowledge=knowledge,
    )
    steps.extend(_published(was, target, bool(before)))
    return target


def _published(was: AgentForm, target: AgentForm, known: bool) -> list[Step]:
    if target.published is None:
        return [Step("published", target.key, target.name, "kept")] if was.published is not None else []
    before, after = said(was), said(target)
    fields = tuple(differing(before or {}, after or {}))
    fate: Fate = "same" if before == after else "changed" if known and was.published is not None else "added"
    return [Step("published", target.key, target.name, fate, fields if fate == "changed" else ())]


def said(agent: AgentForm) -> Form | None:
    """Return what customers of the agent get, whether the file says it or refers to the draft."""
    if not isinstance(agent.published, str):
        return agent.published
    enabled = {name: [item for item in getattr(agent, name) if item.get("enabled", True)] for name in ("scripts", "rules", "sequences")}
    enabled["sequences"].sort(key=lambda form: str(form["key"]))
    parts = {"persona": agent.persona, "passages": list(agent.passages), **enabled, "knowledge": sorted(agent.knowledge)}
    return {name: value for name, value in parts.items() if value}


def _items(kind: Kind, was: AgentForm, after: AgentForm, prune: bool, steps: list[Step]) -> tuple[Form, ...]:
    name = SHAPES[kind].key
    here: dict[str, Form] = {str(form[name]): form for form in getattr(was, ITEMS[kind])}
    there: dict[str, Form] = {str(form[name]): form for form in getattr(after, ITEMS[kind])}
    steps.extend(_compared(kind, after.key, here, there, prune))
    order = _order(list(here), list(there), prune)
    if kind in ORDERED and _in(order, here) != [key for key in here if key in set(order)]:
        steps.append(Step("order", after.key, ITEMS[kind], "changed"))
    return tuple([there.get(key) or here[key] for key in order])


def _compared(what: What, of: str, here: Mapping[str, Form], there: Mapping[str, Form], prune: bool) -> list[Step]:
    steps = []
    for key, form in there.items():
        known = here.get(key)
        if known is None:
            steps.append(Step(what, of, key, "added"))
        else:
            fields = tuple(differing(known, form))
            steps.append(Step(what, of, key, "changed" if fields else "same", fields))
    gone: Fate = "deleted" if prune else "kept"
    return [*steps, *(Step(what, of, key, gone) for key in here if key not in there)]


def _order(here: Sequence[str], there: Sequence[str], prune: bool) -> list[str]:
    """Return the keys in their order afterwards: as it is, with new ones behind, unless the file says otherwise."""
    known = set(there)
    kept = [] if prune else [key for key in here if key not in known]
    as_it_is = [key for key in here if key in known] + [key for key in there if key not in set(here)]
    if as_it_is != list(there):
        return [*there, *kept]
    return [key for key in here if key in known or not prune] + [key for key in there if key not in set(here)]


def _in(order: Sequence[str], known: Mapping[str, Form]) -> list[str]:
    return [key for key in order if key in known]


def _bases(current: Configuration, wanted: Configuration, prune: bool, steps: list[Step]) -> list[BaseForm]:
    here, there = {base.key: base for base in current.bases}, {base.key: base for base in wanted.bases}
    target = []
    for key, base in there.items():
        known = here.get(key) or BaseForm(key, base.name)
        before, after = titled(known.documents), titled(base.documents)
        steps.extend(_compared("document", key, _forms(before), _forms(after), prune))
        documents = after if prune else {**before, **after}
        target.append(replace(base, name=known.name, documents=tuple(documents.values())))
    if prune:  # a base that no agent answers from is out of use, and comes back with its name
        return target
    return [*target, *(base for key, base in here.items() if key not in there)]


def titled(documents: Sequence[DocumentForm]) -> dict[str, DocumentForm]:
    """Return documents by a unique title."""
    return dict(zip(labels([document.title for document in documents]), documents, strict=True))


def _forms(documents: Mapping[str, DocumentForm]) -> dict[str, Form]:
    return {title: {"kind": document.kind, "text": document.text} for title, document in documents.items()}


def counts(steps: Sequence[Step], wanted: Callable[[Step], bool] = lambda _: True) -> dict[Fate, int]:
    """Return how many steps have which fate."""
    found: dict[Fate, int] = {"added": 0, "changed": 0, "deleted": 0, "same": 0, "kept": 0, "connect": 0}
    for step in steps:
        if wanted(step):
            found[step.fate] += 1
    return found
