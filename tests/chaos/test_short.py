"""The short form of `make chaos`: two hosts that own everything, deaths, every webhook twice; and mutants that must be noticed."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.mutants import MUTANTS, run_mutant
from tests.conftest import fresh_database

SEED = 1
MESSAGES, SEEDS = 4_800, 4
BY_NAME = {mutant.name: mutant for mutant in MUTANTS}


@pytest.fixture
def home() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="callboard-chaos-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


async def test_the_design_keeps_every_invariant(database: str, home: Path) -> None:
    verdict = await run_mutant(database, home, SEED, None)
    assert verdict["ok"], verdict


@pytest.mark.parametrize("name", ["no version check", "effects written for losers"])
async def test_a_missing_safeguard_is_noticed(postgres_dsn: str, migrated_template: str, home: Path, name: str) -> None:
    """That nothing else turns red is judged by `make chaos`, over all mutants.

    Whether a turn meets the moment that a safeguard is for is a matter of chance: a few seeds are tried.
    """
    verdicts = []
    for seed in range(SEED, SEED + SEEDS):
        (home / str(seed)).mkdir()
        async with fresh_database(postgres_dsn, migrated_template) as database:
            verdict = await run_mutant(database, home / str(seed), seed, BY_NAME[name], MESSAGES)
        if set(verdict["wanted"]) <= set(verdict["red"]):
            return
        verdicts.append(verdict)
    raise AssertionError(verdicts)
