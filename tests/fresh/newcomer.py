"""Somebody who has never seen the project: a new system user with an empty home, or root with an empty home."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

PATH = "/usr/bin:/bin"
ACCOUNT = "callboard-fresh"


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Who starts Callboard, and where."""

    name: str
    uid: int
    gid: int
    home: Path  # 0700 and empty
    data_dir: Path  # must not exist

    @property
    def checkout(self) -> Path:
        return self.home / "callboard"

    def environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        """Return the whole environment: PATH, HOME and what the story needs."""
        return {"PATH": PATH, "HOME": str(self.home), "CALLBOARD_DATA_DIR": str(self.data_dir), **extra}

    def start(self, command: Sequence[str], log: Path, extra: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start a command in the checkout, in a terminal session of its own."""
        with log.open("ab") as out:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=self.checkout,
                env=self.environment(extra),
                start_new_session=True,
                user=self.uid,
                group=self.gid,
                extra_groups=[],
            )

    def run(self, command: Sequence[str], extra: Mapping[str, str] | None = None, given: str = "", timeout_s: float = 120.0) -> str:
        """Run a command to its end and return what it printed; fails if it fails."""
        done = subprocess.run(
            command,
            input=given,
            capture_output=True,
            text=True,
            cwd=self.checkout if self.checkout.exists() else self.home,
            env=self.environment(extra or {}),
            timeout=timeout_s,
            check=False,
            user=self.uid,
            group=self.gid,
            extra_groups=[],
        )
        assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done.stdout

    def processes(self) -> list[str]:
        """Return the processes that still work in the checkout or the data directory."""
        places = (str(self.checkout), str(self.data_dir))
        found = (" ".join(p.info["cmdline"] or ()) for p in psutil.process_iter(["cmdline"]) if p.pid != os.getpid())
        return [line for line in found if any(place in line for place in places)]


def newcomers() -> list[Newcomer]:
    """Return a new user and root; only ourselves where we may not create users."""
    if os.geteuid() != 0:
        return [_newcomer("this user", os.getuid(), os.getgid())]
    subprocess.run(
        ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/bin/sh", ACCOUNT], check=False, capture_output=True
    )
    uid, gid = (int(subprocess.check_output(["id", which, ACCOUNT])) for which in ("-u", "-g"))
    return [_newcomer("a new user", uid, gid), _newcomer("root", 0, 0)]


def leave(newcomer: Newcomer) -> None:
    """Remove everything of a newcomer, the account too."""
    shutil.rmtree(newcomer.home.parent, ignore_errors=True)
    if newcomer.uid and os.geteuid() == 0:
        subprocess.run(["userdel", ACCOUNT], check=False, capture_output=True)


def _newcomer(name: str, uid: int, gid: int) -> Newcomer:
    place = Path(tempfile.mkdtemp(prefix="callboard-fresh-"))
    place.chmod(0o711)
    home, shared = place / "home", place / "var"
    for directory, mode in ((home, 0o700), (shared, 0o711)):
        directory.mkdir()
        directory.chmod(mode)
        if os.geteuid() == 0:
            os.chown(directory, uid, gid)
    return Newcomer(name, uid, gid, home, shared / "callboard")
