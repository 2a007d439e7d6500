"""Bodies of requests. Unknown fields are refused; texts are cleaned before anything else looks at them."""

from typing import Annotated, Any, TypeVar
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError

from actors.domain.messages import clean_text
from gateway.bodies import parse_json, read_body, require_json
from gateway.problems import Flaw, Problem

MAX_BODY = 256 * 1024
MAX_TEXT = 16_384  # characters; a customer's message, not a document

M = TypeVar("M", bound=BaseModel)


def _clean(value: Any) -> Any:
    return clean_text(value, limit=MAX_BODY) if isinstance(value, str) else value


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT), BeforeValidator(_clean)]
# Printable ASCII: it becomes part of a key.
Token = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,128}$"), BeforeValidator(_clean)]
Number = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,18}$"), BeforeValidator(_clean)]


class Body(BaseModel):
    """What all bodies have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ChatRequest(Body):
    """A customer's message to an agent. Repeating it with the same `message_id` returns the same answer."""

    agent_id: UUID
    conversation_id: Number | None = None
    message_id: Token | None = None
    text: Text


class ReplyRequest(Body):
    """An operator's answer."""

    text: Text


class EmptyRequest(Body):
    """Nothing: takeover and give-back need no more than the path."""


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
        flaws = [Flaw(e["msg"], e["type"], pointer=_pointer(e["loc"])) for e in error.errors(include_url=False, include_input=False)]
        raise Problem(422, "the body is not acceptable", errors=flaws) from None


async def no_body(request: web.Request) -> None:
    """Accept a request without a body, or with an empty JSON object.

    Raises:
        Problem: there is more.
    """
    if request.body_exists and request.content_length != 0:
        await parse_body(request, EmptyRequest)


def _pointer(place: tuple[int | str, ...]) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in place)[:256].encode("utf-8", "replace").decode()
