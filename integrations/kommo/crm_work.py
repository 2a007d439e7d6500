"""One action in the CRM while it is carried out: what it asks for, and about which lead or contact."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from actors.domain.errors import TerminalError
from actors.ports.actions import Action
from actors.ports.crm_actions import CrmDesk, CrmScene, Entity
from actors.ports.kommo import KommoAccount
from integrations.kommo.crm_api import CrmApi, Thing, What
from integrations.kommo.crm_values import field_values

Result = Mapping[str, Any]
PLURAL: Mapping[Entity, What] = {"lead": "leads", "contact": "contacts"}


@dataclass(frozen=True, slots=True)
class Work:
    """One action while it is carried out."""

    action: Action
    scene: CrmScene
    account: KommoAccount
    api: CrmApi
    desk: CrmDesk
    failpoint: Callable[[str], None]
    turn_s: float  # for how long it is the only one that makes something

    def text(self, name: str) -> str:
        """Return a parameter."""
        return str(self.action.params.get(name) or "").strip()

    def number(self, name: str) -> int:
        """Return an id among the parameters, 0 if there is none."""
        return int(self.action.params.get(name) or 0)

    def fields(self, what: What) -> list[dict[str, Any]]:
        """Return the custom fields of the parameters."""
        return field_values(self.action.params.get("fields") or {}, self.scene.types, what)

    def result(self, **found: Any) -> dict[str, Any]:
        """Return what is kept of it."""
        return {"integration": str(self.account.integration_id), **found}

    async def target(self) -> tuple[Entity, int]:
        """Return the lead or the contact that it is about.

        Raises:
            TerminalError: there is none.
        """
        if self.action.params.get("on") == "contact":
            return "contact", await self.contact()
        if self.scene.lead_id is None or "lead" in self.scene.broken:
            raise TerminalError(self._missing("lead"))
        return "lead", self.scene.lead_id

    async def contact(self) -> int:
        """Return the contact, of the lead if no other is known.

        Raises:
            TerminalError: there is none.
        """
        if "contact" not in self.scene.broken:
            if self.scene.contact_id is not None:
                return self.scene.contact_id
            lead = await self.api.one("leads", self.scene.lead_id) if self.scene.lead_id is not None else None
            if (found := main_contact(lead)) is not None:
                return found
        raise TerminalError(self._missing("contact"))

    def _missing(self, entity: Entity) -> str:
        if reason := self.scene.broken.get(entity):
            return f"the {entity} was not made: {reason}"
        return f"no {entity} in Kommo is known here: let the rule find or create one before"


def main_contact(lead: Thing | None) -> int | None:
    """Return the contact that a lead belongs to."""
    contacts = ((lead or {}).get("_embedded") or {}).get("contacts") or []
    main = next((item for item in contacts if item.get("is_main")), contacts[0] if contacts else None)
    return int(main["id"]) if main else None
