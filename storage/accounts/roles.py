"""Roles: what a person or a key may do. Each may do what the ones below it may."""

from typing import Final, Literal

Level = Literal["owner", "admin", "operator", "viewer"]
RANK: Final[dict[Level, int]] = {"viewer": 0, "operator": 1, "admin": 2, "owner": 3}


def at_least(role: Level, level: Level) -> bool:
    """Return whether `role` may do what needs `level`."""
    return RANK[role] >= RANK[level]
