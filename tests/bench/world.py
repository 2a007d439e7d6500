"""What a benchmark runs: an installation with default settings, many bots on the demo shop's agent, and the fake Bot API."""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import psutil

from config.demo.definition import demo_definition
from config.settings import Settings
from tests.bench.load import LoadPlan, Target
from tests.chaos.installation import REPO, Installation
from tests.chaos.setup import make_bots, token_of
from tests.fakes.telegram_process import TelegramProcess

BOTS = 200  # so that 30 messages a second and bot is not the limit that is measured
TEXT = "Сколько стоит доставка?"
READY_S = 10.0
_COUNTS = """
select (select count(*) from inbox where state = 'pending') as pending, (select count(*) from inbox where state = 'done') as inbox_done,
  (select count(*) from inbox where state = 'dead') as inbox_dead, (select count(*) from messages where role = 'customer') as customer,
  (select count(*) from messages where role = 'agent') as agent, (select count(*) from traces) as traces,
  (select count(*) from activity_logs where kind in ('turn.answered', 'turn.handed_off')) as activity,
  (select count(*) from outbox) as outbox, (select count(*) from outbox where state = 'sent') as sent,
  (select count(*) from outbox where state in ('pending', 'claimed', 'sending')) as unsent"""

_WHERE = {
    "CALLBOARD_CONTROL_SOCKET",
    "CALLBOARD_DATA_DIR",
    "CALLBOARD_HOST",
    "CALLBOARD_PORT",
    "CALLBOARD_TELEGRAM_API",
    "CALLBOARD_RAY_DASHBOARD_PORT",
}
_OPEN = {
    "pending": "select exists (select from inbox where state = 'pending')",
    "unsent": "select exists (select from outbox where state in ('pending', 'claimed', 'sending'))",
}


class World:
    """One installation for one run; everything it makes is below `home`."""

    def __init__(self, port: int) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="callboard-bench-"))
        self.home.chmod(0o711)
        data = self.home / "data"
        data.mkdir(mode=0o711)
        self.channel = TelegramProcess(self.home / "channel.jsonl")
        self.channel.start()
        self.installation = Installation(data, port, self.channel.url, self.home / "callboard.log")
        self.targets: list[Target] = []
        self.accounts: dict[str, str] = {}  # of the bots, by integration

    async def connect_bots(self) -> None:
        """Connect the bots to an agent like the demo shop's."""
        _, _, bots = await make_bots(self.installation.database_url, self.installation.data_dir, BOTS, demo_definition())
        for bot in bots:
            await self.channel.add_bot(token_of(bot.account))
        self.accounts = {bot.integration: bot.account for bot in bots}
        self.targets = [Target(f"/webhooks/telegram/{bot.integration}", bot.secret) for bot in bots]
        await asyncio.sleep(READY_S)  # senders read their integrations every 3 s

    def settings_diff(self) -> dict[str, str]:
        """Return the settings that the running gateway has beside its defaults; not where it lives and whom it talks to."""
        environment = self.installation.child("-m", "gateway").environ()
        names = {"CALLBOARD_" + name.upper() for name, known in Settings.model_fields.items() if not known.validation_alias}
        return {name: environment[name] for name in sorted(names & environment.keys() - _WHERE)}

    def memory(self, kind: str) -> int:
        """Return the bytes that the processes of a kind have for themselves."""
        supervisor, used = self.installation.supervisor(), 0
        for process in supervisor.children(recursive=True):
            with suppress(psutil.Error):
                used += process.memory_full_info().uss if _kind(process, supervisor.pid) == kind else 0
        return used

    def stop(self) -> None:
        """End everything."""
        self.installation.stop()
        self.channel.stop()

    async def settled(self, name: str) -> bool:
        """Return whether nothing is `pending` in the inbox, or `unsent` in the outbox; cheap, for waiting."""
        return not await self._fetchval(_OPEN[name])

    async def _fetchval(self, sql: str) -> Any:
        connection = await asyncpg.connect(self.installation.database_url, timeout=10, server_settings={"jit": "off"})
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    async def replaced(self) -> dict[str, str]:
        """Return why actors were replaced since the start: customers wait meanwhile, so the figures of such a run say little."""
        cast = json.loads(await self._fetchval("select status->>'cast' from heartbeats where name = 'stage'"))
        return {f"{member['kind']}-{member['number']}": member["why"] for member in cast if member["restarts"]}

    async def counts(self) -> dict[str, int]:
        """Count every table a message passes."""
        connection = await asyncpg.connect(self.installation.database_url, timeout=10, server_settings={"jit": "off"})
        try:
            row = await connection.fetchrow(_COUNTS)
            return dict(row) if row else {}
        finally:
            await connection.close()

    def cpu(self) -> dict[str, float]:
        """Return the CPU seconds used so far, by kind of process."""
        used: dict[str, float] = defaultdict(float)
        supervisor = self.installation.supervisor()
        for process in [supervisor, *supervisor.children(recursive=True)]:
            with suppress(psutil.Error):
                times = process.cpu_times()
                used[_kind(process, supervisor.pid)] += times.user + times.system
        return used


def _kind(process: psutil.Process, supervisor: int) -> str:
    name, line = process.name(), " ".join(process.cmdline())
    if process.pid == supervisor:
        return "supervisor"
    for sign, kind in _KINDS:
        if sign in line or sign in name:
            return kind
    return "ray"


_KINDS = (
    ("ray::ConversationHost", "hosts"), ("ray::DeliveryActor", "sender"), ("ray::SchedulerActor", "scheduler"),
    ("ray::SyncActor", "sync"), ("ray::ActivityLogActor", "activity"), ("ray::KnowledgeActor", "knowledge"),
    ("actors.runtime.stage", "stage"), ("-m gateway", "gateway"), ("postgres", "postgres"), ("valkey", "redis"),
)  # fmt: skip


def load(home: Path, plan: LoadPlan) -> dict[str, Any]:
    """Run the generator in a process of its own."""
    path = home / f"load-{uuid4().hex}.json"
    plan.write(path)
    command = [sys.executable, "-m", "tests.bench.load", str(path)]
    done = subprocess.run(command, cwd=REPO, stdout=subprocess.PIPE, text=True, check=True, timeout=300)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


class Child:
    """A server in a process of its own that says when it is ready."""

    def __init__(self, *command: str) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", *command], cwd=REPO, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def wall() -> float:
    """Return seconds of the wall clock."""
    return time.time()
