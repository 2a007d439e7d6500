"""Run the fake: `python -m tests.fakes.kommo [--port 0] [--ledger FILE]`.

Prints one JSON line `{"url": ...}` when it listens; give it to Callboard as CALLBOARD_KOMMO_API. An account (id 1,
subdomain `demo`, long-lived token `demo-token`, client `demo-client` with the secret `demo-secret`) is there from the
start. `/oauth` stands for the page where a person allows the access: it does so at once.

Control, by POST with JSON:
    /control/client    {"client_id", "secret", "redirect_uri"}      an integration, as its maker registers it
    /control/account   {"id", "subdomain", "token"?, "quota"?, "has_sending"?, "knows_sending"?, "access_ttl"?, "moved"?,
                        "bots"?: {bot: field}, "scopes"?,
                        "index_lag_s"?: how long a search by words does not find what is new}
    /control/seed      {"account", "leads", "contacts"}
    /control/pipelines {"account", "pipelines": [...]}              as GET /api/v4/leads/pipelines shows them
    /control/change    {"account", "kind": "leads"|"contacts", "id", "delete"?: true, ...}   what is changed of one, or that it is deleted
    /control/person-adds    {"account", "kind": "leads"|"contacts", ...}     a person makes one, as POST /api/v4/leads takes it
    /control/person-changes {"account", "kind", "id", ...}          a person changes one, as PATCH takes it
    /control/talk      {"account", "chat_id", "lead"?: bool}        a talk is opened; older ones of the chat are closed
    /control/close     {"account", "talk_id"}
    /control/customer  {"account", "talk_id", "text", "ago"?}       a customer writes: `message[add]`
    /control/person    {"account", "talk_id", "text", "ago"?}       a manager writes in Kommo: `outgoing_message[add]`
    /control/look      {"account"}                                  everything that is in it
    /control/asking-bot {"account", "id", "url", "secret", "algorithm"?, "form"?, "times"?}  a Salesbot asks there when a customer writes
    /control/waiting   {"account"}                                  where Salesbots wait for an answer
    /control/disable   {"account"}                                  its webhooks are switched off, as after too many refusals
    /control/expire    {"account"}                                  access tokens end now
    /control/revoke    {"account"}                                  refresh tokens, too
    /control/block     {"seconds"}                                  our address is blocked; 0: not any more
    /control/faults    {"kind", "path"?, "times"?, "seconds"?} or {"clear": true}
    /control/channel   {"id", "secret", "bot_id"?, "hook"?}         a channel is registered, or gets another secret
    /control/manager   {"channel", "text", "name"?, "chat"?, "media"?, "stranger"?, "to"?: [base URLs]}   a manager writes in a chat
    /control/chats     {}                                           chats of channels with their messages
    /control/state     {}                                           counts
"""

import argparse
import asyncio
import json
import time
from typing import Any

import orjson
import uvloop
from aiohttp import web

from tests.fakes.kommo.api import Api
from tests.fakes.kommo.chats import Chats
from tests.fakes.kommo.crm import Crm
from tests.fakes.kommo.hooks import Hooks, event_of, message_event
from tests.fakes.kommo.salesbots import Salesbots
from tests.fakes.kommo.state import Account, AskingBot, Client, Fault, Kommo, Ledger

Body = dict[str, Any]
LATE_S = 0.005


