"""Errors as RFC 9457 `application/problem+json`: a stable type per kind, what is wrong where, and the request's id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import orjson
from aiohttp import web

CONTENT_TYPE = "application/problem+json"
_TYPES: Mapping[int, str] = {
    400: "bad-request",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    408: "request-timeout",
    409: "conflict",
    412: "stale",
    410: "gone",
    413: "too-large",
    415: "unsupported-media-type",
    417: "expectation-failed",
    422: "invalid",
    426: "upgrade-required",
    428: "version-required",
    429: "too-many-requests",
    431: "headers-too-large",
    500: "internal",
    503: "unavailable",
    504: "no-answer-yet",
}


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is wrong: `pointer` is a JSON pointer into the body, `parameter` a name in path, query or headers."""

    detail: str
    code: str
    pointer: str | None = None
    parameter: str | None = None

    def to_json(self) -> dict[str, str]:
        """Return the wire form without empty members."""
        members = {"detail": self.detail, "code": self.code, "pointer": self.pointer, "parameter": self.parameter}
        return {name: value for name, value in members.items() if value is not None}


class Problem(Exception):
    """A refusal or failure that the sender is to see. `reason` names it in the counters and logs."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        reason: str = "",
        errors: Sequence[Flaw] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, object] | None = None,
        close: bool = False,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.reason = reason or _TYPES.get(status, "error")
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})
        self.close = close

    def to_json(self, request_id: str) -> dict[str, object]:
        """Return the document."""
        document: dict[str, object] = {
            "type": f"urn:callboard:problem:{_TYPES.get(self.status, 'error')}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id,
            **self.extra,
        }
        if self.errors:
            document["errors"] = [flaw.to_json() for flaw in self.errors]
        return document

    def response(self, request_id: str) -> web.Response:
        """Return the HTTP response; the connection is closed if the request's body was not read to its end."""
        response = web.Response(
            status=self.status,
            body=orjson.dumps(self.to_json(request_id)),
            content_type=CONTENT_TYPE,
            headers={**self.headers, "X-Request-ID": request_id},
        )
        if self.close:
            response.force_close()
        return response


def unauthorized(detail: str = "the credential is missing or wrong", *, challenge: str = 'Bearer realm="callboard"') -> Problem:
    """Return a 401."""
    return Problem(401, detail, headers={"WWW-Authenticate": challenge} if challenge else None)


def not_found(what: str) -> Problem:
    """Return a 404; another tenant's things and things that never existed look the same."""
    return Problem(404, f"there is no such {what}")


def unavailable(detail: str = "the database is away; repeat the request", retry_after_s: int = 1) -> Problem:
    """Return a 503 that asks for a repetition."""
    return Problem(503, detail, headers={"Retry-After": str(retry_after_s)})


def invalid(detail: str, code: str, *, pointer: str | None = None, parameter: str | None = None) -> Problem:
    """Return a 422 with one flaw."""
    return Problem(422, "the request is understood but not acceptable", errors=[Flaw(detail, code, pointer, parameter)])


def stale(current: int) -> Problem:
    """Return the 412 of a change to a version that is not the current one."""
    return Problem(412, "somebody changed this in between: look at it again", headers={"ETag": f'"{current}"'})


def from_http_error(error: web.HTTPException) -> Problem:
    """Return aiohttp's own refusals (no such path, wrong method, too large) in our form."""
    detail = {404: "there is no such path", 405: "this path does not know this method"}.get(error.status, error.reason)
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
    return Problem(error.status, detail, headers=headers, close=error.status == 413)
