"""Actors: who is on stage, where a conversation is carried, and, in the demo, what happens when one of them dies."""

from config.demo.definition import TENANT_SLUG
from gateway.api.operation import Answer, Call, Operation
from gateway.health import STAGE_SILENCE_S
from gateway.problems import Problem, unavailable
from gateway.schemas.actors import ActorsView, PlacedView, TrialBody, TrialView, actor_view
from gateway.supervisor import SupervisorAway, SupervisorRefused, end
from storage.accounts.audit import record
from storage.carriers import PostgresPlacement
from storage.heartbeat import Heartbeat, Heartbeats
from storage.inspection import find_own
from storage.postgres import Database
from storage.tenants import Tenants

_KINDS = {"host": "host", "delivery": "sender"}


class ActorsApi:
    """The actors of the installation."""

    def __init__(self, database: Database, control_socket: str) -> None:
        self._database = database
        self._heartbeats = Heartbeats(database)
        self._placement = PostgresPlacement(database)
        self._tenants = Tenants(database)
        self._socket = control_socket

    def operations(self) -> list[Operation]:
        """Return the operations."""
        tag = "actors"
        return [
            Operation("GET", "/api/actors", self.list, level="admin", tag=tag, answer=ActorsView),
            Operation(
                "GET",
                "/api/conversations/{id}/actor",
                self.placed,
                level="admin",
                tag=tag,
                numbers={"id"},
                answer=PlacedView,
            ),
            Operation("POST", "/api/actors/trials", self.trial, level="admin", tag=tag, body=TrialBody, answer=TrialView, also=(409,)),
        ]

    async def list(self, call: Call) -> Answer:
        """List the actors of the installation with what they do now. It is at most some seconds old: `age_s`."""
        beat = await self._heartbeats.read("stage")
        connected = _connected(beat)
        status = beat.status if beat else {}
        return Answer(
            ActorsView(
                connected=connected,
                standby=bool(status.get("standby")),
                age_s=beat.age_s if beat else None,
                dashboard=str(status.get("ray", {}).get("dashboard", "")),
                trials=bool(self._socket) and await self._is_demo(call),
                actors=[actor_view(raw) for raw in status.get("cast", ())] if connected else [],
            )
        )

    async def placed(self, call: Call) -> Answer:
        """Say which host carries a conversation. It is in that host's memory while somebody talks in it, else only in the database."""
        found = await find_own(self._database, call.tenant_id, call.number("id"))
        if found is None:
            raise call.missing()
        placement = await self._placement.read()
        actor = f"host-{found.partition % placement.hosts}" if placement else ""
        return Answer(
            PlacedView(
                conversation_id=str(call.number("id")),
                actor=actor,
                partition=found.partition,
                version=found.version,
                control=found.control,
                open_inputs=found.open_inputs,
                last_at=found.last_at,
            )
        )

    async def trial(self, call: Call[TrialBody]) -> Answer:
        """End a process, to see that nothing is lost: it is back within seconds. Only in the demo company."""
        if not await self._is_demo(call):
            raise Problem(409, "only the demo company may end processes", reason="not-the-demo")
        body = call.body
        pid = await self._pid_of(body) if body.what in _KINDS else None
        async with self._database.tenant_transaction(call.tenant_id) as connection:
            what = {"what": body.what, "number": body.number}
            await record(connection, call.tenant_id, call.caller.actor, "trial.begun", f"tenant:{call.tenant_id}", None, what)
        try:
            return Answer(TrialView(what=body.what, pid=await end(self._socket, body.what, pid)))
        except SupervisorRefused as error:
            raise Problem(409, str(error), reason="not-there") from None
        except SupervisorAway as error:
            raise unavailable(str(error), 5) from None

    async def _pid_of(self, body: TrialBody) -> int:
        beat = await self._heartbeats.read("stage")
        kind = _KINDS[body.what]
        for raw in beat.status.get("cast", ()) if beat and _connected(beat) else ():
            if (raw["kind"], raw["number"]) == (kind, body.number) and raw.get("pid"):
                return int(raw["pid"])
        raise Problem(409, "this actor is just being started", reason="not-there")

    async def _is_demo(self, call: Call[TrialBody] | Call) -> bool:
        tenant = await self._tenants.find(call.tenant_id)
        return tenant is not None and tenant.slug == TENANT_SLUG


def _connected(beat: Heartbeat | None) -> bool:
    return beat is not None and beat.age_s <= STAGE_SILENCE_S
