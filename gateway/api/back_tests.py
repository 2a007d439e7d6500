"""Back-tests: what came of rules that were tried on the events of the last days. They are asked for beside the rules."""

from functools import partial

from gateway.api.operation import Answer, Call, Operation
from gateway.api.paging import after_number
from gateway.schemas.back_tests import BackTestEventPage, BackTestEventsQuery, BackTestView, back_test_view, event_view
from storage.back_tests import TenantBackTests
from storage.postgres import Database

_ONE = "/api/back-tests/{id}"


class BackTestsApi:
    """Back-tests of the caller's tenant."""

    def __init__(self, database: Database) -> None:
        self._back_tests = TenantBackTests(database)

    def operations(self) -> list[Operation]:
        """Return the operations."""
        viewer = partial(Operation, level="viewer", tag="back-tests")
        return [
            viewer("GET", _ONE, self.one, answer=BackTestView),
            viewer("GET", f"{_ONE}/events", self.events, query=BackTestEventsQuery, answer=BackTestEventPage),
        ]

    async def one(self, call: Call) -> Answer:
        """Show a back-test: how far it is, and what came of it."""
        found = await self._back_tests.find(call.tenant_id, call.uuid("id"))
        if found is None:
            raise call.missing()
        return Answer(back_test_view(found))

    async def events(self, call: Call[None, BackTestEventsQuery]) -> Answer:
        """List events of a back-test, the newest first, and how the rule fared on them."""
        job_id, query = call.uuid("id"), call.query
        if await self._back_tests.find(call.tenant_id, job_id) is None:
            raise call.missing()
        after = after_number(call.page) or 0
        found = await self._back_tests.page(call.tenant_id, job_id, query.outcome, query.reason, after, call.page.limit + 1)
        return call.listed(BackTestEventPage, found, event_view, lambda last: last.position)
