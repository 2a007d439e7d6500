"""Looking after connected bots: what goes wrong at the provider is shown before a customer misses an answer."""

import asyncio
from uuid import UUID

from actors.ports.connecting import ConnectedBots, WatchedBot
from actors.services.connecting import Connecting

PORTION = 20  # bots of one round, asked at once; with a round a minute, 200 bots are seen every ten minutes


class Watching:
    """Goes round all bots that work or should: revoked tokens, webhooks that were removed, replaced or fail."""

    def __init__(self, bots: ConnectedBots, connecting: Connecting) -> None:
        self._bots = bots
        self._connecting = connecting
        self._after: UUID | None = None

    async def round(self) -> int:
        """Look at the next portion and keep what is wrong with each, or that nothing is; return how many were looked at.

        Raises:
            CallboardError: the database is away, or does not take what was found; the next round goes on behind this one, so
                that no bot stands in the way of the others.
        """
        portion = await self._bots.page(self._after, PORTION)
        self._after = portion[-1].id if len(portion) == PORTION else None
        await asyncio.gather(*map(self._look, portion))
        return len(portion)

    async def _look(self, watched: WatchedBot) -> None:
        bot = await watched.desk.find(watched.agent_id, watched.id)
        if bot is not None:  # it may have been disconnected a moment ago
            await self._connecting.test(watched.desk, bot)
