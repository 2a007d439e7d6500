"""What the fake Kommo knows: accounts with their tokens, talks, leads, contacts; and its limits."""

import base64
import json
import os
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import orjson

PER_SECOND = 7
BLOCK_AFTER = 20  # refused requests within ten seconds
API_DOMAIN = "api-c.kommo.com"


class Refused(Exception):
    """An answer that says no."""

    def __init__(self, status: int, title: str, detail: str = "", **more: Any) -> None:
        super().__init__(detail or title)
        self.status = status
        self.body = {"title": title, "type": f"https://httpstatus.es/{status}", "status": status, "detail": detail or title, **more}


class Blocked(Exception):
    """403 as a page."""


@dataclass
class Grant:
    """One client that a person let into an account."""

    client_id: str
    access: str = ""
    refresh: str = ""
    expires_at: float = 0.0
    scopes: set[str] = field(default_factory=lambda: {"crm", "send_external_messages", "list_external_messages"})


@dataclass
class Client:
    """An integration as its maker registered it."""

    client_id: str
    secret: str
    redirect_uri: str


@dataclass
class Message:
    id: str
    talk_id: int
    outgoing: bool
    author: str  # external, internal, bot
    text: str
    created_at: int

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": "outgoing" if self.outgoing else "incoming",
            "message_type": "text",
            "author": {"type": self.author},
            "text": self.text,
            "created_at": self.created_at,
            "delivery_status": "delivered",
        }


@dataclass
class Talk:
    talk_id: int
    chat_id: str
    contact_id: int
    lead_id: int | None
    account_id: int
    origin: str = "telegram"
    is_in_work: bool = True
    created_at: int = field(default_factory=lambda: int(time.time()))
    updated_at: int = field(default_factory=lambda: int(time.time()))
    messages: list[Message] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        return {
            "talk_id": self.talk_id,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "rate": 0,
            "contact_id": self.contact_id,
            "chat_id": self.chat_id,
            "entity_id": self.lead_id,
            "entity_type": "lead" if self.lead_id else None,
            "is_in_work": self.is_in_work,
            "is_read": False,
            "origin": self.origin,
            "missed_at": None,
            "account_id": self.account_id,
            "_embedded": {"contacts": [{"id": self.contact_id}], "leads": [{"id": self.lead_id}] if self.lead_id else [], "customers": []},
        }


@dataclass
class AskingBot:
    """A Salesbot that asks an address for the answer whenever a customer writes."""

    id: int
    url: str
    secret: str  # of the integration whose widget its step is
    algorithm: str = "HS256"
    form: bool = False  # what was seen; JSON is documented
    times: int = 1


