"""A connected Kommo account, and posting to its webhook with the headers that Kommo sends."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from actors.domain.ids import IntegrationId
from storage.crypto import SecretBox
from storage.integrations import IntegrationAdmin, NewIntegration
from storage.postgres import Database, Role
from tests.integration.gateway.company import Company
from tests.integration.gateway.processes import GatewayProcess


@dataclass(frozen=True)
class Hook:
    """A webhook: what is posted where."""

    integration: IntegrationId
    account: str
    secret: str = field(default_factory=lambda: f"secret-{uuid4().hex}")

    @property
    def path(self) -> str:
        return f"/webhooks/kommo/{self.integration}/{self.secret}"


def headers() -> dict[str, str]:
    """Return the headers of a webhook, as captured in 2025."""
    return {
        "User-Agent": "amoCRM-Webhooks/3.0",
        "X-amocrm-requestid": str(uuid4()),
        "Accept-Encoding": "gzip",
        "Content-Type": "application/x-www-form-urlencoded",
    }


async def connect(dsn: str, company: Company, account: str) -> Hook:
    """Connect an account."""
    secret = uuid4().hex
    async with await Database.open(dsn, Role.API, "test", size=1) as database:
        new = NewIntegration(company.agent_id, "kommo", account, reply_policy="once", token="t", secret=secret)
        integration = await IntegrationAdmin(database, SecretBox(bytes(32))).create(company.tenant_id, new)
    return Hook(integration, account, secret)


async def post(gateway: GatewayProcess, path: str, body: bytes, more: Mapping[str, str] | None = None) -> tuple[int, float]:
    """Post a body; return the status and the seconds until the answer."""
    started = time.monotonic()
    async with gateway.session.post(path, data=body, headers=headers() | dict(more or {})) as response:
        await response.read()
        return response.status, time.monotonic() - started
