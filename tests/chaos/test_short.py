"""The short form of `make chaos`: two hosts that own everything, deaths, every webhook twice; and mutants that must be noticed."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.mutants import MUTANTS, run_mutant

SEED = 1
MESSAGES = 4_800  # on a busy machine few turns meet the moment that a safeguard is for
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
async def test_a_missing_safeguard_is_noticed(database: str, home: Path, name: str) -> None:
    """That nothing else turns red is judged by `make chaos`, over all mutants."""
    verdict = await run_mutant(database, home, SEED, BY_NAME[name], MESSAGES)
    assert set(verdict["wanted"]) <= set(verdict["red"]), verdict
