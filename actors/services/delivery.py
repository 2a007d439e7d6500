"""Delivery of outbox rows: claim -> begin -> send -> finish, each a step of its own so that they overlap.

    pending --claim--> claimed --begin--> sending --send, finish--> sent | failed | pending again | unknown

`claimed` has nothing on the wire and is given back freely. `sending` is committed just before the bytes, only for the
rows now being written; a process that dies in it leaves an outcome nobody knows, which the row's policy decides.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from actors.domain.errors import (
    CallboardError,
    ContactMoved,
    ContactUnreachable,
    CredentialsRefused,
    OwnershipLost,
    TerminalError,
    TransientError,
    UnknownOutcome,
)
from actors.domain.ids import Address, IntegrationId, OutboxId
from actors.domain.messages import clean_text
from actors.domain.retry import backoff_s
from actors.ports.carriers import Carrier
from actors.ports.channels import ChannelSender
from actors.ports.integrations import IntegrationRecord
from actors.ports.outbox import Claim, OutboxStore, Outcome
from actors.ports.time import Clock
from actors.services.held_claims import HeldClaim, HeldClaims
from actors.services.integration_book import IntegrationBook
from actors.services.pacing import Pacer

log = logging.getLogger(__name__)

AGAIN_S = 0.25  # what is given back without a better reason
AFTER_UNKNOWN_S = 2.0  # a second try at once would meet the same failing server
UNSERVED_S = 5.0  # an integration that is not in the book yet
WHOLE_ACCOUNT_S = 0.5  # an account whose pace is spent this far ahead is not claimed for
HOLD_S = 1.5  # a claim waits this long here for its pace; longer waits are given back


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """How much at once, and for how long."""

    lease_s: float = 20.0
    send_timeout_s: float = 8.0
    in_flight: int = 64
    in_flight_per_integration: int = 16
    in_hand: int = 1024
    per_claim: int = 200
    per_integration: int = 16  # at 30 a second these are half a second of a bot's pace
    max_attempts: int = 30  # with the backoff about two hours

    def __post_init__(self) -> None:
        if self.send_timeout_s >= self.lease_s / 2:
            raise ValueError(f"a send may take {self.send_timeout_s} s; it must be below half of the lease of {self.lease_s} s")

    @property
    def writable_s(self) -> float:
        """Return how long after the claim a first byte may be written: the answer must fit into the lease, with a second to spare."""
        return self.lease_s - self.send_timeout_s - 1.0


def _nowhere(_: str) -> None:
    """No failpoints."""


class Delivery:
    """The rows of one sender between the outbox and the channels. Every method may be called while others wait."""

    def __init__(
        self,
        carrier: Carrier,
        outbox: OutboxStore,
        book: IntegrationBook,
        senders: Mapping[str, ChannelSender],
        clock: Clock,
        limits: DeliveryLimits | None = None,
        failpoint: Callable[[str], None] = _nowhere,
        counts: Counter[str] | None = None,  # the senders may count along
    ) -> None:
        self._carrier = carrier
        self._outbox = outbox
        self._book = book
        self._senders = senders
        self._clock = clock
        self._limits = limits or DeliveryLimits()
        self._failpoint = failpoint
        self._held = HeldClaims(self._limits.in_flight_per_integration)
        self._begun: set[OutboxId] = set()  # on the wire, or known and not stored yet
        self._outcomes: dict[OutboxId, Outcome] = {}
        self._accounts: Pacer[IntegrationId] = Pacer()
        self._addresses: Pacer[Address] = Pacer()
        self._paused_until: dict[IntegrationId, float] = {}
        self.counts: Counter[str] = Counter() if counts is None else counts

    @property
    def in_hand(self) -> int:
        """Return how many rows are leased."""
        return len(self._held) + len(self._begun | self._outcomes.keys())

    @property
    def may_claim(self) -> bool:
        """Whether a claim of full size fits: many small ones look at the same shards again and again."""
        return self.in_hand + self._limits.per_claim <= self._limits.in_hand

    @property
    def in_flight(self) -> int:
        """Return how many requests are on the wire."""
        return self._held.flying

    @property
    def unstored(self) -> int:
        """Return how many outcomes wait for `finish`."""
        return len(self._outcomes)

    def next_ready_in(self) -> float | None:
        """Return in how many seconds the pace lets the next claim go; None if none waits for time."""
        now = self._clock.monotonic()
        at = self._held.next_after(now)
        return None if at is None else at - now

    async def claim(self) -> int:
        """Lease rows and return how many; those over the pace are given back.

        Raises:
            OwnershipLost: a newer generation owns the shards.
            TransientError: the database is away.
        """
        # Before the call: the lease begins at the latest when the database answers, never earlier than this.
        claimed_at = self._clock.monotonic()
        paused = self._paused(claimed_at)
        claims = await self._outbox.claim(self._carrier, paused, self._limits.per_integration, self._limits.per_claim, self._limits.lease_s)
        for claim in claims:
            self._take(claim, claimed_at + self._limits.writable_s)
        return len(claims)

    async def begin(self) -> list[HeldClaim]:
        """Commit `sending` for what may be written now, and return it: each must be given to `send` at once.

        Raises:
            OwnershipLost: a newer generation owns the shards.
        """
        now = self._clock.monotonic()
        going = self._held.let_go(now, self._limits.in_flight - self._held.flying)
        late = [held for held in going if now > held.not_after]
        self._return(late)
        going = [held for held in going if now <= held.not_after]
        return await self._commit_sending(going) if going else []

    async def send(self, held: HeldClaim) -> None:
        """Write one begun row to its channel and note the outcome; never raises a provider's error."""
        outcome = await self._outcome_of(held)
        self._failpoint("sender.after_send")
        self._held.land(held)
        self._note(outcome)

    async def finish(self) -> int:
        """Store all outcomes in one commit; return how many were still ours.

        Raises:
            TransientError: the database is away; nothing is forgotten, call again.
        """
        batch = list(self._outcomes.values())
        if not batch:
            return 0
        try:
            settled = await self._outbox.finish(self._carrier, batch)
        except TerminalError:
            settled = await self._finish_singly(batch)
        for outcome in batch:
            if self._outcomes.get(outcome.id) is outcome:
                del self._outcomes[outcome.id]
            self._begun.discard(outcome.id)
        self.counts["lease_lost"] += len(batch) - settled
        return settled

    def give_back(self) -> None:
        """Give back every claim that is not on the wire."""
        for held in self._held.drop():
            self._note(Outcome(held.id, "retry", delay_s=AGAIN_S))

    def is_paused(self, integration_id: IntegrationId) -> bool:
        """Return whether nothing of it is claimed for a time."""
        return self._paused_until.get(integration_id, 0.0) > self._clock.monotonic()

    def forget_idle(self) -> None:
        """Free the memory of accounts and conversations that were quiet for a while."""
        now = self._clock.monotonic()
        self._accounts.forget_idle(now)
        self._addresses.forget_idle(now)
        self._paused_until = {key: until for key, until in self._paused_until.items() if until > now}

    def _paused(self, now: float) -> list[IntegrationId]:
        told = {key for key, until in self._paused_until.items() if until > now}
        return list(told | self._spent(now))

    def _spent(self, now: float) -> set[IntegrationId]:
        """Accounts whose pace is used up ahead of time; claiming more of theirs would only give it back."""
        records = (record for key in self._accounts if (record := self._book.get(key)) is not None)
        return {r.id for r in records if self._account_wait(r, now) > WHOLE_ACCOUNT_S}

    def _account_wait(self, record: IntegrationRecord, now: float) -> float:
        sender = self._senders.get(record.channel)
        return 0.0 if sender is None else self._accounts.wait(record.id, sender.account_pace(), now)

    def _take(self, claim: Claim, not_after: float) -> None:
        """Hold a claim until its pace lets it go, or give it back.

        A row whose last outcome is not known to be stored is left alone: it ends with its lease.
        """
        if claim.id in self._held or claim.id in self._begun or claim.id in self._outcomes:
            return
        record = self._book.get(claim.address.integration_id)
        sender = self._senders.get(record.channel) if record else None
        if record is None or sender is None:
            # Its other rows are not even claimed meanwhile: thousands of a broken account would take the others' turns.
            self._pause(claim.address.integration_id, UNSERVED_S)
            self._note(Outcome(claim.id, "retry", delay_s=UNSERVED_S))
            return
        now = self._clock.monotonic()
        wait = max(
            self._paused_until.get(record.id, now) - now,
            self._accounts.wait(record.id, sender.account_pace(), now),
            self._addresses.wait(claim.address, sender.address_pace(claim.address), now),
        )
        if wait > HOLD_S:
            self._note(Outcome(claim.id, "retry", delay_s=wait))
            return
        self._accounts.take(record.id, sender.account_pace(), now + wait)
        self._addresses.take(claim.address, sender.address_pace(claim.address), now + wait)
        self._held.add(HeldClaim(now + wait, claim.delivery_class == "step", claim.id, claim, record, not_after))

    async def _commit_sending(self, going: list[HeldClaim]) -> list[HeldClaim]:
        self._failpoint("sender.before_begin")
        self._begun.update(held.id for held in going)
        try:
            begun = await self._outbox.begin(self._carrier, [held.id for held in going])
        except CallboardError as error:
            # Whether it was committed is not known, but nothing was written: `retry` is right in both states.
            self._return(going)
            if isinstance(error, OwnershipLost):
                raise
            log.warning("outbox rows could not be begun: %s", error)
            return []
        self._failpoint("sender.after_begin")
        for held in going:
            if held.id not in begun:  # withdrawn meanwhile, or the lease is over
                self._begun.discard(held.id)
                self._held.land(held)
        return [held for held in going if held.id in begun]

    def _return(self, going: Iterable[HeldClaim]) -> None:
        for held in going:
            self._held.land(held)
            self._note(Outcome(held.id, "retry", delay_s=AGAIN_S))

    def _note(self, outcome: Outcome) -> None:
        self._outcomes[outcome.id] = outcome
        self.counts[outcome.outcome] += 1

    async def _outcome_of(self, held: HeldClaim) -> Outcome:
        sender = self._senders[held.integration.channel]
        try:
            message_id = await sender.send(held.integration, held.claim, held.not_after)
        except CallboardError as error:
            return await self._outcome_of_error(held, error)
        except Exception as error:  # whatever it is, the bytes may be out
            log.exception("outbox row %s", held.id)
            return _unknown(held, f"{type(error).__name__} in the sender")
        return Outcome(held.id, "sent", provider_message_id=message_id)

    async def _outcome_of_error(self, held: HeldClaim, error: CallboardError) -> Outcome:
        match error:
            case CredentialsRefused():
                await self._book.broken(held.integration, str(error))
                self._pause(held.integration.id, UNSERVED_S)
                return Outcome(held.id, "failed", clean_text(str(error)))
            case TransientError():
                return self._again(held, error)
            case ContactMoved():
                return await self._follow(held, error)
            case TerminalError():
                if isinstance(error, ContactUnreachable):
                    await self._close(held, clean_text(str(error)))
                return Outcome(held.id, "failed", clean_text(str(error)))
            case UnknownOutcome():
                return _unknown(held, str(error))
            case _:
                return _unknown(held, f"{type(error).__name__}: {error}")

    async def _follow(self, held: HeldClaim, error: ContactMoved) -> Outcome:
        """Send the row where its conversation is now. If the move cannot be stored, the next try is told of it again."""
        try:
            await self._outbox.moved(self._carrier, held.id, Address(held.integration.id, error.key))
        except CallboardError as failure:
            log.warning("the move of outbox row %s could not be stored: %s", held.id, failure)
        else:
            self.counts["moved"] += 1
        return self._again(held, TransientError(str(error)))

    async def _close(self, held: HeldClaim, reason: str) -> None:
        """What else waits for this contact must not be tried one by one. If that cannot be stored, the next refusal does it."""
        try:
            await self._outbox.unreachable(self._carrier, held.id, reason)
        except CallboardError as failure:
            log.warning("the contact of outbox row %s could not be closed: %s", held.id, failure)
        else:
            self.counts["unreachable"] += 1

    def _again(self, held: HeldClaim, error: TransientError) -> Outcome:
        attempt = held.claim.attempts + 1
        if attempt >= self._limits.max_attempts:
            return Outcome(held.id, "failed", clean_text(f"given up after {attempt} attempts: {error}"))
        if error.retry_after_s is not None:
            self._pause(held.integration.id, error.retry_after_s)
        delay_s = backoff_s(attempt, retry_after_s=error.retry_after_s)
        return Outcome(held.id, "retry", clean_text(str(error)), delay_s=max(delay_s, AGAIN_S))

    def _pause(self, integration_id: IntegrationId, seconds: float) -> None:
        """Claim nothing of one account for a time, as its provider wished or because nobody serves it; give back what waits."""
        until = self._clock.monotonic() + seconds
        self._paused_until[integration_id] = max(until, self._paused_until.get(integration_id, 0.0))
        for held in self._held.drop(integration_id):
            self._note(Outcome(held.id, "retry", delay_s=max(seconds, AGAIN_S)))

    async def _finish_singly(self, batch: list[Outcome]) -> int:
        """One outcome the database refuses must not keep the others; that row ends with its lease, as unknown."""
        settled = 0
        for outcome in batch:
            try:
                settled += await self._outbox.finish(self._carrier, [outcome])
            except TerminalError as error:
                log.error("the outcome of outbox row %s was refused: %s", outcome.id, error)
        return settled


def _unknown(held: HeldClaim, error: str) -> Outcome:
    return Outcome(held.id, "unknown", clean_text(error), delay_s=AFTER_UNKNOWN_S)
