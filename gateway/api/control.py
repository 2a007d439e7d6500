"""Takeover, give back and an operator's answer: committed at once, not queued behind the mailbox."""

import re
from typing import Any
from uuid import UUID

from aiohttp import web

from actors.domain.errors import TerminalError
from actors.domain.ids import ConversationId, TurnId, shard_of
from gateway import ids
from gateway.api.paging import json_response, number_in_path
from gateway.auth import Keys
from gateway.problems import Problem, invalid, not_found
from gateway.schemas.bodies import ReplyRequest, no_body, parse_body
from storage.api_keys import ApiKey
from storage.conversations import ControlChange, ConversationControl, ConversationSummary
from storage.listings import Listings, MessageItem
from storage.postgres import Database
from storage.signals import RedisSignals

_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,128}")


class ControlApi:
    """Who speaks for the company in a conversation."""

    def __init__(self, database: Database, signals: RedisSignals, keys: Keys) -> None:
        self._control = ConversationControl(database)
        self._listings = Listings(database)
        self._signals = signals
        self._keys = keys

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        act = self._keys.require
        return [
            web.post("/api/conversations/{id}/takeover", act("operator", self.take_over)),
            web.post("/api/conversations/{id}/give-back", act("operator", self.give_back)),
            web.post("/api/conversations/{id}/reply", act("operator", self.reply)),
        ]

    async def take_over(self, request: web.Request, caller: ApiKey) -> web.Response:
        """Silence the bot: once this is answered, nothing of the bot's is claimed for sending."""
        conversation_id = number_in_path(request, "id", "conversation")
        await no_body(request)
        change = await self._control.take_over(caller.tenant_id, conversation_id, caller.name)
        return await self._changed(conversation_id, change)

    async def give_back(self, request: web.Request, caller: ApiKey) -> web.Response:
        """Let the bot speak again."""
        conversation_id = number_in_path(request, "id", "conversation")
        await no_body(request)
        change = await self._control.give_back(caller.tenant_id, conversation_id, caller.name)
        return await self._changed(conversation_id, change)

    async def reply(self, request: web.Request, caller: ApiKey) -> web.Response:
        """Answer as an operator; takes the conversation over. A repeated `Idempotency-Key` answers the same again."""
        conversation_id = number_in_path(request, "id", "conversation")
        turn_id, repeatable = _turn_id(request, conversation_id)
        body = await parse_body(request, ReplyRequest)
        conversation = await self._control.find(caller.tenant_id, conversation_id)
        if conversation is None:
            raise not_found("conversation")
        if repeatable and (before := await self._listings.operator_message(caller.tenant_id, conversation_id, turn_id)):
            return _replayed(conversation_id, before, body.text)
        return await self._reply(conversation, turn_id, body.text, caller)

    async def _reply(self, conversation: ConversationSummary, turn_id: UUID, text: str, caller: ApiKey) -> web.Response:
        try:
            said = await self._control.reply(caller.tenant_id, conversation.id, turn_id, text, caller.name)
        except TerminalError:
            # Its twin was committed in between: the turn's id is unique.
            if before := await self._listings.operator_message(caller.tenant_id, conversation.id, turn_id):
                return _replayed(conversation.id, before, text)
            raise
        if said is None:
            raise not_found("conversation")
        await self._signals.kick_control([conversation.id])
        await self._signals.kick_shards([shard_of(conversation.address.integration_id)])
        event = {"type": "message", "id": str(said.message_id), "role": "operator", "text": text}
        await self._signals.publish(conversation.id, event)
        return json_response(_said(conversation.id, said.message_id))

    async def _changed(self, conversation_id: int, change: ControlChange | None) -> web.Response:
        if change is None:
            raise not_found("conversation")
        conversation = ConversationId(conversation_id)
        await self._signals.kick_control([conversation])
        document = {
            "conversation_id": str(conversation_id),
            "control": change.control,
            "version": change.version,
            "withdrawn": change.withdrawn,
        }
        await self._signals.publish(conversation, {"type": "control", **document})
        return json_response(document)


def _turn_id(request: web.Request, conversation_id: int) -> tuple[TurnId, bool]:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return ids.turn_id(), False
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise invalid("1 to 128 printable ASCII characters", "idempotency-key", parameter="Idempotency-Key")
    return TurnId(ids.derived("reply", conversation_id, key)), True


def _replayed(conversation_id: int, before: MessageItem, text: str) -> web.Response:
    if before.body != text:
        raise Problem(422, "this Idempotency-Key was used for another text", reason="idempotency-key-reused")
    return json_response(_said(conversation_id, before.id), headers={"Idempotent-Replayed": "true"})


def _said(conversation_id: int, message_id: int) -> dict[str, Any]:
    return {"conversation_id": str(conversation_id), "message_id": str(message_id), "control": "human"}
