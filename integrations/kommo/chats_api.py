"""Kommo's Chats API (amojo) for a channel of our own: signed requests, no access token.

https://developers.kommo.com/docs/chats-api: the signature is over the exact bytes of the body; `Date` is good for 15 minutes.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import formatdate
from typing import Any

import orjson

from actors.domain.errors import TerminalError, TransientError, UnknownOutcome
from integrations.kommo.errors import AddressBlocked, Forbidden, Missed, NotFound, TokenRefused
from integrations.kommo.wire import NEVER, Moment, Wire

CUSTOM = "/v2/origin/custom"
JSON = "application/json"
HISTORY_PAGE = 50  # the most that Kommo gives at once
DELIVERED, NOT_DELIVERED = 1, -1
_ERROR_CODE = 905  # of 901..905: any other reason, said in words
_DOMAINS = ("kommo.com", "amocrm.ru", "amocrm.com")


class SignatureRefused(TerminalError):
    """403: the channel's secret is another one, or the account is not connected to the channel."""


class NoSuchChannel(TerminalError):
    """404: there is no such channel, or the account is not connected to it."""


@dataclass(frozen=True, slots=True)
class ChannelKeys:
    """A channel as Kommo registered it, and the host of its account."""

    channel_id: str
    host: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Person:
    """Who wrote, or to whom. `ref_id`: Kommo's id of who writes for the company."""

    id: str
    name: str = ""
    ref_id: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the wire form."""
        return {"id": self.id, "name": self.name, **({"ref_id": self.ref_id} if self.ref_id else {})}


@dataclass(frozen=True, slots=True)
class Posted:
    """A message to be shown. With a `receiver` it is the company's, without one the customer's."""

    msgid: str
    conversation_id: str
    ref_id: str
    sender: Person
    receiver: Person | None
    text: str
    at: datetime


def chats_host(account_host: str) -> str:
    """Return where the chats of an account are: each of Kommo's domains has its own."""
    domain = next((domain for domain in _DOMAINS if account_host.endswith(f".{domain}")), _DOMAINS[0])
    return f"amojo.{domain}"


def today() -> str:
    """Return the moment as a request says it."""
    return formatdate().replace("-0000", "+0000")


def signed(secret: str, method: str, path: str, content: bytes, date: str) -> dict[str, str]:
    """Return the headers of a request; `path` without host and query, `date` by RFC 2822."""
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    signature = signature_of(secret, method, digest, date, path)
    return {"Date": date, "Content-Type": JSON, "Content-MD5": digest, "X-Signature": signature}


def signature_of(secret: str, method: str, digest: str, date: str, path: str) -> str:
    """Return the signature of a request whose body has this MD5 digest."""
    text = "\n".join((method, digest, JSON, date, path))
    return hmac.digest(secret.encode(), text.encode(), "sha1").hex()


def is_hook(secret: str, body: bytes, signature: str) -> bool:
    """Whether Kommo sent this body: it signs the bytes as they are."""
    expected = hmac.digest(secret.encode(), body, "sha1").hex()
    return hmac.compare_digest(expected.encode(), signature.lower().encode("utf-8", "surrogateescape"))


