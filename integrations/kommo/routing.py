"""Where the events of a Kommo webhook belong. One body carries several: each becomes an input of its own address."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import orjson

from integrations.kommo.forms import Form, Node, Tree, branch, items, text

MESSAGE, OUTGOING, CUT, ASKED = "message", "outgoing_message", "cut", "salesbot"
TENANT = "tenant"  # the address of events that belong to no chat, lead or contact
_CHAT = re.compile(r"[0-9A-Za-z_.-]{1,64}")
_ID = re.compile(r"[0-9]{1,18}")
_MESSAGE_ID = re.compile(r"[!-~]{1,128}")
_ENVELOPE = frozenset({"account", ASKED})  # a Salesbot signs what it asks: it never comes as an event of a webhook
_ELEMENTS = {"1": "contact", "contact": "contact", "contacts": "contact", "2": "lead", "lead": "lead", "leads": "lead"}


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a body."""

    entity: str
    action: str
    item: Tree

    def to_bytes(self) -> bytes:
        """Return the stored form."""
        return orjson.dumps({"entity": self.entity, "action": self.action, "item": self.item})


@dataclass(frozen=True, slots=True)
class Routed:
    """What storing an event needs."""

    kind: Literal["message", "event"]
    key: str
    dedupe_key: str
    raw: bytes


def account_of(form: Form) -> str:
    """Return the account that a body says it is of; empty if it does not say so."""
    return text(form.fields, "account", "id")


def routed(account: str, form: Form, body: bytes) -> list[Routed]:
    """Return the events of a body in its order. Of a body that was cut, a note with the whole body goes with them."""
    found = [_routed(account, event) for event in events_of(form)]
    if form.cut:
        whole = Event(CUT, "body", {"body": body.decode("latin-1"), "events": str(len(found))})
        found.append(_routed(account, whole))
    return found


def events_of(form: Form) -> Iterator[Event]:
    """Return the events of a body. Documentation shows messages without their wrapper, templates come that way: `add[0][...]`."""
    for entity, actions in form.fields.items():
        if entity in _ENVELOPE or not isinstance(actions, dict):
            continue
        if entity == "add":
            yield from (Event(_unwrapped(item), "add", item) for item in items(actions))
            continue
        for action, batch in actions.items():
            yield from (_event(entity, action, item) for item in items(batch))


def dedupe_key(account: str, message_id: str) -> str:
    """Return the account-wide key under which a message is stored once, from whichever side it was seen."""
    return f"kommo:{account}:{message_id}"


def number(item: Node, *path: str) -> str:
    """Return an id, an empty one if there is none: documentation has placeholders where ids belong."""
    found = text(item, *path)
    return found if _ID.fullmatch(found) and found.strip("0") else ""


def placed(account: str, event: Event) -> Routed:
    """Return what storing one event needs, from wherever it is known."""
    return _routed(account, event)


def _unwrapped(item: Tree) -> str:
    return MESSAGE if "chat_id" in item else "template" if text(item, "type") == "waba" else "add"


def _event(entity: str, action: str, item: Tree) -> Event:
    if entity == MESSAGE and action == "add" and not _is_incoming(item):
        return Event(OUTGOING, action, item)
    return Event(entity, action, item)


def _is_incoming(item: Tree) -> bool:
    """Old bodies have neither type."""
    return text(item, "type") in ("", "incoming") and text(item, "author", "type") in ("", "external")


def _routed(account: str, event: Event) -> Routed:
    chat, message_id = text(event.item, "chat_id"), text(event.item, "id")
    if event.entity in (MESSAGE, OUTGOING) and event.action == "add" and _MESSAGE_ID.fullmatch(message_id):
        key = chat if _CHAT.fullmatch(chat) and chat != TENANT else TENANT
        # What cannot be placed is an event, too: nobody is there to be handed over.
        kind: Literal["message", "event"] = "message" if event.entity == MESSAGE and key != TENANT else "event"
        return Routed(kind, key, dedupe_key(account, message_id), event.to_bytes())
    return Routed("event", _address(event), _fingerprint(account, event), event.to_bytes())


def _fingerprint(account: str, event: Event) -> str:
    """Return the key of an event without an id; storage forgets it after two hours (storage/housekeeping.py)."""
    digest = hashlib.sha256(orjson.dumps(event.item, option=orjson.OPT_SORT_KEYS)).hexdigest()
    about = branch(event.item, "note") or event.item
    changed = number(about, "updated_at") or number(about, "last_modified")
    return f"kommo-event:{account}:{event.entity[:32]}.{event.action[:32]}:{number(about, 'id')}:{changed}:{digest}"


def _address(event: Event) -> str:
    """Return where an event is put in order: what happens to one lead or contact stays in the order of its arrival."""
    item = event.item
    match event.entity:
        case "leads" | "contacts":
            return _of_entity(event)
        case "unsorted":
            lead = number(item, "lead_id") or _first_lead(item)
            return f"lead:{lead}" if lead else TENANT
        case "talk":
            return _of_talk(item)
        case "task" | "salesbot":
            return _element(text(item, "element_type"), number(item, "element_id"))
        case _:
            return TENANT


def _of_entity(event: Event) -> str:
    note = branch(event.item, "note")
    kind = "lead" if event.entity == "leads" else text(event.item, "type") or _ELEMENTS.get(text(note, "element_type"), "contact")
    return _element(kind, number(note, "element_id") if note else number(event.item, "id"))


def _of_talk(item: Tree) -> str:
    """Talks change while an answer is being written; at the chat's own address each change would interrupt it."""
    lead = _element(text(item, "entity_type"), number(item, "entity_id"))
    return lead if lead != TENANT else _element("contact", number(item, "contact_id"))


def _element(kind: str, element_id: str) -> str:
    known = _ELEMENTS.get(kind)
    return f"{known}:{element_id}" if known and element_id else TENANT


def _first_lead(item: Tree) -> str:
    for place in ("accept_result", "decline_result"):
        leads = branch(item, place, "leads")
        if found := next((value for name in leads if (value := number(leads, name))), ""):
            return found
    return next((found for lead in items(branch(item, "data", "leads")) if (found := number(lead, "id"))), "")
