"""What actions in a CRM know of their conversation, and what is kept for them; needs the role callboard_engine."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

import orjson

from actors.domain.ids import Address, IntegrationId, TenantId
from actors.ports.actions import Action
from actors.ports.crm_actions import CrmScene, Entity, Turn
from actors.ports.inbox import NewInput
from actors.ports.kommo import KommoAccount
from storage.inbox import PostgresInbox
from storage.postgres import Connection, Database

_ABOUT = """
select c.key, c.state ->> 'name' as name, (c.state -> 'reply_to')::text as reply_to, coalesce(
  (select k.integration_id from kommo_accounts k join integrations x on x.id = k.integration_id
   where k.integration_id = c.integration_id and x.status <> 'disconnected'),
  (select k.integration_id from kommo_accounts k join integrations x on x.id = k.integration_id
   where x.agent_id = $2 and x.status <> 'disconnected' and g.channel <> 'kommo'
   order by x.status = 'live' desc, x.created_at, x.id limit 1)) as account
from conversations c join integrations g on g.id = c.integration_id where c.id = $1"""
_STATUS = "select status from integrations where id = $1"
_EARLIER = """
select a.kind, a.state, a.error, a.result::text from actions a
where a.turn_id = $1 and a.seq < $2 and a.family = 'kommo' order by a.seq"""
_LAST = """
select a.result ->> $3 from actions a
where a.conversation_id = $1 and a.family = 'kommo' and a.state = 'done' and a.result ? $3 and a.result ->> 'integration' = $2
order by a.id desc limit 1"""
_TYPES = "select key, data ->> 'type' from kommo_mirror where integration_id = $1 and kind = 'field' and change <> 'removed'"
# One statement decides: whoever inserts or moves the row has it.
_TAKE = """
insert into kommo_subjects as s (tenant_id, integration_id, subject, holder, until) values ($1, $2, $3, $4, clock_timestamp() + $5)
on conflict (tenant_id, integration_id, subject) do update set holder = excluded.holder, until = excluded.until
where s.until <= clock_timestamp() or s.holder = excluded.holder returning s.made"""
_WAITS = """
select extract(epoch from until - clock_timestamp())::float8 from kommo_subjects where integration_id = $1 and subject = $2"""
_MADE = "update kommo_subjects set made = $4, until = clock_timestamp() where integration_id = $1 and subject = $2 and holder = $3"
_LET_GO = "update kommo_subjects set until = clock_timestamp() where integration_id = $1 and holder = $2 and until > clock_timestamp()"
_CLAIMED = """
select made from kommo_subjects where integration_id = $1 and made = any ($2) and starts_with(subject, $3) and subject <> $4"""
_EXPECT = "select kommo_expect($1, $2, $3, $4, $5, $6::jsonb)"
_MAKES: Mapping[str, Entity] = {"kommo.lead": "lead", "kommo.contact": "contact"}
_SHOWN_AS = """
select c.integration_id, c.key from kommo_channels h join kommo_chats s on s.channel = h.id join conversations c on c.id = s.conversation_id
where h.integration_id = $1 and s.ref_id = $2"""


class PostgresCrmDesk:
    """Surroundings, turns and expectations of actions in Kommo."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._inbox = PostgresInbox(database)

    async def scene(self, action: Action) -> CrmScene:
        """Return what is known of the action's surroundings."""
        async with self._database.tenant_transaction(action.tenant_id) as connection:
            about = await connection.fetchrow(_ABOUT, action.conversation_id, action.agent_id)
            if about is None or about["account"] is None:
                return CrmScene(None)
            status = await connection.fetchval(_STATUS, about["account"])
            earlier = await connection.fetch(_EARLIER, action.turn_id, action.seq)
            types = await connection.fetch(_TYPES, about["account"]) if action.params.get("fields") else []
            known = _known(about, earlier)
            alone = about["key"].startswith("rule:")  # each call is about somebody else
            for entity in ("lead", "contact"):
                if entity not in known:
                    known[entity] = None if alone else await _last(connection, action, str(about["account"]), f"{entity}_id")
        return CrmScene(
            KommoAccount(action.tenant_id, IntegrationId(about["account"])),
            known["lead"],
            known["contact"],
            about["name"] or "",
            "" if status == "live" else f"the Kommo account is {status}",
            _broken(earlier),
            {r[0]: r[1] for r in types},
            f"turn:{action.turn_id}" if alone else f"conversation:{action.conversation_id}",
        )

    async def take(self, account: KommoAccount, subject: str, action: Action, seconds: float) -> Turn:
        """Become the only action that makes this, for some time; whoever has it may take it again."""
        async with self._database.tenant_transaction(account.tenant_id) as connection:
            key = (account.tenant_id, account.integration_id, subject)
            r = await connection.fetchrow(_TAKE, *key, action.id, timedelta(seconds=seconds))
            if r is not None:
                return Turn(0.0, r["made"])
            wait_s: float = await connection.fetchval(_WAITS, account.integration_id, subject)
        return Turn(max(wait_s, 0.1), None)

    async def made(self, account: KommoAccount, subject: str, action: Action, made: int) -> None:
        """Keep what was made or found, and let others go on."""
        async with self._database.tenant_transaction(account.tenant_id) as connection:
            await connection.execute(_MADE, account.integration_id, subject, action.id, made)

    async def let_go(self, account: KommoAccount, action: Action) -> None:
        """Let others make what this action will not make any more."""
        async with self._database.tenant_transaction(account.tenant_id) as connection:
            await connection.execute(_LET_GO, account.integration_id, action.id)

    async def claimed(self, account: KommoAccount, ids: Collection[int], entity: Entity, but: str) -> set[int]:
        """Return which of these were made for other subjects than `but`."""
        async with self._database.tenant_transaction(account.tenant_id) as connection:
            rows = await connection.fetch(_CLAIMED, account.integration_id, list(ids), f"{entity}:", but)
        return {r["made"] for r in rows}

    async def expect(self, account: KommoAccount, entity: Entity, entity_id: int, echo: Mapping[str, Any]) -> None:
        """Keep that a change of ours is about to be made: its webhook wakes no rule."""
        address = Address(account.integration_id, f"{entity}:{entity_id}")
        arguments = (account.tenant_id, account.integration_id, address.key, entity, address.partition, orjson.dumps(dict(echo)).decode())
        async with self._database.tenants_transaction([account.tenant_id]) as connection:
            await connection.execute(_EXPECT, *arguments)

    async def tell(self, account: KommoAccount, chat_id: str, action: Action) -> None:
        """Put the action's command into the inbox of a chat, once; of a chat that is a copy, into that of the customer's conversation."""
        raw = orjson.dumps({"kind": f"rule:{action.rule}", "payload": dict(action.params)})
        async with self._database.tenant_transaction(account.tenant_id) as connection:
            r = await connection.fetchrow(_SHOWN_AS, account.integration_id, chat_id)
        address = Address(IntegrationId(r["integration_id"]), r["key"]) if r else Address(account.integration_id, chat_id)
        await self._inbox.ingest([NewInput(TenantId(account.tenant_id), address, "result", f"command:{action.key}", raw)])


