"""Housekeeping: what is no longer needed goes, in small portions."""

from storage.postgres import Database

# Telegram keeps updates at most 24 h but may draw a random id after a week of silence: the key must be gone before it recurs.
KEEP_KEYS_DAYS = 8
KEEP_LINKS_DAYS = 7  # for so long a link that was used or is too old still says so

_FORGET = """
with old as (
  select {key} from {table} where {age} < now() - $1 * interval '1 day' limit $2
), gone as (
  delete from {table} where ({key}) in (select {key} from old) returning 1
)
select count(*) from gone"""


def _forgetting(table: str, key: str, age: str) -> str:
    return _FORGET.format(table=table, key=key, age=age)


# Each statement with the days after which its rows go.
_WHAT_GOES = (
    (_forgetting("inbox_keys", "dedupe_key", "received_at"), KEEP_KEYS_DAYS),
    (_forgetting("sessions", "id", "expires_at"), 0),
    (_forgetting("login_links", "id", "expires_at"), KEEP_LINKS_DAYS),
    (_forgetting("login_throttles", "key", "began_at"), 1),
    (_forgetting("operator_codes", "user_id", "expires_at"), 0),
    (_forgetting("operator_tries", "conversation_id", "began_at"), 1),
    (_forgetting("idempotency_keys", "tenant_id, caller_id, key_hash", "created_at"), 1),
)


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
