"""An operator's own Telegram: a code links it, and customers who wait for a person are shown there."""

from typing import Any
from urllib.parse import quote
from uuid import UUID

from gateway.api.operation import Answer, Call, Operation
from gateway.auth import Caller
from gateway.problems import Problem, not_found
from gateway.schemas.operators import AvailabilityPatch, DeepLinkView, TelegramCodeView, TelegramLinkView, link_view
from storage.operators.linking import OperatorLinks
from storage.postgres import Database

_HERE = "/api/me/telegram-link"


class TelegramLinkApi:
    """The Telegram of whoever is asking."""

    def __init__(self, database: Database) -> None:
        self._links = OperatorLinks(database)

    def operations(self) -> list[Operation]:
        """Return the operations."""
        tag = "operators"
        return [
            Operation("GET", _HERE, self.show, level="operator", tag=tag, answer=TelegramLinkView, also=(404,)),
            Operation("POST", _HERE, self.make_code, level="operator", tag=tag, answer=TelegramCodeView, status=201, also=(404, 409)),
            Operation("PATCH", _HERE, self.change, level="operator", tag=tag, body=AvailabilityPatch, answer=TelegramLinkView, also=(404,)),
            Operation("DELETE", _HERE, self.unlink, level="operator", tag=tag, status=204, also=(404,)),
        ]

    async def show(self, call: Call) -> Answer:
        """Show whether one's Telegram is linked, and the bots over which it can be. Keys are nobody's: 404."""
        return await self._shown(call, _person(call.caller))

    async def make_code(self, call: Call) -> Answer:
        """Make a code that links one's Telegram: it works once, for ten minutes; an earlier one ends."""
        user_id = _person(call.caller)
        bots = await self._links.bots(call.tenant_id)
        if not bots:
            raise Problem(409, "no Telegram bot is connected: connect one first, then link your own Telegram", reason="no-bot")
        code, expires_at = await self._links.issue(call.tenant_id, user_id, call.caller.actor)
        links = [
            DeepLinkView(agent=bot.agent, username=bot.username, url=f"https://t.me/{quote(bot.username)}?start={code}")
            for bot in bots
            if bot.username
        ]
        return Answer(TelegramCodeView(code=code, deep_links=links, expires_at=expires_at), headers={"Cache-Control": "no-store"})

    async def change(self, call: Call[AvailabilityPatch]) -> Answer:
        """Say whether one wants to be asked about customers who wait."""
        user_id = _person(call.caller)
        if not await self._links.set_available(call.tenant_id, user_id, call.body.available):
            raise not_found("linked Telegram")
        return await self._shown(call, user_id)

    async def unlink(self, call: Call) -> Answer:
        """Unlink one's Telegram: that chat is an ordinary one again."""
        if not await self._links.unlink(call.tenant_id, _person(call.caller), call.caller.actor):
            raise not_found("linked Telegram")
        return Answer()

    async def _shown(self, call: Call[Any, Any], user_id: UUID) -> Answer:
        return Answer(link_view(await self._links.find(call.tenant_id, user_id), await self._links.bots(call.tenant_id)))


def _person(caller: Caller) -> UUID:
    if caller.user_id is None:
        raise not_found("Telegram of a key: log in as a person")
    return caller.user_id
