"""Kommo accounts of an agent: connect one, look at it, choose the Salesbot for answers."""

from typing import NoReturn

from actors.domain.errors import CallboardError, TerminalError, TransientError, UnknownOutcome
from gateway.api.operation import Answer, Call, Operation
from gateway.directory import Directory
from gateway.kommo_desk import NO_PUBLIC_URL, KommoDesk
from gateway.problems import Flaw, Problem, invalid, not_found, unavailable
from gateway.schemas.kommo import KommoInvitation, KommoInvite, KommoPatch, KommoToken, KommoView, SalesbotStep, kommo_view
from storage.kommo_connections import ConnectedElsewhere

_ALL = "/api/agents/{id}/integrations/kommo"
_ONE = f"{_ALL}/{{integration_id}}"
_THING = "Kommo account"


class KommoApi:
    """Kommo accounts of the caller's tenant."""

    def __init__(self, desk: KommoDesk, directory: Directory) -> None:
        self._desk = desk
        self._directory = directory

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation(
                "POST",
                f"{_ALL}/oauth",
                self.invite,
                level="admin",
                tag="kommo",
                body=KommoInvite,
                answer=KommoInvitation,
                status=201,
                also=(409,),
            ),
            Operation("POST", _ALL, self.connect, level="admin", tag="kommo", body=KommoToken, answer=KommoView, status=201, also=(409,)),
            Operation("GET", _ONE, self.one, level="viewer", tag="kommo", answer=KommoView),
            Operation("GET", f"{_ONE}/salesbot-step", self.step, level="admin", tag="kommo", answer=SalesbotStep),
            Operation("PATCH", _ONE, self.change, level="admin", tag="kommo", body=KommoPatch, answer=KommoView),
        ]

    async def invite(self, call: Call[KommoInvite]) -> Answer:
        """Begin to connect an account by allowing the access at Kommo's page.

        Somebody who administers the account opens `authorize_url`. Kommo sends their browser back here, and the account is connected.
        """
        await self._ready(call)
        body = call.body
        begun = await self._desk.invite(
            call.tenant_id, call.caller.actor, call.uuid("id"), body.client_id, body.client_secret, body.platform
        )
        if begun is None:
            raise call.missing("id")
        return Answer(KommoInvitation(authorize_url=begun.url, redirect_uri=begun.redirect_uri, expires_at=begun.expires_at))

    async def connect(self, call: Call[KommoToken]) -> Answer:
        """Connect an account with a long-lived token, or give a connected one another token: its conversations go on."""
        await self._ready(call)
        body = call.body
        try:
            state = await self._desk.with_token(call.tenant_id, call.caller.actor, call.uuid("id"), body.address, body.token)
        except CallboardError as error:
            _refuse(error)
        self._directory.forget(state.id)
        return Answer(kommo_view(state))

    async def one(self, call: Call) -> Answer:
        """Show a connected account: what is wrong with it, and how its answers go out."""
        state = await self._desk.accounts.find(call.tenant_id, call.uuid("id"), call.uuid("integration_id"))
        if state is None:
            raise not_found(_THING)
        return Answer(kommo_view(state))

    async def step(self, call: Call) -> Answer:
        """Show the address for a Salesbot's step that asks Callboard for the answer."""
        url = await self._desk.widget_address(call.tenant_id, call.uuid("id"), call.uuid("integration_id"))
        if url is None:
            raise not_found(_THING)
        return Answer(SalesbotStep(url=url))

    async def change(self, call: Call[KommoPatch]) -> Answer:
        """Choose the Salesbot that answers when the month's messages are used up or the plan has none."""
        bot = call.body.salesbot
        ids = (call.uuid("id"), call.uuid("integration_id"))
        numbers = (bot.bot_id, bot.field_id) if bot else (None, None)
        state = await self._desk.accounts.set_bot(call.tenant_id, call.caller.actor, *ids, *numbers)
        if state is None:
            raise not_found(_THING)
        return Answer(kommo_view(state))

    async def _ready(self, call: Call[KommoInvite] | Call[KommoToken]) -> None:
        if not await self._desk.accounts.has_agent(call.tenant_id, call.uuid("id")):
            raise call.missing("id")
        if not self._desk.reachable:
            raise _conflict(NO_PUBLIC_URL, "no-public-url")


def _conflict(detail: str, code: str) -> Problem:
    """Return a 409 that programs can tell from the others."""
    return Problem(409, detail, reason=code, errors=[Flaw(detail, code)])


def _refuse(error: CallboardError) -> NoReturn:
    match error:
        case ConnectedElsewhere():
            raise _conflict(str(error), "connected-elsewhere") from None
        case TransientError() | UnknownOutcome():
            raise unavailable(f"Kommo could not be asked; try again. {error}", 5) from None
        case TerminalError():
            raise invalid(f"Kommo does not accept this token at this address: {error}", "refused", pointer="/token") from None
        case _:
            raise error
