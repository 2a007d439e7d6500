"""The environment handed to child processes: the one place beside settings that touches it."""

import os
from collections.abc import Mapping

# A server must not pick up a user's PGHOST, or messages in a language whose locale files are missing.
_FOREIGN = ("PG", "LC_")


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return our environment with `extra` on top."""
    return {**os.environ, **(extra or {})}


def server_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of an embedded server: no PG* names, locale C, UTC."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN) and k not in ("LANG", "LANGUAGE")}
    return {**kept, "LC_ALL": "C", "TZ": "UTC", **(extra or {})}


def mark_children(name: str, value: str) -> None:
    """Put a name into our own environment, so that everything started from here carries it."""
    os.environ[name] = value
