"""Every import contract has a deliberate violation that turns it red, and is green without."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("gateway", "actors", "integrations", "storage", "config")

# contract name -> (module that misbehaves, the line it gains)
VIOLATIONS = {
    "Layers": ("storage/outbox.py", "import gateway.app"),
    "Inside the domain: turn, agent, features, shared words": ("actors/domain/ids.py", "import actors.domain.turn"),
    "Domain is pure": ("actors/domain/turn.py", "import asyncio"),
    "Services know ports, not drivers or settings": ("actors/services/delivery.py", "import aiohttp"),
    "Ray lives in actors.runtime": ("storage/inbox.py", "import ray"),
    "The gateway is light: no Ray, no bot framework, no model, directly or through others": ("storage/signals.py", "import aiogram"),
    "PostgreSQL and Redis are storage's": ("actors/runtime/stage/__main__.py", "import asyncpg"),
    "Each provider's driver has one home": ("actors/runtime/stage/__main__.py", "import openai"),
    "FAISS is storage's": ("actors/runtime/sync_actor.py", "import faiss"),
    "Integrations do not know each other": ("integrations/llm/mapper.py", "import integrations.telegram.parser"),
    "No import cycles between siblings": ("actors/domain/scripts/models.py", "import actors.domain.scripts.engine"),
    "actors/__init__.py stays empty": ("actors/__init__.py", "import actors.ports.time"),
}


def _contract_names() -> list[str]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return [c["name"] for c in config["tool"]["importlinter"]["contracts"]]


def _verdicts(root: Path) -> dict[str, str]:
    """Run the linter in `root`; return KEPT or BROKEN for each contract."""
    lint = Path(sys.executable).with_name("lint-imports")
    wide = {"COLUMNS": "200"}  # the report wraps long names otherwise
    result = subprocess.run([lint, "--no-cache"], cwd=root, capture_output=True, text=True, timeout=120, env=wide, check=False)
    lines = result.stdout.splitlines()
    verdicts = {}
    for name in _contract_names():
        for line in lines:
            if line.startswith(name) and line.split()[-1] in {"KEPT", "BROKEN"}:
                verdicts[name] = line.split()[-1]
    assert set(verdicts) == set(_contract_names()), result.stdout + result.stderr
    return verdicts


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_has_a_violation() -> None:
    assert set(VIOLATIONS) == set(_contract_names())


def test_the_code_keeps_every_contract(copy: Path) -> None:
    assert set(_verdicts(copy).values()) == {"KEPT"}


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_a_violation_turns_its_contract_red(copy: Path, contract: str) -> None:
    module, line = VIOLATIONS[contract]
    path = copy / module
    path.write_text(path.read_text() + f"\n{line}\n")
    assert _verdicts(copy)[contract] == "BROKEN"
