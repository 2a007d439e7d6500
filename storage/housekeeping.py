"""Housekeeping: what is no longer needed goes, in small portions."""

from storage.postgres import Database

# Telegram keeps updates at most 24 h but may draw a random id after a week of silence: the key must be gone before it recurs.
KEEP_KEYS_DAYS = 8

_FORGET = """
with old as (
  select dedupe_key from inbox_keys where received_at < now() - $1 * interval '1 day' limit $2 for update skip locked
), gone as (
  delete from inbox_keys k using old where k.dedupe_key = old.dedupe_key returning 1
)
select count(*) from gone"""


class Housekeeping:
    """Retention; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def forget_keys(self, portion: int = 1000) -> int:
        """Delete at most `portion` dedupe keys older than 8 days; call again while the portion is full."""
        gone: int = await self._database.fetchval(_FORGET, KEEP_KEYS_DAYS, portion)
        return gone
