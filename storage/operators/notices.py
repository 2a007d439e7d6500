"""Says in operators' own chats what rules, sequences and tools tell them: each notice once, to whose conversation it is or to everybody."""

from typing import Any

from actors.domain.operator_words import words
from storage.operators.chats import MAY, lock, say
from storage.postgres import Connection, Database

_DUE = "select id, tenant_id from notices order by id limit $1"
_TAKE = """
select n.conversation_id, n.body, c.kind, nullif(coalesce(nullif(c.state->>'name', ''), c.title), '') as name, c.assigned_to
from notices n join conversations c on c.id = n.conversation_id where n.id = $1 for update of n skip locked"""
_READERS = f"""
select o.conversation_id as chat, u.id as user_id, u.locale from operator_chats o join users u on u.id = o.user_id
join conversations x on x.id = o.conversation_id join integrations g on g.id = x.integration_id
where o.available and {MAY} and g.status = 'live' order by o.conversation_id"""  # noqa: S608
_SAID = "delete from notices where id = $1"


async def tell(database: Database, limit: int) -> int:
    """Say at most `limit` notices of the whole installation, each in a transaction of its own; return how many were said."""
    async with database.dispatch_transaction() as connection:
        due = await connection.fetch(_DUE, limit)
    said = 0
    for r in due:
        async with database.tenants_transaction([r["tenant_id"]]) as connection:
            said += await _tell(connection, r["id"])
    return said


async def _tell(connection: Connection, notice_id: int) -> int:
    notice = await connection.fetchrow(_TAKE, notice_id)
    if notice is None:
        return 0  # somebody else says it
    readers = await connection.fetch(_READERS)
    # Whose conversation it is hears it alone, if they can be reached.
    readers = [r for r in readers if r["user_id"] == notice["assigned_to"]] or readers
    await lock(connection, {r["chat"] for r in readers})
    for r in readers:
        await say(connection, r["chat"], _body(notice, r["locale"]))
    await connection.execute(_SAID, notice_id)
    return 1


def _body(notice: Any, locale: str) -> dict[str, str]:
    if notice["kind"] != "chat":
        return {"text": f"🔔 {notice['body']}"}
    name = notice["name"] or words("somebody", locale)
    return {"text": f"🔔 {notice['body']}\n👤 {name}", "about": str(notice["conversation_id"])}
