"""Logging in and out: sessions of people, one-time links, and their passwords."""

from typing import NoReturn
from uuid import UUID

from aiohttp import web

from gateway.api.operation import Answer, Call, Operation
from gateway.auth import Caller, Callers, no_session_cookie, session_cookie, session_token
from gateway.origin import Origins
from gateway.passwords import Passwords, check_policy, not_this_person
from gateway.problems import Flaw, Problem, invalid, not_found, unauthorized
from gateway.schemas.accounts import LinkRequest, LoginRequest, PasswordChange, ProfileChange, SessionView, session_view
from storage.accounts.login_links import Entered, LinkRefused, LoginLinks, Why
from storage.accounts.sessions import SessionDetail, Sessions
from storage.accounts.throttles import LoginThrottles
from storage.accounts.users import UserChange, UserRefused, Users
from storage.postgres import Database

_LINK_WORDS: dict[Why, str] = {
    "used": "this link was used already: ask for a new one",
    "expired": "this link is older than 24 hours: ask for a new one",
    "ended": "a newer link took the place of this one, its user set a password or was removed",
}


class AccountsApi:
    """The session of whoever is asking."""

    def __init__(self, database: Database, callers: Callers, origins: Origins, passwords: Passwords) -> None:
        self._users = Users(database)
        self._sessions = Sessions(database)
        self._links = LoginLinks(database)
        self._throttles = LoginThrottles(database)
        self._callers = callers
        self._origins = origins
        self._passwords = passwords

    def operations(self) -> list[Operation]:
        """Return the operations."""
        here = "/api/session"
        return [
            Operation("GET", here, self.show, level="viewer", tag="session", answer=SessionView, also=(404,)),
            Operation("POST", here, self.log_in, level=None, tag="session", body=LoginRequest, answer=SessionView, also=(401, 403, 429)),
            Operation(
                "PATCH", here, self.change_profile, level="viewer", tag="session", body=ProfileChange, answer=SessionView, also=(404, 409)
            ),
            Operation("DELETE", here, self.log_out, level="viewer", tag="session", status=204, also=(404,)),
            Operation(
                "POST",
                f"{here}/link",
                self.enter_by_link,
                level=None,
                tag="session",
                body=LinkRequest,
                answer=SessionView,
                also=(403, 404, 410),
            ),
            Operation(
                "PUT",
                f"{here}/password",
                self.set_password,
                level="viewer",
                tag="session",
                body=PasswordChange,
                answer=SessionView,
                also=(404, 409, 429),
            ),
        ]

    async def show(self, call: Call) -> Answer:
        """Show who is logged in. Keys have no session: 404."""
        user_id, session_id = _person(call.caller)
        detail = await self._sessions.detail(call.caller.tenant_id, user_id, session_id)
        if detail is None:  # ended, or its user removed, within the seconds that credentials are remembered for
            self._callers.forget(session_token(call.request))
            raise unauthorized()
        return self._shown(detail)

    async def log_in(self, call: Call[LoginRequest]) -> Answer:
        """Log in with e-mail address and password; sets the cookie `callboard_session`. After too many attempts 429 with Retry-After."""
        self._origins.refuse_foreign(call.request)
        body, address = call.body, self._origins.address(call.request)
        await self._attempt(body.email, address)
        user = await self._users.for_login(body.email)
        right = await self._passwords.matches(body.password, user.password_hash if user else None)
        if user is None or user.password_hash is None or not right:
            raise not_this_person()
        await self._throttles.succeeded(body.email, address)
        kept = await self._passwords.renewed(body.password, user.password_hash)
        token = await self._sessions.log_in(user.tenant_id, user.id, _user_agent(call.request), user.password_hash, kept)
        if token is None:  # changed, or the user removed, since it was looked at
            raise not_this_person()
        return await self._entered(call.request, Entered(user.tenant_id, user.id, token))

    async def enter_by_link(self, call: Call[LinkRequest]) -> Answer:
        """Log in with a one-time link, which is used up; sets the cookie. 410 says what is the matter with a link that lets nobody in."""
        self._origins.refuse_foreign(call.request)
        try:
            entered = await self._links.redeem(call.body.token, _user_agent(call.request))
        except LinkRefused as error:
            _refuse_link(error.why)
        return await self._entered(call.request, entered)

    async def set_password(self, call: Call[PasswordChange]) -> Answer:
        """Set one's password. Every other session ends, this one goes on under a new cookie; unused links end, too."""
        user_id, session_id = _person(call.caller)
        tenant_id, body = call.caller.tenant_id, call.body
        detail = await self._sessions.detail(tenant_id, user_id, session_id)
        if detail is None:
            raise not_found("session")
        old = await self._checked(call.request, detail, body.current)
        check_policy(body.new, detail.email, "/new")
        hashed = await self._passwords.hash(body.new)
        token = await self._sessions.set_password(tenant_id, user_id, _user_agent(call.request), old, hashed)
        if token is None:
            raise Problem(409, "the password was changed in the meantime")
        self._callers.forget(session_token(call.request))
        return self._shown(await self._sessions.detail(tenant_id, user_id, token=token), session_cookie(token, secure=self._origins.secure))

    async def change_profile(self, call: Call[ProfileChange]) -> Answer:
        """Change one's own name or language."""
        user_id, session_id = _person(call.caller)
        change, caller = UserChange(call.body.name, locale=call.body.locale), call.caller
        try:
            await self._users.change(caller.tenant_id, user_id, change, caller.actor, caller.role)
        except UserRefused as error:  # removed, or of another role, within the last seconds
            raise Problem(409, str(error)) from None
        self._callers.forget(session_token(call.request))
        return self._shown(await self._sessions.detail(caller.tenant_id, user_id, session_id))

    async def log_out(self, call: Call) -> Answer:
        """Log out: this session ends."""
        _, session_id = _person(call.caller)
        await self._sessions.end(call.caller.tenant_id, session_id, call.caller.actor)
        self._callers.forget(session_token(call.request))
        return Answer(None, status=204, headers=_private(no_session_cookie(secure=self._origins.secure)))

    async def _attempt(self, email: str, address: str) -> None:
        if throttled := await self._throttles.attempt(email, address):
            seconds = int(throttled.seconds) + 1
            detail = f"too many attempts; try again in {seconds} s, or log in with a one-time link"
            raise Problem(429, detail, reason="login-throttled", headers={"Retry-After": str(seconds)})

    async def _checked(self, request: web.Request, detail: SessionDetail, current: str | None) -> str | None:
        """Return the stored hash if whoever asks may replace it."""
        email, stored = await self._sessions.password_of(detail.tenant_id, detail.user_id)
        if stored is None or detail.fresh_link:
            return stored
        if current is None:
            raise invalid("needed: the password of now", "missing", pointer="/current")
        address = self._origins.address(request)
        await self._attempt(email, address)
        if not await self._passwords.matches(current, stored):
            raise invalid("not the password of now", "password-wrong", pointer="/current")
        await self._throttles.succeeded(email, address)
        return stored

    async def _entered(self, request: web.Request, entered: Entered) -> Answer:
        """Answer with a new session; the one that the browser had ends."""
        if (former := session_token(request)) and (session := await self._sessions.lookup(former)):
            await self._sessions.end(session.tenant_id, session.id, Caller.of_session(session).actor)
        self._callers.forget(former)
        detail = await self._sessions.detail(entered.tenant_id, entered.user_id, token=entered.token)
        return self._shown(detail, session_cookie(entered.token, secure=self._origins.secure))

    def _shown(self, detail: SessionDetail | None, cookie: str = "") -> Answer:
        if detail is None:
            raise not_found("session")
        return Answer(session_view(detail), headers=_private(cookie))


def _person(caller: Caller) -> tuple[UUID, UUID]:
    if caller.user_id is None or caller.session_id is None:
        raise not_found("session: this is a key")
    return caller.user_id, caller.session_id


def _private(cookie: str) -> dict[str, str]:
    return {"Cache-Control": "no-store"} | ({"Set-Cookie": cookie} if cookie else {})


def _user_agent(request: web.Request) -> str:
    return request.headers.get("User-Agent", "").encode("ascii", "replace").decode()


def _refuse_link(why: Why) -> NoReturn:
    if why == "unknown":
        raise not_found("link")
    words = _LINK_WORDS[why]
    raise Problem(410, words, reason=f"link-{why}", errors=[Flaw(words, why, pointer="/token")])
