"""`make chaos`: a whole installation under load and faults, judged over three ledgers; then every safeguard's mutant.

    python -m tests.chaos.run --seed 1 --seconds 180 [--record] [--no-mutants]

Prints one JSON object, writes it to .chaos/latest.json and keeps the ledgers beside it; 0 only if every invariant holds.
"""

import argparse
import asyncio
import json
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from storage.postgres import DRIVER_ERRORS
from tests.chaos.dump import dump
from tests.chaos.faults import Fault, inject, kinds
from tests.chaos.installation import REPO, Installation
from tests.chaos.plan import Plan
from tests.chaos.setup import make_bots, token_of
from tests.chaos.watch import Watch
from tests.fakes.telegram_process import TelegramProcess

RATE = 50.0
CONVERSATIONS = 200
BOTS = 8
CALM_S = 8.0  # between a recovery and the next fault
RECOVER_S = 90.0  # longer than any figure to be reached; then the run goes on and says so
SETTLE_S = 60.0
_OPEN = """
select (select count(*) from inbox where state = 'pending')
  + (select count(*) from outbox where state in ('pending', 'claimed', 'sending'))"""
_FENCED = "select generation::text as generation, coalesce((status ->> 'fence_rejections')::int, 0) as n from carriers where kind = 'host'"


