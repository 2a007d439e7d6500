"""Looks for a message of ours in the history of its talk. Kommo does not count these requests as messages."""

from collections.abc import Sequence
from datetime import timedelta

from actors.domain.errors import TerminalError
from actors.ports.doubts import Doubt
from actors.ports.integrations import IntegrationRecord
from actors.ports.kommo import KommoAccount
from integrations.kommo.account_api import AccountApi
from integrations.kommo.client import KommoClient
from integrations.kommo.limits import Priority
from integrations.kommo.outgoing import contact_of, talk_of, text_of

SKEW = timedelta(seconds=30)  # between our clock and Kommo's


class KommoHistory:
    """What Kommo shows of a chat."""

    def __init__(self, client: KommoClient) -> None:
        self._client = client

    async def look(self, integration: IntegrationRecord, doubt: Doubt) -> Sequence[str]:
        """Return the ids of messages with this row's text that went out since it was begun, oldest first.

        Raises:
            CallboardError: it could not be looked.
        """
        account = KommoAccount(integration.tenant_id, integration.id)
        api = AccountApi(self._client, account, priority=Priority.ACTION)
        try:
            wanted = _plain(text_of(doubt.body))
        except TerminalError:  # such a row was never written to the wire
            return ()
        # The current talk first: where the one in the row was closed, the message went to that.
        current = await api.talk_of_chat(doubt.address.key, contact_of(doubt.body))
        talks = dict.fromkeys(talk_id for talk_id in (current.id if current else None, talk_of(doubt.body)) if talk_id)
        found = [
            shown
            for talk_id in talks
            for shown in await api.messages(talk_id, doubt.begun_at - SKEW)
            if shown.outgoing and _plain(shown.text) == wanted
        ]
        return [shown.id for shown in sorted(found, key=lambda shown: shown.created_at) if shown.id]


def _plain(text: str) -> str:
    """Channels change white space."""
    return " ".join(text.split())
