"""A driver for the tests of the Ray layer, in a process of its own: reconciles test bodies and says what it sees, one JSON line a step."""

import asyncio
import json
import os
import sys
from typing import Any

from actors.runtime.clock import SystemClock, fresh_generation
from actors.runtime.members import Kind, PoolLost
from actors.runtime.stage.placing import parts
from actors.runtime.stage.ray_actors import RayPool, connect
from actors.runtime.stage.reconciler import Limits, Reconciler


class SeeingPool(RayPool):
    """A pool that remembers what each actor answered last."""

    def __init__(self, factories: dict[Kind, str]) -> None:
        super().__init__(factories)
        self.seen: dict[str, Any] = {}

    async def ping(self, name: str) -> Any:
        answer = await super().ping(name)
        process = self._processes.get(name)
        self.seen[name.partition("-of")[0]] = {"name": name, "pid": process.pid if process else None, **answer.status}
        return answer


async def main(address: str, host: str) -> None:
    connect(address)
    sleeper = "tests.integration.ray_bodies:sleeper"
    kinds: tuple[Kind, ...] = ("sender", "scheduler", "sync", "activity", "knowledge")
    pool = SeeingPool({"host": f"tests.integration.ray_bodies:{host}", **dict.fromkeys(kinds, sleeper)})
    said: list[str] = []
    reconciler = Reconciler(pool, SystemClock(), fresh_generation, said.append, Limits(silence_s=3))
    wanted = parts(1, 1, 7)
    reader = asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    while not reader.done():
        await reconciler.step(wanted)
        print(json.dumps({"complete": reconciler.complete(wanted), "seen": pool.seen, "said": said}), flush=True)
        await asyncio.sleep(0.2)
    await reconciler.drain(2)
    print(json.dumps({"left": sorted(await pool.names())}), flush=True)


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1], sys.argv[2]))
    except PoolLost as error:
        print(json.dumps({"lost": str(error)}), flush=True)
    os._exit(0)
