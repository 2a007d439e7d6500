"""The one place that wraps plain classes with Ray, and talks to Ray as a driver."""

import asyncio
import contextlib
import importlib
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import psutil
import ray
from ray.exceptions import GetTimeoutError, RayError

from actors.runtime.members import Answer, Body, Kind, Member, PoolLost
from actors.runtime.stage.figures import Figures

NAMESPACE = "callboard"
CALL_TIMEOUT_S = 5.0  # one question to the GCS on this machine takes 1 ms
T = TypeVar("T")
_log = logging.getLogger(__name__)

# Imported by the actor only: a host does not pay for what a sender needs.
FACTORIES: Mapping[Kind, str] = {
    "host": "actors.runtime.composition:build_host",
    "sender": "actors.runtime.composition:build_sender",
    "scheduler": "actors.runtime.composition:build_scheduler",
    "sync": "actors.runtime.composition:build_sync",
    "knowledge": "actors.runtime.knowledge_parts:build_knowledge",
    "activity": "actors.runtime.composition:build_activity",
}


class _Wrapped:
    """An actor around a body. The first ping begins its life, so a stage that adopts an actor need not know how far it came."""

    def __init__(self, name: str, factory: str) -> None:
        self._name = name
        self._factory = factory
        self._body: Body | None = None
        self._life: asyncio.Task[None] | None = None
        member = Member.parse(name)
        self._figures = Figures(str(member.part) if member else name)

    async def ping(self) -> dict[str, Any]:
        """Return pid, node and status; on the loop of the body, so that a loop that stands still does not answer."""
        if self._life is None:
            self._life = asyncio.create_task(self._live())
        answer: dict[str, Any] = {"pid": os.getpid(), "node": ray.get_runtime_context().get_node_id(), "ended": self._ended()}
        answer["rss"] = psutil.Process().memory_info().rss
        if self._body and not self._life.done():
            answer["status"] = dict(await self._body.ping())
            self._figures.show({**answer["status"], "rss": answer["rss"]})
        return answer

    async def drain(self) -> None:
        """Finish what is in hand."""
        if self._body:
            await self._body.drain()

    async def _live(self) -> None:
        member = Member.parse(self._name)
        assert member
        module, _, function = self._factory.partition(":")
        build: Callable[[Member], Awaitable[Body]] = getattr(importlib.import_module(module), function)
        self._body = await build(member)
        await self._body.run()

    def _ended(self) -> str | None:
        if self._life is None or not self._life.done():
            return None
        error = self._life.exception() if not self._life.cancelled() else None
        if error:
            _log.error("%s ended", self._name, exc_info=error)
        return f"ended with {type(error).__name__}: {error}" if error else "ended by itself"


class ConversationHost(_Wrapped):
    """Carries conversation actors."""


class DeliveryActor(_Wrapped):
    """Carries integrations: sends and polls."""


class SchedulerActor(_Wrapped):
    """Fires timers."""


class SyncActor(_Wrapped):
    """Carries out jobs."""


class KnowledgeActor(_Wrapped):
    """Searches documents."""


class ActivityLogActor(_Wrapped):
    """Counts what is logged."""


_CLASSES: Mapping[Kind, type[_Wrapped]] = {
    "host": ConversationHost,
    "sender": DeliveryActor,
    "scheduler": SchedulerActor,
    "sync": SyncActor,
    "knowledge": KnowledgeActor,
    "activity": ActivityLogActor,
}


def connect(address: str) -> str:
    """Become a driver of the Ray at `address`; return where its dashboard is, as host and port, empty if it has none.

    Raises:
        PoolLost: it cannot be reached.
    """
    try:
        context = ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.WARNING)
    except (RayError, ConnectionError, RuntimeError, OSError) as error:
        raise PoolLost(f"cannot reach Ray at {address}: {error}") from error
    return str(context.dashboard_url or "")


class RayPool:
    """Actors of Ray: detached, so that they outlive the stage; without CPUs of their own, so that all fit on one machine."""

    def __init__(self, factories: Mapping[Kind, str] = FACTORIES) -> None:
        self._factories = factories
        self._node = ray.get_runtime_context().get_node_id()
        self._processes: dict[str, psutil.Process] = {}

    async def names(self) -> set[str]:
        """Return the names of all actors that are not dead.

        Raises:
            PoolLost: the GCS does not answer.
        """
        try:
            return set(await _answer(ray.util.list_named_actors))
        except RayError as error:
            raise PoolLost(f"Ray does not answer: {error}") from error

    async def create(self, member: Member) -> None:
        """Begin to start an actor. No secret may be among its arguments: the dashboard shows them."""
        kind = member.part.kind
        options = ray.remote(_CLASSES[kind]).options(
            name=member.name,
            lifetime="detached",
            num_cpus=0,
            max_restarts=0,  # a restarted actor would keep its generation: the stage makes a new one instead
            max_task_retries=0,
            max_concurrency=16,
        )
        await _answer(lambda: options.remote(member.name, self._factories[kind]))

    async def ping(self, name: str) -> Answer:
        """Ask an actor.

        Raises:
            RayActorError: it is dead.
        """
        handle = await self._handle(name)
        answer = await handle.ping.remote()
        if answer["node"] == self._node and name not in self._processes:
            self._processes[name] = psutil.Process(answer["pid"])
        return Answer("status" in answer, answer.get("status", {}), answer["ended"], answer["pid"], answer["rss"])

    async def kill(self, name: str) -> None:
        """End an actor, and at once its process if that is on this machine: a stopped process does not hear Ray."""
        with contextlib.suppress(ValueError, RayError):  # it is dead already
            handle = await self._handle(name)
            await _answer(lambda: ray.kill(handle, no_restart=True))
        if process := self._processes.pop(name, None):
            _kill(process)

    async def drain(self, name: str) -> None:
        """Let an actor finish what it has in hand."""
        handle = await self._handle(name)
        await handle.drain.remote()

    async def _handle(self, name: str) -> Any:
        return await _answer(lambda: ray.get_actor(name))


async def _answer(call: Callable[[], T]) -> T:
    """Return what a blocking question to the GCS gives, asked in a thread.

    Raises:
        PoolLost: no answer in time. The thread may stay behind: whoever sees this ends the process.
        ValueError, RayError: as the call itself.
    """
    try:
        return await asyncio.wait_for(asyncio.to_thread(call), CALL_TIMEOUT_S)
    except (TimeoutError, GetTimeoutError, ConnectionError, RuntimeError) as error:
        raise PoolLost(f"Ray does not answer: {error or type(error).__name__}") from error


def _kill(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.Error):  # psutil compares start times: never another process with the same pid
        process.kill()