class Control:
    """What a test, or the person who shows a demo, does to the fake."""

    def __init__(self, kommo: Kommo, chats: Chats) -> None:
        self._kommo = kommo
        self._chats_api = chats
        self._hooks = Hooks(kommo)
        self._crm = Crm(kommo, self._hooks)
        self._salesbots = Salesbots(kommo, self._hooks)

    async def do(self, what: str, body: Body) -> Any:
        return await getattr(self, f"_{what.replace('-', '_')}")(body)

    def _of(self, body: Body) -> Account:
        return self._kommo.accounts[int(body["account"])]

    async def _client(self, body: Body) -> Any:
        self._kommo.clients[body["client_id"]] = Client(body["client_id"], body["secret"], body["redirect_uri"])
        return {}

    async def _account(self, body: Body) -> Any:
        account = self._kommo.accounts.get(int(body["id"])) or self._kommo.add_account(int(body["id"]), body["subdomain"])
        for name in ("quota", "has_sending", "knows_sending", "access_ttl", "moved", "index_lag_s"):
            if name in body:
                setattr(account, name, body[name])
        if "token" in body:
            account.long_lived.add(body["token"])
        account.bots.update({int(bot): int(field) for bot, field in body.get("bots", {}).items()})
        for grant in account.grants.values():
            grant.scopes = set(body["scopes"]) if "scopes" in body else grant.scopes
        return {"id": account.id}

    async def _seed(self, body: Body) -> Any:
        account = self._of(body)
        for kind, what in (("leads", account.leads), ("contacts", account.contacts)):
            for _ in range(int(body.get(kind, 0))):
                number = self._kommo.fresh()
                what[number] = {"id": number, "name": f"{kind} {number}", "custom_fields_values": None, "updated_at": int(time.time())}
        return {}

    async def _pipelines(self, body: Body) -> Any:
        account = self._of(body)
        account.pipelines = body["pipelines"]
        return account.pipelines

    async def _change(self, body: Body) -> Any:
        what, number = getattr(self._of(body), body["kind"]), int(body["id"])
        if body.get("delete"):
            return what.pop(number)
        what[number] |= {
            **{name: value for name, value in body.items() if name not in ("account", "kind", "id")},
            "updated_at": int(time.time()),
        }
        return what[number]

    async def _person_adds(self, body: Body) -> Any:
        account, kind = self._of(body), body["kind"]
        thing = self._crm.made(account, kind, body)
        statuses = await self._hooks.push(account, f"add_{kind[:-1]}", event_of(account, kind, "add", thing))
        return {"id": thing["id"], "statuses": statuses}

    async def _person_changes(self, body: Body) -> Any:
        account, kind = self._of(body), body["kind"]
        await self._crm.change(account, kind, getattr(account, kind)[int(body["id"])], body)
        return {}

    async def _talk(self, body: Body) -> Any:
        account = self._of(body)
        for older in account.talks.values():
            older.is_in_work = older.is_in_work and older.chat_id != body["chat_id"]
        return self._kommo.add_talk(account, body["chat_id"], lead=body.get("lead", True)).shown()

    async def _close(self, body: Body) -> Any:
        self._of(body).talks[int(body["talk_id"])].is_in_work = False
        return {}

    async def _customer(self, body: Body) -> Any:
        return await self._say(body, "external", "add_message", outgoing=False)

    async def _person(self, body: Body) -> Any:
        return await self._say(body, "internal", "add_outgoing_message", outgoing=True)

    async def _say(self, body: Body, author: str, code: str, *, outgoing: bool) -> Any:
        account = self._of(body)
        talk = account.talks[int(body["talk_id"])]
        message = self._kommo.message(talk, body["text"], author, outgoing=outgoing)
        message.created_at -= int(body.get("ago", 0))
        statuses = await self._hooks.push(account, code, message_event(account, talk, message))
        asked = [] if outgoing else await self._salesbots.customer_wrote(account, talk, message.text)
        return {"id": message.id, "statuses": statuses, "asked": asked}

    async def _asking_bot(self, body: Body) -> Any:
        account = self._of(body)
        bot = AskingBot(**{name: value for name, value in body.items() if name != "account"})
        account.asking[bot.id] = bot
        return {}

    async def _waiting(self, body: Body) -> Any:
        return [waits for _, waits in self._of(body).waiting]

    async def _disable(self, body: Body) -> Any:
        for hook in self._of(body).webhooks.values():
            hook["disabled"] = True
        return {}

    async def _expire(self, body: Body) -> Any:
        for grant in self._of(body).grants.values():
            grant.expires_at = 0.0
        return {}

    async def _revoke(self, body: Body) -> Any:
        account = self._of(body)
        for grant in account.grants.values():
            self._kommo.revoked.update((grant.access, grant.refresh))
        account.grants.clear()
        account.long_lived.clear()
        return {}

    async def _block(self, body: Body) -> Any:
        self._kommo.blocked_until = time.time() + float(body["seconds"])
        return {}

    async def _faults(self, body: Body) -> Any:
        if body.get("clear"):
            self._kommo.faults.clear()
        else:
            self._kommo.faults.append(Fault(**body))
        return {}

    async def _look(self, body: Body) -> Any:
        account = self._of(body)
        names = ("leads", "contacts", "notes", "tasks", "pipelines", "users", "fields")
        return {name: found if isinstance(found := getattr(account, name), list) else list(found.values()) for name in names}

    async def _channel(self, body: Body) -> Any:
        self._chats_api.register(body)
        return {}

    async def _manager(self, body: Body) -> Any:
        return await self._chats_api.manager_writes(body)

    async def _chats(self, _: Body) -> Any:
        return self._chats_api.look()

    async def _state(self, _: Body) -> Any:
        hooks = {str(account.id): list(account.webhooks.values()) for account in self._kommo.accounts.values()}
        return {"refreshes": self._kommo.refreshes, "webhooks": hooks}


async def watch(ledger: Ledger) -> None:
    """Write into the ledger by how much this process was late, where that matters."""
    while True:
        before = time.time()
        await asyncio.sleep(0.01)
        if (late_s := time.time() - before - 0.01) > LATE_S:
            ledger.write("late", late_s=late_s)


async def serve(port: int, ledger: str) -> None:
    """Listen until cancelled."""
    kommo = Kommo(Ledger(ledger))
    kommo.add_account(1, "demo").long_lived.add("demo-token")
    kommo.clients["demo-client"] = Client("demo-client", "demo-secret", "http://127.0.0.1:8080/oauth/kommo/callback")
    api = Api(kommo)
    control = Control(kommo, api.chats)

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if not request.path.startswith("/control/"):
            return await api.handle(request)
        answer = await control.do(request.path.removeprefix("/control/"), json.loads(await request.read() or b"{}"))
        return web.Response(body=orjson.dumps(answer), content_type="application/json")

    runner = web.ServerRunner(web.Server(handle, access_log=None))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    host, listening = runner.addresses[0][:2]
    print(json.dumps({"url": f"http://{host}:{listening}"}), flush=True)
    await watch(kommo.ledger)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ledger", default="")
    chosen = parser.parse_args()
    uvloop.run(serve(chosen.port, chosen.ledger))
