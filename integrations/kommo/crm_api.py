"""The methods that actions in the CRM use, by name: leads, contacts, notes, tasks."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from actors.domain.errors import UnknownOutcome
from actors.ports.kommo import KommoAccount
from integrations.kommo.client import PAGE, KommoClient, embedded, has_next
from integrations.kommo.limits import Priority

What = Literal["leads", "contacts"]
Thing = Mapping[str, Any]
CLOSED = frozenset({142, 143})  # won and lost, in every pipeline
MOST_NAMED = 100  # ids in an address: it stays below 4 KB
MOST_PAGES = 8  # of what was made since a moment: 2,000


class CrmApi:
    """One account, until a given moment."""

    def __init__(self, client: KommoClient, account: KommoAccount, not_after: float) -> None:
        self._client = client
        self._account = account
        self._not_after = not_after

    async def one(self, what: What, entity_id: int) -> Thing | None:
        """Return a lead with its contacts, a contact with its leads; None if there is none (any more)."""
        query = {"with": "contacts" if what == "leads" else "leads"}
        found = await self._ask("GET", f"/api/v4/{what}/{entity_id}", query=query)
        return found if isinstance(found, dict) and not found.get("is_deleted") else None

    async def leads_of(self, contact_id: int) -> Sequence[Thing]:
        """Return the newest leads of a contact."""
        contact = await self.one("contacts", contact_id)
        ids = [item["id"] for item in (embedded(contact, "leads") if contact else []) if type(item.get("id")) is int]
        if not ids:
            return []
        query: dict[str, str | int] = {f"filter[id][{place}]": lead_id for place, lead_id in enumerate(sorted(ids)[-MOST_NAMED:])}
        return _things(await self._ask("GET", "/api/v4/leads", query={**query, "limit": PAGE}), "leads")

    async def contacts_like(self, words: str) -> Sequence[Thing]:
        """Return the contacts in whose fields these words are."""
        return _things(await self._ask("GET", "/api/v4/contacts", query={"query": words, "limit": PAGE}), "contacts")

    async def made_since(self, what: What, second: int) -> Sequence[Thing]:
        """Return what was made since a second, the oldest first."""
        query: dict[str, str | int] = {"filter[created_at][from]": second, "order[id]": "asc", "limit": PAGE}
        found: list[Thing] = []
        for page in range(1, MOST_PAGES + 1):
            answer = await self._ask("GET", f"/api/v4/{what}", query={**query, "page": page})
            found += _things(answer, what)
            if not has_next(answer):
                break
        return found

    async def notes(self, what: What, entity_id: int) -> Sequence[Thing]:
        """Return the newest notes of a lead or a contact."""
        query: dict[str, str | int] = {"order[id]": "desc", "limit": PAGE}
        return _things(await self._ask("GET", f"/api/v4/{what}/{entity_id}/notes", query=query), "notes")

    async def tasks(self, what: What, entity_id: int) -> Sequence[Thing]:
        """Return the newest tasks of a lead or a contact."""
        about: dict[str, str | int] = {"filter[entity_type]": what, "filter[entity_id][0]": entity_id}
        return _things(await self._ask("GET", "/api/v4/tasks", query={**about, "order[id]": "desc", "limit": PAGE}), "tasks")

    async def chat_of(self, what: What, entity_id: int) -> str:
        """Return the chat of a lead or a contact: of the open talk that changed last, else of the last closed one; empty: none."""
        name = "filter[entity_id]" if what == "leads" else "filter[contact_id][]"
        kinds = ("lead", "leads") if what == "leads" else ("contact", "contacts")
        answer = await self._ask("GET", "/api/v4/talks", query={name: entity_id, "limit": PAGE})
        talks = [
            item
            for item in _things(answer, "talks")
            if what == "contacts" or (item.get("entity_type") in kinds and item.get("entity_id") == entity_id)
        ]
        best = max(talks, key=lambda talk: (bool(talk.get("is_in_work")), talk.get("updated_at") or 0), default=None)
        return str(best.get("chat_id") or "") if best else ""

    async def create(self, path: str, key: str, body: Thing) -> int:
        """Make one thing and return its id.

        Raises:
            UnknownOutcome: it may be there.
        """
        answer = await self._ask("POST", path, body=[body])
        made = _things(answer, key)
        made_id = made[0].get("id") if made else None
        if type(made_id) is not int:
            raise UnknownOutcome(f"Kommo's answer to a new one of {key} has no id")
        return made_id

    async def change(self, what: What, entity_id: int, body: Thing) -> None:
        """Change a lead or a contact; doing it again changes nothing."""
        await self._ask("PATCH", f"/api/v4/{what}/{entity_id}", body=body, harmless=True)

    async def _ask(self, method: str, path: str, **more: Any) -> Any:
        return await self._client.ask(self._account, method, path, priority=Priority.ACTION, not_after=self._not_after, **more)


def _things(answer: Any, key: str) -> list[Thing]:
    return [item for item in embedded(answer, key) if isinstance(item, dict)]
