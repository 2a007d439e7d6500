"""`crm:reconcile`: what webhooks lost is fetched from the account's own history, and webhooks that were switched off are set again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from actors.domain.errors import TerminalError, TransientError
from actors.domain.jobs import Mark, Progress
from actors.ports.crm_watch import ChatActivity, CrmHistory, CrmWatch, Party, WatchedAccount
from actors.ports.inbox import InboxStore, NewInput
from actors.ports.jobs import JobContext
from actors.ports.time import Clock

GRACE = timedelta(seconds=60)  # a webhook may be on its way, and the spool not empty yet
_AGAIN_S = 30.0


class ReconcilePayload(BaseModel):
    """All accounts of the company."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(slots=True)
class _Tally:
    accounts: int = 0
    found: int = 0
    resubscribed: int = 0


class Reconcile:
    """Looks at one account after the other; what fails for one does not keep it from the others."""

    name: ClassVar[str] = "crm:reconcile"
    timeout_s: ClassVar[float] = 1_800.0
    payload = ReconcilePayload

    def __init__(self, history: CrmHistory, watch: CrmWatch, inbox: InboxStore, clock: Clock, address: str) -> None:
        """Put it together.

        Args:
            history: of accounts.
            watch: which accounts, and how far they were compared.
            inbox: takes what was lost in; what is there already is not taken twice.
            clock: of this machine.
            address: under which Kommo reaches the gateway; empty: it does not.
        """
        self._history = history
        self._watch = watch
        self._inbox = inbox
        self._clock = clock
        self._address = address

    async def run(self, payload: ReconcilePayload, context: JobContext) -> Mapping[str, Any]:  # nothing to choose
        """Compare every account with the inbox; return what was found, and what is wrong with accounts."""
        watched = await self._watch.accounts(context.lease.tenant_id)
        tally, problems, busy = _Tally(), [], ""
        for account in watched:
            try:
                await self._one(context, account, tally, len(watched))
            except TransientError as error:
                busy = str(error)
            except TerminalError as error:
                problems.append({"account": account.number, "problem": str(error)})
        if busy:
            raise TransientError(busy, _AGAIN_S)
        found = {"accounts": tally.accounts, "found": tally.found, "resubscribed": tally.resubscribed}
        return found | ({"problems": problems} if problems else {})

    async def _one(self, context: JobContext, watched: WatchedAccount, tally: _Tally, total: int) -> None:
        await self._listen(context, watched, tally)
        until = self._clock.now() - GRACE
        for party in await self._unheard(watched, until):
            tally.found += await self._take_in(await self._history.said(watched, party, until))
        tally.accounts += 1
        await self._watch.reconciled(context.lease, watched, until, Mark(Progress(tally.accounts, total)))

    async def _listen(self, context: JobContext, watched: WatchedAccount, tally: _Tally) -> None:
        if not self._address:
            return
        destination = f"{self._address}/webhooks/kommo/{watched.account.integration_id}/{watched.secret}"
        if not await self._history.receives(watched.account, destination):
            await self._history.subscribe(watched.account, destination)
            await self._watch.resubscribed(context.lease, watched)
            tally.resubscribed += 1

    async def _unheard(self, watched: WatchedAccount, until: datetime) -> Sequence[Party]:
        """Return who said, or was told, what is not in the inbox."""
        activity = await self._history.activity(watched, until)
        known = await self._watch.known({one.dedupe_key for one in activity if one.dedupe_key})
        return list(dict.fromkeys(one.party for one in activity if _is_unheard(one, known)))

    async def _take_in(self, said: Sequence[NewInput]) -> int:
        known = await self._watch.known({one.dedupe_key for one in said})
        stored = await self._inbox.ingest([one for one in said if one.dedupe_key not in known])
        return sum(one.fresh for one in stored)


def _is_unheard(one: ChatActivity, known: set[str]) -> bool:
    return not one.dedupe_key or one.dedupe_key not in known
