"""Leads, contacts, notes and tasks of the fake: strict about what it takes, and forgetful of nothing: it knows no idempotency.

Every change is told to who subscribed before it is answered. A search by words (`query`) does not find what is new for a while.
"""

import re
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from tests.fakes.kommo.asked import Asked, page
from tests.fakes.kommo.hooks import Hooks, change_events, event_of
from tests.fakes.kommo.state import Account, Kommo, Refused

Thing = dict[str, Any]
Run = Callable[[Asked], Awaitable[tuple[int, Any]]]
_PLURAL = ("leads", "contacts")
_KNOWN = re.compile(
    r"page|limit|with|query|order\[(id|updated_at|created_at)\]|filter\[(id|entity_id)\]\[\d*\]|filter\[entity_type\]"
    r"|filter\[(created_at|updated_at)\]\[(from|to)\]"
)
_TAKEN = {
    "leads": {"pipeline_id", "status_id", "price", "tags_to_add"},
    "contacts": {"first_name", "last_name", "tags_to_add"},
}
_ALWAYS = {"name", "responsible_user_id", "custom_fields_values", "_embedded", "request_id", "tags_to_delete"}


class Crm:
    """Its routes, for the API."""

    def __init__(self, kommo: Kommo, hooks: Hooks) -> None:
        self._kommo = kommo
        self._hooks = hooks

    def routes(self) -> Iterator[tuple[str, str, Run]]:
        for what in _PLURAL:
            yield "GET", rf"/api/v4/{what}", self._of(what, self._list)
            yield "POST", rf"/api/v4/{what}", self._of(what, self._add)
            yield "GET", rf"/api/v4/{what}/(\d+)", self._of(what, self._one)
            yield "PATCH", rf"/api/v4/{what}/(\d+)", self._of(what, self._patch)
            yield "POST", rf"/api/v4/{what}/notes", self._of(what, self._add_note)
            yield "GET", rf"/api/v4/{what}/(\d+)/notes", self._of(what, self._notes)
        yield "GET", r"/api/v4/tasks", self._tasks
        yield "POST", r"/api/v4/tasks", self._add_task

    def _of(self, what: str, run: Callable[[str, Asked], Awaitable[tuple[int, Any]]]) -> Run:
        return lambda asked: run(what, asked)

    async def _list(self, what: str, asked: Asked) -> tuple[int, Any]:
        found = _filtered(asked, list(_all(asked.account, what).values()))
        if words := asked.query.get("query"):
            seen_by = time.time() - asked.account.index_lag_s
            found = [thing for thing in found if thing.get("_made", 0) <= seen_by and _says(thing, words)]
        return page(asked, what, [_shown(thing, asked.account, what, asked) for thing in found])

    async def _one(self, what: str, asked: Asked) -> tuple[int, Any]:
        thing = _all(asked.account, what).get(asked.ids[0])
        return (200, _shown(thing, asked.account, what, asked)) if thing else (204, None)

    async def _add(self, what: str, asked: Asked) -> tuple[int, Any]:
        account, given = asked.account, _list_of(asked.body)
        for number, body in enumerate(given):
            _check(account, what, body, number)
        made = [self.made(account, what, body) for body in given]
        for thing in made:
            await self._hooks.push(account, f"add_{what[:-1]}", event_of(account, what, "add", thing))
        shown = [
            {"id": thing["id"], "request_id": body.get("request_id", str(n))}
            for n, (thing, body) in enumerate(zip(made, given, strict=True))
        ]
        return 200, {"_links": {"self": {"href": asked.url}}, "_embedded": {what: shown}}

    def made(self, account: Account, what: str, body: Thing) -> Thing:
        """Make one, whatever there is already."""
        now, number = int(time.time()), self._kommo.fresh()
        about = body.get("_embedded") or {}
        thing: Thing = {
            "id": number,
            "name": body.get("name") or f"{what[:-1].title()} #{number}",
            "responsible_user_id": body.get("responsible_user_id") or account.users[0]["id"],
            "custom_fields_values": body.get("custom_fields_values") or None,
            "created_at": now,
            "updated_at": now,
            "is_deleted": False,
            "_made": time.time(),
            "_embedded": {"tags": [{"id": self._kommo.fresh(), "name": tag["name"]} for tag in about.get("tags", [])]},
        }
        if what == "leads":
            thing |= {"price": body.get("price", 0), **_stage(account, body)}
            thing["_embedded"]["contacts"] = [{"id": c["id"], "is_main": n == 0} for n, c in enumerate(about.get("contacts", []))]
        _all(account, what)[number] = thing
        self._kommo.ledger.write("made", account=account.id, kind=what, id=number, name=thing["name"])
        return thing

    async def _patch(self, what: str, asked: Asked) -> tuple[int, Any]:
        thing = _all(asked.account, what).get(asked.ids[0])
        if thing is None:
            raise Refused(404, "Not Found")
        _check(asked.account, what, asked.body, 0)
        self._kommo.ledger.write("changed", account=asked.account.id, kind=what, id=thing["id"], body=asked.body)
        await self.change(asked.account, what, thing, asked.body)
        return 200, {"_embedded": {what: [{"id": thing["id"], "updated_at": thing["updated_at"]}]}}

    async def change(self, account: Account, what: str, thing: Thing, body: Thing) -> None:
        """Change one and tell of it; what changes nothing is not told."""
        before = {**thing, "_embedded": {**thing.get("_embedded", {})}}
        for name in ("name", "price", "responsible_user_id", "pipeline_id", "status_id"):
            if name in body:
                thing[name] = body[name]
        if "custom_fields_values" in body:
            fields = {item.get("field_id") or item.get("field_code"): item for item in thing.get("custom_fields_values") or []}
            fields |= {item.get("field_id") or item.get("field_code"): item for item in body["custom_fields_values"]}
            thing["custom_fields_values"] = list(fields.values())
        if body.get("tags_to_add"):
            known = {tag["name"]: tag for tag in thing.get("_embedded", {}).get("tags", [])}
            known |= {tag["name"]: {"id": self._kommo.fresh(), **tag} for tag in body["tags_to_add"] if tag["name"] not in known}
            thing["_embedded"] = {**thing.get("_embedded", {}), "tags": list(known.values())}
        changed = {**before, "updated_at": 0} != {**thing, "updated_at": 0}
        thing["updated_at"] = int(time.time())
        for code, event in change_events(account, what, before, thing) if changed else ():
            await self._hooks.push(account, code, event)

    async def _add_note(self, what: str, asked: Asked) -> tuple[int, Any]:
        made = []
        for number, body in enumerate(_list_of(asked.body)):
            if body.get("note_type") != "common" or not str((body.get("params") or {}).get("text") or ""):
                raise _flaw(number, "params.text", "NotBlank")
            if body.get("entity_id") not in _all(asked.account, what):
                raise _flaw(number, "entity_id", "NotSupportedChoice")
            note = {"id": self._kommo.fresh(), **body, "_what": what, "created_at": int(time.time())}
            asked.account.notes[note["id"]] = note
            self._kommo.ledger.write("made", account=asked.account.id, kind="notes", id=note["id"], name=body["params"]["text"])
            made.append({"id": note["id"], "entity_id": body["entity_id"], "request_id": str(number)})
        return 200, {"_embedded": {"notes": made}}

    async def _notes(self, what: str, asked: Asked) -> tuple[int, Any]:
        notes = [note for note in asked.account.notes.values() if note["_what"] == what and note["entity_id"] == asked.ids[0]]
        return page(asked, "notes", [_plain(note) for note in _filtered(asked, notes)])

    async def _add_task(self, asked: Asked) -> tuple[int, Any]:
        made = []
        for number, body in enumerate(_list_of(asked.body)):
            for name, kind in (("text", str), ("complete_till", int)):
                if type(body.get(name)) is not kind or not body[name]:
                    raise _flaw(number, name, "NotBlank")
            if body.get("entity_type") not in _PLURAL or body.get("entity_id") not in _all(asked.account, body["entity_type"]):
                raise _flaw(number, "entity_id", "NotSupportedChoice")
            _user(asked.account, body, number)
            task = {"id": self._kommo.fresh(), **body, "is_completed": False, "result": [], "created_at": int(time.time())}
            asked.account.tasks[task["id"]] = task
            self._kommo.ledger.write("made", account=asked.account.id, kind="tasks", id=task["id"], name=body["text"])
            made.append({"id": task["id"], "request_id": str(number)})
        return 200, {"_embedded": {"tasks": made}}

    async def _tasks(self, asked: Asked) -> tuple[int, Any]:
        kind = asked.query.get("filter[entity_type]")
        tasks = [task for task in asked.account.tasks.values() if kind in (None, task["entity_type"])]
        return page(asked, "tasks", [_plain(task) for task in _filtered(asked, tasks)])


