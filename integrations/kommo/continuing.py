"""Answers through a Salesbot that waits for one (`continue`). It takes one answer and goes on.

What is short the bot shows by itself and ends; what is longer lies in its data, and its next step shows `{{json.reply}}`.
"""

import logging
from collections.abc import Awaitable
from typing import Any

from actors.domain.errors import CallboardError, TransientError
from actors.ports.kommo import KommoAccount, KommoOutlets, KommoSalesbots
from integrations.kommo.account_api import Talk
from integrations.kommo.client import KommoClient
from integrations.kommo.errors import NotFound
from integrations.kommo.limits import Priority

log = logging.getLogger(__name__)

MOST_SHOWN = 80  # characters; more is refused (TooLong). Whether Kommo counts code points is not known: half a pair counts here
HOLD_S = 60.0  # longer than a send may take: a bot whose sender died gets the next answer, or Kommo says that it has gone on
BOT_S = 10.0  # a bot has said its text by then


def continue_body(text: str) -> dict[str, Any]:
    """Return what a bot is told. An empty list of handlers would be refused (TooFew), so a long text has none."""
    if len(text.encode("utf-16-le")) // 2 > MOST_SHOWN:
        return {"data": {"status": "success", "reply": text}}
    show = {"handler": "show", "params": {"type": "text", "value": text}}
    return {"data": {"status": "success"}, "execute_handlers": [show, {"handler": "goto", "params": {"type": "finish"}}]}


class Continuing:
    """Finds a bot that waits in the chat, and answers through it."""

    def __init__(self, client: KommoClient, salesbots: KommoSalesbots, outlets: KommoOutlets) -> None:
        self._client = client
        self._salesbots = salesbots
        self._outlets = outlets

    async def asks(self, account: KommoAccount) -> bool:
        """Whether bots of the account ask for answers."""
        return await self._salesbots.asks(account)

    async def answer(self, account: KommoAccount, talk: Talk, text: str, not_after: float) -> bool:
        """Say it through the bot that asked last; False: none waits.

        Raises:
            TransientError: nothing was said, and the bot goes on waiting.
            TerminalError, UnknownOutcome: see errors.py.
        """
        while (path := await self._salesbots.take(account, talk.lead_id, talk.contact_id, HOLD_S)) is not None:
            try:
                await self._client.ask(account, "POST", path, priority=Priority.ANSWER, body=continue_body(text), not_after=not_after)
            except NotFound:  # it has gone on, or ended
                await self._kept(self._salesbots.done(account, path))
            except TransientError:
                await self._kept(self._salesbots.give_back(account, path))
                raise
            except CallboardError:
                await self._kept(self._salesbots.done(account, path))
                raise
            else:
                await self._kept(self._speaking(account, path, talk))
                return True
        return False

    async def _speaking(self, account: KommoAccount, path: str, talk: Talk) -> None:
        """It waits no more, and until it has said its text no other bot is run for the lead."""
        await self._salesbots.done(account, path)
        if talk.lead_id is not None:
            await self._outlets.take_bot(account, talk.lead_id, BOT_S)

    async def _kept(self, keeping: Awaitable[None]) -> None:
        """What happened at Kommo has happened, whether or not it can be noted: later Kommo says that the bot has gone on."""
        try:
            await keeping
        except CallboardError as error:
            log.warning("whether a Salesbot waits could not be noted: %s", error)
