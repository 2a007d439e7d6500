"""Becoming another of our programs, in the same process."""

import os
import sys
from collections.abc import Sequence

from actors.runtime.commands.places import Places, find_places
from actors.runtime.supervisor.instance import InstanceError
from config.environment import child_environment
from config.settings import Settings

_OWN_SERVERS = ("actors.runtime.commands.dev",)  # these start what they need


def become(module: str, arguments: Sequence[str], settings: Settings) -> None:
    """Replace this process by `python -m module`, told where the servers are; does not return.

    Raises:
        InstanceError: there are no servers to work with.
    """
    extra = {} if module in _OWN_SERVERS else _servers(find_places(settings))
    if module == "actors.runtime.stage" and not extra.get("RAY_ADDRESS"):
        raise InstanceError("a stage alone needs a Ray to join: set RAY_ADDRESS")
    os.execve(sys.executable, [sys.executable, "-m", module, *arguments], child_environment(extra))  # noqa: S606


def _servers(places: Places) -> dict[str, str]:
    found = {"DATABASE_URL": places.database_url, "REDIS_URL": places.redis_url, "RAY_ADDRESS": places.ray_address}
    return {name: value for name, value in found.items() if value}
