"""The configuration as the database has it, with the ids that files do not show."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import orjson

from actors.domain.configuration.comparing import said, titled
from actors.domain.configuration.forms import canonical, canonical_definition, canonical_persona
from actors.domain.configuration.models import DRAFT, FORMAT, AgentForm, BaseForm, Configuration, Connected, DocumentForm, Form, labels
from actors.domain.configuration.reading import DOCUMENT_KINDS
from storage.postgres import Connection, Database

# Every change of an agent takes its draft first: while it is held, what is read belongs together.
_HOLD = "select 1 from agent_drafts order by agent_id for share"
_AGENTS = """
select a.id, a.name, d.persona::text, d.passages::text, v.definition::text as published
from agents a join agent_drafts d on d.agent_id = a.id
left join agent_versions v on v.agent_id = a.id and v.version = a.published_version
where a.archived_at is null order by a.created_at, a.id"""
_SCRIPTS = "select agent_id, definition::text from scripts where deleted_at is null order by agent_id, position"
_RULES = "select agent_id, definition::text from rules where deleted_at is null order by agent_id, position, id"
_SEQUENCES = "select agent_id, definition::text from sequences where deleted_at is null order by agent_id, key"
_BASES = """
select b.id, b.name, array_agg(k.agent_id) as agents
from knowledge_bases b join knowledge_bindings k on k.base_id = b.id join agents a on a.id = k.agent_id and a.archived_at is null
group by b.id, b.name, b.created_at order by b.created_at, b.id"""
_DOCUMENTS = """
select id, base_id, title, kind, source from documents
where deleted_at is null and origin = 'typed' and kind = any($1) order by base_id, title collate "C", position"""
_CONNECTED = """
select g.agent_id, g.channel, coalesce(w.name, nullif(g.username, ''), g.account) as name
from integrations g left join widgets w on w.integration_id = g.id
where g.channel not in ('test', 'agent') and g.status <> 'disconnected'"""


@dataclass(frozen=True, slots=True)
class State:
    """What there is. Ids by keys; documents by base and unique title."""

    configuration: Configuration = field(default_factory=Configuration)
    agents: Mapping[str, UUID] = field(default_factory=dict)
    bases: Mapping[str, UUID] = field(default_factory=dict)
    documents: Mapping[str, Mapping[str, UUID]] = field(default_factory=dict)


async def read_state(connection: Connection) -> State:
    """Return the configuration of the transaction's tenant. Agents in the archive are no part of it."""
    await connection.execute(_HOLD)
    rows = await connection.fetch(_AGENTS)
    agents = dict(zip(labels([r["name"] for r in rows]), [r["id"] for r in rows], strict=True))
    bases_of, bases, ids, documents = await _bases(connection)
    keys = {base_id: key for key, base_id in ids.items()}
    items = {name: await _items(connection, statement) for name, statement in _ITEM_STATEMENTS.items()}
    forms = [_agent(key, dict(r), items, bases_of[r["id"]], keys) for key, r in zip(agents, rows, strict=True)]
    names = {agent_id: key for key, agent_id in agents.items()}
    there = [r for r in await connection.fetch(_CONNECTED) if r["agent_id"] in names]
    connected = [Connected(names[r["agent_id"]], r["channel"], r["name"]) for r in there]
    configuration = Configuration(tuple(forms), bases, tuple(sorted(connected)))
    return State(configuration, agents, ids, documents)


_ITEM_STATEMENTS: Final = {"scripts": _SCRIPTS, "rules": _RULES, "sequences": _SEQUENCES}


