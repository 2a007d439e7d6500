"""What rules may ask about a lead, a contact or a task, out of its webhook: the shape of the old API, with its traps."""

from collections.abc import Iterator
from typing import Any

from actors.domain.messages import clean_text
from integrations.kommo.forms import Node, Tree, branch, items, text
from integrations.kommo.routing import number

_LONGEST = 500
_MOST_FIELDS = 200
_IDS = {
    "lead.id": "id",
    "lead.status": "status_id",
    "lead.pipeline": "pipeline_id",
    "lead.old_status": "old_status_id",
    "lead.old_pipeline": "old_pipeline_id",
    "lead.responsible": "responsible_user_id",
}


def facts_of(entity: str, item: Tree) -> dict[str, Any]:
    """Return what is known; what the event does not say is left out."""
    if entity == "leads":
        return _of_lead(item)
    if entity == "contacts" and text(item, "type") != "company":
        found = {"contact.id": number(item, "id"), "contact.responsible": number(item, "responsible_user_id")}
        named = {"contact.name": clean_text(text(item, "name"), _LONGEST)}
        return {name: value for name, value in {**found, **named}.items() if value} | _shared("contact", item)
    return _of_task(item) if entity == "task" else {}


def _of_task(item: Tree) -> dict[str, Any]:
    facts = {"task.id": number(item, "id"), "task.kind": number(item, "task_type"), "task.responsible": number(item, "responsible_user_id")}
    facts["task.text"] = clean_text(text(item, "text"), _LONGEST)
    facts["task.result"] = clean_text(text(item, "result", "text"), _LONGEST)
    if of := {"1": "contact.id", "2": "lead.id"}.get(text(item, "element_type")):
        facts[of] = number(item, "element_id")
    return {name: value for name, value in facts.items() if value}


def _of_lead(item: Tree) -> dict[str, Any]:
    facts: dict[str, Any] = {name: found for name, key in _IDS.items() if (found := number(item, key))}
    if "lead.status" in facts and "lead.pipeline" in facts:
        facts["lead.stage"] = f"{facts['lead.pipeline']}:{facts['lead.status']}"
    if name := clean_text(text(item, "name"), _LONGEST):
        facts["lead.name"] = name
    price = text(item, "price")
    if price.isdecimal() and len(price) < 15:
        facts["lead.price"] = int(price)
    return facts | _shared("lead", item)


def _shared(entity: str, item: Tree) -> dict[str, Any]:
    tags = [name for tag in items(branch(item, "tags")) if (name := clean_text(text(tag, "name"), _LONGEST))]
    made_at = number(item, "created_at") or number(item, "date_create")
    fields = {f"{entity}.field.{field}": value for field, value in _fields(item)}
    return {f"{entity}.tags": tags, **fields, **({"made_at": int(made_at)} if made_at else {})}


def _fields(item: Tree) -> Iterator[tuple[str, str]]:
    for field in items(branch(item, "custom_fields"))[:_MOST_FIELDS]:
        if found := number(field, "id"):
            value = ", ".join(_values(field.get("values", "")))
            if value:
                yield found, clean_text(value, _LONGEST)


def _values(values: Node) -> Iterator[str]:
    """A list of maps, a list of scalars, a plain map, or nothing."""
    if not isinstance(values, dict):
        return
    if "value" in values:
        yield text(values, "value")
        return
    for value in values.values():
        found = value if isinstance(value, str) else text(value, "value")
        if found:
            yield found
