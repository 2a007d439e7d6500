"""Actions: what was asked of systems outside, and what became of it."""

from functools import partial
from typing import Any
from uuid import UUID

from config.settings import settings
from gateway.api.operation import Answer, Call, Operation
from gateway.api.paging import after_number
from gateway.schemas.rules import ActionList, ActionPage, ActionQuery, ActionView, ActsBody, ActsView, WebhookSecretView, action_view
from storage.actions import Actions
from storage.authoring.drafts import Drafts
from storage.crypto import load_or_create_key
from storage.postgres import Database
from storage.signing_keys import webhook_secret


class ActionsApi:
    """Actions of the caller's tenant."""

    def __init__(self, database: Database) -> None:
        self._actions = Actions(database)
        self._drafts = Drafts(database)

    def operations(self) -> list[Operation]:
        """Return the operations."""
        chat, message = "/api/conversations/{id}", {"id", "message_id"}
        viewer, operator = partial(Operation, level="viewer", tag="actions"), partial(Operation, level="operator", tag="actions")
        return [
            viewer("GET", "/api/agents/{id}/actions", self.list, query=ActionQuery, answer=ActionPage),
            operator("POST", "/api/actions/{id}/retry", self.retry, answer=ActionView, numbers={"id"}),
            viewer("GET", f"{chat}/messages/{{message_id}}/actions", self.of_message, answer=ActionList, numbers=message),
            viewer("GET", f"{chat}/acts", self.acts, answer=ActsView, numbers={"id"}),
            operator("PUT", f"{chat}/acts", self.set_acts, body=ActsBody, answer=ActsView, numbers={"id"}),
            Operation("GET", "/api/webhook-secret", self.secret, level="admin", tag="actions", answer=WebhookSecretView),
        ]

    async def list(self, call: Call[None, ActionQuery]) -> Answer:
        """List what an agent asked of systems outside, the newest first."""
        agent_id: UUID = call.uuid("id")
        if await self._drafts.find(call.tenant_id, agent_id) is None:
            raise call.missing("id")
        query = call.query
        found = await self._actions.page(call.tenant_id, agent_id, query.state, query.rule, after_number(call.page), call.page.limit + 1)
        return call.listed(ActionPage, found, action_view, lambda last: last.id)

    async def retry(self, call: Call) -> Answer:
        """Carry out again what failed, or what nobody knows the outcome of. One in another state stays as it is."""
        found = await self._actions.retry(call.tenant_id, call.number("id"), call.caller.name)
        if found is None:
            raise call.missing()
        return Answer(action_view(found))

    async def of_message(self, call: Call) -> Answer:
        """List what the turn of a message asked of systems outside."""
        found = await self._actions.of_message(call.tenant_id, call.number("id"), call.number("message_id"))
        if found is None:
            raise call.missing()
        return Answer(ActionList(items=[action_view(item) for item in found]))

    async def acts(self, call: Call) -> Answer:
        """Show whether a test conversation acts in earnest; until somebody says so, it only notes what it would do."""
        return _acts(call, await self._actions.acts(call.tenant_id, call.number("id")))

    async def set_acts(self, call: Call[ActsBody]) -> Answer:
        """Let a test conversation act in earnest, or only note what it would do, from its next turn on."""
        return _acts(call, await self._actions.set_acts(call.tenant_id, call.number("id"), call.body.acts))

    async def secret(self, call: Call) -> Answer:
        """Show what your receivers check the signatures of webhooks with."""
        return Answer(WebhookSecretView(secret=webhook_secret(load_or_create_key(settings().data_dir), call.tenant_id)))


def _acts(call: Call[Any, Any], acts: bool | None) -> Answer:
    if acts is None:
        raise call.missing()
    return Answer(ActsView(acts=acts))
