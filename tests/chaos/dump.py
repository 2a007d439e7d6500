"""Writes the database's ledger: what the checker needs of inbox, messages, outbox, conversations and activity, as JSON lines."""

import json
from pathlib import Path
from typing import Any

import asyncpg

_EPOCH = "extract(epoch from {0})::float8"
_QUERIES = {
    "inbox": f"""
        select i.id, k.dedupe_key, g.account, i.key, i.state, i.attempts, i.reason, i.turn_id::text as turn,
               {_EPOCH.format("i.received_at")} as received_at
        from inbox i join integrations g on g.id = i.integration_id left join inbox_keys k on k.inbox_id = i.id order by i.id""",
    "messages": f"""
        select id, conversation_id as conversation, version, turn_id::text as turn, seq, inbox_id as inbox, role, body, mode,
               {_EPOCH.format("created_at")} as created_at
        from messages order by id""",
    "outbox": f"""
        select o.id, o.conversation_id as conversation, g.account, c.key, o.turn_id::text as turn, o.class, o.policy, o.state, o.uncertain,
               o.attempts, o.body ->> 'text' as text, o.error, {_EPOCH.format("o.claimed_at")} as claimed_at
        from outbox o join integrations g on g.id = o.integration_id join conversations c on c.id = o.conversation_id
        where g.channel = 'telegram' order by o.id""",
    "conversations": """
        select c.id, g.account, c.key, c.version, c.control, coalesce(c.state ->> 'chain', '') as chain
        from conversations c join integrations g on g.id = c.integration_id where g.channel = 'telegram'""",
    "stats": "select deadlocks from pg_stat_database where datname = current_database()",
}


async def dump(dsn: str, path: Path) -> int:
    """Write the ledger from one snapshot; return the number of rows."""
    connection = await asyncpg.connect(dsn, timeout=10, server_settings={"jit": "off"})
    rows = 0
    try:
        with path.open("w") as out:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                for table, query in _QUERIES.items():
                    for record in await connection.fetch(query):
                        out.write(json.dumps({"table": table, **dict[str, Any](record)}, ensure_ascii=False) + "\n")
                        rows += 1
    finally:
        await connection.close(timeout=5)
    return rows
