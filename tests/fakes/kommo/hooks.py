"""Webhooks as Kommo sends them: PHP bracket keys, all values texts, two seconds for an answer."""

import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import aiohttp

from tests.fakes.kommo.state import Account, Kommo, Message, Talk

ANSWER_S = 2.0


def flat(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield the pairs of a nested value in PHP's order."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, inner in items:
            yield from flat(inner, f"{key}[{name}]" if key else str(name))
    else:
        yield key, str(value)


def message_event(account: Account, talk: Talk, message: Message) -> dict[str, Any]:
    """Return a message as `message[add]` or `outgoing_message[add]`."""
    author: dict[str, Any] = {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, message.author)),
        "type": message.author,
        "name": message.author.title(),
    }
    if message.author == "internal":
        author["user_id"] = account.users[0]["id"]
    item: dict[str, Any] = {
        "id": message.id,
        "chat_id": talk.chat_id,
        "talk_id": talk.talk_id,
        "contact_id": talk.contact_id,
        "text": message.text,
        "created_at": message.created_at,
        "message_type": "text",
        **({"element_type": 2, "entity_type": "lead", "element_id": talk.lead_id, "entity_id": talk.lead_id} if talk.lead_id else {}),
        "type": "outgoing" if message.outgoing else "incoming",
        "author": author,
        "origin": talk.origin,
    }
    return {"outgoing_message" if message.outgoing else "message": {"add": [item]}}


def event_of(account: Account, what: str, action: str, thing: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a lead or a contact as `leads[add]`: the shape of the old API."""
    fields = [
        {"id": item.get("field_id", 0), "name": "field", "values": [{"value": value["value"]} for value in item["values"]]}
        for item in thing.get("custom_fields_values") or []
    ]
    item: dict[str, Any] = {
        "id": thing["id"],
        "name": thing["name"],
        **{name: thing[name] for name in ("status_id", "pipeline_id", "price") if name in thing},
        **more,
        "responsible_user_id": thing.get("responsible_user_id", account.users[0]["id"]),
        "modified_user_id": account.users[0]["id"],
        "created_user_id": account.users[0]["id"],
        "account_id": account.id,
        **({"custom_fields": fields} if fields else {}),
        "tags": (thing.get("_embedded") or {}).get("tags", []),
        "created_at": thing.get("created_at", 0),
        "updated_at": thing.get("updated_at", 0),
        **({"type": "contact"} if what == "contacts" else {}),
    }
    return {what: {action: [item]}}


def change_events(account: Account, what: str, before: dict[str, Any], thing: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what a change is told as, with its code: a change of stage comes twice."""
    more: dict[str, Any] = {}
    if what == "leads" and before.get("status_id") != thing.get("status_id"):
        more["old_status_id"] = before.get("status_id")
    if what == "leads" and before.get("pipeline_id") != thing.get("pipeline_id"):
        more["old_pipeline_id"] = before.get("pipeline_id")
    one = what[:-1]
    if more:
        yield f"status_{one}", event_of(account, what, "status", thing, **more)
    yield f"update_{one}", event_of(account, what, "update", thing, **more)


class Hooks:
    """Sends them to whoever subscribed."""

    def __init__(self, kommo: Kommo) -> None:
        self._kommo = kommo

    async def push(self, account: Account, code: str, event: dict[str, Any]) -> list[int]:
        """Send an event and return the statuses; 0: no answer in time. A destination that refuses is tried once only here."""
        links = {"self": f"https://{account.subdomain}.amocrm.com"}
        body = {**event, "account": {"subdomain": account.subdomain, "id": account.id, "_links": links}}
        form = urlencode(list(flat(body)))
        statuses = []
        for destination, hook in list(account.webhooks.items()):
            if code in hook["settings"] and not hook["disabled"]:
                status = await _post(destination, form)
                statuses.append(status)
                self._kommo.ledger.write("hook", account=account.id, code=code, status=status)
        return statuses


async def _post(destination: str, form: str) -> int:
    headers = {
        "User-Agent": "amoCRM-Webhooks/3.0",
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept-Encoding": "gzip",
        "X-Amocrm-Requestid": str(uuid.uuid4()),
    }
    try:
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.post(destination, data=form, headers=headers, allow_redirects=False) as answer,
        ):
            return answer.status
    except (aiohttp.ClientError, TimeoutError, OSError):
        return 0
