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

# Kommo repeats a webhook for at most 1 h 35 min; an event without an id that looks the same later happened again.
KEEP_EVENTS_S = 7_200
_FORGET_EVENTS = """
with old as (
  select dedupe_key from inbox_keys where dedupe_key like 'kommo-event:%' and received_at < now() - $1 * interval '1 second' limit $2
), gone as (
  delete from inbox_keys where dedupe_key in (select dedupe_key from old) returning 1
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
    (_forgetting("kommo_asks", "tenant_id, integration_id, path", "asked_at"), 1),
    (_forgetting("idempotency_keys", "tenant_id, caller_id, key_hash", "created_at"), 1),
)


class Housekeeping:
    """Retention over all tenants; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tidy(self, portion: int = 1000) -> int:
        """Delete at most `portion` rows of each kind; return how many went. Call again while that is the portion or more.

        Steps that stand in the way of others, because their sequence ended or was paused meanwhile, are withdrawn, too.
        """
        gone = [await self._forget(statement, days, portion) for statement, days in _WHAT_GOES]
        await self._database.fetchval("select steps_sweep()")
        return sum(gone) + await self._forget(_FORGET_EVENTS, KEEP_EVENTS_S, portion)

    async def _forget(self, statement: str, age: int, portion: int) -> int:
        async with self._database.dispatch_transaction() as connection:
            gone: int = await connection.fetchval(statement, age, portion)
        return gone
