"""What a replayed conversation has said so far: as recorded, but the agent's words as replayed."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from actors.domain.decision import Decision
from actors.domain.effects import SendMessage
from actors.domain.messages import InboundMessage, Input, MessageEdited, clean_text
from actors.ports.replays import RecordedConversation, RecordedMessage
from actors.services.history import LIMIT

OVERHEARD = 1_000  # messages of a turn from this place on were seen in the channel, not said by the turn


class Recording:
    """The messages of a conversation, by turn."""

    def __init__(self, recorded: RecordedConversation) -> None:
        self.turns = {turn.turn_id for turn in recorded.turns}
        self.messages = recorded.messages
        by_turn: dict[UUID, list[RecordedMessage]] = defaultdict(list)
        for message in recorded.messages:
            by_turn[message.turn_id].append(message)
        self._by_turn: Mapping[UUID, Sequence[RecordedMessage]] = by_turn

    def all_of(self, turn_id: UUID) -> Sequence[RecordedMessage]:
        """Return everything that was stored with a turn."""
        return self._by_turn.get(turn_id, ())

    def of(self, turn_id: UUID) -> list[RecordedMessage]:
        """Return what the turn itself said."""
        return [m for m in self.all_of(turn_id) if m.role == "agent" and m.seq < OVERHEARD]


class Past:
    """The messages before a turn, oldest first, as a model is shown them."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._said: list[tuple[str, str, str]] = []  # role, text, the channel's id
        self._others = [m for m in recording.messages if m.turn_id not in recording.turns]
        self._passed = 0

    def messages(self) -> list[tuple[str, str]]:
        """Return the last messages as a host knows them."""
        return [(role, text) for role, text, _ in self._said[-LIMIT:]]

    def before(self, turn_id: UUID) -> None:
        """Take in what people said before a turn."""
        own = self._recording.all_of(turn_id)
        while own and self._passed < len(self._others) and self._others[self._passed].id < own[0].id:
            self._add(self._others[self._passed])
            self._passed += 1

    def as_recorded(self, turn_id: UUID) -> None:
        """Take in a turn that is not replayed."""
        for message in self._recording.all_of(turn_id):
            self._add(message)

    def after(self, turn_id: UUID, inputs: Sequence[Input], decided: Decision | None) -> None:
        """Take in a replayed turn; without a decision, with the words it had."""
        for item in inputs:
            if isinstance(item, InboundMessage):
                self._said.append(("customer", item.text, item.external_id or ""))
            elif isinstance(item, MessageEdited):
                self._revise(item)
        if decided is None:
            self._said += [("agent", message.text, "") for message in self._recording.of(turn_id)]
        else:
            self._said += [("agent", clean_text(effect.text), "") for effect in decided.effects if isinstance(effect, SendMessage)]
        for message in self._recording.all_of(turn_id):
            if message.seq >= OVERHEARD:
                self._add(message)

    def _add(self, message: RecordedMessage) -> None:
        self._said.append((message.role, message.text, ""))

    def _revise(self, edit: MessageEdited) -> None:
        self._said = [(role, edit.text if known and known == edit.external_id else text, known) for role, text, known in self._said]
