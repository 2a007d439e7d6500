"""Answers through a Salesbot that waits for one (`continue`). It takes one answer and goes on.

The answer lies in its data, and its next step shows `{{json.reply}}`: one way for every text. What we would have it show by
ourselves (`execute_handlers`) is at most 80 characters, of a unit nobody tells, and has to be followed by a `goto`, or the next step
shows an answer that is not there: `finish` would end bots that are built to ask again, `question` wants the number of a step of theirs.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from actors.domain.errors import CallboardError, TransientError
from actors.domain.ids import IntegrationId
from actors.ports.kommo import KommoAccount, KommoOutlets, KommoSalesbots
from integrations.kommo.account_api import Talk
from integrations.kommo.client import KommoClient
from integrations.kommo.errors import NotFound
from integrations.kommo.limits import Priority
from integrations.kommo.wire import no_failpoint

log = logging.getLogger(__name__)

HOLD_S = 60.0  # longer than a send may take: a bot whose sender died gets the next answer, or Kommo says that it has gone on
BOT_S = 10.0  # a bot has said its text by then
VAIN_S = 120.0  # longer than an answer takes; while a bot waits Kommo runs no other one for its lead
PER_ROUND = 20

# Nothing is to be said, and the next step would show an answer that is not there. The documented form has a step with every type.
END = {"data": {"status": "silent"}, "execute_handlers": [{"handler": "goto", "params": {"type": "finish", "step": 1}}]}


def reply_body(text: str) -> dict[str, Any]:
    """Return what a bot is told. An empty list of handlers would be refused (TooFew), so there is none."""
    return {"data": {"status": "success", "reply": text}}


class Continuing:
    """Finds bots that wait: answers through them, and lets go those for which there is no answer."""

    def __init__(
        self, client: KommoClient, salesbots: KommoSalesbots, outlets: KommoOutlets, pass_: Callable[[str], None] = no_failpoint
    ) -> None:
        self._client = client
        self._salesbots = salesbots
        self._outlets = outlets
        self._pass = pass_

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
            self._pass("bot.after_take")
            try:
                await self._client.ask(account, "POST", path, priority=Priority.ANSWER, body=reply_body(text), not_after=not_after)
            except NotFound:  # it has gone on, or ended
                await self._kept(self._salesbots.done(account, path))
            except TransientError:
                await self._kept(self._salesbots.give_back(account, path))
                raise
            except CallboardError:
                await self._kept(self._salesbots.done(account, path))
                raise
            else:
                self._pass("bot.after_answer")
                await self._kept(self._speaking(account, path, talk))
                return True
        return False

    async def release(self, integrations: Sequence[IntegrationId]) -> int:
        """End the bots of these integrations that have waited in vain, and return how many.

        Raises:
            TransientError: the database is away.
        """
        ended = 0
        for account, path in await self._salesbots.overdue(integrations, VAIN_S, PER_ROUND):
            if await self._salesbots.hold(account, path, HOLD_S):
                ended += await self._end(account, path)
        return ended

    async def _end(self, account: KommoAccount, path: str) -> bool:
        try:
            await self._client.ask(account, "POST", path, priority=Priority.ACTION, body=END)
        except TransientError as error:  # tried again when nobody holds it any more
            log.warning("a Salesbot waits in vain and could not be told: %s", error)
            return False
        except CallboardError as error:
            log.info("a Salesbot that waited in vain: %s", error)
        await self._kept(self._salesbots.done(account, path))
        return True

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
