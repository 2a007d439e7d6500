"""What the caller's company keeps, and for how long. What is too old goes by night, for good."""

from gateway.api.operation import Answer, Call, Operation
from gateway.schemas.retention import RetentionBody, RetentionView, TooOldView, retention_view
from storage.postgres import Database
from storage.retention import RetentionPlans

_HERE = "/api/retention"


class RetentionApi:
    """What is kept."""

    def __init__(self, database: Database) -> None:
        self._plans = RetentionPlans(database)

    def operations(self) -> list[Operation]:
        """Return the operations."""
        tag = "retention"
        return [
            Operation("GET", _HERE, self.show, level="admin", tag=tag, answer=RetentionView),
            Operation("PUT", _HERE, self.change, level="owner", tag=tag, body=RetentionBody, answer=RetentionView),
            Operation("POST", f"{_HERE}/preview", self.preview, level="admin", tag=tag, body=RetentionBody, answer=TooOldView),
        ]

    async def show(self, call: Call) -> Answer:
        """Show what is kept, and for how long."""
        return Answer(retention_view(await self._plans.show(call.tenant_id)))

    async def change(self, call: Call[RetentionBody]) -> Answer:
        """Keep this from the next night on. What goes then is gone for good: ask `preview` first. Switches the schedule on."""
        return Answer(retention_view(await self._plans.change(call.tenant_id, call.body.keeping, call.caller.actor)))

    async def preview(self, call: Call[RetentionBody]) -> Answer:
        """Count what would go if this were kept. Nothing is changed."""
        return Answer(TooOldView(**await self._plans.too_old(call.tenant_id, call.body.keeping)))