def _all(account: Account, what: str) -> dict[int, Thing]:
    return account.leads if what == "leads" else account.contacts


def _plain(thing: Thing) -> Thing:
    return {name: value for name, value in thing.items() if name == "_embedded" or not name.startswith("_")}


def _shown(thing: Thing, account: Account, what: str, asked: Asked) -> Thing:
    shown = _plain(thing)
    embedded = dict(shown.get("_embedded") or {})
    wanted = asked.query.get("with", "").split(",")
    if what == "leads" and "contacts" not in wanted:
        embedded.pop("contacts", None)
    if what == "contacts" and "leads" in wanted:
        of = [
            lead
            for lead in account.leads.values()
            if any(c["id"] == thing["id"] for c in (lead.get("_embedded") or {}).get("contacts", []))
        ]
        embedded["leads"] = [{"id": lead["id"]} for lead in of]
    return {**shown, "_embedded": embedded}


def _filtered(asked: Asked, things: list[Thing]) -> list[Thing]:
    """Apply the filters and the order; Kommo passes over what it does not know, a mistake of ours should not."""
    wrong = [name for name in asked.query if not _KNOWN.fullmatch(name)]
    if wrong:
        raise Refused(400, "Bad Request", f"unknown parameters: {', '.join(wrong)}")
    for name, key in (("id", "id"), ("entity_id", "entity_id")):
        ids = {int(value) for given, value in asked.query.items() if given.startswith(f"filter[{name}][")}
        things = [thing for thing in things if thing[key] in ids] if ids else things
    for name in ("created_at", "updated_at"):
        first, last = (int(asked.query.get(f"filter[{name}][{end}]", limit)) for end, limit in (("from", 0), ("to", 10**12)))
        things = [thing for thing in things if first <= thing.get(name, 0) <= last] if first else things
    order = next((name for name in asked.query if name.startswith("order[")), "order[id]")
    key = order.removeprefix("order[").removesuffix("]")
    return sorted(things, key=lambda thing: thing.get(key, 0), reverse=asked.query.get(order) == "desc")


