"""What a live conversation costs: resident memory of 20,000 activations. Prints one number, bytes each.

Its own process: python -m tests.bench.activation
"""

import gc
import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psutil

from actors.domain.ids import Address, AgentId, ConversationId, InboxId, IntegrationId, TenantId
from actors.ports.conversations import ConversationRecord
from actors.ports.inbox import InboxRow
from actors.runtime.host.in_hand import HeldRow, InHand
from actors.runtime.host.ready_queue import ReadyQueue
from actors.runtime.host.roster import Roster
from actors.services.history import History

CONVERSATIONS = 20_000
MESSAGES = 20
LETTERS = 120


def main() -> None:
    """Fill a host's roster and print what each conversation takes."""
    tenant, agent = TenantId(uuid4()), AgentId(uuid4())
    roster = Roster(InHand(2 * CONVERSATIONS), ReadyQueue(), lambda _: 0.3)
    _fill(roster, tenant, agent, range(1_000))  # what is paid once
    gc.collect()
    before = psutil.Process().memory_info().rss
    _fill(roster, tenant, agent, range(1_000, 1_000 + CONVERSATIONS))
    gc.collect()
    print((psutil.Process().memory_info().rss - before) // CONVERSATIONS)


def _fill(roster: Roster, tenant: TenantId, agent: AgentId, numbers: range) -> None:
    """Admit conversations as a pull does: a record, a history, one row in the mailbox and in hand."""
    for number in numbers:
        address = Address(IntegrationId(UUID(int=number % 64)), str(10_000_000 + number))
        state = json.dumps({"language": "ru", "turns": number}).encode()
        record = ConversationRecord(ConversationId(number), tenant, address, number, "bot", state, agent, "telegram", "repeat_once")
        roster.begin_pull()
        roster.admit([record], 0.0)
        activation = next(reversed(roster.values()))  # type: ignore[call-overload]  # a view of a dict: the newest is last
        activation.history = History(("customer", _text(number, n)) for n in range(MESSAGES))
        row = InboxRow(InboxId(number), tenant, address, "message", _text(number, 0).encode(), datetime.now(UTC), 0.0, 0)
        assert roster.accept(HeldRow(row, number, 0.0), 0.0) is activation


def _text(number: int, n: int) -> str:
    return f"{number}-{n} ".ljust(LETTERS, "щ")


if __name__ == "__main__":
    main()
