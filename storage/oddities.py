"""What the whole installation did not do as it should: sends with an unknown outcome, inputs that nobody acts on."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from storage.postgres import Database

# A partial index holds nothing else.
_UNCERTAIN = """
select g.channel, sum(o.uncertain)::int as times from outbox o join integrations g on g.id = o.integration_id
where o.uncertain > 0 group by 1"""
# Hosts count since their start; a new one begins at 0.
_IGNORED = """
select k.key as kind, k.value::bigint as times from carriers c join placement p using (epoch),
  jsonb_each_text(coalesce(c.status -> 'ignored', '{}')) k
where c.kind = 'host'"""
_KIND = re.compile(r"[a-z_]{1,40}")


@dataclass(frozen=True, slots=True)
class Oddities:
    """`uncertain` by channel, for ever; `ignored` by kind of update, since the hosts started."""

    uncertain: Mapping[str, int] = field(default_factory=dict)
    ignored: Mapping[str, int] = field(default_factory=dict)


class OddityCounts:
    """Counts of the installation; needs the role callboard_engine."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self) -> Oddities:
        """Return the counts of this moment."""
        async with self._database.dispatch_transaction() as connection:
            uncertain = await connection.fetch(_UNCERTAIN)
            ignored = await connection.fetch(_IGNORED)
        kinds: Counter[str] = Counter()
        for r in ignored:  # kinds come from outside
            kinds[r["kind"] if _KIND.fullmatch(r["kind"]) else "other"] += r["times"]
        return Oddities({r["channel"]: r["times"] for r in uncertain}, kinds)
