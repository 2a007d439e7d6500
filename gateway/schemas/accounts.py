"""Logging in: what is sent and what is shown of it. Nothing secret is ever part of an answer here, except a new link or key, once."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from gateway.passwords import MAX_LENGTH, MIN_LENGTH
from gateway.schemas.bodies import Body, View, cleaned
from storage.accounts.roles import Level
from storage.accounts.sessions import SessionDetail

Locale = Literal["ru", "en"]
# ASCII; an international domain in its xn-- form. Longer than any that exists is refused before anything looks at it.
Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, to_lower=True, pattern=r"^[\x21-\x3f\x41-\x7e]{1,64}@[A-Za-z0-9.-]{1,189}$"),
    Field(description="an e-mail address in ASCII", examples=["owner@example.com"]),
]


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("holds a NUL character")
    return text


# Never cleaned: a password that is changed on the way in is another password.
Password = Annotated[str, StringConstraints(min_length=1, max_length=1024), AfterValidator(_without_nul)]
NewPassword = Annotated[Password, Field(description=f"{MIN_LENGTH} to {MAX_LENGTH} characters, none of the most common ones")]
LinkToken = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=120), BeforeValidator(cleaned)]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120), BeforeValidator(cleaned)]


class LoginRequest(Body):
    """An e-mail address and its password."""

    email: Email
    password: Password


class LinkRequest(Body):
    """What follows `#token=` in a one-time link."""

    token: LinkToken


class PasswordChange(Body):
    """A new password. `current` is needed where one is set and the session was not just opened by a one-time link."""

    current: Password | None = None
    new: NewPassword


class ProfileChange(Body):
    """What people may change of themselves; what is left out stays."""

    name: Name | None = None
    locale: Locale | None = None


class SessionUser(View):
    """Who is logged in."""

    id: UUID
    email: str
    name: str
    role: Level
    locale: str


class SessionTenant(View):
    """The company they work for."""

    id: UUID
    slug: str
    name: str
    locale: str


class SessionView(View):
    """The session. `current_needed`: setting a password takes the one of now."""

    user: SessionUser
    tenant: SessionTenant
    password_set: bool
    current_needed: bool


def session_view(detail: SessionDetail) -> SessionView:
    """Return a session as its user sees it."""
    return SessionView(
        user=SessionUser(id=detail.user_id, email=detail.email, name=detail.name, role=detail.role, locale=detail.locale),
        tenant=SessionTenant(id=detail.tenant_id, slug=detail.tenant_slug, name=detail.tenant_name, locale=detail.tenant_locale),
        password_set=detail.password_set,
        current_needed=detail.password_set and not detail.fresh_link,
    )