class Run:
    """One run; everything it makes is below `home`."""

    def __init__(self, home: Path, seed: int, seconds: float) -> None:
        self.home = home
        self._seed = seed
        self._seconds = seconds
        self._chance = random.Random(seed)
        self._channel = TelegramProcess(home / "channel.jsonl")
        self._watch = Watch(home / "generator.jsonl", home / "channel.jsonl")
        self._fenced: dict[str, int] = {}
        self.faults: list[Fault] = []
        self.recovery: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self.failures: list[str] = []  # what the checker cannot see in its ledgers

    async def execute(self) -> dict[str, Any]:
        """Start everything, inject every fault, settle, and return the checker's verdict."""
        data = self.home / "data"
        data.mkdir(mode=0o711)
        self._channel.start()
        self._installation = Installation(data, free_port(), self._channel.url, self.home / "callboard.log")
        keeper: asyncio.Task[None] | None = None
        try:
            self._installation.start()
            started_s = await self._installation.wait_ready()
            generator = await self._start_generator(data)
            keeper = asyncio.create_task(self._keep())
            await self._storm()
            planned = await self._end(generator)
            await self._settle()
            await dump(self._installation.database_url, self.home / "database.jsonl")
            return {**self._judge(planned), "cold_start_s": round(started_s, 1)}
        finally:
            if keeper:
                keeper.cancel()
                await asyncio.gather(keeper, return_exceptions=True)
            self.notes.append(f"stopped in {self._installation.stop():.1f} s")
            self._channel.stop()

    async def _start_generator(self, data: Path) -> "subprocess.Popen[bytes]":
        dsn = self._installation.database_url
        tenant, key, bots = await make_bots(dsn, data, BOTS)
        for bot in bots:
            await self._channel.add_bot(token_of(bot.account))
        plan = Plan(
            self._seed, 3600.0, RATE, CONVERSATIONS, [self._installation.url], bots, self.home / "generator.jsonl", tenant, key, dsn
        )
        plan.write(self.home / "plan.json")
        with (self.home / "generator.log").open("wb") as log:
            return subprocess.Popen([sys.executable, "-m", "tests.chaos.generator", str(self.home / "plan.json")], cwd=REPO, stderr=log)

    async def _keep(self) -> None:
        """Be the init system: start the supervisor again when it was killed. And note what the hosts report."""
        while True:
            if self._installation.ended:
                self._installation.start()
            with suppress(*DRIVER_ERRORS, ValueError):
                for row in await self._fetch(_FENCED):
                    self._fenced[row["generation"]] = max(row["n"], self._fenced.get(row["generation"], 0))
            await asyncio.sleep(0.5)

    async def _storm(self) -> None:
        until = time.monotonic() + self._seconds
        await asyncio.sleep(CALM_S)
        while not self.faults or time.monotonic() < until:
            for kind in kinds(self._chance):
                fault = await inject(self._installation, kind)
                self.faults.append(fault)
                await self._recover(fault)
                await asyncio.sleep(CALM_S)
                if self._all_kinds() and time.monotonic() > until:
                    return

    def _all_kinds(self) -> bool:
        return {f.name for f in self.faults} == {k.name for k in kinds(random.Random(0))}

    async def _recover(self, fault: Fault) -> None:
        until = time.monotonic() + RECOVER_S
        first = last = None
        while time.monotonic() < until and last is None:
            await asyncio.sleep(0.25)
            self._watch.read()
            first, last = self._watch.recovery(fault.at)
        found = {
            "fault": fault.name,
            "first_s": _rounded(first),
            "all_s": _rounded(last),
            "in_hand": fault.in_hand,
            "in_flight": fault.in_flight,
        }
        self.recovery.append(found)
        if last is None:
            self.failures.append(f"answers did not flow again within {RECOVER_S:.0f} s of {fault.name}")
        print(json.dumps(found), file=sys.stderr, flush=True)

    async def _end(self, generator: "subprocess.Popen[bytes]") -> int:
        generator.terminate()
        await asyncio.to_thread(generator.wait, 150)
        if generator.returncode:
            self.failures.append(f"the generator failed: {(self.home / 'generator.log').read_text()[-2000:]}")
        last = (self.home / "generator.jsonl").read_text().splitlines()[-1]
        return int(json.loads(last).get("planned", 10**9))

    async def _settle(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                while (await self._fetch(_OPEN))[0][0]:
                    await asyncio.sleep(0.5)

    async def _fetch(self, sql: str) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self._installation.database_url, timeout=5, command_timeout=10, server_settings={"jit": "off"})
        try:
            return await connection.fetch(sql)
        finally:
            connection.terminate()

    def _judge(self, planned: int) -> dict[str, Any]:
        in_flight = sum(f.in_flight for f in self.faults)
        command = [sys.executable, str(Path(__file__).with_name("checker.py")), "--expected", str(planned), "--in-flight", str(in_flight)]
        for name in ("generator", "database", "channel"):
            command += [f"--{name}", str(self.home / f"{name}.jsonl")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        verdict: dict[str, Any] = json.loads(done.stdout)
        fenced = sum(self._fenced.values())
        if any(f.name == "host_stopped" for f in self.faults) and not fenced:
            self.failures.append("no commit was refused by the version check although a host was stopped")
        return {**verdict, "fence_rejections": fenced, "seed": self._seed}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def _mutants(seed: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos.mutants", "--seed", str(seed)],
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {"ok": False, "error": done.stderr[-2000:]}
    return found


def _commit() -> str:
    return subprocess.run(["git", "rev-parse", "HEAD"], cwd=REPO, capture_output=True, text=True, check=False).stdout.strip()


async def _main(args: argparse.Namespace) -> int:
    home = Path(tempfile.mkdtemp(prefix="callboard-chaos-"))
    home.chmod(0o711)
    run = Run(home, args.seed, args.seconds)
    try:
        result = await run.execute()
    finally:
        kept = REPO / ".chaos"
        kept.mkdir(exist_ok=True)
        for path in (*home.glob("*.jsonl"), *home.glob("*.log")):
            shutil.copy(path, kept / path.name)
        shutil.rmtree(home, ignore_errors=True)
    recovery = {r["fault"]: r["all_s"] for r in run.recovery}
    first = {r["fault"]: r["first_s"] for r in run.recovery}
    mutants = {} if args.no_mutants else _mutants(args.seed)
    result |= {"faults": [asdict(f) for f in run.faults], "recovery_s": recovery, "first_answer_s": first, "mutants": mutants}
    result |= {"notes": run.notes, "failures": run.failures, "commit": _commit(), "date": datetime.now(UTC).isoformat(timespec="seconds")}
    text = json.dumps(result, ensure_ascii=False, indent=1)
    (kept / "latest.json").write_text(text + "\n")
    print(text)
    if args.record:
        _record(result)
    return 0 if result["ok"] and not run.failures and (args.no_mutants or mutants["ok"]) else 1


def _record(result: dict[str, Any]) -> None:
    names = (
        "commit",
        "date",
        "seed",
        "messages",
        "lost",
        "doubled",
        "out_of_order",
        "broken_chains",
        "uncertain",
        "in_flight",
        "recovery_s",
        "ok",
    )
    line = {"what": "chaos", **{name: result[name] for name in names}, "faults": [f["name"] for f in result["faults"]]}
    with (REPO / "docs" / "runs.jsonl").open("a") as out:
        out.write(json.dumps(line) + "\n")


def main() -> int:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--record", action="store_true", help="append a line to docs/runs.jsonl")
    parser.add_argument("--no-mutants", action="store_true")
    return asyncio.run(_main(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
