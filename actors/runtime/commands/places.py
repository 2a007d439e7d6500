"""Where a command finds the servers: the settings, or the installation that runs on the data directory."""

from dataclasses import dataclass

from actors.runtime.supervisor.instance import InstanceError, Running, find_running
from config.settings import Settings


@dataclass(frozen=True, slots=True)
class Places:
    """The servers a command works with; `running` is None where it only knows them by settings."""

    database_url: str
    redis_url: str
    ray_address: str
    running: Running | None


def find_places(settings: Settings) -> Places:
    """Return where the servers are.

    Raises:
        InstanceError: nothing runs here and the settings name no servers.
    """
    running = find_running(settings.data_dir)
    if running is None and not settings.database_url:
        raise InstanceError(
            f"Callboard is not running on {settings.data_dir}: start it with `callboard run`, or set DATABASE_URL (and CALLBOARD_DATA_DIR)"
        )
    known = running or Running(0)
    return Places(
        settings.database_url or known.database_url,
        settings.redis_url or known.redis_url,
        settings.ray_address or known.ray_address,
        running,
    )
