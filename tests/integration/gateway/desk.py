"""Somebody at work in a company's console."""

from typing import Any

from tests.integration.gateway.company import Company
from tests.integration.gateway.processes import GatewayProcess
from tests.integration.gateway.test_api import call

DELIVERY = {"name": "Delivery", "key": "delivery", "phrases": ["delivery"], "answer": {"en": "300 roubles", "ru": "300 рублей"}}


class Desk:
    """Somebody at work in one company's console."""

    def __init__(self, gateway: GatewayProcess, company: Company) -> None:
        self.gateway, self.company = gateway, company

    async def do(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        match: str | None = None,
        key: str | None = None,
        level: Any = "admin",
        expect: int = 200,
    ) -> Any:
        given = {"If-Match": match, "Idempotency-Key": key}
        more: dict[str, Any] = {"headers": {name: value for name, value in given.items() if value}}
        if body is not None:
            more["json"] = body
        status, document, headers = await call(self.gateway, method, path, self.company, level, **more)
        assert status == expect, document
        tags = [value for name, value in headers.items() if name.lower() == "etag"]
        return {**document, "etag": tags[0] if tags else ""}

    async def agent(self, **persona: Any) -> str:
        created = await self.do(
            "POST", "/api/agents", {"name": "Boris", "persona": {"languages": ["en"], "debounce_s": 0, **persona}}, expect=201
        )
        return f"/api/agents/{created['id']}"
