"""What actions in a CRM need to know, and to have kept for them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from actors.ports.actions import Action
from actors.ports.kommo import KommoAccount

Entity = Literal["lead", "contact"]


@dataclass(frozen=True, slots=True)
class CrmScene:
    """Where an action takes place: in which account, and about which lead and contact, as far as they are known.

    Args:
        account: the conversation's own, else the agent's; None: there is none.
        lead_id: what an earlier action of the turn found or made; else whose conversation it is; else what the chat is about;
            else what an earlier turn's action was about.
        contact_id: the same.
        name: of the customer.
        asleep: why nothing can be done in the account now; empty: it can.
        broken: why an earlier action of the turn, on whose result this one may depend, did not end well.
        types: of custom fields, by `leads:ID` and `contacts:ID`.
        whose: for whom is made what has neither phone number nor address: `conversation:7`; of a rule that no customer woke, `turn:ID`.
    """

    account: KommoAccount | None
    lead_id: int | None = None
    contact_id: int | None = None
    name: str = ""
    asleep: str = ""
    broken: Mapping[Entity, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    whose: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """What is made once: `wait_s` above 0: another action makes it now; `made`: what came of it earlier."""

    wait_s: float
    made: int | None


class CrmDesk(Protocol):
    """Everything is committed when a method returns."""

    async def scene(self, action: Action) -> CrmScene:
        """Return what is known of the action's surroundings."""

    async def take(self, account: KommoAccount, subject: str, action: Action, seconds: float) -> Turn:
        """Become the only action that makes this, for some time; whoever has it may take it again."""

    async def made(self, account: KommoAccount, subject: str, action: Action, made: int) -> None:
        """Keep what was made or found, and let others go on."""

    async def let_go(self, account: KommoAccount, action: Action) -> None:
        """Let others make what this action will not make any more."""

    async def claimed(self, account: KommoAccount, ids: Collection[int], entity: Entity, but: str) -> set[int]:
        """Return which of these were made for other subjects than `but`."""

    async def expect(self, account: KommoAccount, entity: Entity, entity_id: int, echo: Mapping[str, Any]) -> None:
        """Keep that a change of ours is about to be made: its webhook wakes no rule."""

    async def tell(self, account: KommoAccount, chat_id: str, action: Action) -> None:
        """Put the action's command into the inbox of a chat, once."""
