"""Who belongs to the company: users, keys of programs, the company itself, and who changed what."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from gateway.api.operation import Answer, Call, Operation
from gateway.api.paging import after_number, after_uuid
from gateway.origin import Origins
from gateway.problems import Flaw, Problem, not_found
from gateway.schemas.bodies import ListQuery
from gateway.schemas.people import (
    AuditPage,
    AuditQuery,
    InvitedView,
    KeyCreate,
    KeyPage,
    LinkView,
    NewKeyView,
    TenantPage,
    TenantPatch,
    TenantView,
    UserInvite,
    UserPage,
    UserPatch,
    UserView,
    audit_view,
    key_view,
    tenant_view,
    user_view,
)
from storage.accounts.audit import AuditFilter, AuditLog
from storage.accounts.login_links import LINK_HOURS
from storage.accounts.users import NewUser, UserChange, UserRefused, Users
from storage.api_keys import ApiKeys, KeyRefused
from storage.postgres import Database
from storage.tenants import Tenants

_USERS, _USER = "/api/users", "/api/users/{id}"
_KEYS, _KEY = "/api/api-keys", "/api/api-keys/{id}"
_TENANTS, _TENANT = "/api/tenants", "/api/tenants/{id}"
_SECRET: Mapping[str, str] = {"Cache-Control": "no-store"}


class UsersApi:
    """The users of the caller's tenant."""

    def __init__(self, database: Database, origins: Origins) -> None:
        self._users = Users(database)
        self._tenants = Tenants(database)
        self._origins = origins

    def operations(self) -> list[Operation]:
        """Return the operations."""
        made: dict[str, Any] = {"level": "admin", "tag": "users", "status": 201, "idempotent": True}
        return [
            Operation("GET", _USERS, self.list, level="admin", tag="users", query=ListQuery, answer=UserPage),
            Operation("POST", _USERS, self.invite, body=UserInvite, answer=InvitedView, also=(409,), **made),
            Operation("GET", _USER, self.one, level="admin", tag="users", answer=UserView),
            Operation("PATCH", _USER, self.change, level="admin", tag="users", body=UserPatch, answer=UserView, also=(409,)),
            Operation("DELETE", _USER, self.remove, level="admin", tag="users", status=204, also=(409,)),
            Operation("POST", f"{_USER}/link", self.link, answer=LinkView, **made),
        ]

    async def list(self, call: Call[None, ListQuery]) -> Answer:
        """List users, oldest first."""
        found = await self._users.page(call.tenant_id, after_uuid(call.page), call.page.limit + 1)
        return call.listed(UserPage, found, user_view, lambda last: str(last.id))

    async def invite(self, call: Call[UserInvite]) -> Answer:
        """Invite a user and show the one-time link that lets them in; nothing is sent. Nobody makes someone above himself."""
        tenant = await self._tenants.find(call.tenant_id)
        if tenant is None:
            raise not_found("tenant")
        new = NewUser(call.body.email, call.body.name, call.body.role, call.body.locale or tenant.locale)
        with _refusals():
            user, token = await self._users.invite(call.tenant_id, new, call.caller.actor, call.caller.role)
        return Answer(InvitedView(user=user_view(user), link=self._link(call.request, token)), headers=_SECRET)

    async def one(self, call: Call) -> Answer:
        """Show a user."""
        user = await self._users.find(call.tenant_id, call.uuid("id"))
        if user is None:
            raise call.missing()
        return Answer(user_view(user))

    async def change(self, call: Call[UserPatch]) -> Answer:
        """Change a user's name, role or language. Nobody raises someone above himself, and one owner stays."""
        change = UserChange(call.body.name, call.body.role, call.body.locale)
        with _refusals():
            return Answer(user_view(await self._users.change(call.tenant_id, call.uuid("id"), change, call.caller.actor, call.caller.role)))

    async def remove(self, call: Call) -> Answer:
        """Remove a user: their sessions and links end. One owner stays."""
        with _refusals():
            await self._users.remove(call.tenant_id, call.uuid("id"), call.caller.actor, call.caller.role)
        return Answer()

    async def link(self, call: Call) -> Answer:
        """Make a one-time link for a user who lost the first one or the password; earlier ones end."""
        with _refusals():
            token = await self._users.link(call.tenant_id, call.uuid("id"), call.caller.actor, call.caller.role)
        return Answer(self._link(call.request, token), headers=_SECRET)

    def _link(self, request: web.Request, token: str) -> LinkView:
        return LinkView(link=self._origins.login_url(request, token), expires_in_s=LINK_HOURS * 3600)


