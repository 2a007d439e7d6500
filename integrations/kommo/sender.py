"""Sends one claim into a Kommo chat, by the way that the account has.

Directly with `talks/{id}/send_message`, which Kommo counts by month; where that is used up or the plan does not have it,
by a Salesbot that waits for the answer (`continuing.py`), else by one that its owner made: the text is put into a field of the
lead and the bot sends the field. Whatever may have been written has an unknown outcome and is never repeated: `history.py`
looks for it.
"""

from collections import Counter

from actors.domain.errors import TerminalError, TransientError, UnknownOutcome
from actors.domain.ids import Address
from actors.ports.channels import Pace
from actors.ports.crm_actions import CrmDesk
from actors.ports.integrations import IntegrationRecord
from actors.ports.kommo import KommoAccount, KommoOutlets, Outlet
from actors.ports.outbox import Claim
from integrations.kommo.account_api import AccountApi, Talk
from integrations.kommo.client import KommoClient
from integrations.kommo.continuing import BOT_S, Continuing
from integrations.kommo.errors import Forbidden, NotFound, Unpaid, Unprocessable
from integrations.kommo.limits import GAP_S
from integrations.kommo.outgoing import contact_of, talk_of, text_of

ACCOUNT_PACE = Pace(GAP_S, 3)  # the account's real pace is reserved by the client; this keeps claims from piling up before it
CHAT_PACE = Pace(1.0, 3)
QUOTA_AGAIN_S = 3600.0  # more can be bought at any time
ASKS_TRIES = 4  # an answer may be faster than the bot that asks for it: with the backoff it is awaited for 7 s


class KommoSender:
    """Text to a chat."""

    def __init__(
        self,
        client: KommoClient,
        outlets: KommoOutlets,
        continuing: Continuing,
        desk: CrmDesk,
        counts: Counter[str] | None = None,
    ) -> None:
        self._client = client
        self._outlets = outlets
        self._desk = desk
        self._continuing = continuing
        self.counts: Counter[str] = Counter() if counts is None else counts

    def account_pace(self) -> Pace:
        """Return the limit of an account."""
        return ACCOUNT_PACE

    def address_pace(self, address: Address) -> Pace:
        """Return the limit of a chat."""
        return CHAT_PACE

    async def send(self, integration: IntegrationRecord, claim: Claim, not_after: float) -> str:
        """Return the message's id; empty where a Salesbot sends it, which does not tell.

        Raises:
            TransientError, TerminalError, UnknownOutcome: see errors.py and above.
        """
        account, text = KommoAccount(integration.tenant_id, integration.id), text_of(claim.body)
        outlet = await self._outlets.outlet(account)
        if outlet is None:
            raise TerminalError("this Kommo account is not connected")
        api = AccountApi(self._client, account, not_after)
        if outlet.quota_problem is None:
            try:
                return await self._directly(api, account, claim, text)
            except (Unpaid, Forbidden) as error:
                await self._outlets.over_quota(account, str(error), QUOTA_AGAIN_S)
                outlet = Outlet(outlet.bot_id, outlet.field_id, str(error))
        asks = await self._continuing.asks(account)
        if not asks and not outlet.has_bot:
            raise TerminalError(f"{outlet.quota_problem}. Buy more messages in Kommo, or set up a Salesbot for answers in the integration")
        talk = await self._talk(api, claim)
        if asks and await self._continuing.answer(account, talk, text, not_after):
            self.counts["kommo_by_waiting_bot"] += 1
            return ""
        return await self._by_bot(api, account, claim, talk, text, outlet)

    async def _directly(self, api: AccountApi, account: KommoAccount, claim: Claim, text: str) -> str:
        talk_id = talk_of(claim.body) or (await self._current_talk(api, claim)).id
        try:
            message_id = await api.send_message(talk_id, text)
        except (Unprocessable, NotFound) as error:  # the talk was closed; the customer may have begun another one
            newer = await self._current_talk(api, claim)
            if not newer.open or (newer.id == talk_id and isinstance(error, Unprocessable)):
                raise TerminalError(f"the talk in Kommo is closed: {error}") from None
            message_id = await _into_open(api, newer.id, text)
        await self._count(account)
        return message_id

    async def _count(self, account: KommoAccount) -> None:
        """The message is sent, whether or not it can be counted."""
        try:
            await self._outlets.count(account)
        except TransientError:
            self.counts["kommo_uncounted"] += 1

    async def _by_bot(self, api: AccountApi, account: KommoAccount, claim: Claim, talk: Talk, text: str, outlet: Outlet) -> str:
        if outlet.bot_id is None or outlet.field_id is None:
            if claim.attempts < ASKS_TRIES:
                raise TransientError("no Salesbot has asked for an answer in this chat yet")
            raise TerminalError(f"{outlet.quota_problem}, and no Salesbot waits for an answer in this chat")
        if talk.lead_id is None:
            raise TerminalError("the chat has no lead in Kommo: a Salesbot can only answer where there is one")
        taken_s = await self._outlets.take_bot(account, talk.lead_id, BOT_S)
        if taken_s is not None:
            raise TransientError(f"the Salesbot still sends an earlier answer of this lead, for {taken_s:.0f} s")
        try:
            # What we write into the lead is no news for rules.
            await self._desk.expect(account, "lead", talk.lead_id, {"what": "fields", "fields": {str(outlet.field_id): text}})
            await api.set_field(talk.lead_id, outlet.field_id, text)
        except UnknownOutcome as error:  # no bot was run: the customer has got nothing
            raise TransientError(str(error)) from None
        await api.run_bot(outlet.bot_id, talk.lead_id)
        self.counts["kommo_by_bot"] += 1
        return ""

    async def _talk(self, api: AccountApi, claim: Claim) -> Talk:
        talk_id = talk_of(claim.body)
        talk = await api.talk(talk_id) if talk_id else None
        return talk or await self._current_talk(api, claim)

    async def _current_talk(self, api: AccountApi, claim: Claim) -> Talk:
        talk = await api.talk_of_chat(claim.address.key, contact_of(claim.body))
        if talk is None:
            raise TerminalError("Kommo knows no talk of this chat")
        return talk


async def _into_open(api: AccountApi, talk_id: int, text: str) -> str:
    """Say it where the talk is open: what is not found then is the method, which amoCRM does not document."""
    try:
        return await api.send_message(talk_id, text)
    except NotFound:
        raise Forbidden("Kommo has no direct way into the talks of this account") from None
