"""Agents of an import: each item that differs is written through its own store, which tells of it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from actors.domain.configuration.comparing import Step, What
from actors.domain.configuration.forms import Kind, storable, storable_definition
from actors.domain.configuration.models import AgentForm, Form
from actors.domain.errors import InvalidDefinition, Problem
from storage.accounts.audit import Actor
from storage.authoring.definitions import DefinitionItem
from storage.authoring.drafts import Drafts
from storage.authoring.rules import Rules
from storage.authoring.scripts import Scripts
from storage.authoring.sequences import SequenceItem, Sequences
from storage.authoring.versions import Versions
from storage.postgres import Connection, Database

_WHEN = "update agents set created_at = clock_timestamp() where id = $1"  # made in one transaction, and still one after the other
_ALL = 100_000  # more than an agent may have
_NOTE = "import"
_WRITTEN = frozenset({"added", "changed", "deleted"})


class AgentWriter:
    """Writes the agents of one import, within its transaction."""

    def __init__(self, database: Database, tenant_id: UUID, by: Actor, steps: Sequence[Step]) -> None:
        self._drafts = Drafts(database)
        self._scripts = Scripts(database)
        self._rules = Rules(database)
        self._sequences = Sequences(database)
        self._versions = Versions(database)
        self._tenant_id = tenant_id
        self._by = by
        self._steps = [step for step in steps if step.fate in _WRITTEN]

    async def create(self, connection: Connection, agent: AgentForm) -> UUID:
        """Make an agent with a test chat and a persona."""
        draft = await self._drafts.create(self._tenant_id, self._by, agent.name, agent.persona)
        await connection.execute(_WHEN, draft.id)
        return draft.id

    async def archive(self, agent_id: UUID) -> None:
        """Put an agent away.

        Raises:
            InUse: customers reach it.
        """
        await self._drafts.archive(self._tenant_id, self._by, agent_id, None)

    async def write(self, agent_id: UUID, target: AgentForm, bases: Mapping[str, UUID], place: str, *, known: bool) -> None:
        """Make the agent what `target` says.

        Args:
            agent_id: which.
            target: what it is afterwards.
            bases: ids by key.
            place: of the agent in the file.
            known: whether it was there before.

        Raises:
            InvalidDefinition: it cannot be published.
        """
        steps = [step for step in self._steps if step.of == target.key or (step.what == "agent" and step.key == target.key)]
        if known:
            await self._persona(agent_id, target, steps)
        if _touched(steps, "passage") or _ordered(steps, "passages"):
            passages = [storable("passage", form) for form in target.passages]
            await self._drafts.set_passages(self._tenant_id, self._by, agent_id, None, passages)
        await self._write_scripts(agent_id, target, steps)
        await self._write_sequences(agent_id, target, steps)
        await self._write_rules(agent_id, target, steps)
        if any(step.what == "published" for step in steps):
            with _placed(f"{place}.published"):
                await self._publish(agent_id, target, bases)

    async def _persona(self, agent_id: UUID, target: AgentForm, steps: Sequence[Step]) -> None:
        if any(step.what in {"agent", "persona"} for step in steps):
            gone: dict[str, Any] = dict.fromkeys([name for step in steps if step.what == "persona" for name in step.fields])
            await self._drafts.change(self._tenant_id, self._by, agent_id, None, target.name, {**gone, **target.persona})

    async def _write_scripts(self, agent_id: UUID, target: AgentForm, steps: Sequence[Step]) -> None:
        touched = _touched(steps, "script")
        if written := [storable("script", form) for form in target.scripts if touched.get(str(form["key"]))]:
            await self._scripts.put(self._tenant_id, self._by, agent_id, written, replace=False)
        gone = {key for key, stays in touched.items() if not stays}
        if not touched and not _ordered(steps, "scripts"):
            return
        for item in await self._scripts.all(self._tenant_id, agent_id):
            if item.key in gone:
                await self._scripts.delete(self._tenant_id, self._by, agent_id, item.id, None)
        keys = _keys(target.scripts)
        if [item.key for item in await self._scripts.all(self._tenant_id, agent_id)] != keys:  # one that came back is at its old place
            await self._scripts.order(self._tenant_id, self._by, agent_id, keys)

    async def _write_rules(self, agent_id: UUID, target: AgentForm, steps: Sequence[Step]) -> None:
        touched = _touched(steps, "rule")
        if not touched and not _ordered(steps, "rules"):
            return
        known = {item.key: item for item in await self._rules.all(self._tenant_id, agent_id)}
        away = {item.key: item for item in await self._rules.page(self._tenant_id, agent_id, -1, _ALL, deleted=True)}
        for key, stays in touched.items():
            form = storable("rule", _form(target.rules, key)) if stays else None
            await self._put(self._rules, agent_id, known.get(key) or away.get(key), form)
        now = {item.key: item.id for item in await self._rules.all(self._tenant_id, agent_id)}
        if list(now) != _keys(target.rules):
            await self._rules.order(self._tenant_id, self._by, agent_id, [now[key] for key in _keys(target.rules)])

    async def _write_sequences(self, agent_id: UUID, target: AgentForm, steps: Sequence[Step]) -> None:
        if not (touched := _touched(steps, "sequence")):
            return
        known = {item.key: item for item in await self._sequences.all(self._tenant_id, agent_id)}
        away = {item.key: item for item in await self._sequences.page(self._tenant_id, agent_id, -1, _ALL, deleted=True)}
        for key, stays in touched.items():
            form = storable("sequence", _form(target.sequences, key)) if stays else None
            await self._put(self._sequences, agent_id, known.get(key) or away.get(key), form)

    async def _put(
        self, store: Rules | Sequences, agent_id: UUID, item: DefinitionItem | SequenceItem | None, definition: Mapping[str, Any] | None
    ) -> None:
        """Store one rule or sequence: new, over the one that has its key, or (None) no more."""
        who = (self._tenant_id, self._by, agent_id)
        if item is None:
            assert definition is not None  # what is deleted was there
            await store.create(*who, definition)
            return
        if definition is None:
            await store.delete(*who, item.id, None)
            return
        if item.deleted_at:
            await store.restore(*who, item.id)
        await store.replace(*who, item.id, None, definition)

    async def _publish(self, agent_id: UUID, target: AgentForm, bases: Mapping[str, UUID]) -> None:
        if isinstance(target.published, str):
            await self._versions.publish(self._tenant_id, self._by, agent_id, _NOTE)
        elif target.published is not None:
            definition = storable_definition(target.published, {key: str(base) for key, base in bases.items()})
            await self._versions.publish_definition(self._tenant_id, self._by, agent_id, definition, _NOTE)


def _touched(steps: Sequence[Step], what: What | Kind) -> dict[str, bool]:
    """Return the keys of items that are written, and whether they stay."""
    return {step.key: step.fate != "deleted" for step in steps if step.what == what}


def _ordered(steps: Sequence[Step], name: str) -> bool:
    return any(step.what == "order" and step.key == name for step in steps)


def _keys(forms: Sequence[Form]) -> list[str]:
    return [str(form["key"]) for form in forms]


def _form(forms: Sequence[Form], key: str) -> Form:
    return next(form for form in forms if form["key"] == key)


@contextmanager
def _placed(place: str) -> Iterator[None]:
    """Say of problems of a definition where it stands in the file."""
    try:
        yield
    except InvalidDefinition as error:
        raise InvalidDefinition([Problem(f"{place}.{problem.place}", problem.reason) for problem in error.problems]) from None