def _says(thing: Thing, words: str) -> bool:
    values = [str(value.get("value")) for item in thing.get("custom_fields_values") or [] for value in item["values"]]
    digits = ["".join(re.findall(r"\d", value)) for value in values]
    return any(words.lower() in text.lower() for text in (str(thing["name"]), *values, *digits))


def _list_of(body: Any) -> list[Thing]:
    if not isinstance(body, list) or not 0 < len(body) <= 250 or not all(isinstance(item, dict) for item in body):
        raise Refused(400, "Bad Request", "send an array of 1 to 250 entities")
    return body


def _flaw(number: int, path: str, code: str) -> Refused:
    flaw = {"code": code, "path": path, "detail": "This value is not valid."}
    return Refused(
        400, "Bad Request", "Request validation failed", **{"validation-errors": [{"request_id": str(number), "errors": [flaw]}]}
    )


def _user(account: Account, body: Thing, number: int) -> None:
    if "responsible_user_id" in body and body["responsible_user_id"] not in {user["id"] for user in account.users}:
        raise _flaw(number, "responsible_user_id", "NotSupportedChoice")


def _check(account: Account, what: str, body: Any, number: int) -> None:
    if not isinstance(body, dict):
        raise Refused(400, "Bad Request", "send an object")
    for name in body:
        if name not in _ALWAYS | _TAKEN[what]:
            raise _flaw(number, name, "UnexpectedField")
    _user(account, body, number)
    if what == "leads" and ("pipeline_id" in body or "status_id" in body):
        _stage(account, body, number)
    for place, item in enumerate(body.get("custom_fields_values") or []):
        known = {field["id"] for field in account.fields if field["entity_type"] == what} | set(account.bots.values())
        if item.get("field_id") not in known and (what != "contacts" or item.get("field_code") not in ("PHONE", "EMAIL")):
            raise _flaw(number, f"custom_fields_values.{place}.field_id", "NotSupportedChoice")
    for contact in (body.get("_embedded") or {}).get("contacts", []):
        if contact["id"] not in account.contacts:
            raise _flaw(number, "_embedded.contacts.0.id", "NotSupportedChoice")


def _stage(account: Account, body: Thing, number: int = 0) -> Thing:
    """Return pipeline and stage of a lead; a stage is one of its own pipeline."""
    pipelines = {pipeline["id"]: pipeline for pipeline in account.pipelines}
    pipeline = pipelines.get(body.get("pipeline_id") or account.pipelines[0]["id"])
    if pipeline is None:
        raise _flaw(number, "pipeline_id", "NotSupportedChoice")
    stages = [status["id"] for status in pipeline["_embedded"]["statuses"]]
    stage = body.get("status_id") or stages[0]
    if stage not in stages:
        raise _flaw(number, "status_id", "NotSupportedChoice")
    return {"pipeline_id": pipeline["id"], "status_id": stage}
