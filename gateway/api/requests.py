"""Reads what operations declare from requests, and refuses the rest with the place of every flaw."""

import re
from typing import Any, TypeVar
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.api.operation import Operation
from gateway.bodies import parse_json, read_body, require_json
from gateway.problems import Flaw, Problem, invalid, not_found
from gateway.schemas.bodies import MAX_BODY, Body

M = TypeVar("M", bound=BaseModel)

_INT64 = 2**63
_ENTITY_TAG = re.compile(r'"[\x21\x23-\x7e]*"')
_OURS = re.compile(r'"([1-9][0-9]{0,8})"')
_NO_VERSION = 0  # is never current
_KEY = re.compile(r"[\x21-\x7e]{1,128}")
_WORD = re.compile(r"[\x21-\x7e]{1,256}")


class _Nothing(Body):
    """The body of operations that need no more than the path."""


async def parse_body(request: web.Request, model: type[M]) -> M:
    """Return the request's body as `model`.

    Raises:
        Problem: 400, 408, 413, 415, or 422 with a pointer to every flaw.
    """
    require_json(request)
    value = parse_json(await read_body(request, MAX_BODY))
    try:
        return model.model_validate(value)
    except ValidationError as error:
        flaws = [Flaw(e["msg"], e["type"], pointer=pointer(e["loc"], value)) for e in _errors(error)]
        raise Problem(422, "the body is not acceptable", errors=flaws) from None


async def no_body(request: web.Request) -> None:
    """Accept a request without a body, or with an empty JSON object.

    Raises:
        Problem: there is more.
    """
    if request.body_exists and request.content_length != 0:
        await parse_body(request, _Nothing)


def parse_query(request: web.Request, model: type[M]) -> M:
    """Return the request's query as `model`.

    Raises:
        Problem: 422 with the name of every parameter that is wrong.
    """
    given = request.query
    if repeated := [name for name in given if len(given.getall(name)) > 1]:
        raise invalid("given more than once", "repeated", parameter=_shown(repeated[0]))
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        flaws = [Flaw(e["msg"], e["type"], parameter=_shown(str(e["loc"][0] if e["loc"] else ""))) for e in _errors(error)]
        raise Problem(422, "the query is not acceptable", errors=flaws) from None


def parse_path(request: web.Request, operation: Operation) -> dict[str, UUID | int | str]:
    """Return the path's parameters.

    Raises:
        Problem: 404: what has not the form of an id names nothing.
    """
    return {name: _named(operation, name, request.match_info[name], thing) for name, thing in operation.things.items()}


def if_match(request: web.Request) -> int:
    """Return the version that the request is about; one that is never current for tags that are not ours.

    Raises:
        Problem: 428 without `If-Match`, 422 if it is not one strong entity tag.
    """
    given = request.headers.get("If-Match")
    if given is None:
        raise Problem(428, "send If-Match with the ETag of what you looked at")
    if not _ENTITY_TAG.fullmatch(given):
        raise invalid("not one strong entity tag", "entity-tag", parameter="If-Match")
    ours = _OURS.fullmatch(given)
    return int(ours.group(1)) if ours else _NO_VERSION


def idempotency_key(request: web.Request) -> str | None:
    """Return the request's `Idempotency-Key`.

    Raises:
        Problem: 422.
    """
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise invalid("1 to 128 printable ASCII characters", "idempotency-key", parameter="Idempotency-Key")
    return key


def pointer(place: tuple[int | str, ...], value: Any) -> str:
    """Return a place as JSON pointer into a value.

    What pydantic adds to a place (the options of a union, `[key]`) leads nowhere and is left out; a member that is missing
    is the last step.
    """
    steps = []
    for step in place:
        match value:
            case dict() if isinstance(step, str) and (step in value or (step == place[-1] and step != "[key]")):
                value = value.get(step)
            case list() if isinstance(step, int) and step < len(value):
                value = value[step]
            case _:
                continue
        steps.append(str(step).replace("~", "~0").replace("/", "~1"))
    return _shown("".join("/" + step for step in steps), 256)


def _named(operation: Operation, name: str, text: str, thing: str) -> UUID | int | str:
    match operation.kind(name):
        case "uuid":
            return _uuid(text, thing)
        case "number":
            if not (text.isascii() and text.isdigit() and len(text) <= 19 and 0 < int(text) < _INT64):
                raise not_found(thing)
            return int(text)
        case "text":
            if not _WORD.fullmatch(text):
                raise not_found(thing)
            return text


def _uuid(text: str, thing: str) -> UUID:
    try:
        if len(text) == 36:  # other forms are Python's own
            return UUID(text)
    except ValueError:
        pass
    raise not_found(thing)


def _errors(error: ValidationError) -> list[ErrorDetails]:
    return error.errors(include_url=False, include_input=False, include_context=False)


def _shown(text: str, limit: int = 64) -> str:
    return text[:limit].encode("utf-8", "replace").decode()