class KeysApi:
    """The keys of programs of the caller's tenant."""

    def __init__(self, database: Database) -> None:
        self._keys = ApiKeys(database)

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation("GET", _KEYS, self.list, level="admin", tag="api-keys", query=ListQuery, answer=KeyPage),
            Operation(
                "POST", _KEYS, self.create, level="admin", tag="api-keys", body=KeyCreate, answer=NewKeyView, status=201, idempotent=True
            ),
            Operation("DELETE", _KEY, self.revoke, level="admin", tag="api-keys", status=204),
        ]

    async def list(self, call: Call[None, ListQuery]) -> Answer:
        """List keys that work, oldest first."""
        found = await self._keys.page(call.tenant_id, after_uuid(call.page), call.page.limit + 1)
        return call.listed(KeyPage, found, key_view, lambda last: str(last.id))

    async def create(self, call: Call[KeyCreate]) -> Answer:
        """Make a key and show it, once. Its role is at most one's own."""
        body, caller = call.body, call.caller
        with _refusals():
            made, key = await self._keys.create_listed(call.tenant_id, body.name, body.role, caller.actor, caller.role)
        return Answer(NewKeyView(**key_view(made).model_dump(), key=key), headers=_SECRET)

    async def revoke(self, call: Call) -> Answer:
        """End a key; within seconds it is refused everywhere."""
        with _refusals():
            if not await self._keys.revoke(call.tenant_id, call.uuid("id"), call.caller.actor, call.caller.role):
                raise call.missing()
        return Answer()


class TenantsApi:
    """The caller's tenant, and its audit log."""

    def __init__(self, database: Database) -> None:
        self._tenants = Tenants(database)
        self._audit = AuditLog(database)

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation("GET", _TENANTS, self.list, level="viewer", tag="tenants", query=ListQuery, answer=TenantPage),
            Operation("GET", _TENANT, self.one, level="viewer", tag="tenants", answer=TenantView),
            Operation("PATCH", _TENANT, self.change, level="admin", tag="tenants", body=TenantPatch, answer=TenantView),
            Operation("GET", "/api/audit", self.audit, level="admin", tag="audit", query=AuditQuery, answer=AuditPage),
        ]

    async def list(self, call: Call[None, ListQuery]) -> Answer:
        """List the tenants that the caller belongs to: one."""
        after = after_uuid(call.page)
        tenant = await self._tenants.find(call.tenant_id)
        return call.listed(TenantPage, [tenant] if tenant and after is None else [], tenant_view, lambda last: str(last.id))

    async def one(self, call: Call) -> Answer:
        """Show the company."""
        tenant = await self._tenants.find(call.tenant_id)
        if tenant is None or tenant.id != call.uuid("id"):
            raise call.missing()
        return Answer(tenant_view(tenant))

    async def change(self, call: Call[TenantPatch]) -> Answer:
        """Change the company's name or language."""
        if call.uuid("id") != call.tenant_id:
            raise call.missing()
        tenant = await self._tenants.change(call.tenant_id, call.body.name, call.body.locale, call.caller.actor)
        if tenant is None:
            raise call.missing()
        return Answer(tenant_view(tenant))

    async def audit(self, call: Call[None, AuditQuery]) -> Answer:
        """List changes, the newest first: who, what, and what differs."""
        where = AuditFilter(call.query.action, call.query.subject, call.query.user_id)
        found = await self._audit.page(call.tenant_id, where, after_number(call.page), call.page.limit + 1)
        return call.listed(AuditPage, found, audit_view, lambda last: last.id)


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what storage refuses inside the block into problems.

    Raises:
        Problem: 403 above one's own role, 404 unknown, 409 the address is taken or the last owner would go.
    """
    try:
        yield
    except KeyRefused as error:
        raise Problem(403, str(error)) from None
    except UserRefused as error:
        if error.why == "unknown":
            raise not_found("user") from None
        status, pointer = {"above": (403, "/role"), "email-taken": (409, "/email"), "last-owner": (409, "/role")}[error.why]
        raise Problem(status, str(error), reason=error.why, errors=[Flaw(str(error), error.why, pointer=pointer)]) from None