def _known(about: Any, earlier: Sequence[Any]) -> dict[Entity, int | None]:
    """Return what the turn, the conversation's key or the chat says; what none of them says is left out."""
    known: dict[Entity, int | None] = {}
    reply_to = orjson.loads(about["reply_to"] or b"{}")
    if reply_to.get("entity_type") in ("lead", "leads"):
        known["lead"] = _number(reply_to.get("entity_id"))
    known["contact"] = _number(reply_to.get("contact_id"))
    kind, _, number = about["key"].partition(":")
    if kind == "lead":
        known["lead"] = _number(number)
    elif kind == "contact":
        known["contact"] = _number(number)
    for r in earlier:
        result = orjson.loads(r["result"] or b"{}")
        for entity in ("lead", "contact"):
            if r["state"] == "done" and (found := _number(result.get(f"{entity}_id"))):
                known[entity] = found
    return {entity: number for entity, number in known.items() if number is not None}


def _broken(earlier: Sequence[Any]) -> dict[Entity, str]:
    broken: dict[Entity, str] = {}
    for r in earlier:
        if (entity := _MAKES.get(r["kind"])) is None:
            continue
        if r["state"] == "done":
            broken.pop(entity, None)
        else:
            broken[entity] = r["error"] or r["state"]
    return broken


async def _last(connection: Connection, action: Action, account: str, name: str) -> int | None:
    return _number(await connection.fetchval(_LAST, action.conversation_id, account, name))


def _number(value: Any) -> int | None:
    return int(value) if value is not None and str(value).isdecimal() and int(value) else None
