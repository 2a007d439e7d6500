"""Operations and plain routes in the words of OpenAPI 3.1."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from openapi_pydantic.v3.v3_1 import Header, MediaType, Parameter, Reference, RequestBody, Response, Schema
from openapi_pydantic.v3.v3_1 import Operation as Described
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode

from gateway.api.operation import Operation, PathKind, Plain
from gateway.api.raw import FILE
from gateway.problems import CONTENT_TYPE
from gateway.schemas.bodies import ListQuery

ABOUT = """The API of Callboard. The console uses nothing else.

Programs send `Authorization: Bearer cb_...`, browsers have a session cookie. The tenant follows from the credential.
Errors are `application/problem+json` (RFC 9457). Lists come in pages: follow `next`. What two people may edit at the same time
has an `ETag`; changing it takes `If-Match`. A request with an `Idempotency-Key` may be sent again: it has one effect, and for
24 hours the same answer."""

# The statuses of problems, with the names of their descriptions.
PROBLEMS: Mapping[int, str] = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    408: "Timeout",
    409: "Conflict",
    410: "Gone",
    412: "Stale",
    413: "TooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    426: "UpgradeRequired",
    428: "VersionRequired",
    429: "TooManyRequests",
    503: "Unavailable",
    504: "NoAnswerYet",
}
_MEANINGS: Mapping[int, str] = {
    400: "not HTTP, or not JSON",
    401: "no credential, or one that does not work",
    403: "your role may not do this, or the request came from a page of another site",
    404: "there is no such thing, or it is another tenant's",
    408: "the body did not arrive in time",
    409: "it does not go together with what is there",
    410: "it was there once and is not any more: a link that was used or is too old",
    412: "somebody changed it in between; `ETag` has the version of now",
    413: "the body is too large",
    415: "the body is not of the type that is asked for, or not in UTF-8",
    422: "understood, but not acceptable: `errors` says where",
    426: "this is a WebSocket",
    428: "send `If-Match`",
    429: "too many requests; `Retry-After` says when to come back",
    503: "the database is away; repeat the request",
    504: "it goes on, but takes longer than a request may wait",
}
_PROBLEM_HEADERS: Mapping[int, tuple[str, ...]] = {401: ("WWW-Authenticate",), 412: ("ETag",), 429: ("Retry-After",), 503: ("Retry-After",)}
_KINDS: Mapping[PathKind, dict[str, Any]] = {
    "uuid": {"type": "string", "format": "uuid"},
    "number": {"type": "string", "pattern": "^[1-9][0-9]{0,18}$"},
    "text": {"type": "string", "pattern": "^[!-~]{1,256}$"},
}
_PARAMETER = re.compile(r"\{(\w+)[^{}]*\}")
_SECTION = re.compile(r"^(Args|Returns|Raises):$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Shapes:
    """The schemas of all models: `components` has those that are referred to, `queries` those that are taken apart into parameters."""

    names: Mapping[tuple[type[Any], JsonSchemaMode], str]
    components: Mapping[str, dict[str, Any]]
    queries: Mapping[type[BaseModel], dict[str, Any]]

    def content(self, model: type[BaseModel], mode: JsonSchemaMode) -> MediaType:
        """Return what a body or an answer is."""
        return MediaType(media_type_schema=_reference(f"schemas/{self.names[model, mode]}"))


def operation_of(operation: Operation, shapes: Shapes) -> Described:
    """Describe an operation."""
    summary, description = _said(operation.handler)
    needs = f"Needs the role `{operation.level}` or one above it." if operation.level else "Public."
    return Described(
        tags=[operation.tag],
        summary=summary,
        description="\n\n".join(part for part in (description, needs) if part),
        operationId=f"{operation.tag}_{getattr(operation.handler, '__name__', 'handler')}".replace("-", "_"),
        parameters=[*_path(operation), *_query(operation, shapes), *_headers(operation)],
        requestBody=_body(operation, shapes),
        responses={str(operation.success): _success(operation, shapes), **_others(operation)},
        security=None if operation.level else [],
    )


def _body(operation: Operation, shapes: Shapes) -> RequestBody | None:
    if operation.raw:
        about = f"{operation.raw.about}, at most {operation.raw.limit // 1024 // 1024} MB"
        content = {
            media: MediaType(media_type_schema=Schema() if media == FILE else Schema(type="string")) for media in operation.raw.media
        }
        return RequestBody(content=content, required=True, description=about)
    if operation.body:
        return RequestBody(content={"application/json": shapes.content(operation.body, "validation")}, required=True)
    return None


def plain_of(route: Plain) -> Described:
    """Describe a plain route."""
    summary, description = _said(route.handler)
    content = {media: MediaType() for media in route.media}
    return Described(
        tags=[route.tag],
        summary=summary,
        description=description,
        operationId="_".join([route.method.lower(), *re.findall(r"\w+", route.path)]),
        parameters=[_parameter(name, "path", {"type": "string"}, required=True) for name in _PARAMETER.findall(route.path)],
        requestBody=RequestBody(content={media: MediaType() for media in route.accepts}, required=True) if route.accepts else None,
        responses={
            **{str(status): Response(description=HTTPStatus(status).phrase, content=content or None) for status in route.statuses},
            **{str(status): _reference(f"responses/{PROBLEMS[status]}") for status in route.also},
        },
        security=[{route.credential: []}] if route.credential else [],
    )


def problem_response(status: int) -> Response:
    """Describe the problem with a status."""
    headers = {name: _header(_HEADERS[name]) for name in (*_PROBLEM_HEADERS.get(status, ()), "X-Request-ID")}
    content = {CONTENT_TYPE: MediaType(media_type_schema=_reference("schemas/ProblemView"))}
    return Response(description=_MEANINGS[status], headers=headers, content=content)


_HEADERS: Mapping[str, str] = {
    "ETag": "the version, as `If-Match` takes it",
    "Idempotent-Replayed": "`true`: this is the answer of the first time",
    "Link": 'the next page, with `rel="next"`',
    "Retry-After": "seconds",
    "WWW-Authenticate": "Bearer",
    "X-Request-ID": "the request's id; the log has it",
}


def _said(handler: Any) -> tuple[str, str | None]:
    """Return summary and description out of a docstring; sections for programmers are left out."""
    text = _SECTION.split(inspect.getdoc(handler) or "")[0]
    first, _, rest = text.partition("\n\n")
    return " ".join(first.split()), rest.strip() or None


def _path(operation: Operation) -> list[Parameter]:
    return [_parameter(name, "path", _KINDS[operation.kind(name)], required=True) for name in operation.things]


def _query(operation: Operation, shapes: Shapes) -> list[Parameter]:
    if operation.query is None:
        return []
    model = shapes.queries[operation.query]
    required = model.get("required", [])
    return [
        _parameter(name, "query", _without_null(schema), required=name in required, description=_description(schema))
        for name, schema in model.get("properties", {}).items()
    ]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter: one that may be null in the model is one that may be left out."""
    rest = {name: value for name, value in schema.items() if name not in {"anyOf", "title", "description"} and value is not None}
    options = [option for option in schema.get("anyOf", []) if option != {"type": "null"}]
    if len(options) == 1:
        return {**rest, **{name: value for name, value in options[0].items() if name != "description"}}
    return {**rest, "anyOf": options} if options else rest


