"""Makes routes of operations: who may call, what is acceptable, once only where asked for, and the answer's form."""

import asyncio
from contextlib import ExitStack
from hashlib import sha256
from typing import Any, Protocol
from uuid import UUID

import orjson
from aiohttp import web
from pydantic import BaseModel

from gateway.api.document import Document
from gateway.api.operation import Answer, Call, Operation, Plain
from gateway.api.paging import WHOLE, page_of
from gateway.api.requests import idempotency_key, if_match, no_body, parse_body, parse_path, parse_query
from gateway.auth import Caller, Callers, Handler, session_token
from gateway.problems import Problem
from gateway.schemas.bodies import ListQuery, Query
from storage.idempotency import AnswerSealed, Attempt, Idempotency, KeyReused, Request

# Each holds a connection while its handler may want another one: never all of the pool.
ONCE_AT_A_TIME = 3
_CACHE_CONTROL = "private, no-cache"  # browsers may keep it, but ask with its ETag before they show it


class Api(Protocol):
    """A part of the JSON API."""

    def operations(self) -> list[Operation]:
        """Return its operations."""
        ...


class Pages(Protocol):
    """Routes outside the JSON API."""

    def plain(self) -> list[Plain]:
        """Return its routes."""
        ...


class Registry:
    """All of the HTTP surface. What is not registered here has no route and is not in the document."""

    def __init__(self, callers: Callers, idempotency: Idempotency) -> None:
        self._callers = callers
        self._idempotency = idempotency
        self._once = asyncio.Semaphore(ONCE_AT_A_TIME)
        self.operations: list[Operation] = []
        self.plain: list[Plain] = []
        self._document = Document(self.operations, self.plain)
        self.add(self._document)

    def add(self, *parts: Api | Pages) -> None:
        """Register operations and plain routes; a part may have both."""
        for part in parts:
            self.operations += getattr(part, "operations", list)()
            self.plain += getattr(part, "plain", list)()

    def document(self) -> bytes:
        """Return the OpenAPI document as JSON."""
        return self._document.body

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            *(_route(plain.method, plain.path, plain.handler) for plain in self.plain),
            *(_route(operation.method, operation.pattern, self._handler(operation)) for operation in self.operations),
        ]

    def _handler(self, operation: Operation) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            with ExitStack() as held:
                call = await self._call(operation, request, held)
                key = idempotency_key(request) if operation.idempotent else None
                if operation.prepare is not None:
                    await operation.prepare(call)
                if key is not None:
                    return await self._carry_out_once(call, key)
                answer = await operation.handler(call)
                return await _finished(call, answer) if isinstance(answer, Answer) else answer

        return handle

    async def _call(self, operation: Operation, request: web.Request, held: ExitStack) -> Call[Any, Any]:
        caller = await self._callers.permitted(request, operation.level) if operation.level else None
        path = parse_path(request, operation)
        query = parse_query(request, operation.query or Query)
        version = if_match(request) if operation.versioned else 0
        if operation.raw is not None:
            held.enter_context(operation.raw.room(caller.tenant_id if caller else ""))
        body = await _body(operation, request)
        page = page_of(query, request.query) if isinstance(query, ListQuery) else WHOLE
        return Call(request, operation, caller, path, body, query, page, version)

    async def _carry_out_once(self, call: Call[Any, Any], key: str) -> web.StreamResponse:
        try:
            async with self._once, self._idempotency.once(_request(call, key)) as attempt:
                if attempt.before is not None:
                    return _again(attempt.before)
                answer = await _kept(call, attempt)
        except KeyReused as error:
            raise Problem(422, str(error), reason="idempotency-key-reused") from None
        except AnswerSealed as error:
            raise Problem(409, str(error), reason="idempotency-sealed") from None
        return await _finished(call, answer)


def _route(method: str, path: str, handler: Handler) -> web.RouteDef:
    # web.get answers HEAD as well
    return web.get(path, handler) if method == "GET" else web.route(method, path, handler)


async def _body(operation: Operation, request: web.Request) -> BaseModel | bytes | None:
    if operation.raw is not None:
        return await operation.raw.read(request)
    if operation.body is not None:
        return await parse_body(request, operation.body)
    if operation.method != "GET":
        await no_body(request)
    return None


async def _kept(call: Call[Any, Any], attempt: Attempt) -> Answer:
    answer = await call.operation.handler(call)
    assert isinstance(answer, Answer), "a stream cannot be kept"
    response = _response(call, answer)
    headers = [[name, value] for name, value in response.headers.items()]
    body = response.body.decode() if isinstance(response.body, bytes) else None
    await attempt.keep(orjson.dumps([response.status, headers, body]).decode())
    return answer


def _again(kept: str) -> web.Response:
    status, headers, body = orjson.loads(kept)
    return web.Response(status=status, headers=[*headers, ("Idempotent-Replayed", "true")], body=body and body.encode())


async def _finished(call: Call[Any, Any], answer: Answer) -> web.Response:
    response = _response(call, answer)
    if answer.afterwards is not None:
        await answer.afterwards()
    return response


def _response(call: Call[Any, Any], answer: Answer) -> web.Response:
    headers = {"Cache-Control": _CACHE_CONTROL, **answer.headers}
    if answer.etag is not None:
        headers["ETag"] = tag = f'"{answer.etag}"'
        if call.operation.method == "GET" and tag in call.request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
    status = answer.status or call.operation.success
    if answer.body is None:
        return web.Response(status=status, headers=headers)
    headers["Content-Type"] = "application/json"
    return web.Response(status=status, body=answer.body.model_dump_json().encode(), headers=headers)


def _request(call: Call[Any, Any], key: str) -> Request:
    request, caller = call.request, call.caller
    content = "\0".join((request.method, request.path_qs, request.headers.get("If-Match", ""), _told(call.body)))
    credential = request.headers.get("Authorization") or session_token(request)
    return Request(caller.tenant_id, _id_of(caller), key, content.encode("utf-8", "replace"), credential)


def _told(body: BaseModel | bytes | None) -> str:
    match body:
        case None:
            return ""
        case bytes():
            return sha256(body).hexdigest()
        case _:
            return body.model_dump_json(exclude_unset=True)


def _id_of(caller: Caller) -> UUID:
    found = caller.user_id or caller.key_id
    assert found is not None  # every caller is a person or a program
    return found