class ChatsApi:
    """Requests for channels of our own; none is repeated here.

    Every method raises SignatureRefused and NoSuchChannel, and what integrations/kommo/errors.py says.
    """

    def __init__(self, wire: Wire, today: Callable[[], str] = today) -> None:
        self._wire = wire
        self._today = today

    async def connect(self, keys: ChannelKeys, amojo_id: str, title: str) -> str:
        """Connect an account to the channel and return the scope's id; a second time changes nothing."""
        body = {"account_id": amojo_id, "title": title, "hook_api_version": "v2"}
        answer = await self._ask(keys, "POST", f"{CUSTOM}/{keys.channel_id}/connect", body, harmless=True)
        return _text(answer, "scope_id") or f"{keys.channel_id}_{amojo_id}"

    async def disconnect(self, keys: ChannelKeys, amojo_id: str) -> None:
        """Take the account from the channel; a second time changes nothing."""
        await self._ask(keys, "DELETE", f"{CUSTOM}/{keys.channel_id}/disconnect", {"account_id": amojo_id}, harmless=True)

    async def create_chat(self, keys: ChannelKeys, scope_id: str, conversation_id: str, user: Person) -> str:
        """Return Kommo's id of the chat with this id of ours; it is made if there is none, and nobody is told."""
        body = {"conversation_id": conversation_id, "user": user.to_json()}
        answer = await self._ask(keys, "POST", f"{CUSTOM}/{scope_id}/chats", body, harmless=True)
        if not (ref_id := _text(answer, "id")):
            raise TerminalError("Kommo: a chat without an id")
        return ref_id

    async def post(self, keys: ChannelKeys, scope_id: str, message: Posted, not_after: float = NEVER) -> None:
        """Show a message. UnknownOutcome: look into the history before anything else.

        Args:
            keys: the channel's.
            scope_id: the account in it.
            message: what is shown.
            not_after: on the monotonic clock; after it no byte is written.
        """
        seconds = message.at.timestamp()
        payload = {
            "timestamp": int(seconds),
            "msec_timestamp": int(seconds * 1000),
            "msgid": message.msgid,
            "conversation_id": message.conversation_id,
            "conversation_ref_id": message.ref_id,
            "sender": message.sender.to_json(),
            **({"receiver": message.receiver.to_json()} if message.receiver else {}),
            "message": {"type": "text", "text": message.text},
            "silent": message.receiver is not None,  # a manager is told of what customers write, not of our answers
        }
        body = {"event_type": "new_message", "payload": payload}
        answer = await self._ask(keys, "POST", f"{CUSTOM}/{scope_id}", body, not_after=not_after)
        if not isinstance(answer, Mapping):
            raise UnknownOutcome("Kommo: an answer to a message that says nothing")

    async def tell_delivery(self, keys: ChannelKeys, scope_id: str, message_id: str, error: str | None) -> None:
        """Say what became of a message that was written in Kommo; a second time changes nothing. One that is not known any more is left."""
        failed = {"error_code": _ERROR_CODE, "error": error[:200]} if error is not None else {}
        body = {"msgid": message_id, "status_code": DELIVERED if error is None else NOT_DELIVERED, **failed}
        try:
            await self._ask(keys, "POST", f"{CUSTOM}/{scope_id}/{message_id}/delivery_status", body, harmless=True)
        except NoSuchChannel:
            return

    async def history(self, keys: ChannelKeys, scope_id: str, ref_id: str, pages: int = 4) -> Sequence[str]:
        """Return our ids of the messages in a chat, of so many pages at the most."""
        found: list[str] = []
        for page in range(pages):
            query = f"?limit={HISTORY_PAGE}&offset={page * HISTORY_PAGE}"
            answer = await self._ask(keys, "GET", f"{CUSTOM}/{scope_id}/chats/{ref_id}/history", query=query)
            messages = answer.get("messages") if isinstance(answer, Mapping) else None
            items = messages if isinstance(messages, list) else []
            found += [msgid for item in items if isinstance(item, Mapping) and (msgid := _text(item.get("message"), "client_id"))]
            if len(items) < HISTORY_PAGE:
                break
        return found

    async def _ask(
        self,
        keys: ChannelKeys,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: str = "",
        harmless: bool = False,
        not_after: float = NEVER,
    ) -> Any:
        content = b"" if body is None else orjson.dumps(body)
        headers = signed(keys.secret, method, path, content, self._today())
        host = chats_host(keys.host)
        try:
            moment = Moment(not_after=not_after)
            return await self._wire.ask(method, host, path + query, body=body, headers=headers, harmless=harmless, moment=moment)
        except Missed:
            raise TransientError("Kommo closed the connection") from None
        except (Forbidden, AddressBlocked, TokenRefused) as error:
            raise SignatureRefused(f"Kommo refuses what is signed with this secret ({_told(error)})") from None
        except NotFound as error:
            raise NoSuchChannel(f"Kommo knows no such channel, or the account is not connected to it ({_told(error)})") from None


def _told(error: Exception) -> str:
    return "403" if isinstance(error, AddressBlocked) else str(error)[:200]


def _text(answer: Any, name: str) -> str:
    found = answer.get(name) if isinstance(answer, Mapping) else None
    return found if isinstance(found, str) else ""
