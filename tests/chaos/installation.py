"""A whole installation started with `callboard run`, and the processes that belong to it and to no other."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import psutil

START_S = 120.0
STOP_S = 30.0
REPO = Path(__file__).parents[2]


class Installation:
    """`callboard run` on a data directory of its own."""

    def __init__(self, data_dir: Path, port: int, telegram_api: str, log: Path) -> None:
        self.data_dir = data_dir
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._telegram_api = telegram_api
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it without waiting."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("CALLBOARD_", "DATABASE_URL", "REDIS_URL", "RAY_", "OPENAI_"))}
        # Where it lives and whom it talks to; not one setting of how it works.
        env |= {"CALLBOARD_DATA_DIR": str(self.data_dir), "CALLBOARD_PORT": str(self.port), "CALLBOARD_TELEGRAM_API": self._telegram_api}
        callboard = Path(sys.executable).parent / "callboard"
        with self._log.open("ab") as out:
            self._process = subprocess.Popen([str(callboard), "run"], env=env, stdout=out, stderr=out, cwd=REPO, start_new_session=True)

    @property
    def ended(self) -> bool:
        """Return whether the supervisor ended."""
        return self._process is None or self._process.poll() is not None

    def stop(self) -> float:
        """End it by SIGTERM and return how long that took."""
        began = time.monotonic()
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        return time.monotonic() - began

    async def wait_ready(self) -> float:
        """Return the seconds until webhooks are taken and every actor answers."""
        began = time.monotonic()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session, asyncio.timeout(START_S):
            while not await self._healthy(session):
                if self.ended:
                    raise RuntimeError(f"callboard run ended: {self._log.read_text(errors='replace')[-3000:]}")
                await asyncio.sleep(0.1)
        return time.monotonic() - began

    async def _healthy(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"{self.url}/health") as response:
                body = await response.json()
                return response.status == 200 and body["status"] == "ok" and bool(body["ray"]["connected"])
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError):
            return False

    @property
    def running(self) -> dict[str, Any]:
        """Return what the installation says about itself."""
        found: dict[str, Any] = json.loads((self.data_dir / "run.json").read_text())
        return found

    @property
    def database_url(self) -> str:
        """Return the owner's DSN."""
        return str(self.running["database_url"])

    def supervisor(self) -> psutil.Process:
        """Return the supervisor."""
        return psutil.Process(int(self.running["pid"]))

    def postmaster(self) -> psutil.Process:
        """Return PostgreSQL's first process."""
        return psutil.Process(int((self.data_dir / "servers" / "pgdata" / "postmaster.pid").read_text().split("\n", 1)[0]))

    def child(self, *words: str) -> psutil.Process:
        """Return the supervisor's child with all these words in its command line."""
        for process in self.supervisor().children():
            with suppress(psutil.Error):
                line = process.cmdline()
                if all(any(word in part for part in line) for word in words):
                    return process
        raise LookupError(f"the supervisor has no child {words}")

    def of_ray(self, name: str) -> psutil.Process:
        """Return a daemon of the installation's own Ray: raylet, gcs_server."""
        for process in self.supervisor().children(recursive=True):
            with suppress(psutil.Error, IndexError):
                if Path(process.cmdline()[0]).name == name:
                    return process
        raise LookupError(f"this Ray has no {name}")

    async def carrier(self, kind: str, part: int) -> psutil.Process:
        """Return the process of a host or sender, as it registered itself."""
        connection = await asyncpg.connect(self.database_url, timeout=5, server_settings={"jit": "off"})
        try:
            pid = await connection.fetchval("select pid from carriers where kind = $1 and part = $2", kind, part)
        finally:
            await connection.close(timeout=2)
        process = psutil.Process(pid)
        if process not in self.supervisor().children(recursive=True):
            raise LookupError(f"process {pid} is not of this installation")
        return process


def kill(process: psutil.Process) -> None:
    """Kill -9 one process."""
    process.send_signal(signal.SIGKILL)
