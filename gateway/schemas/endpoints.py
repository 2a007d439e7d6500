"""An agent's integrations: what is sent and what is shown, never a secret."""

from dataclasses import asdict
from datetime import datetime
from typing import Literal
from uuid import UUID

from gateway.schemas.bodies import Body, View
from storage.endpoints import Endpoint


class IntegrationPatch(Body):
    """What becomes of an integration; what is left out stays. The policy is that of replies committed from now on."""

    status: Literal["live", "paused"] | None = None
    reply_policy: Literal["once", "repeat_once"] | None = None


class IntegrationView(View):
    """An integration. `problem` says why it is broken; `account` is the channel's own id, as a bot's."""

    id: UUID
    agent_id: UUID
    channel: str
    account: str
    status: str
    mode: str
    reply_policy: str
    problem: str | None
    created_at: datetime


class IntegrationList(View):
    """All integrations of an agent, oldest first: they are few."""

    items: list[IntegrationView]


def integration_view(endpoint: Endpoint) -> IntegrationView:
    """Return an integration."""
    return IntegrationView(**asdict(endpoint))
