"""Carries out `kommo.…` actions: find before create, and look for what an earlier try may have done before doing it again.

A lead or a contact is made by one action at a time for whom it is made: others wait, then find it (crm_making.py). Notes and
tasks carry the mark of their effect. What only sets a value is set again.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from actors.domain.errors import TerminalError, TransientError
from actors.ports.actions import Action
from actors.ports.crm_actions import CrmDesk, Entity
from integrations.kommo.client import KommoClient
from integrations.kommo.crm_api import CrmApi, Thing
from integrations.kommo.crm_making import make_contact, make_lead
from integrations.kommo.crm_values import mark_of, marked, number_of
from integrations.kommo.crm_work import PLURAL, Result, Work

_NOWHERE = "the lead has no chat in Kommo: nothing was said"


def _no_failpoint(_: str) -> None:
    """Not under test."""


class CrmRunner:
    """The actions of the family `kommo`."""

    def __init__(self, client: KommoClient, desk: CrmDesk, lease_s: float, failpoint: Callable[[str], None] = _no_failpoint) -> None:
        """Take `lease_s` of a sender's actions: what is made is made by one action for twice as long."""
        self._client = client
        self._desk = desk
        self._turn_s = 2 * lease_s
        self._failpoint = failpoint

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the kinds it carries out."""
        return tuple(_DOES)

    async def run(self, action: Action) -> Result:
        """Carry it out and return what was found or made.

        Raises:
            TransientError, TerminalError, UnknownOutcome: see errors.py; what is unknown is looked for by the next try.
        """
        scene = await self._desk.scene(action)
        if scene.account is None:
            raise TerminalError("this agent has no Kommo account: connect one")
        if scene.asleep:
            raise TransientError(scene.asleep)
        api = CrmApi(self._client, scene.account, action.not_after)
        return await _DOES[action.kind](Work(action, scene, scene.account, api, self._desk, self._failpoint, self._turn_s))


async def _move(work: Work) -> Result:
    _, lead_id = await work.target()
    body = {"pipeline_id": work.number("pipeline"), "status_id": work.number("stage")}
    return await _change(work, "lead", lead_id, body, {"what": "stage", "stage": f"{body['pipeline_id']}:{body['status_id']}"})


async def _fields(work: Work) -> Result:
    entity, entity_id = await work.target()
    values = work.fields(PLURAL[entity])
    told = {str(item["field_id"]): ", ".join([str(value["value"]) for value in item["values"]]) for item in values}
    body: dict[str, Any] = {"custom_fields_values": values} if values else {}
    if entity == "lead" and (price := work.text("price")):
        body["price"] = _price(price)
    if not body:  # none of the facts that were to be written is known
        return work.result(**{f"{entity}_id": entity_id}, nothing=True)
    echo = {"what": "fields", "fields": told, **({"price": body["price"]} if "price" in body else {})}
    return await _change(work, entity, entity_id, body, echo)


async def _tags(work: Work) -> Result:
    entity, entity_id = await work.target()
    tags = list(work.action.params.get("tags") or ())
    return await _change(work, entity, entity_id, {"tags_to_add": [{"name": tag} for tag in tags]}, {"what": "tags", "tags": tags})


async def _responsible(work: Work) -> Result:
    entity, entity_id = await work.target()
    user = work.number("user")
    return await _change(work, entity, entity_id, {"responsible_user_id": user}, {"what": "responsible", "user": str(user)})


async def _change(work: Work, entity: Entity, entity_id: int, body: Mapping[str, Any], echo: Mapping[str, Any]) -> Result:
    await work.desk.expect(work.account, entity, entity_id, echo)
    work.failpoint("crm.before_change")
    await work.api.change(PLURAL[entity], entity_id, body)
    work.failpoint("crm.after_change")
    return work.result(**{f"{entity}_id": entity_id})


async def _note(work: Work) -> Result:
    entity, entity_id = await work.target()
    what = PLURAL[entity]
    if work.action.begun_at and (known := await _marked(work, await work.api.notes(what, entity_id))):
        return work.result(**{f"{entity}_id": entity_id}, note_id=known, found=True)
    body = {"entity_id": entity_id, "note_type": "common", "params": {"text": marked(work.text("text"), work.action.key)}}
    made = await _made(work, f"/api/v4/{what}/notes", "notes", body)
    return work.result(**{f"{entity}_id": entity_id}, note_id=made)


async def _task(work: Work) -> Result:
    entity, entity_id = await work.target()
    what = PLURAL[entity]
    if work.action.begun_at and (known := await _marked(work, await work.api.tasks(what, entity_id))):
        return work.result(**{f"{entity}_id": entity_id}, task_id=known, found=True)
    body: dict[str, Any] = {
        "entity_id": entity_id,
        "entity_type": what,
        "text": marked(work.text("text"), work.action.key),
        "complete_till": work.number("due_at"),
        "task_type_id": work.number("type") or 1,
    }
    if user := work.number("user"):
        body["responsible_user_id"] = user
    made = await _made(work, "/api/v4/tasks", "tasks", body)
    return work.result(**{f"{entity}_id": entity_id}, task_id=made)


async def _marked(work: Work, things: Iterable[Thing]) -> int | None:
    """Return what an earlier try of this effect made."""
    work.failpoint("crm.after_look")
    mark = mark_of(work.action.key)
    texts = ((thing, str(thing.get("text") or (thing.get("params") or {}).get("text") or "")) for thing in things)
    return next((int(thing["id"]) for thing, text in texts if mark in text), None)


async def _made(work: Work, path: str, key: str, body: Mapping[str, Any]) -> int:
    work.failpoint("crm.before_create")
    made = await work.api.create(path, key, body)
    work.failpoint("crm.after_create")
    return made


async def _tell(work: Work) -> Result:
    lead_id = work.scene.lead_id
    chat_id = await (work.api.chat_of("leads", lead_id) if lead_id is not None else work.api.chat_of("contacts", await work.contact()))
    if not chat_id:
        raise TerminalError(_NOWHERE)
    await work.desk.tell(work.account, chat_id, work.action)
    return work.result(chat_id=chat_id)


def _price(text: str) -> int:
    value = number_of(text)
    if value is None:
        raise TerminalError(f"{text[:40]!r} is no price")
    return round(value)


_DOES: Mapping[str, Callable[[Work], Awaitable[Result]]] = {
    "kommo.lead": make_lead,
    "kommo.contact": make_contact,
    "kommo.move": _move,
    "kommo.fields": _fields,
    "kommo.tags": _tags,
    "kommo.note": _note,
    "kommo.task": _task,
    "kommo.responsible": _responsible,
    "kommo.tell": _tell,
}
