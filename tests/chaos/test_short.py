"""The short form of `make chaos`: two hosts that own everything, deaths, every webhook twice; and mutants that must be noticed."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.mutants import MUTANTS, Mutant, run_mutant

SEED = 1
BY_NAME: dict[str, Mutant | None] = {"as designed": None} | {mutant.name: mutant for mutant in MUTANTS}


@pytest.fixture
def home() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="callboard-chaos-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.mark.parametrize("name", ["as designed", "no version check", "effects written for losers"])
async def test_exactly_what_must_turn_red_does(database: str, home: Path, name: str) -> None:
    verdict = await run_mutant(database, home, SEED, BY_NAME[name])
    assert verdict["ok"], verdict
