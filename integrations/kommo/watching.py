"""What an account remembers of its chats, told as its webhooks would have told it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from actors.domain.errors import TerminalError
from actors.domain.ids import Address
from actors.ports.crm_watch import ChatActivity, Party, WatchedAccount
from actors.ports.inbox import NewInput
from actors.ports.kommo import KommoAccount
from integrations.kommo.account_api import subscribe
from integrations.kommo.client import PAGE, KommoClient, embedded
from integrations.kommo.errors import Forbidden, NotFound, Unpaid
from integrations.kommo.forms import Tree
from integrations.kommo.limits import Priority
from integrations.kommo.routing import MESSAGE, OUTGOING, Event, dedupe_key, placed

_EVENTS = 100  # the most that Kommo gives of them at once
_TYPES = ("incoming_chat_message", "outgoing_chat_message")
_UNREADABLE = "Kommo does not let Callboard read chats: give the integration “External chat history”, or look at the plan"


class KommoMemory:
    """Webhooks, events and talks of accounts, at the pace and priority of a sync."""

    def __init__(self, client: KommoClient) -> None:
        self._client = client

    async def receives(self, account: KommoAccount, destination: str) -> bool:
        """Whether the account sends its events to this address."""
        answer = await self._get(account, "/api/v4/webhooks", {"filter[destination]": destination})
        hooks = [hook for hook in embedded(answer, "webhooks") if isinstance(hook, dict)]
        return any(hook.get("destination") == destination and not hook.get("disabled") for hook in hooks)

    async def subscribe(self, account: KommoAccount, destination: str) -> None:
        """Have it do so."""
        await subscribe(self._client, account, destination)

    async def activity(self, watched: WatchedAccount, until: datetime) -> Sequence[ChatActivity]:
        """Return what was said in all chats, from `watched.since` on."""
        found: list[ChatActivity] = []
        for kind in _TYPES:
            query: dict[str, str | int] = {"filter[type][]": kind, "limit": _EVENTS, **_between(watched, until)}
            pages = self._client.pages(watched.account, "/api/v4/events", "events", priority=Priority.SYNC, query=query)
            found += [one async for event in pages for one in _activity(watched.number, event)]
        return found

    async def said(self, watched: WatchedAccount, party: Party, until: datetime) -> Sequence[NewInput]:
        """Return what was said in the chats of a party, as their webhooks would have told it, in its order.

        Raises:
            TerminalError: a scope or the plan does not let us read it.
        """
        name = "filter[entity_id]" if party.kind == "lead" else "filter[contact_id][]"
        talks = embedded(await self._get(watched.account, "/api/v4/talks", {name: party.id, "limit": PAGE}), "talks")
        last = int(until.timestamp())
        found: list[tuple[int, NewInput]] = []
        for talk in talks:
            if isinstance(talk, dict) and type(talk.get("talk_id")) is int:
                found += [one for one in await self._of_talk(watched, talk) if one[0] <= last]
        return [news for _, news in sorted(found, key=lambda one: one[0])]

    async def _of_talk(self, watched: WatchedAccount, talk: Mapping[str, Any]) -> list[tuple[int, NewInput]]:
        path = f"/api/v4/talks/{talk['talk_id']}/messages"
        query = {"filter[created_at][from]": int(watched.since.timestamp())}
        pages = self._client.pages(watched.account, path, "messages", priority=Priority.SYNC, query=query)
        try:
            shown = [message async for message in pages if isinstance(message, dict)]
        except NotFound:  # it was deleted meanwhile
            return []
        except (Forbidden, Unpaid) as error:
            raise TerminalError(f"{_UNREADABLE}. {error}") from None
        return [told for message in shown for told in _told(watched, talk, message)]

    async def _get(self, account: KommoAccount, path: str, query: Mapping[str, str | int]) -> Any:
        return await self._client.ask(account, "GET", path, priority=Priority.SYNC, query=query)


def _between(watched: WatchedAccount, until: datetime) -> dict[str, int]:
    return {"filter[created_at][from]": int(watched.since.timestamp()), "filter[created_at][to]": int(until.timestamp())}


def _activity(number: str, event: Any) -> Iterator[ChatActivity]:
    """Yield what an event of Kommo is about; where it does not name its message, nobody can say whether it is known."""
    if not isinstance(event, dict) or type(event.get("entity_id")) is not int:
        return
    message_id = next((found for value in event.get("value_after") or () if (found := _message_id(value))), "")
    key = dedupe_key(number, message_id) if message_id else ""
    if event.get("entity_type") in ("lead", "leads"):
        yield ChatActivity(Party("lead", event["entity_id"]), key)
    elif event.get("entity_type") in ("contact", "contacts"):
        yield ChatActivity(Party("contact", event["entity_id"]), key)


def _message_id(value: Any) -> str:
    message = value.get("message") if isinstance(value, dict) else None
    found = message.get("id") if isinstance(message, dict) else None
    return found if isinstance(found, str) else ""


def _told(watched: WatchedAccount, talk: Mapping[str, Any], message: Mapping[str, Any]) -> Iterator[tuple[int, NewInput]]:
    created = message.get("created_at")
    if not message.get("id") or type(created) is not int:
        return
    outgoing = message.get("type") == "outgoing"
    event = Event(OUTGOING if outgoing else MESSAGE, "add", _item(talk, message))
    routed = placed(watched.number, event)
    address = Address(watched.account.integration_id, routed.key)
    yield created, NewInput(watched.account.tenant_id, address, routed.kind, routed.dedupe_key, routed.raw)


def _item(talk: Mapping[str, Any], message: Mapping[str, Any]) -> Tree:
    """Return a message in the form of the webhook: all values are texts, and what is not there is left out."""
    item = {name: message.get(name) for name in ("id", "text", "created_at", "type", "message_type")}
    item |= {name: talk.get(name) for name in ("chat_id", "talk_id", "contact_id", "origin", "entity_type", "entity_id")}
    tree: Tree = {name: str(value) for name, value in item.items() if value not in (None, "")}
    for name in ("author", "attachment"):
        inner = message.get(name)
        if isinstance(inner, dict):
            tree[name] = {part: str(value) for part, value in inner.items() if isinstance(value, str | int)}
    return tree
