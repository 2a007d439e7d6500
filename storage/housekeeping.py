"""Housekeeping: what is no longer needed goes, in small portions."""

from storage.postgres import Database

# Telegram keeps updates at most 24 h but may draw a random id after a week of silence: the key must be gone before it recurs.
KEEP_KEYS_DAYS = 8
KEEP_LINKS_DAYS = 7  # for so long a link that was used or is too old still says so

_KEYS = """
with old as (
  select dedupe_key from inbox_keys where received_at < now() - $1 * interval '1 day' limit $2 for update skip locked
), gone as (
  delete from inbox_keys k using old where k.dedupe_key = old.dedupe_key returning 1
)
select count(*) from gone"""
_SESSIONS = """
with gone as (
  delete from sessions where id in (
    select s.id from sessions s where s.expires_at < now() - $1 * interval '1 day' limit $2)
  returning 1
)
select count(*) from gone"""
_LINKS = """
with gone as (
  delete from login_links where id in (
    select l.id from login_links l where l.expires_at < now() - $1 * interval '1 day' limit $2)
  returning 1
)
select count(*) from gone"""
_THROTTLES = """
with gone as (
  delete from login_throttles where key in (
    select t.key from login_throttles t where t.began_at < now() - $1 * interval '1 day' limit $2)
  returning 1
)
select count(*) from gone"""
_ANSWERS = """
with gone as (
  delete from idempotency_keys where (tenant_id, caller_id, key_hash) in (
    select k.tenant_id, k.caller_id, k.key_hash from idempotency_keys k where k.created_at < now() - $1 * interval '1 day' limit $2)
  returning 1
)
select count(*) from gone"""

# Each statement with the days after which its rows go.
_WHAT_GOES = ((_KEYS, KEEP_KEYS_DAYS), (_SESSIONS, 0), (_LINKS, KEEP_LINKS_DAYS), (_THROTTLES, 1), (_ANSWERS, 1))


class Housekeeping:
    """Retention over all tenants; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tidy(self, portion: int = 1000) -> int:
        """Delete at most `portion` rows of each kind; return how many went. Call again while that is the portion or more."""
        return sum([await self._forget(statement, days, portion) for statement, days in _WHAT_GOES])

    async def _forget(self, statement: str, days: int, portion: int) -> int:
        async with self._database.dispatch_transaction() as connection:
            gone: int = await connection.fetchval(statement, days, portion)
        return gone
