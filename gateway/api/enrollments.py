"""Runs of sequences: who is at which step, and stopping, skipping and beginning anew by hand."""

from functools import partial
from typing import Any, Literal
from uuid import UUID

from gateway.api.operation import Answer, Call, Operation
from gateway.api.paging import after_number
from gateway.problems import Problem, not_found
from gateway.schemas.sequences import EnrollBody, EnrollmentPage, EnrollmentQuery, EnrollmentView, enrollment_view
from storage.authoring.sequences import SequenceItem, Sequences
from storage.enrollments import EnrollmentItem, Enrollments
from storage.postgres import Database

_ALL = "/api/agents/{id}/sequences/{sequence_id}/enrollments"
_ONE = f"{_ALL}/{{enrollment_id}}"
_NUMBERS = {"enrollment_id"}


class EnrollmentsApi:
    """The enrollments of the agents of the caller's tenant."""

    def __init__(self, database: Database) -> None:
        self._sequences = Sequences(database)
        self._enrollments = Enrollments(database)

    def operations(self) -> list[Operation]:
        """Return the operations."""
        viewer, operator = partial(Operation, level="viewer", tag="enrollments"), partial(Operation, level="operator", tag="enrollments")
        moves = partial(operator, numbers=_NUMBERS, answer=EnrollmentView, also=(409,))
        return [
            viewer("GET", _ALL, self.list, query=EnrollmentQuery, answer=EnrollmentPage),
            operator("POST", _ALL, self.enroll, body=EnrollBody, answer=EnrollmentView, status=201, idempotent=True, also=(409,)),
            viewer("GET", _ONE, self.one, numbers=_NUMBERS, answer=EnrollmentView),
            moves("POST", f"{_ONE}/stop", self.stop),
            moves("POST", f"{_ONE}/skip", self.skip),
            moves("POST", f"{_ONE}/restart", self.restart),
        ]

    async def list(self, call: Call[None, EnrollmentQuery]) -> Answer:
        """List runs of a sequence, the newest first."""
        known = await self._known(call)
        found = await self._enrollments.page(
            call.tenant_id, known.agent_id, known.key, call.query.state, after_number(call.page), call.page.limit + 1
        )
        return call.listed(EnrollmentPage, found, enrollment_view, lambda last: last.id)

    async def enroll(self, call: Call[EnrollBody]) -> Answer:
        """Start a sequence for a conversation by hand, from the beginning, whatever its rules of enrolling again say."""
        known = await self._known(call)
        conversation_id = int(call.body.conversation_id)
        started = await self._start(call, known, conversation_id) if conversation_id < 2**63 else None
        if started is None:
            raise not_found("conversation")
        return Answer(enrollment_view(started))

    async def one(self, call: Call) -> Answer:
        """Show a run."""
        _, found = await self._run(call)
        return Answer(enrollment_view(found))

    async def stop(self, call: Call) -> Answer:
        """Stop a run: nothing more of it is sent, unless it is on the wire already."""
        return await self._moved(call, "stop", "it has ended already")

    async def skip(self, call: Call) -> Answer:
        """Leave the next step out; the one behind it is carried out at that time."""
        return await self._moved(call, "skip", "it has ended, or its step is being carried out now: look again in a moment")

    async def restart(self, call: Call) -> Answer:
        """Begin anew with the published steps, now."""
        known, found = await self._run(call)
        started = await self._start(call, known, found.conversation_id)
        if started is None:
            raise Problem(409, "the conversation belongs to another agent now", reason="moved")
        return Answer(enrollment_view(started))

    async def _moved(self, call: Call, do: Literal["stop", "skip"], refusal: str) -> Answer:
        known, found = await self._run(call)
        by = call.caller.actor.name
        moved = await self._enrollments.control(call.tenant_id, known.agent_id, found.conversation_id, known.key, do, by)
        if moved is None:
            raise Problem(409, refusal, reason="ended")
        return Answer(enrollment_view(await self._again(call.tenant_id, known, found.id)))

    async def _start(self, call: Call[Any, Any], known: SequenceItem, conversation_id: int) -> EnrollmentItem | None:
        plan = await self._enrollments.published(call.tenant_id, known.agent_id, known.key)
        if plan is None:
            raise Problem(409, "customers cannot meet this sequence yet: publish the agent first", reason="not-published")
        by = call.caller.actor.name
        started = await self._enrollments.control(call.tenant_id, known.agent_id, conversation_id, known.key, "start", by, plan)
        return None if started is None else await self._again(call.tenant_id, known, started)

    async def _again(self, tenant_id: UUID, known: SequenceItem, enrollment_id: int) -> EnrollmentItem:
        found = await self._enrollments.find(tenant_id, known.agent_id, known.key, enrollment_id)
        assert found is not None  # nothing deletes enrollments
        return found

    async def _known(self, call: Call[Any, Any]) -> SequenceItem:
        known = await self._sequences.find(call.tenant_id, call.uuid("id"), call.uuid("sequence_id"))
        if known is None:
            raise call.missing("sequence_id")
        return known

    async def _run(self, call: Call[Any, Any]) -> tuple[SequenceItem, EnrollmentItem]:
        known = await self._known(call)
        found = await self._enrollments.find(call.tenant_id, known.agent_id, known.key, call.number("enrollment_id"))
        if found is None:
            raise call.missing()
        return known, found
