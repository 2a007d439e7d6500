"""The channel of our own in a Kommo account: connect it, look at it, give it up."""

from typing import NoReturn

from actors.domain.errors import CallboardError, TerminalError, TransientError, UnknownOutcome
from gateway.api.operation import Answer, Call, Operation
from gateway.channel_desk import ChannelDesk
from gateway.kommo_desk import NO_PUBLIC_URL
from gateway.own_channels import OwnChannels
from gateway.problems import Flaw, Problem, invalid, not_found, unavailable
from gateway.schemas.own_channel import OwnChannelBody, OwnChannelView, own_channel_view
from integrations.kommo.chats_api import NoSuchChannel, SignatureRefused
from storage.kommo_connections import ConnectedElsewhere

_ONE = "/api/agents/{id}/integrations/{integration_id}/own-channel"
_THING = "Kommo account"
_SECRET = "Kommo refuses this secret: copy the channel's secret key from the answer of Kommo's support, and check this server's clock"  # noqa: S105
_CHANNEL = "Kommo knows no such channel, or it is not registered for this account: compare the id with the answer of Kommo's support"


class OwnChannelApi:
    """Channels of the Kommo accounts of the caller's tenant."""

    def __init__(self, desk: ChannelDesk, channels: OwnChannels) -> None:
        self._desk = desk
        self._channels = channels

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation("GET", _ONE, self.channel, level="admin", tag="kommo", answer=OwnChannelView),
            Operation(
                "PUT", _ONE, self.connect_channel, level="admin", tag="kommo", body=OwnChannelBody, answer=OwnChannelView, also=(409,)
            ),
            Operation("DELETE", _ONE, self.give_up_channel, level="admin", tag="kommo", status=204),
        ]

    async def channel(self, call: Call) -> Answer:
        """Show the channel by which an agent's own conversations appear in its Kommo account."""
        await self._need_account(call)
        found = await self._desk.channels.find(call.tenant_id, call.uuid("id"), call.uuid("integration_id"))
        return Answer(own_channel_view(found, self._desk.hook_url))

    async def connect_channel(self, call: Call[OwnChannelBody]) -> Answer:
        """Connect a channel that Kommo's support registered, or give it another secret: what waits goes on then.

        From now on the agent's conversations in Telegram and on websites are chats in the Kommo account, too. What a manager
        writes there answers the customer, and takes the conversation over from the bot. What was said before is not shown.
        """
        host = await self._need_account(call)
        if not self._desk.reachable:
            raise _conflict(NO_PUBLIC_URL, "no-public-url")
        body, ids = call.body, (call.uuid("id"), call.uuid("integration_id"))
        try:
            state = await self._desk.connect(
                call.tenant_id, call.caller.actor, ids, host, body.channel_id, body.secret, body.bot_id, body.title
            )
        except CallboardError as error:
            _refuse(error)
        self._channels.forget(state.scope_id)
        return Answer(own_channel_view(state, self._desk.hook_url))

    async def give_up_channel(self, call: Call) -> Answer:
        """Give the channel up: nothing more is shown, and what managers write there reaches nobody."""
        await self._need_account(call)
        gone = await self._desk.disconnect(call.tenant_id, call.caller.actor, call.uuid("id"), call.uuid("integration_id"))
        if gone is not None:
            self._channels.forget(gone.scope_id)
        return Answer()

    async def _need_account(self, call: Call | Call[OwnChannelBody]) -> str:
        host = await self._desk.channels.account_host(call.tenant_id, call.uuid("id"), call.uuid("integration_id"))
        if host is None:
            raise not_found(_THING)
        return host


def _conflict(detail: str, code: str) -> Problem:
    return Problem(409, detail, reason=code, errors=[Flaw(detail, code)])


def _refuse(error: CallboardError) -> NoReturn:
    match error:
        case ConnectedElsewhere():
            raise _conflict(str(error), "connected-elsewhere") from None
        case SignatureRefused():
            raise invalid(_SECRET, "signature-refused", pointer="/secret") from None
        case NoSuchChannel():
            raise invalid(_CHANNEL, "no-such-channel", pointer="/channel_id") from None
        case TransientError() | UnknownOutcome():
            raise unavailable(f"Kommo could not be asked; try again. {error}", 5) from None
        case TerminalError():
            raise invalid(f"Kommo does not accept this channel: {error}", "refused", pointer="/channel_id") from None
        case _:
            raise error
