"""`callboard stage` without RAY_ADDRESS: a Ray of its own and the stage on it, for databases and gateways that run elsewhere."""

from actors.runtime.supervisor.backends import Backends, start_backends
from actors.runtime.supervisor.demo import ensure_demo
from actors.runtime.supervisor.readiness import wait_for_stage
from actors.runtime.supervisor.supervisor import STAGE_READY_S, Supervisor


class StageAlone(Supervisor):
    """One run of a stage; as process 1 of a container, too."""

    async def _start(self) -> None:
        settings, say = self._settings, self._say
        say(f"Callboard's stage: data in {self._data_dir}")
        found = await start_backends(settings, self._data_dir, say)
        self._publish(database_url=found.database_url, redis_url=found.redis_url)
        demo = await ensure_demo(found.database_url, self._data_dir, say) if settings.demo else None
        await self._start_stage(Backends(found.database_url, found.redis_url, ()))
        ready = await wait_for_stage(found.database_url, STAGE_READY_S)
        say("Stage: its actors answer" if ready else "Stage: not ready yet, it keeps trying")
        if demo:
            say.block(demo.hint(settings.public_url or f"http://localhost:{settings.port}"))