def _description(schema: dict[str, Any]) -> str | None:
    found = (part["description"] for part in (schema, *schema.get("anyOf", [])) if "description" in part)
    return next(found, None)


def _headers(operation: Operation) -> list[Parameter]:
    found = []
    if operation.versioned:
        schema = {"type": "string", "pattern": '^"[!#-~]*"$'}
        found.append(_parameter("If-Match", "header", schema, required=True, description="the `ETag` of what you looked at"))
    if operation.idempotent:
        schema = {"type": "string", "pattern": "^[!-~]{1,128}$"}
        about = "a name for this request, unique among yours of 24 hours; it may then be sent again"
        found.append(_parameter("Idempotency-Key", "header", schema, required=False, description=about))
    return found


def _parameter(name: str, place: str, schema: dict[str, Any], *, required: bool, description: str | None = None) -> Parameter:
    given = {"name": name, "in": place, "required": required, "schema": schema}
    return Parameter.model_validate({**given, "description": description} if description else given)


def _success(operation: Operation, shapes: Shapes) -> Response:
    content = {"application/json": shapes.content(operation.answer, "serialization")} if operation.answer else {}
    content |= {media: _other(media, about) for media, about in operation.media.items()}
    headers = {name: _header(_HEADERS[name]) for name in _answered(operation)}
    return Response(description=HTTPStatus(operation.success).phrase, headers=headers, content=content or None)


def _other(media: str, about: str) -> MediaType:
    # Who reads YAML reads an object; everything else is a text to those who know no better.
    kind = "object" if media.endswith("yaml") else "string"
    return MediaType(media_type_schema=Schema.model_validate({"type": kind, "description": about}))


def _answered(operation: Operation) -> list[str]:
    names = ["X-Request-ID"]
    if operation.query and issubclass(operation.query, ListQuery):
        names.append("Link")
    elif operation.answer and (operation.versioned or operation.method == "GET"):
        names.append("ETag")
    return [*names, "Idempotent-Replayed"] if operation.idempotent else names


def _others(operation: Operation) -> dict[str, Response | Reference]:
    statuses = {400, 422, 503, *operation.also}
    statuses |= {401, 403} if operation.level else set()
    statuses |= {404} if operation.things else set()
    statuses |= {408, 413, 415} if operation.method != "GET" else set()
    statuses |= {412, 428} if operation.versioned else set()
    statuses |= {409} if operation.idempotent else set()
    return {str(status): _reference(f"responses/{PROBLEMS[status]}") for status in sorted(statuses)}


def _header(about: str) -> Header:
    return Header(description=about, param_schema=Schema(type="string"))


def _reference(place: str) -> Reference:
    return Reference.model_validate({"$ref": f"#/components/{place}"})
