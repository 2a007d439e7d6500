"""Bases of an import: made, bound to agents, and filled with documents."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from actors.domain.configuration.comparing import Plan, titled
from actors.domain.configuration.models import BaseForm, Configuration, DocumentForm
from actors.domain.errors import InvalidDefinition, InvalidInput, Problem
from actors.ports.documents import Piece
from storage.accounts.audit import Actor
from storage.authoring.changes import touch
from storage.configuration.state import State
from storage.knowledge.documents import KnowledgeDocuments, NewDocument
from storage.postgres import Connection, Database

Cut = Callable[[str, str], Sequence[Piece]]  # kind and text to chunks; raises InvalidInput
_ADD = """
insert into knowledge_bases (id, tenant_id, name, created_at) values (gen_random_uuid(), $1, $2, clock_timestamp()) returning id"""
# One that no agent answers from now, as after an import that named another one: its files and sites come back with it.
_AWAY = """
select b.id from knowledge_bases b where b.name = $1 and b.id <> all ($2::uuid[])
  and not exists (select from knowledge_bindings k join agents a on a.id = k.agent_id where k.base_id = b.id and a.archived_at is null)
order by b.created_at desc limit 1"""
_BIND = "insert into knowledge_bindings (tenant_id, agent_id, base_id) values ($1, $2, $3)"
_UNBIND = "delete from knowledge_bindings where agent_id = $1 and base_id = $2"


class BaseWriter:
    """Writes the bases of one import, within its transaction."""

    def __init__(self, database: Database, tenant_id: UUID, by: Actor, cut: Cut) -> None:
        self._documents = KnowledgeDocuments(database)
        self._tenant_id = tenant_id
        self._by = by
        self._cut = cut

    async def write(
        self, connection: Connection, state: State, made: Plan, wanted: Configuration, agents: Mapping[str, UUID]
    ) -> Mapping[str, UUID]:
        """Make what is missing, bind, and store documents; return the ids of all bases by key.

        Raises:
            InvalidDefinition: a document cannot be cut, with its place in the file.
        """
        bases = dict(state.bases)
        for base in sorted(wanted.bases, key=lambda one: one.key):
            if base.key not in bases:
                away = await connection.fetchval(_AWAY, base.name, list(bases.values()))
                bases[base.key] = away or await connection.fetchval(_ADD, self._tenant_id, base.name)
        # An agent has one base at a time: documents are added to the one it is bound to.
        for fate, statement in (("deleted", _UNBIND), ("added", _BIND)):
            for step in made.steps:
                if step.what == "knowledge" and step.fate == fate:
                    tenant = (self._tenant_id,) if fate == "added" else ()
                    await connection.execute(statement, *tenant, agents[step.of], bases[step.key])
                    await touch(connection, agents[step.of], self._by)
        through = {base: agents[agent.key] for agent in made.target.agents for base in agent.knowledge}
        for number, base in enumerate(wanted.bases):
            await self._fill(through[base.key], base, state.documents.get(base.key, {}), made, f"knowledge[{number}]")
        return bases

    async def _fill(self, agent_id: UUID, base: BaseForm, known: Mapping[str, UUID], made: Plan, place: str) -> None:
        fates = {step.key: step.fate for step in made.steps if step.what == "document" and step.of == base.key}
        who = (self._tenant_id, self._by, agent_id)
        for number, (title, document) in enumerate(titled(base.documents).items()):
            if fates[title] in {"added", "changed"}:
                new = await asyncio.to_thread(self._new, document, f"{place}.documents[{number}].text")
                if title in known:
                    await self._documents.replace(*who, known[title], None, new)
                else:
                    await self._documents.add(*who, new)
        for title, fate in fates.items():
            if fate == "deleted":
                await self._documents.delete(*who, known[title], None)

    def _new(self, document: DocumentForm, place: str) -> NewDocument:
        try:
            return NewDocument(document.title, document.kind, document.text, self._cut(document.kind, document.text))
        except InvalidInput as error:
            raise InvalidDefinition([Problem(place, str(error))]) from None
