"""The methods that answering and connecting use, by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from actors.domain.errors import TerminalError, UnknownOutcome
from actors.ports.kommo import KommoAccount
from integrations.kommo.client import PAGE, KommoClient, embedded
from integrations.kommo.limits import Priority
from integrations.kommo.wire import NEVER, Wire

# What the webhook tells of. A chat's messages both ways, talks, and what rules look at.
EVENTS = (
    "add_message",
    "add_outgoing_message",
    "add_talk",
    "update_talk",
    *(f"{what}_lead" for what in ("add", "update", "delete", "restore", "responsible", "status", "note")),
    *(f"{what}_contact" for what in ("add", "update", "delete", "restore", "responsible", "note")),
    *(f"{what}_task" for what in ("add", "update", "delete", "responsible")),
    *(f"{what}_unsorted" for what in ("add", "update", "delete")),
)


@dataclass(frozen=True, slots=True)
class Talk:
    """A period of a chat. `lead_id` is None where the chat has no lead."""

    id: int
    chat_id: str
    contact_id: int | None
    lead_id: int | None
    open: bool
    updated_at: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A message of a talk's history."""

    id: str
    outgoing: bool
    text: str
    created_at: int


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What an access token belongs to."""

    id: int
    name: str


async def account_facts(wire: Wire, host: str, token: str) -> AccountFacts:
    """Return whose token this is.

    Raises:
        CallboardError: see errors.py.
    """
    answer = await wire.ask("GET", host, "/api/v4/account?with=amojo_id", token=token)
    account_id = answer.get("id") if isinstance(answer, dict) else None
    if type(account_id) is not int:
        raise TerminalError("this address does not answer as Kommo does")
    return AccountFacts(account_id, str(answer.get("name", ""))[:200])


async def amojo_id(client: KommoClient, account: KommoAccount) -> str:
    """Return the account's id at the Chats API.

    Raises:
        CallboardError: see errors.py.
    """
    answer = await client.ask(account, "GET", "/api/v4/account", priority=Priority.ACTION, query={"with": "amojo_id"})
    found = answer.get("amojo_id") if isinstance(answer, dict) else None
    if not isinstance(found, str) or not found:
        raise TerminalError("the account has no id at the Chats API")
    return found.lower()


async def subscribe(client: KommoClient, account: KommoAccount, destination: str) -> None:
    """Have events of the account sent to us; a second time changes nothing.

    Raises:
        CallboardError: see errors.py.
    """
    body = {"destination": destination, "settings": list(EVENTS), "sort": 10}
    await client.ask(account, "POST", "/api/v4/webhooks", priority=Priority.ACTION, body=body, harmless=True)


class AccountApi:
    """Talks and their messages, and what a Salesbot needs, of one account, until a given moment."""

    def __init__(self, client: KommoClient, account: KommoAccount, not_after: float = NEVER, priority: Priority = Priority.ANSWER) -> None:
        self._client = client
        self._account = account
        self._not_after = not_after
        self._priority = priority

    async def send_message(self, talk_id: int, text: str) -> str:
        """Say something in the talk's own channel; return the message's id.

        Raises:
            Unpaid, Forbidden, Unprocessable: the quota, a scope, a closed talk; and others of errors.py.
        """
        answer = await self._ask("POST", f"/api/v4/talks/{talk_id}/send_message", body={"text": text})
        message_id = answer.get("id") if isinstance(answer, dict) else None
        if not isinstance(message_id, str) or not message_id:
            raise UnknownOutcome("an answer of send_message without an id")
        return message_id

    async def talk(self, talk_id: int) -> Talk | None:
        """Return one talk."""
        answer = await self._ask("GET", f"/api/v4/talks/{talk_id}")
        return _talk(answer) if answer is not None else None

    async def talk_of_chat(self, chat_id: str, contact_id: int | None = None) -> Talk | None:
        """Return a chat's talk: the open one that changed last, else the last closed one."""
        contact_id = contact_id or await self._contact_of(chat_id)
        if contact_id is None:
            return None
        answer = await self._ask("GET", "/api/v4/talks", query={"filter[contact_id][]": contact_id, "limit": PAGE})
        talks = [talk for item in embedded(answer, "talks") if (talk := _talk(item)) and talk.chat_id == chat_id]
        return max(talks, key=lambda talk: (talk.open, talk.updated_at), default=None)

    async def messages(self, talk_id: int, since: datetime) -> Sequence[Shown]:
        """Return what was said in a talk since a moment, oldest first."""
        query = {"limit": PAGE, "filter[created_at][from]": int(since.timestamp())}
        answer = await self._ask("GET", f"/api/v4/talks/{talk_id}/messages", query=query)
        return sorted((_shown(item) for item in embedded(answer, "messages") if isinstance(item, dict)), key=lambda shown: shown.created_at)

    async def set_field(self, lead_id: int, field_id: int, value: str) -> None:
        """Put a text into a field of a lead; doing it again changes nothing."""
        body = {"custom_fields_values": [{"field_id": field_id, "values": [{"value": value}]}]}
        await self._ask("PATCH", f"/api/v4/leads/{lead_id}", body=body, harmless=True)

    async def run_bot(self, bot_id: int, lead_id: int) -> None:
        """Run a Salesbot for a lead."""
        await self._ask("POST", f"/api/v4/bots/{bot_id}/run", body={"entity_id": lead_id, "entity_type": "leads"})

    async def _contact_of(self, chat_id: str) -> int | None:
        answer = await self._ask("GET", "/api/v4/contacts/chats", query={"chat_id": chat_id})
        found = embedded(answer, "chats")
        contact_id = found[0].get("contact_id") if found and isinstance(found[0], dict) else None
        return contact_id if type(contact_id) is int else None

    async def _ask(self, method: str, path: str, **more: Any) -> Any:
        return await self._client.ask(self._account, method, path, priority=self._priority, not_after=self._not_after, **more)


def _talk(item: Any) -> Talk | None:
    if not isinstance(item, dict) or type(item.get("talk_id")) is not int:
        return None
    lead = item.get("entity_id") if item.get("entity_type") in ("lead", "leads") else None
    contact, updated = item.get("contact_id"), item.get("updated_at")
    return Talk(
        item["talk_id"],
        str(item.get("chat_id", "")),
        contact if type(contact) is int else None,
        lead if type(lead) is int else None,
        bool(item.get("is_in_work")),
        updated if type(updated) is int else 0,
    )


def _shown(item: dict[str, Any]) -> Shown:
    created = item.get("created_at")
    return Shown(
        str(item.get("id", "")), item.get("type") == "outgoing", str(item.get("text") or ""), created if type(created) is int else 0
    )
