"""Failpoints: armed for the n-th pass, free otherwise."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from config import failpoints


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    failpoints.arm("")


def test_unarmed_points_do_nothing() -> None:
    failpoints.arm("other:1:cut")
    for _ in range(3):
        failpoints.hit("host.before_commit")


def test_a_cut_happens_at_the_nth_pass_only() -> None:
    failpoints.arm("host.before_commit:2:cut,other:1:cut")
    failpoints.hit("host.before_commit")
    with pytest.raises(ConnectionError):
        failpoints.hit("host.before_commit")
    failpoints.hit("host.before_commit")


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="maim"):
        failpoints.parse("host.after_pull:1:maim")


def test_kill_is_a_kill() -> None:
    code = "from config import failpoints; failpoints.hit('a'); failpoints.hit('a'); print('alive')"
    env = {"FAILPOINT": "a:2", "PYTHONPATH": "."}
    ended = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, timeout=30, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert ended.stdout == b""
