"""When a schedule is due: five cron fields in a time zone. Pure.

cronsim reads the fields: it is small, typed, and follows Debian's cron where clocks change (a run in the hour that does not
exist comes right after it, one in the hour that comes twice runs once).
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from actors.domain.errors import InvalidDefinition, Problem

_FIELDS = 5  # cronsim knows a sixth one for seconds; nothing here is due more often than every minute


def next_run(cron: str, time_zone: str, after: datetime) -> datetime:
    """Return the first moment after `after` at which a schedule is due, in UTC.

    Raises:
        InvalidDefinition: these are not five cron fields, the zone is unknown, or it is never due.
    """
    zone = _zone(time_zone)
    try:
        if len(cron.split()) != _FIELDS:
            raise InvalidDefinition([Problem("cron", "five fields: minute, hour, day, month, weekday, as `30 3 * * *`")])
        return next(CronSim(cron, after.astimezone(zone))).astimezone(UTC)
    except CronSimError as error:
        raise InvalidDefinition([Problem("cron", f"{error}; write as `30 3 * * *`")]) from None
    except StopIteration:
        raise InvalidDefinition([Problem("cron", "this day never comes")]) from None


def last_run(cron: str, time_zone: str, first: datetime, now: datetime) -> datetime:
    """Return the last moment up to `now` at which a schedule was due, in UTC; `first` is one of them, and it is not before that.

    Raises:
        InvalidDefinition: as `next_run`.
    """
    latest = next(CronSim(cron, (now + timedelta(seconds=1)).astimezone(_zone(time_zone)).replace(microsecond=0), reverse=True))
    return max(first, latest.astimezone(UTC))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # what zoneinfo raises for an unknown name, an absolute path, a directory
        raise InvalidDefinition([Problem("time_zone", "not a time zone; write as `Europe/Berlin`")]) from None