async def _items(connection: Connection, statement: str) -> Mapping[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = defaultdict(list)
    for r in await connection.fetch(statement):
        found[r["agent_id"]].append(orjson.loads(r["definition"]))
    return found


def _agent(
    key: str, r: Mapping[str, Any], items: Mapping[str, Mapping[UUID, list[Any]]], bases: Sequence[UUID], keys: Mapping[UUID, str]
) -> AgentForm:
    draft = AgentForm(
        key=key,
        name=r["name"],
        persona=canonical_persona(orjson.loads(r["persona"])),
        passages=tuple([canonical("passage", raw) for raw in orjson.loads(r["passages"])]),
        scripts=tuple([canonical("script", raw) for raw in items["scripts"].get(r["id"], ())]),
        rules=tuple([canonical("rule", raw) for raw in items["rules"].get(r["id"], ())]),
        sequences=tuple([canonical("sequence", raw) for raw in items["sequences"].get(r["id"], ())]),
        knowledge=tuple(sorted([keys[base] for base in bases])),
        published=DRAFT,
    )
    published = canonical_definition(orjson.loads(r["published"]), {str(i): name for i, name in keys.items()}) if r["published"] else None
    return draft if published == said(draft) else _with(draft, published)


def _with(draft: AgentForm, published: Form | None) -> AgentForm:
    parts = (draft.key, draft.name, draft.persona, draft.passages, draft.scripts, draft.rules, draft.sequences, draft.knowledge)
    return AgentForm(*parts, published)


async def _bases(
    connection: Connection,
) -> tuple[Mapping[UUID, list[UUID]], tuple[BaseForm, ...], Mapping[str, UUID], Mapping[str, Mapping[str, UUID]]]:
    rows = await connection.fetch(_BASES)
    ids = dict(zip(labels([r["name"] for r in rows]), [r["id"] for r in rows], strict=True))
    of: dict[UUID, list[UUID]] = defaultdict(list)
    for r in rows:
        for agent_id in r["agents"]:
            of[agent_id].append(r["id"])
    held: dict[UUID, list[tuple[UUID, DocumentForm]]] = defaultdict(list)
    for d in await connection.fetch(_DOCUMENTS, list(DOCUMENT_KINDS)):
        held[d["base_id"]].append((d["id"], DocumentForm(d["title"], d["kind"], d["source"])))
    forms = [BaseForm(key, r["name"], tuple([form for _, form in held[r["id"]]])) for key, r in zip(ids, rows, strict=True)]
    documents = {
        form.key: dict(zip(titled(form.documents), [document_id for document_id, _ in held[ids[form.key]]], strict=True)) for form in forms
    }
    return of, tuple(forms), ids, documents


def document_of(configuration: Configuration) -> dict[str, Any]:
    """Return the configuration as the document of a file, in the order of names."""
    agents = sorted(configuration.agents, key=lambda agent: agent.key)
    bases = sorted(configuration.bases, key=lambda base: base.key)
    parts = {
        "agents": [_agent_document(agent) for agent in agents],
        "knowledge": [_base_document(base) for base in bases],
        "integrations": [{"agent": one.agent, "channel": one.channel, "name": one.name} for one in configuration.integrations],
    }
    return {"format": FORMAT, **{name: value for name, value in parts.items() if value}}


def _agent_document(agent: AgentForm) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "name": agent.name if agent.name != agent.key else None,
        "persona": agent.persona,
        "passages": list(agent.passages),
        "scripts": list(agent.scripts),
        "rules": list(agent.rules),
        "sequences": sorted(agent.sequences, key=lambda form: str(form["key"])),
        "knowledge": list(agent.knowledge),
        "published": agent.published,
    }
    return {"agent": agent.key, **{name: value for name, value in parts.items() if value}}


def _base_document(base: BaseForm) -> dict[str, Any]:
    documents = [{"title": one.title, "kind": one.kind, "text": one.text} for one in base.documents]
    named = {} if base.name == base.key else {"name": base.name}
    return {"base": base.key, **named, **({"documents": documents} if documents else {})}


async def export(database: Database, tenant_id: UUID) -> dict[str, Any]:
    """Return the configuration of a tenant as the document of a file; either role."""
    async with database.tenant_transaction(tenant_id) as connection:
        state = await read_state(connection)
    return document_of(state.configuration)
