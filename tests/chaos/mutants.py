"""Every safeguard removed once, with the same seed or one of the next two: its invariant, and no other, must turn red.

    python -m tests.chaos.mutants --seed 1 [--only NAME ...]

Prints one JSON object; 0 only if the design as it is stays green and every mutant turns red.
"""

import argparse
import asyncio
import json
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import asyncpg

from actors.domain.ids import InboxId
from actors.ports.inbox import NewInput, Stored
from gateway.committer import Committer, _Waiting
from storage.embedded_postgres import EmbeddedPostgres
from storage.migrate import migrate
from tests.chaos.rounds import run_rig

SEEDS = 3
MESSAGES = 1200


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of a SQL function's text, which must really change it."""

    function: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """A safeguard removed; `red` is what must be found then, `also` what may be."""

    name: str
    red: str
    edits: tuple[Edit, ...] = ()
    ddl: str = ""
    patch: Callable[[], AbstractContextManager[object]] = nullcontext
    also: str = ""


async def _answer_first(self: Committer, news: Sequence[NewInput], deadline: float) -> list[Stored]:
    """Take the place of Committer.put_all: acknowledge, then store."""
    self._waiting.append(_Waiting(news, deadline, asyncio.get_running_loop().create_future()))
    self._wake.set()
    return [Stored(InboxId(0), True) for _ in news]


_FIRST_OF_EACH_KEY = "select distinct on (d.dedupe_key) d.* from drawn d order by d.dedupe_key, d.id"
_NO_DOUBLE_CHECK = "alter table messages drop constraint messages_inbox_id_key"
MUTANTS = (
    Mutant(
        "no unique key", "doubled",
        (
            Edit("inbox_ingest", _FIRST_OF_EACH_KEY, "select d.* from drawn d"),
            Edit("inbox_ingest", "left join taken t on t.dedupe_key = d.dedupe_key", "left join taken t on t.inbox_id = d.id"),
        ),
        "alter table inbox_keys drop constraint inbox_keys_pkey",
    ),
    Mutant(
        "no inbox-state check", "doubled",
        (Edit("turns_commit", "where t.n <> all (coalesce(v_lost, '{}'))", "where true"),),
        _NO_DOUBLE_CHECK,
        also="version_gaps",  # a dead letter that was settled twice has no message that could be doubled
    ),
    Mutant("no version check", "broken_chains", (Edit("turns_commit", "and c.version = t.expected", ""),)),
    Mutant(
        "effects written for losers", "doubled",
        (
            Edit("turns_commit", "where r.turn = any (v_won) order by r.n", "where true order by r.n"),
            Edit("turns_commit", "if v_won is null then return '{}'; end if;", ""),
            Edit("turns_commit", "return v_won;", "return coalesce(v_won, '{}');"),
        ),
        _NO_DOUBLE_CHECK,
    ),
    Mutant(
        "unsorted ingest", "deadlocks",
        (
            Edit("inbox_ingest", _FIRST_OF_EACH_KEY, "select d.* from drawn d"),
            Edit("inbox_ingest", "order by f.dedupe_key", "order by f.id"),
        ),
    ),
    Mutant("answer before insert", "lost", patch=lambda: patch.object(Committer, "put_all", _answer_first)),
    Mutant(
        "mark after send without sending", "doubled",
        (
            Edit("outbox_begin", "set state = 'sending', attempts", "set attempts"),
            Edit("outbox_finish", "o.state = 'sending' or (o.state = 'claimed' and f.outcome = 'retry')", "o.state = 'claimed'"),
        ),
    ),
    Mutant(
        "attempts per batch", "lost",
        (
            Edit(
                "inbox_suspects", "return v_ids;",
                "update inbox set attempts = attempts + 1 where id = any (v_ids) and state = 'pending';"
                " update inbox set state = 'dead', reason = 'died' where id = any (v_ids) and attempts >= 3 and state = 'pending';"
                " return v_ids;",
            ),
        ),
    ),
)  # fmt: skip


async def _remove(dsn: str, mutant: Mutant) -> None:
    connection = await asyncpg.connect(dsn, server_settings={"jit": "off"})
    try:
        for edit in mutant.edits:
            text = await connection.fetchval("select pg_get_functiondef($1::text::regproc)", edit.function)
            assert edit.old in text, f"{mutant.name}: {edit.function} does not contain {edit.old!r}"
            await connection.execute(text.replace(edit.old, edit.new))
        if mutant.ddl:
            await connection.execute(mutant.ddl)
    finally:
        await connection.close()


async def run_mutant(dsn: str, home: Path, seed: int, mutant: Mutant | None, messages: int = MESSAGES) -> dict[str, Any]:
    """Run on a fresh database; `ok` says whether exactly what must be red is red."""
    if mutant:
        await _remove(dsn, mutant)
    with mutant.patch() if mutant else nullcontext():
        verdict = await run_rig(dsn, home, seed, messages)
    wanted = [mutant.red] if mutant else []
    red = [name for name in verdict["red"] if not mutant or name != mutant.also]
    return {**verdict, "wanted": wanted, "ok": red == wanted}


async def _main(seed: int, only: list[str]) -> int:
    home = Path(tempfile.mkdtemp(prefix="callboard-mutants-"))
    home.chmod(0o711)
    server = EmbeddedPostgres(home, settings={"deadlock_timeout": "100ms"})
    dsn = server.start()
    found: dict[str, Any] = {}
    try:
        for number, mutant in enumerate((None, *MUTANTS)):
            name = mutant.name if mutant else "as designed"
            if only and name not in only:
                continue
            # Whether a kill meets the moment that a safeguard is for is a matter of chance, the code as designed must pass at once.
            for tried in range(seed, seed + (SEEDS if mutant else 1)):
                began = time.monotonic()
                fresh = await _database(dsn, f"run_{number}_{tried}")
                found[name] = {**await run_mutant(fresh, home, tried, mutant), "seed": tried}
                print(f"{time.monotonic() - began:5.1f} s {name}, seed {tried}: {_summary(found[name])}", file=sys.stderr, flush=True)
                if found[name]["ok"]:
                    break
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)
    ok = all(f["ok"] for f in found.values())
    print(json.dumps({"ok": ok, **{name: _short(f) for name, f in found.items()}}, ensure_ascii=False, indent=1))
    return 0 if ok else 1


async def _database(dsn: str, name: str) -> str:
    connection = await asyncpg.connect(dsn, server_settings={"jit": "off"})
    await connection.execute(f"create database {name}")
    await connection.close()
    fresh = dsn.replace("/postgres?", f"/{name}?")
    await migrate(fresh)
    return fresh


def _short(verdict: dict[str, Any]) -> dict[str, Any]:
    names = (
        "ok",
        "seed",
        "red",
        "wanted",
        "messages",
        "lost",
        "doubled",
        "out_of_order",
        "broken_chains",
        "deadlocks",
        "uncertain",
        "deaths",
    )
    return {name: verdict[name] for name in (*names, "fence_rejections")}


def _summary(verdict: dict[str, Any]) -> str:
    counts = {name: n for name, n in verdict.items() if isinstance(n, int) and n}
    return f"{'ok' if verdict['ok'] else 'WRONG'} red {verdict['red']} {counts} " + (
        "" if verdict["ok"] else str(verdict["examples"])[:1500]
    )


def main() -> int:
    """Run as the command line says."""
    logging.disable(logging.CRITICAL)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[])
    args = parser.parse_args()
    return asyncio.run(_main(args.seed, args.only))


if __name__ == "__main__":
    sys.exit(main())
