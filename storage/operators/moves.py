"""What operators want, carried out in the commit of their chat's turn: for winners only, so once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never
from uuid import UUID

from actors.domain.effects import OperatorMove
from actors.domain.operator_words import take_or_give_back, words
from actors.domain.operators import button
from actors.ports.turns import TurnCommit
from storage.accounts.audit import record
from storage.operators.chats import Operator, forget, operator_of, say
from storage.operators.linking import redeem
from storage.postgres import Connection

ANSWERS = -200  # the places of answers within a turn; messages have those from 0 on, acknowledged buttons those below

_ABOUT = """
select (o.body->>'about')::bigint from outbox o
where o.conversation_id = $1 and o.provider_message_id = $2 and o.body ? 'about' order by o.id desc limit 1"""
_TARGET = """
select c.id, c.control, c.held_by, nullif(coalesce(nullif(c.state->>'name', ''), c.title), '') as name,
       (select coalesce(nullif(u.name, ''), u.email) from users u where u.id = c.held_by) as holder
from conversations c where c.id = $1 and c.tenant_id = $2 and not exists (select from operator_chats o where o.conversation_id = c.id)"""
_WORKING = """
select distinct c.id from inbox i join conversations c on c.integration_id = i.integration_id and c.key = i.key
where i.tenant_id = $1 and i.state = 'pending' limit 5000"""


async def targets(connection: Connection, turn: TurnCommit) -> dict[OperatorMove, int]:
    """Return whose customers the moves are about."""
    found = {}
    for move in turn.moves:
        about = move.conversation_id
        if not about and move.answers:
            about = await connection.fetchval(_ABOUT, turn.conversation_id, move.answers) or 0
        if about:
            found[move] = about
    return found


async def carry_out(connection: Connection, turn: TurnCommit, about: Mapping[OperatorMove, int]) -> set[int]:
    """Carry out the moves of a turn that won; return the conversations whose steps must not go on."""
    acting = _Acting(connection, turn, about, await operator_of(connection, turn.conversation_id))
    for move in turn.moves:
        await acting.carry_out(move)
    return acting.changed


@dataclass(slots=True)
class _Acting:
    """One turn of one operator."""

    connection: Connection
    turn: TurnCommit
    about: Mapping[OperatorMove, int]
    operator: Operator | None
    changed: set[int] = field(default_factory=set)
    answers: int = 0

    async def carry_out(self, move: OperatorMove) -> None:
        if move.kind == "link":
            await self._link(move)
        elif (operator := self.operator) is None:
            await forget(self.connection, None, self.turn.conversation_id)
            await self._answer(words("stranger", "en") + "\n\n" + words("stranger", "ru"))
        else:
            await self._act(operator, move)

    async def _act(self, operator: Operator, move: OperatorMove) -> None:
        match move.kind:
            case "take" | "back" | "reply":
                await self._with_customer(operator, move)
            case "ask_stop" | "ask_go":
                kind = "stop" if move.kind == "ask_stop" else "go"
                asked = [[{"text": words(kind, operator.locale), "data": button("stop" if kind == "stop" else "go")}]]
                await self._answer(words(move.kind, operator.locale, company=operator.company), buttons=asked)
            case "stop" | "go":
                await self._stop(operator, stop=move.kind == "stop")
            case "link" | "stranger" | "wordless" | "lost" | "help":
                await self._answer(words(move.kind, operator.locale))
            case _:
                assert_never(move.kind)

    async def _link(self, move: OperatorMove) -> None:
        linked = await redeem(self.connection, self.turn.tenant_id, self.turn.conversation_id, move.text, move.name)
        self.operator = await operator_of(self.connection, self.turn.conversation_id)
        if self.operator is not None and linked == "linked":
            await self._answer(words("linked", self.operator.locale, name=self.operator.name))
            return
        refusal = "too_many" if linked == "too_many" else "wrong_code"
        await self._answer(words(refusal, "en") + "\n\n" + words(refusal, "ru"))

    async def _with_customer(self, operator: Operator, move: OperatorMove) -> None:
        about = self.about.get(move, 0)
        target = await self.connection.fetchrow(_TARGET, about, self.turn.tenant_id) if about else None
        if target is None:
            await self._answer(words("gone" if about else "lost", operator.locale))
        elif target["control"] == "human" and target["held_by"] != operator.user_id:
            holder = target["holder"] or words("colleague", operator.locale)
            await self._answer(words("other", operator.locale, other=holder))
        else:
            await self._change(operator, move, target)

    async def _change(self, operator: Operator, move: OperatorMove, target: Any) -> None:
        """Do to a customer's conversation what may be done: nobody else has it."""
        name, locale = target["name"] or words("somebody", operator.locale), operator.locale
        match move.kind, target["control"]:
            case "take", "human":
                await self._answer(words("yours", locale), target["id"])
            case "take", _:
                await self._control(operator, target["id"], "human")
                await self._answer(words("taken", locale, name=name), target["id"], take_or_give_back(locale, target["id"]))
            case "back", "bot":
                await self._answer(words("bots", locale))
            case "back", _:
                await self._control(operator, target["id"], "bot")
                await self._answer(words("given_back", locale, name=name))
            case _:
                await self._reply(operator, target["id"], move.text)

    async def _control(self, operator: Operator, conversation_id: int, control: str) -> None:
        async with _as_user(self.connection, operator.user_id):
            await self.connection.fetch(
                "select * from conversation_control($1, $2, $3, $4)", self.turn.tenant_id, conversation_id, control, operator.name
            )
        self.changed.add(conversation_id)

    async def _reply(self, operator: Operator, conversation_id: int, text: str) -> None:
        async with _as_user(self.connection, operator.user_id):
            await self.connection.fetch(
                "select * from operator_reply($1, $2, gen_random_uuid(), $3, $4)",
                *(self.turn.tenant_id, conversation_id, text, operator.name),
            )
        self.changed.add(conversation_id)

    async def _stop(self, operator: Operator, *, stop: bool) -> None:
        tenant_id = self.turn.tenant_id
        done = await self.connection.fetchrow("select * from bots_stop($1, null, $2, $3)", tenant_id, stop, operator.name)
        assert done is not None
        if done["changed"]:
            action = "tenant.stopped" if stop else "tenant.resumed"
            await record(self.connection, tenant_id, operator.actor, action, f"tenant:{tenant_id}")
            self.changed |= await working(self.connection, tenant_id) if stop else set()
        said = ("stopped" if stop else "resumed") if done["changed"] else ("stopped_already" if stop else "not_stopped")
        await self._answer(words(said, operator.locale, count=str(done["withdrawn"])))

    async def _answer(self, text: str, about: int | None = None, buttons: Sequence[Sequence[Mapping[str, Any]]] = ()) -> None:
        body: dict[str, Any] = {"text": text}
        if about is not None:
            body["about"] = str(about)
        if buttons:
            body["buttons"] = buttons
        await say(self.connection, self.turn.conversation_id, body, self.turn.turn_id, ANSWERS - self.answers)
        self.answers += 1


@dataclass(frozen=True, slots=True)
class _as_user:  # reads as a phrase: async with _as_user(...)
    """Says who acts while the block lasts: whoever takes a conversation is remembered as its holder."""

    connection: Connection
    user_id: UUID

    async def __aenter__(self) -> None:
        await self.connection.execute("select set_config('app.operator', $1, true)", str(self.user_id))

    async def __aexit__(self, kind: object, *_: object) -> None:
        if kind is None:  # a failed transaction takes no statement
            await self.connection.execute("select set_config('app.operator', '', true)")


async def working(connection: Connection, tenant_id: UUID) -> set[int]:
    """Return the conversations of a tenant that may be answered just now."""
    return {r["id"] for r in await connection.fetch(_WORKING, tenant_id)}
