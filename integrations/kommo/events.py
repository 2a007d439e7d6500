"""What happens in the CRM, in words: `leads[status]` is `lead.moved`. Whoever is told sees some fields; the rest stays in the inbox."""

from actors.domain.messages import clean_text
from integrations.kommo.forms import Tree, branch, text

_LONGEST = 500
_ENTITIES = {
    "leads": "lead",
    "customers": "customer",
    "task": "task",
    "talk": "talk",
    "unsorted": "unsorted",
    "catalogs": "catalog",
    "template": "template",
}
_ACTIONS = {
    "add": "added",
    "update": "updated",
    "delete": "deleted",
    "restore": "restored",
    "status": "moved",
    "responsible": "reassigned",
}
# Hooks of a stage in the digital pipeline carry ids only and keep their own names.
_STAGE_HOOKS = frozenset({"mail_in", "call_in", "chat", "site_visit", "period"})
_TOLD = (
    *("id", "uid", "name", "type", "category", "price", "status_id", "old_status_id", "pipeline_id", "old_pipeline_id"),
    *("responsible_user_id", "old_responsible_user_id", "modified_user_id", "lead_id", "element_id", "element_type", "entity_id"),
    *("entity_type", "talk_id", "chat_id", "contact_id", "origin", "rate", "is_in_work", "is_read", "text", "old_text", "task_type"),
    *("note_type", "complete_before", "action", "created_at", "updated_at"),
)


def kind_of(entity: str, action: str, item: Tree) -> str | None:
    """Return the kind of an event, or None if it is none of those known."""
    if action == "note" and entity in {"leads", "contacts", "customers"}:
        return "note.added"
    noun = _noun(entity, item)
    verb = _verb(entity, action, item)
    return f"{noun}.{verb}" if noun and verb else None


def told(item: Tree) -> dict[str, str]:
    """Return the fields that people are told."""
    fields = branch(item, "note") or item
    found = {name: clean_text(text(fields, name), _LONGEST) for name in _TOLD}
    if result := text(fields, "result", "text"):
        found["result"] = clean_text(result, _LONGEST)
    return {name: value for name, value in found.items() if value}


def _noun(entity: str, item: Tree) -> str | None:
    if entity == "contacts":  # companies come as contacts
        return "company" if text(item, "type") == "company" else "contact"
    return _ENTITIES.get(entity)


def _verb(entity: str, action: str, item: Tree) -> str | None:
    match entity, action:
        case "talk", "add":
            return "opened"
        case "talk", "update":
            return "closed" if text(item, "is_in_work") == "0" else "read" if text(item, "is_read") == "1" else "updated"
        case "task", "update" if text(item, "action_close") == "1":
            return "closed"
        case "unsorted", "delete":  # whether it was accepted or declined, it leaves the list
            return {"accept": "accepted", "decline": "declined"}.get(text(item, "action"), "deleted")
        case "template", "add":
            return "reviewed"
        case _:
            return action if action in _STAGE_HOOKS else _ACTIONS.get(action)
