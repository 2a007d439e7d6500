"""Sequences of an agent's draft: written, checked and tried on dates, paused and resumed."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from actors.domain.errors import InvalidDefinition
from actors.domain.rules.facts import zone
from actors.domain.rules.validation import begun_in_vain
from actors.domain.sequences.engine import preview, zone_of
from actors.domain.sequences.models import Do, Sequence, as_definition
from actors.domain.sequences.validation import check_sequence
from gateway import ids
from gateway.api.authored import MOST_FLAWS, pointer, refusals
from gateway.api.named import NamedThings
from gateway.api.operation import Answer, Call, Operation
from gateway.api.paging import after_number
from gateway.problems import invalid
from gateway.schemas.rules import ValidationView, fault_view
from gateway.schemas.sequences import (
    MovedView,
    PreviewBody,
    PreviewView,
    SequenceBody,
    SequenceDraft,
    SequencePage,
    SequenceQuery,
    SequenceView,
    planned_view,
    sequence_view,
)
from storage.authoring.drafts import Drafts
from storage.authoring.scripts import Scripts
from storage.authoring.sequences import SequenceItem, Sequences
from storage.enrollments import Counts, Enrollments
from storage.postgres import Database

_ALL, _ONE = "/api/agents/{id}/sequences", "/api/agents/{id}/sequences/{sequence_id}"


class SequencesApi:
    """The sequences of the agents of the caller's tenant."""

    def __init__(self, database: Database) -> None:
        self._drafts = Drafts(database)
        self._sequences = Sequences(database)
        self._enrollments = Enrollments(database)
        self._scripts = Scripts(database)
        self._named = NamedThings(database)

    def operations(self) -> list[Operation]:
        """Return the operations."""
        admin, viewer = partial(Operation, level="admin", tag="sequences"), partial(Operation, level="viewer", tag="sequences")
        return [
            viewer("GET", _ALL, self.list, query=SequenceQuery, answer=SequencePage),
            admin("POST", _ALL, self.create, body=SequenceBody, answer=SequenceView, status=201, idempotent=True, also=(409,)),
            viewer("POST", f"{_ALL}/validate", self.validate, body=SequenceDraft, answer=ValidationView),
            viewer("POST", f"{_ALL}/preview", self.preview, body=PreviewBody, answer=PreviewView),
            viewer("GET", _ONE, self.one, answer=SequenceView),
            admin("PUT", _ONE, self.replace, body=SequenceBody, answer=SequenceView, versioned=True, also=(409,)),
            admin("DELETE", _ONE, self.delete, status=204, versioned=True),
            admin("POST", f"{_ONE}/restore", self.restore, answer=SequenceView),
            admin("POST", f"{_ONE}/pause", self.pause, answer=SequenceView),
            admin("POST", f"{_ONE}/resume", self.resume, answer=SequenceView),
            admin("POST", f"{_ONE}/move", self.move, answer=MovedView),
        ]

    async def list(self, call: Call[None, SequenceQuery]) -> Answer:
        """List sequences with how their runs stand; `deleted` lists those that can be restored."""
        agent_id = await self._agent(call)
        after = after_number(call.page) or 0
        found = await self._sequences.page(call.tenant_id, agent_id, after, call.page.limit + 1, deleted=call.query.deleted)
        views = {item.id: await self._view(call.tenant_id, item) for item in found[: call.page.limit]}
        return call.listed(SequencePage, found, lambda item: views[item.id], lambda last: last.position)

    async def create(self, call: Call[SequenceBody]) -> Answer:
        """Add a sequence. Customers meet it when the draft is published and a rule starts it."""
        agent_id = await self._agent(call)
        definition = as_definition(call.body.definition(f"s-{ids.request_id()[:8]}"))
        with refusals():
            await self._check(call.tenant_id, agent_id, definition)
            created = await self._sequences.create(call.tenant_id, call.caller.actor, agent_id, definition)
        if created is None:
            raise call.missing("id")
        headers = {"Location": f"/api/agents/{agent_id}/sequences/{created.id}"}
        return Answer(await self._view(call.tenant_id, created), etag=created.version, headers=headers)

    async def validate(self, call: Call[SequenceDraft]) -> Answer:
        """Say what is wrong with a sequence, while it is written. Nothing is stored."""
        agent_id = await self._agent(call)
        try:
            await self._check(call.tenant_id, agent_id, {"id": "new", **call.body.sequence})
        except InvalidDefinition as error:
            faults = [fault_view(problem, pointer(problem.place)) for problem in error.problems[:MOST_FLAWS]]
            return Answer(ValidationView(valid=False, problems=faults))
        return Answer(ValidationView(valid=True, problems=[]))

    async def preview(self, call: Call[PreviewBody]) -> Answer:
        """Say when each step would be carried out, for a start at a given time. Nothing is stored."""
        agent_id = await self._agent(call)
        body = call.body
        if body.timezone and zone(body.timezone) is None:
            raise invalid(f"there is no time zone {body.timezone}: write it as Europe/Moscow", "definition", pointer="/timezone")
        if body.start is None or body.start.tzinfo is None or not 1971 <= body.start.year <= 2200:
            raise invalid("say when it starts, with a time zone: 2026-03-01T10:00:00Z", "definition", pointer="/start")
        with refusals():
            plan = await self._check(call.tenant_id, agent_id, {"id": "new", **body.sequence})
        where = zone_of(body.timezone, plan.timezone)
        items = [planned_view(one, one.at.astimezone(where)) for one in preview(plan, body.start, where)]
        return Answer(PreviewView(timezone=where.key, items=items))

    async def one(self, call: Call) -> Answer:
        """Show a sequence, deleted or not."""
        return await self._shown(call, await self._sequences.find(call.tenant_id, call.uuid("id"), call.uuid("sequence_id")))

    async def replace(self, call: Call[SequenceBody]) -> Answer:
        """Replace a sequence as a whole. Runs keep the steps they began with; once it is published, `move` gives them these."""
        agent_id, sequence_id = call.uuid("id"), call.uuid("sequence_id")
        known = await self._sequences.find(call.tenant_id, agent_id, sequence_id)
        if known is None:
            raise call.missing()
        definition = as_definition(call.body.definition(known.key))
        with refusals():
            await self._check(call.tenant_id, agent_id, definition)
            actor = call.caller.actor
            replaced = await self._sequences.replace(call.tenant_id, actor, agent_id, sequence_id, call.if_match, definition)
        return await self._shown(call, replaced)

    async def delete(self, call: Call) -> Answer:
        """Delete a sequence; `restore` undoes it. Runs go on with the steps they began with."""
        agent_id, sequence_id = call.uuid("id"), call.uuid("sequence_id")
        with refusals():
            deleted = await self._sequences.delete(call.tenant_id, call.caller.actor, agent_id, sequence_id, call.if_match)
        if deleted is None:
            raise call.missing()
        return Answer(etag=deleted.version)

    async def restore(self, call: Call) -> Answer:
        """Bring a deleted sequence back; one that is there stays as it is."""
        actor = call.caller.actor
        return await self._shown(call, await self._sequences.restore(call.tenant_id, actor, call.uuid("id"), call.uuid("sequence_id")))

    async def pause(self, call: Call) -> Answer:
        """Pause all runs at once: nothing more is sent, and what is queued and not on the wire is said after the pause."""
        return await self._held(call, paused=True)

    async def resume(self, call: Call) -> Answer:
        """Let paused runs go on. What became due meanwhile is sent now, within the hours of the sequence."""
        return await self._held(call, paused=False)

    async def move(self, call: Call) -> Answer:
        """Give runs that began with older steps those that are published, each at the place of the same step."""
        agent_id = call.uuid("id")
        known = await self._sequences.find(call.tenant_id, agent_id, call.uuid("sequence_id"))
        if known is None:
            raise call.missing()
        moved = await self._enrollments.move(call.tenant_id, agent_id, known.key)
        return Answer(MovedView(moved=moved, left=await self._enrollments.outdated(call.tenant_id, agent_id, known.key)))

    async def _held(self, call: Call, *, paused: bool) -> Answer:
        actor, agent_id = call.caller.actor, call.uuid("id")
        return await self._shown(
            call, await self._sequences.pause(call.tenant_id, actor, agent_id, call.uuid("sequence_id"), paused=paused)
        )

    async def _agent(self, call: Call[Any, Any]) -> UUID:
        agent = await self._drafts.find(call.tenant_id, call.uuid("id"))
        if agent is None:
            raise call.missing("id")
        return agent.id

    async def _check(self, tenant_id: UUID, agent_id: UUID, definition: Mapping[str, Any]) -> Sequence:
        known = await self._scripts.all(tenant_id, agent_id)
        plan = check_sequence(definition, frozenset([item.key for item in known if item.enabled]))
        acts = [(f"steps[{n}]", step.act.action) for n, step in enumerate(plan.steps) if isinstance(step.act, Do)]
        wrong = begun_in_vain(acts, {item.key for item in known if item.definition.get("steps")})
        if wrong := [*wrong, *await self._named.problems(tenant_id, agent_id, acts)]:
            raise InvalidDefinition(wrong)
        return plan

    async def _view(self, tenant_id: UUID, item: SequenceItem) -> SequenceView:
        counts = await self._enrollments.counts(tenant_id, item.agent_id, [item.key])
        published = await self._enrollments.published(tenant_id, item.agent_id, item.key)
        outdated = await self._enrollments.outdated(tenant_id, item.agent_id, item.key)
        return sequence_view(item, counts.get(item.key, Counts()), outdated, published is not None)

    async def _shown(self, call: Call[Any, Any], item: SequenceItem | None) -> Answer:
        if item is None:
            raise call.missing()
        return Answer(await self._view(call.tenant_id, item), etag=item.version)
