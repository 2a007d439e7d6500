"""`webhook.call`: a signed POST of JSON to an address of the tenant's own."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from actors.domain.ids import TenantId
from actors.ports.actions import Action
from actors.ports.time import Clock
from integrations.http.egress import Egress
from integrations.http.signing import KEY, SIGNATURE, TIMESTAMP, signature

KIND = "webhook.call"


class WebhookRunner:
    """Calls webhooks. The body says what happened; the key in it is the same at every try."""

    def __init__(self, egress: Egress, secret_of: Callable[[TenantId], str], clock: Clock) -> None:
        self._egress = egress
        self._secret_of = secret_of
        self._clock = clock

    async def run(self, action: Action) -> Mapping[str, Any]:
        """Send it and return status and beginning of the answer.

        Raises:
            TransientError, TerminalError, UnknownOutcome: as `Egress.post`.
        """
        body = orjson.dumps(
            {
                "key": action.key,
                "kind": action.params.get("event", "rule"),
                "agent_id": str(action.agent_id),
                "conversation_id": str(action.conversation_id),
                "rule": action.rule,
                "data": action.params.get("data", {}),
            }
        )
        timestamp = str(int(self._clock.now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Callboard",
            TIMESTAMP: timestamp,
            KEY: action.key,
            SIGNATURE: signature(self._secret_of(action.tenant_id), timestamp, body),
        }
        answer = await self._egress.post(str(action.params.get("url", "")), body, headers)
        return {"status": answer.status, "text": answer.text}
