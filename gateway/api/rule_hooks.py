"""Addresses at which systems of the tenant's own wake rules."""

from functools import cached_property
from pathlib import Path
from typing import Any

from gateway.api.operation import Answer, Call, Operation
from gateway.directory import Directory
from gateway.schemas.rules import RuleHookView
from storage.crypto import SecretBox, load_or_create_key
from storage.postgres import Database
from storage.rule_hooks import RuleHook, RuleHooks

_ONE = "/api/agents/{id}/rule-webhook"


class RuleHooksApi:
    """The address of each agent of the caller's tenant. The key is read when it is needed first."""

    def __init__(self, database: Database, directory: Directory, data_dir: Path, public_url: str) -> None:
        self._database = database
        self._directory = directory
        self._data_dir = data_dir
        self._public_url = public_url.rstrip("/")

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation("GET", _ONE, self.show, level="admin", tag="rules", answer=RuleHookView),
            Operation("POST", f"{_ONE}/rotate", self.rotate, level="admin", tag="rules", answer=RuleHookView),
        ]

    async def show(self, call: Call) -> Answer:
        """Show where to POST JSON for rules with the trigger `webhook`: `{rule}` stands for a rule's key. Treat it like a password."""
        return self._shown(call, await self._hooks.of(call.tenant_id, call.uuid("id")))

    async def rotate(self, call: Call) -> Answer:
        """Change the secret of the address: whoever has the old one is refused, by every gateway within seconds."""
        hook = await self._hooks.rotate(call.tenant_id, call.caller.actor, call.uuid("id"))
        if hook is not None:
            self._directory.forget(hook.integration_id)
        return self._shown(call, hook)

    @cached_property
    def _hooks(self) -> RuleHooks:
        return RuleHooks(self._database, SecretBox(load_or_create_key(self._data_dir)))

    def _shown(self, call: Call[Any, Any], hook: RuleHook | None) -> Answer:
        if hook is None:
            raise call.missing("id")
        base = self._public_url or f"{call.request.scheme}://{call.request.host}"
        return Answer(RuleHookView(url=f"{base}/webhooks/rules/{hook.integration_id}/{{rule}}/{hook.secret}"))