@dataclass
class Account:
    id: int
    subdomain: str
    name: str
    quota: int | None = None  # of messages a month; None: no end
    knows_sending: bool = True  # amoCRM does not document it
    has_sending: bool = True  # the plan
    access_ttl: int = 86_400
    moved: bool = False  # nobody is at the old address until somebody asks where it is
    grants: dict[str, Grant] = field(default_factory=dict)
    long_lived: set[str] = field(default_factory=set)
    webhooks: dict[str, dict[str, Any]] = field(default_factory=dict)
    talks: dict[int, Talk] = field(default_factory=dict)
    leads: dict[int, dict[str, Any]] = field(default_factory=dict)
    contacts: dict[int, dict[str, Any]] = field(default_factory=dict)
    pipelines: list[dict[str, Any]] = field(default_factory=list)
    users: list[dict[str, Any]] = field(default_factory=list)
    fields: list[dict[str, Any]] = field(default_factory=list)
    bots: dict[int, int] = field(default_factory=dict)  # bot -> the field it sends
    asking: dict[int, AskingBot] = field(default_factory=dict)
    waiting: dict[tuple[int, int], int] = field(default_factory=dict)  # bot, continue -> talk
    notes: dict[int, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[int, dict[str, Any]] = field(default_factory=dict)
    index_lag_s: float = 1.0  # so long `query` does not find what is new
    asked: deque[float] = field(default_factory=deque)


@dataclass
class Fault:
    """What goes wrong with requests whose path ends so: `hang|reset|error_500|garbage` `_before|_after`, or `too_many`."""

    kind: str
    path: str = ""
    times: int = 1
    seconds: float = 30.0
    method: str = ""  # empty: any


class Ledger:
    """What happened, one JSON line each, written at once."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644) if path else None

    def write(self, what: str, **entry: Any) -> None:
        if self._file is not None:
            os.write(self._file, orjson.dumps({"what": what, "t": time.time(), **entry}) + b"\n")


class Kommo:
    """All accounts, and the limits that are by address."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.accounts: dict[int, Account] = {}
        self.clients: dict[str, Client] = {}
        self.codes: dict[str, tuple[Account, str]] = {}
        self.revoked: set[str] = set()
        self.faults: list[Fault] = []
        self.blocked_until = 0.0
        self.block_s = 600.0
        self.refused: deque[float] = deque()
        self.refreshes = 0
        self._ids = iter(range(1000, 10**12))

    def fresh(self) -> int:
        return next(self._ids)

    def add_account(self, account_id: int, subdomain: str) -> Account:
        account = self.accounts[account_id] = Account(account_id, subdomain, f"Company {subdomain}")
        account.users.append({"id": self.fresh(), "name": "Olga", "email": "olga@example.test", "lang": "en", "rights": {"is_admin": True}})
        statuses = [{"id": s, "name": n, "sort": s, "type": t} for s, n, t in ((1, "Incoming", 1), (142, "Won", 0), (143, "Lost", 0))]
        account.pipelines.append({"id": self.fresh(), "name": "Sales", "sort": 1, "is_main": True, "_embedded": {"statuses": statuses}})
        entities = (("leads", "Size", "text"), ("contacts", "Phone", "multitext"))
        account.fields += [{"id": self.fresh(), "name": name, "type": kind, "entity_type": entity} for entity, name, kind in entities]
        return account

    def add_talk(self, account: Account, chat_id: str, contact_id: int = 0, *, lead: bool = True) -> Talk:
        """Open a talk, with the contact and the lead of an older one of this chat."""
        older = next((t for t in account.talks.values() if t.chat_id == chat_id), None)
        contact_id = contact_id or (older.contact_id if older else self.fresh())
        lead_id = (older.lead_id if older else self.fresh()) if lead else None
        account.contacts.setdefault(contact_id, {"id": contact_id, "name": f"Contact {contact_id}", "custom_fields_values": None})
        if lead_id:
            pipeline = account.pipelines[0]
            where = {"pipeline_id": pipeline["id"], "status_id": pipeline["_embedded"]["statuses"][0]["id"]}
            about = {"tags": [], "contacts": [{"id": contact_id, "is_main": True}]}
            made = {"id": lead_id, "name": f"Lead {lead_id}", "custom_fields_values": None, **where, "_embedded": about}
            account.leads.setdefault(lead_id, made)
        talk = Talk(self.fresh(), chat_id, contact_id, lead_id, account.id)
        account.talks[talk.talk_id] = talk
        return talk

    def message(self, talk: Talk, text: str, author: str, *, outgoing: bool) -> Message:
        message = Message(str(uuid.uuid4()), talk.talk_id, outgoing, author, text, int(time.time()))
        talk.messages.append(message)
        talk.updated_at = message.created_at
        if outgoing:
            entry = {"account": talk.account_id, "talk_id": talk.talk_id, "chat_id": talk.chat_id, "text": text}
            self.ledger.write("message", id=message.id, author=author, **entry)
        return message

    def grant(self, account: Account, client_id: str) -> dict[str, Any]:
        """Give a new pair; the one before is over."""
        grant = account.grants.setdefault(client_id, Grant(client_id))
        if grant.refresh:
            self.revoked.add(grant.refresh)
        grant.access, grant.refresh = _jwt(account), f"def50200{uuid.uuid4().hex}"
        grant.expires_at = time.time() + account.access_ttl
        return {"token_type": "Bearer", "expires_in": account.access_ttl, "access_token": grant.access, "refresh_token": grant.refresh}

    def authorized(self, token: str) -> tuple[Account, Grant | None]:
        for account in self.accounts.values():
            if token in account.long_lived:
                return account, None
            for grant in account.grants.values():
                if grant.access == token and grant.expires_at > time.time():
                    return account, grant
        raise Refused(401, "Unauthorized", "", hint="Token has been revoked" if token in self.revoked else "")

    def count(self, account: Account) -> None:
        """Count a request of an account; refuse the eighth within a second, and block whoever goes on."""
        now = time.time()
        if self.blocked_until > now:
            raise Blocked
        while account.asked and account.asked[0] <= now - 1.0:
            account.asked.popleft()
        if len(account.asked) < PER_SECOND:
            account.asked.append(now)
            return
        self.refused.append(now)
        while self.refused and self.refused[0] < now - 10.0:
            self.refused.popleft()
        if len(self.refused) >= BLOCK_AFTER:
            self.blocked_until = now + self.block_s
            raise Blocked
        raise Refused(429, "Too Many Requests")

    def fault(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.times and path.endswith(fault.path) and fault.method in ("", method):
                fault.times -= 1
                return fault
        return None


def _jwt(account: Account) -> str:
    """An access token that says where its account can be asked for; the signature is nobody's business here."""
    claims = {"jti": uuid.uuid4().hex, "account_id": account.id, "api_domain": API_DOMAIN, "base_domain": "kommo.com"}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in ({"typ": "JWT", "alg": "RS256"}, claims)]
    return ".".join([*parts, uuid.uuid4().hex])
