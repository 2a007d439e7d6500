"""Customers who wait for a person, and operators who are asked about them."""

from typing import Protocol


class HandoffStore(Protocol):
    """Durable: whoever dies in between, the next round goes on where it was."""

    async def advance(self, limit: int) -> int:
        """Ask the next operator about at most `limit` handoffs that are due; return how many were."""

    async def tell(self, limit: int) -> int:
        """Say at most `limit` notices in operators' own chats; return how many."""

    async def sweep(self) -> int:
        """Withdraw what a stopped bot would still say; return how many messages."""
