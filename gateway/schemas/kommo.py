"""Kommo accounts: what connects them and what is shown of them, never a secret."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, StringConstraints

from gateway.schemas.bodies import Body, View, cleaned
from storage.kommo_connections import KommoState

Secret = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,4096}$"), BeforeValidator(cleaned)]
ClientId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$"), BeforeValidator(cleaned)]
Address = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=r"^(https://)?[A-Za-z0-9][A-Za-z0-9.-]{0,200}/?$"),
    BeforeValidator(cleaned),
]
Id = Annotated[int, Field(ge=1, lt=2**53)]


class KommoInvite(Body):
    """The keys of your private integration in Kommo (Settings, Integrations): its ID and its secret key."""

    client_id: ClientId
    client_secret: Secret
    platform: Literal["kommo", "amocrm"] = "kommo"


class KommoInvitation(View):
    """Open `authorize_url` in a browser and allow the access, until `expires_at`. `redirect_uri` must stand in the integration."""

    authorize_url: str
    redirect_uri: str
    expires_at: datetime


class KommoToken(Body):
    """A long-lived token of your private integration, and the account's address: `shop` or `shop.kommo.com`."""

    address: Address
    token: Secret


class Salesbot(Body):
    """A Salesbot of one step that sends a field of the lead: its number, and the field's."""

    bot_id: Id
    field_id: Id


class SalesbotStep(View):
    """Where a step `widget_request` of a Salesbot asks for answers. The address is a secret."""

    url: str


class KommoPatch(Body):
    """How answers go out when the direct way is not there. Null: they fail then, and people see why."""

    salesbot: Salesbot | None


class SalesbotView(View):
    """The Salesbot for answers."""

    bot_id: int
    field_id: int


class KommoView(View):
    """A connected account.

    `problem` says what is wrong and what to do. `quota_problem`: why answers go by the Salesbot now. `blocked_until`: Kommo
    refuses this server because of too many requests; nothing is asked before. `salesbot_asked_at`: when a
    Salesbot asked for an answer last.
    """

    id: UUID
    agent_id: UUID
    account_id: int
    name: str
    host: str
    status: str
    problem: str | None
    access: Literal["oauth", "long_lived"]
    salesbot: SalesbotView | None
    sent_this_month: int
    quota_problem: str | None
    blocked_until: datetime | None
    salesbot_asked_at: datetime | None
    created_at: datetime


def kommo_view(state: KommoState) -> KommoView:
    """Return an account."""
    bot = None if state.bot_id is None or state.field_id is None else SalesbotView(bot_id=state.bot_id, field_id=state.field_id)
    return KommoView(
        id=state.id,
        agent_id=state.agent_id,
        account_id=state.account_id,
        name=state.name,
        host=state.host,
        status=state.status,
        problem=state.problem,
        access="oauth" if state.refreshable else "long_lived",
        salesbot=bot,
        sent_this_month=state.sent_this_month,
        quota_problem=state.quota_problem,
        blocked_until=state.blocked_until,
        salesbot_asked_at=state.asked_at,
        created_at=state.created_at,
    )
