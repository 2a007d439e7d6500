"""Print the part of requirements.lock that Callboard needs to run: what only tests and builds need is left out.

    python scripts/runtime_lock.py > runtime.lock

It goes by the notes that pip-compile leaves (`# via …`), so it works before anything is installed.
"""

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def runtime_lock(lock: str, project: str) -> str:
    """Return the entries of the dependencies of the project, and of theirs."""
    entries = dict(_entries(lock))
    needed = {_canonical(requirement) for requirement in tomllib.loads(project)["project"]["dependencies"]}
    if missing := needed - entries.keys():
        raise SystemExit(f"requirements.lock lacks {', '.join(sorted(missing))}: make it anew")
    while more := {name for name, entry in entries.items() if name not in needed and _wanted_by(entry) & needed}:
        needed |= more
    return "".join(entry for name, entry in entries.items() if name in needed)


def _entries(lock: str) -> Iterator[tuple[str, str]]:
    for entry in re.split(r"(?m)^(?=[A-Za-z0-9])", lock):
        if not entry.lstrip().startswith("#") and entry.strip():
            yield _canonical(entry), entry


def _wanted_by(entry: str) -> set[str]:
    notes = re.sub(r"(?m)^\s*#\s*via\b", " # ", entry[entry.find("# via") :]) if "# via" in entry else ""
    return {_canonical(line.strip(" #")) for line in notes.splitlines() if line.strip(" #")}


def _canonical(text: str) -> str:
    found = _NAME.match(text)
    return re.sub(r"[-_.]+", "-", found.group()).lower() if found else ""


def main() -> int:
    """Print it."""
    files: Mapping[str, str] = {name: (ROOT / name).read_text() for name in ("requirements.lock", "pyproject.toml")}
    sys.stdout.write(runtime_lock(files["requirements.lock"], files["pyproject.toml"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
