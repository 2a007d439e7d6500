"""Chats of our own channels in Kommo, as showing needs them."""

from collections.abc import Iterator
from contextlib import contextmanager

from actors.domain.messages import WRITTEN_IN_KOMMO
from actors.ports.showing import ChannelRefused, OwnChannel, SaidMessage, ServerFailed, ShownChat
from integrations.kommo.chat_ids import Mark, chat_id
from integrations.kommo.chats_api import ChannelKeys, ChatsApi, NoSuchChannel, Person, Posted, SignatureRefused
from integrations.kommo.errors import AnsweredFailed

CUSTOMER = "Customer"  # one whose name is not known
COMPANY = "Callboard"  # a channel without a title
_SECRET = "Kommo refuses the channel's secret: connect the channel again with the secret key that Kommo's support gave"  # noqa: S105
_GONE = "Kommo does not know the channel, or the account is not connected to it any more: connect the channel again"


class KommoChats:
    """Implements the port of what is shown."""

    def __init__(self, api: ChatsApi, mark: Mark) -> None:
        self._api = api
        self._mark = mark

    async def create(self, channel: OwnChannel, chat: ShownChat) -> str:
        """Return Kommo's id of the chat; it is made if there is none."""
        with _translated():
            return await self._api.create_chat(_keys(channel), channel.scope_id, self._id(channel, chat), self._customer(channel, chat))

    async def post(self, channel: OwnChannel, chat: ShownChat, message: SaidMessage, not_after: float) -> None:
        """Show a message: as the customer's, or as the channel's bot's."""
        customer, company = self._customer(channel, chat), Person("callboard", channel.title or COMPANY, channel.bot_id)
        ours = message.role != "customer"
        sender, receiver = (company, customer) if ours else (customer, None)
        posted = Posted(_msgid(channel, message.id), self._id(channel, chat), chat.ref_id or "", sender, receiver, message.text, message.at)
        with _translated():
            await self._api.post(_keys(channel), channel.scope_id, posted, not_after)

    async def holds(self, channel: OwnChannel, chat: ShownChat, message_id: int) -> bool:
        """Whether the chat has this message."""
        with _translated():
            shown = await self._api.history(_keys(channel), channel.scope_id, chat.ref_id or "")
        return _msgid(channel, message_id) in shown

    async def tell_delivery(self, channel: OwnChannel, message: SaidMessage, error: str | None) -> None:
        """Say what became of a message that was written in Kommo, or of one of ours that is shown there."""
        there = message.external_id.startswith(WRITTEN_IN_KOMMO)
        message_id = message.external_id.removeprefix(WRITTEN_IN_KOMMO) if there else _msgid(channel, message.id)
        with _translated():
            await self._api.tell_delivery(_keys(channel), channel.scope_id, message_id, error)

    def _id(self, channel: OwnChannel, chat: ShownChat) -> str:
        return chat_id(self._mark, channel.tenant_id, chat.address)

    def _customer(self, channel: OwnChannel, chat: ShownChat) -> Person:
        return Person(self._id(channel, chat), chat.name or CUSTOMER)


@contextmanager
def _translated() -> Iterator[None]:
    """Say failures in the port's words."""
    try:
        yield
    except SignatureRefused:
        raise ChannelRefused(_SECRET, "signature-refused") from None
    except NoSuchChannel:
        raise ChannelRefused(_GONE, "disconnected") from None
    except AnsweredFailed as error:
        raise ServerFailed(str(error)) from None


def _msgid(channel: OwnChannel, message_id: int) -> str:
    """Return our id of a message, always the same: by it the history tells whether the message is there."""
    return f"{channel.id.hex[:12]}-{message_id}"


def _keys(channel: OwnChannel) -> ChannelKeys:
    return ChannelKeys(channel.channel_id, channel.host, channel.secret)
