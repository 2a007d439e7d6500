"""The identity an embedded server runs under: PostgreSQL refuses to run as root."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass

NAME = "callboard"
# A *system* account (uid below 1000) is exempt from logind's RemoveIPC, which would delete a server's shared memory.
_CREATE = (
    ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", NAME],
    ["adduser", "-S", "-D", "-H", "-h", "/nonexistent", "-s", "/sbin/nologin", NAME],  # busybox
)
_STEP_S = 20.0  # creating an account or a namespace; it takes milliseconds


class NoIdentity(Exception):
    """Root, and no way to stop being root."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a server runs as. `user` None: as we are; `prefix`: a command that wraps the server's own."""

    user: pwd.struct_passwd | None = None
    prefix: tuple[str, ...] = ()

    @property
    def uid(self) -> int | None:
        """Return the uid for Popen, or None for ours."""
        return self.user.pw_uid if self.user else None

    @property
    def gid(self) -> int | None:
        """Return the gid for Popen, or None for ours."""
        return self.user.pw_gid if self.user else None

    @property
    def groups(self) -> list[int] | None:
        """Return the extra groups for Popen: none for an account, ours otherwise."""
        return [] if self.user else None


def choose_identity(*, namespace: bool = False) -> Identity:
    """Return who the server shall run as: ourselves; as root a system account; without one a user namespace.

    Args:
        namespace: skip the account, as in a container that may not setuid.

    Raises:
        NoIdentity: root without either possibility.
    """
    if os.geteuid() != 0:
        return Identity()
    if not namespace and (user := _account()) and _may_become(user):
        return Identity(user)
    # In a fresh user namespace without a mapping the euid reads 65534 while files still belong to root.
    if shutil.which("unshare") and _succeeds(["unshare", "--user", "true"]):
        return Identity(prefix=("unshare", "--user"))
    raise NoIdentity("running as root, but neither a system account nor a user namespace is possible: set DATABASE_URL and REDIS_URL")


def _account() -> pwd.struct_passwd | None:
    if user := _find(NAME):
        return user
    for command in _CREATE:
        if shutil.which(command[0]) and _succeeds(command) and (user := _find(NAME)):
            return user
    return _find("postgres") or _find("nobody")


def _find(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _may_become(user: pwd.struct_passwd) -> bool:
    try:
        done = subprocess.run(["/bin/true"], cwd="/", user=user.pw_uid, group=user.pw_gid, extra_groups=[], timeout=_STEP_S, check=False)
    except (PermissionError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, timeout=_STEP_S, check=False).returncode == 0
