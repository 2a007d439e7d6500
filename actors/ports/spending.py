"""What a company spends on models."""

from typing import Protocol

from actors.domain.ids import TenantId


class Spending(Protocol):
    """What was spent; it grows with the commits of turns."""

    async def spent_today(self, tenant_id: TenantId) -> int:
        """Return what the company spent since midnight (UTC), in millionths of a dollar.

        Raises:
            TransientError: nobody can say now.
        """
