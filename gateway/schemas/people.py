"""Users, API keys, tenants and the audit log: what is sent and what is shown."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StringConstraints

from gateway.schemas.accounts import Email, Locale, Name, Title
from gateway.schemas.bodies import Body, ListQuery, View
from storage.accounts.audit import AuditRow
from storage.accounts.roles import Level
from storage.accounts.users import User
from storage.api_keys import ListedKey
from storage.tenants import Tenant

_WORD = r"^[\x21-\x7e]{1,128}$"


class UserInvite(Body):
    """Whom to invite. Without a locale they get the tenant's."""

    email: Email
    name: Name = ""
    role: Level
    locale: Locale | None = None


class UserPatch(Body):
    """What becomes of a user; what is left out stays."""

    name: Name | None = None
    role: Level | None = None
    locale: Locale | None = None


class UserView(View):
    """A person of the tenant; `seen_at` is their last login."""

    id: UUID
    email: str
    name: str
    role: Level
    locale: str
    password_set: bool
    created_at: datetime
    seen_at: datetime | None


class LinkView(View):
    """A one-time link, shown once. It works within 24 hours, for whoever opens it: send it to nobody else."""

    link: str
    expires_in_s: int


class InvitedView(View):
    """The new user and their link."""

    user: UserView
    link: LinkView


class UserPage(View):
    """Users, oldest first."""

    items: list[UserView]
    next: str | None = Field(description="the cursor of the next page")


class KeyCreate(Body):
    """A key for a program."""

    name: Title
    role: Level


class KeyView(View):
    """A key as lists show it: its first characters only. `last_used_at` is right to the minute."""

    id: UUID
    name: str
    role: Level
    prefix: str
    created_at: datetime
    last_used_at: datetime | None


class NewKeyView(KeyView):
    """A key, in plain, for the only time."""

    key: str


class KeyPage(View):
    """Keys that work, oldest first."""

    items: list[KeyView]
    next: str | None = Field(description="the cursor of the next page")


class TenantPatch(Body):
    """What becomes of the company; what is left out stays."""

    name: Title | None = None
    locale: Locale | None = None


class TenantView(View):
    """A company."""

    id: UUID
    slug: str
    name: str
    locale: str


class TenantPage(View):
    """The tenants that the caller belongs to: one."""

    items: list[TenantView]
    next: str | None = Field(description="the cursor of the next page")


class AuditQuery(ListQuery):
    """Which changes."""

    action: Annotated[str, StringConstraints(pattern=_WORD), Field(description="as `user.changed`")] | None = None
    subject: Annotated[str, StringConstraints(pattern=_WORD), Field(description="as `user:ID`")] | None = None
    user_id: UUID | None = None


class AuditView(View):
    """One change: who (a user, a key, or the program itself), what, of what, and what differs."""

    id: str
    at: datetime
    user_id: UUID | None
    key_id: UUID | None
    actor: str
    action: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditPage(View):
    """Changes, the newest first."""

    items: list[AuditView]
    next: str | None = Field(description="the cursor of the next page")


def user_view(user: User) -> UserView:
    """Return a user."""
    return UserView.model_validate(user, from_attributes=True)


def key_view(key: ListedKey) -> KeyView:
    """Return a key."""
    return KeyView.model_validate(key, from_attributes=True)


def tenant_view(tenant: Tenant) -> TenantView:
    """Return a tenant."""
    return TenantView.model_validate(tenant, from_attributes=True)


def audit_view(row: AuditRow) -> AuditView:
    """Return a change."""
    return AuditView(
        id=str(row.id),
        at=row.at,
        user_id=row.user_id,
        key_id=row.key_id,
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        before=dict(row.before) if row.before is not None else None,
        after=dict(row.after) if row.after is not None else None,
    )
