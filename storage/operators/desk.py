"""The part of a commit that operators are concerned with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from actors.domain.effects import OperatorMove
from actors.domain.ids import TurnId
from actors.ports.turns import TurnCommit
from storage.operators.chats import lock
from storage.operators.moves import carry_out, targets
from storage.operators.relaying import Listener, listeners, relay
from storage.postgres import Connection


@dataclass(slots=True)
class Desk:
    """Opened before the turns are committed, settled for those that won. `changed` must be told to hosts afterwards."""

    connection: Connection
    about: Mapping[TurnId, Mapping[OperatorMove, int]]
    listening: Mapping[int, Listener]
    changed: set[int] = field(default_factory=set)

    @classmethod
    async def open(cls, connection: Connection, turns: Sequence[TurnCommit]) -> "Desk":
        """Find out who is concerned, and take their conversations together with those of the turns, in order."""
        about = {turn.turn_id: await targets(connection, turn) for turn in turns if turn.moves}
        listening = await listeners(connection, [turn.conversation_id for turn in turns if turn.relay])
        others = {target for found in about.values() for target in found.values()} | {to.chat for to in listening.values()}
        if others:
            await lock(connection, others | {turn.conversation_id for turn in turns})
        return cls(connection, about, listening)

    async def settle(self, winners: Sequence[TurnCommit]) -> None:
        """Carry out what operators want, and pass on what their customers wrote."""
        for turn in winners:
            if turn.moves:
                self.changed |= await carry_out(self.connection, turn, self.about[turn.turn_id])
            if turn.relay and (to := self.listening.get(turn.conversation_id)):
                await relay(self.connection, turn, to)
