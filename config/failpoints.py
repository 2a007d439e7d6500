"""Failpoints: `FAILPOINT=name:n[:kill|stop|cut]` ends, stops or cuts this process at its n-th pass of that point."""

import os
import signal
from dataclasses import dataclass
from typing import Literal, cast

Mode = Literal["kill", "stop", "cut"]
VARIABLE = "FAILPOINT"


class FailpointCut(ConnectionError):
    """The connection was cut on purpose at a failpoint; callers see it as the lost connection it stands for."""


@dataclass(slots=True)
class _Armed:
    mode: Mode
    left: int


def parse(text: str) -> dict[str, _Armed]:
    """Return the failpoints of `name:n[:mode],...`; the mode defaults to kill.

    Raises:
        ValueError: the text is not understood.
    """
    armed = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, count, mode = (*item.split(":"), "kill")[:3]
        if mode not in ("kill", "stop", "cut"):
            raise ValueError(f"{VARIABLE}: {mode!r} is none of kill, stop, cut")
        armed[name] = _Armed(cast(Mode, mode), int(count))
    return armed


_armed = parse(os.environ.get(VARIABLE, ""))


def arm(text: str) -> None:
    """Replace the failpoints of this process."""
    _armed.clear()
    _armed.update(parse(text))


def hit(name: str) -> None:
    """Pass a failpoint; nothing happens unless it is armed for this pass.

    Raises:
        FailpointCut: the mode is `cut` and this is the n-th pass.
    """
    if not _armed or (point := _armed.get(name)) is None:
        return
    point.left -= 1
    if point.left != 0:
        return
    match point.mode:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "cut":
            raise FailpointCut(f"failpoint {name}")
