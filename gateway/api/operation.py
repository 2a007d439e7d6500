"""The words in which the JSON API is written: an operation is declared once, and routes, checks and the OpenAPI document follow from it.

Example::

    class ThingsApi:
        def operations(self) -> list[Operation]:
            return [
                Operation("GET", "/api/things", self.list, level="viewer", tag="things", query=ThingQuery, answer=ThingPage),
                Operation("GET", "/api/things/{id}", self.one, level="viewer", tag="things", answer=ThingView),
                Operation("POST", "/api/things", self.create, level="admin", tag="things", body=ThingCreate, answer=ThingView,
                          status=201, idempotent=True, also=(409,)),
                Operation("PATCH", "/api/things/{id}", self.change, level="admin", tag="things", body=ThingPatch, answer=ThingView,
                          versioned=True),
            ]

        async def list(self, call: Call[None, ThingQuery]) -> Answer:
            '''List things, oldest first.'''                              # the summary; what follows is the description
            found = await self._things.page(call.tenant_id, call.query.color, after_uuid(call.page), call.page.limit + 1)
            return call.listed(ThingPage, found, thing_view, lambda last: str(last.id))

        async def one(self, call: Call) -> Answer:
            '''Show a thing.'''
            thing = await self._things.find(call.tenant_id, call.uuid("id"))
            if thing is None:
                raise call.missing()                                     # 404: there is no such thing
            return Answer(thing_view(thing), etag=thing.version)         # 304 is made of it where the browser has it

        async def change(self, call: Call[ThingPatch]) -> Answer:
            '''Change a thing.'''
            ...  # storage compares call.if_match and, where it differs, the handler raises problems.stale(current)
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Generic, Literal, TypeAlias
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel
from typing_extensions import TypeVar

from actors.domain.ids import TenantId
from gateway.api.paging import Page
from gateway.api.raw import Raw
from gateway.auth import Caller
from gateway.problems import Problem, not_found
from storage.accounts.roles import Level

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
PathKind = Literal["uuid", "number", "text"]
B = TypeVar("B", default=None)
Q = TypeVar("Q", default=None)
P = TypeVar("P", bound=BaseModel)
I = TypeVar("I")  # noqa: E741

_UUID = "[0-9A-Fa-f-]{36}"
_PARAMETER = re.compile(r"/([^/{}]+)/\{(\w+)[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler returns.

    Args:
        body: an object of the declared model; None: no content.
        status: in place of the declared one.
        etag: the version of what is shown or was written.
        headers: further ones.
        afterwards: hints that go out once everything is committed, and not at all when an answer is given again.
    """

    body: BaseModel | None = None
    status: int | None = None
    etag: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    afterwards: Callable[[], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class Call(Generic[B, Q]):
    """One request to an operation, after everything declared was checked. `Call[Body]`, `Call[None, Query]`, `Call[Body, Query]`."""

    request: web.Request
    operation: "Operation"
    known: Caller | None
    path: Mapping[str, Any]
    body: B
    query: Q
    page: Page
    if_match: int

    @property
    def caller(self) -> Caller:
        """Return who calls; only where the operation has a level."""
        assert self.known is not None, "a public operation has no caller"
        return self.known

    @property
    def tenant_id(self) -> TenantId:
        """Return the caller's tenant: the only one this request is about."""
        return self.caller.tenant_id

    def uuid(self, name: str) -> UUID:
        """Return an id from the path."""
        value = self.path[name]
        assert isinstance(value, UUID)
        return value

    def number(self, name: str) -> int:
        """Return a 64-bit id from the path."""
        value = self.path[name]
        assert isinstance(value, int)
        return value

    def text(self, name: str) -> str:
        """Return a word from the path."""
        value = self.path[name]
        assert isinstance(value, str)
        return value

    def missing(self, name: str | None = None) -> Problem:
        """Return the 404 of what a path parameter (default: the last) names."""
        return not_found(self.operation.things[name] if name else list(self.operation.things.values())[-1])

    def listed(self, model: type[P], found: Sequence[I], show: Callable[[I], BaseModel], place: Callable[[I], Any]) -> Answer:
        """Return one page of a list.

        Args:
            model: has `items` and `next`.
            found: what storage found; ask it for `page.limit + 1`, so that one more says that there is a next page.
            show: makes the view of one.
            place: where one is in the list, as JSON: what `page.after` will be when the next page is asked for.
        """
        shown = found[: self.page.limit]
        following = self.page.cursor(place(shown[-1])) if len(found) > len(shown) else None
        link = {"Link": f'<{self.request.path}?{self.page.query(following)}>; rel="next"'} if following else {}
        return Answer(model.model_validate({"items": [show(item) for item in shown], "next": following}), headers=link)


Handler: TypeAlias = Callable[[Call[Any, Any]], Awaitable[Answer | web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path.

    Args:
        method: of HTTP.
        path: with `{names}`; what stands before a name says what it names: `/api/agents/{id}`.
        handler: its docstring becomes summary (first paragraph) and description.
        level: the least role; None: public, the call has no caller.
        tag: the group in the document.
        query: the model of the query, a subclass of `Query`, or of `ListQuery` for lists.
        body: the model of the body; without one, only an empty body is accepted.
        prepare: carried out before an `Idempotency-Key`'s transaction begins; it may refuse.
        raw: in place of a model: a body of another kind; `call.body` has its bytes.
        answer: the model of the answer; None: no content, or something that is not JSON (`media`).
        status: of success.
        versioned: `If-Match` is required, `call.if_match` is the version that it names.
        idempotent: `Idempotency-Key` is accepted: everything that storage does is one transaction with the kept answer. What must
            not happen before the commit belongs into `Answer.afterwards`.
        numbers: path parameters that are 64-bit numbers; the others are UUIDs.
        texts: path parameters that are words.
        media: what else a success may be, as `text/event-stream`, with a description.
        also: statuses of further problems, as 409.
    """

    method: Method
    path: str
    handler: Handler
    level: Level | None = field(kw_only=True)
    tag: str = field(kw_only=True)
    query: type[BaseModel] | None = field(default=None, kw_only=True)
    body: type[BaseModel] | None = field(default=None, kw_only=True)
    raw: Raw | None = field(default=None, kw_only=True)
    prepare: Callable[[Any], Awaitable[None]] | None = field(default=None, kw_only=True)
    answer: type[BaseModel] | None = field(default=None, kw_only=True)
    status: int = field(default=200, kw_only=True)
    versioned: bool = field(default=False, kw_only=True)
    idempotent: bool = field(default=False, kw_only=True)
    numbers: frozenset[str] | set[str] = field(default=frozenset(), kw_only=True)
    texts: frozenset[str] | set[str] = field(default=frozenset(), kw_only=True)
    media: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    also: tuple[int, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        if self.raw and self.body:
            raise ValueError(f"{self.method} {self.path} takes a file or JSON, not both")
        if stray := {*self.numbers, *self.texts} - self.things.keys():
            raise ValueError(f"{self.method} {self.path} has no parameter {', '.join(sorted(stray))}")
        if self.idempotent and self.level is None:
            raise ValueError(f"{self.method} {self.path} is public: nobody's key can be told from another's")

    @property
    def success(self) -> int:
        """Return the status of success: 204 where there is nothing to say and no other was declared."""
        return self.status if self.status != HTTPStatus.OK or self.answer or self.media else HTTPStatus.NO_CONTENT

    @property
    def things(self) -> dict[str, str]:
        """Return what each path parameter names, in words."""
        return {name: before.removesuffix("s").replace("-", " ") for before, name in _PARAMETER.findall(self.path)}

    @property
    def pattern(self) -> str:
        """Return the path as the router takes it: an id is not mistaken for a word of another path, nor the other way round."""
        path = self.path
        for name in self.things:
            if self.kind(name) == "uuid":
                path = path.replace(f"{{{name}}}", f"{{{name}:{_UUID}}}")
        return path

    def kind(self, name: str) -> PathKind:
        """Return the form of a path parameter."""
        if name in self.numbers:
            return "number"
        return "text" if name in self.texts else "uuid"


@dataclass(frozen=True, slots=True)
class Plain:
    """A route outside the JSON API, as aiohttp has it: webhooks, status, pages. The document lists it.

    Args:
        method: of HTTP.
        path: as aiohttp takes it.
        handler: as aiohttp takes it; its docstring is shown.
        tag: the group in the document.
        media: of an answer that is no problem.
        statuses: of such answers.
        accepts: the media types of the body.
        credential: the name of a header that must carry a secret.
        also: statuses of problems.
    """

    method: Method
    path: str
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    tag: str = field(kw_only=True)
    media: tuple[str, ...] = field(default=("application/json",), kw_only=True)
    statuses: tuple[int, ...] = field(default=(200,), kw_only=True)
    accepts: tuple[str, ...] = field(default=(), kw_only=True)
    credential: str | None = field(default=None, kw_only=True)
    also: tuple[int, ...] = field(default=(), kw_only=True)
