"""Turns an agent works on: tracked tasks, no transaction open, redone when the customer goes on writing."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from actors.domain.errors import TransientError, UnknownOutcome
from actors.domain.ids import ConversationId
from actors.ports.conversations import ConversationStore
from actors.ports.time import Clock
from actors.ports.turns import TurnCommit
from actors.runtime.host.activation import Activation, Phase
from actors.runtime.host.announcer import Announcer
from actors.runtime.host.typing import shown_typing
from actors.services.conversation import AgentStep, ConversationService
from actors.services.history import LIMIT, History

log = logging.getLogger(__name__)

MOST = 1_000  # at once; a step is a task and a connection to the model
REDO_AT_MOST = 3  # then the answer goes out and what came meanwhile is the next turn
REDO_WITHIN_S = 20.0

Done = Callable[[Activation, TurnCommit], None]
Failed = Callable[[Activation, Exception], None]
Dropped = Callable[[Activation], None]


class AgentSteps:
    """Runs agent steps; whoever needs the conversation sooner cancels them."""

    def __init__(
        self, clock: Clock, service: ConversationService, conversations: ConversationStore, announcer: Announcer, most: int = MOST
    ) -> None:
        self._clock = clock
        self._service = service
        self._conversations = conversations
        self._announcer = announcer
        self._most = most
        self._running: dict[ConversationId, tuple[Activation, asyncio.Task[None]]] = {}
        self._waiting: deque[tuple[Activation, AgentStep, int]] = deque()  # with the step's number within its turn
        self._ended: set[asyncio.Task[None]] = set()  # cancelled ones that still unwind
        self.on_done: Done = _unset
        self.on_failed: Failed = _unset
        self.on_dropped: Dropped = _unset

    def __len__(self) -> int:
        return len(self._running)

    def start(self, activation: Activation, step: AgentStep) -> None:
        """Begin a step, or let it wait for a free place."""
        activation.phase = Phase.STEP
        if activation.step_count == 0:
            activation.step_since = self._clock.monotonic()
        activation.step_count += 1
        self._waiting.append((activation, step, activation.step_count))
        self._start_waiting()

    def _start_waiting(self) -> None:
        while self._waiting and len(self._running) < self._most:
            activation, step, number = self._waiting.popleft()
            if activation.phase is Phase.STEP and activation.step_count == number:
                task = asyncio.create_task(self._run(activation, step), name=f"step {activation.record.id}")
                self._running[activation.record.id] = (activation, task)

    def redo(self, activation: Activation, *, urgent: bool = False) -> bool:
        """Cancel the step because input arrived; False if it was redone often or long enough, unless the input is urgent."""
        elapsed = self._clock.monotonic() - activation.step_since
        if not urgent and (activation.step_count > REDO_AT_MOST or elapsed > REDO_WITHIN_S):
            return False
        self._cancel(activation.record.id)
        activation.phase = Phase.IDLE
        activation.taken = 0
        return True

    def interrupt(self, conversation_ids: Sequence[int]) -> None:
        """Cancel the steps of conversations whose control changed and drop their activations."""
        for conversation_id in conversation_ids:
            if (activation := self._cancel(ConversationId(conversation_id))) is not None:
                self.on_dropped(activation)

    def cancel_all(self) -> None:
        """Cancel every step; their activations are dropped by the caller."""
        self._waiting.clear()
        for conversation_id in list(self._running):
            self._cancel(conversation_id)

    async def close(self) -> None:
        """Cancel every step and wait until none is left."""
        self.cancel_all()
        await asyncio.gather(*self._ended, return_exceptions=True)

    def _cancel(self, conversation_id: ConversationId) -> Activation | None:
        running = self._running.pop(conversation_id, None)
        if running is None:
            return None
        activation, task = running
        self._ended.add(task)
        task.add_done_callback(self._ended.discard)
        task.cancel()
        self._start_waiting()
        return activation

    async def _run(self, activation: Activation, step: AgentStep) -> None:
        try:
            commit = await self._work(activation, step)
        except (TransientError, UnknownOutcome, OSError, TimeoutError) as error:
            log.warning("conversation %s: a step found no way: %s", activation.record.id, error)
            self._leave(activation, lambda: self.on_dropped(activation))
        except Exception as error:  # a bug or an input made for one: it must not stop the others
            log.exception("conversation %s: a step failed", activation.record.id)
            failure = error
            self._leave(activation, lambda: self.on_failed(activation, failure))
        else:
            self._leave(activation, lambda: self.on_done(activation, commit))

    async def _work(self, activation: Activation, step: AgentStep) -> TurnCommit:
        record = activation.record
        if activation.history is None:
            activation.history = History.of(await self._conversations.history(record.tenant_id, record.id, LIMIT))
        async with shown_typing(record, self._announcer, self._clock):
            return await self._service.work(record, step, activation.history, self._on_delta(record.id, step))

    def _on_delta(self, conversation_id: ConversationId, step: AgentStep) -> Callable[[str], Awaitable[None]]:
        async def publish(text: str) -> None:
            self._announcer.event(conversation_id, {"type": "delta", "text": text, "turn_id": str(step.turn_id)})

        return publish

    def _leave(self, activation: Activation, then: Callable[[], None]) -> None:
        """End a step that nobody cancelled."""
        running = self._running.get(activation.record.id)
        if running is None or running[1] is not asyncio.current_task():
            return
        del self._running[activation.record.id]
        if activation.phase is Phase.STEP:
            then()
        self._start_waiting()


def _unset(*_: object) -> None:
    raise AssertionError("the host wires the steps before it runs")
