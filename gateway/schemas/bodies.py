"""What all models of the API are made of. Unknown fields are refused; texts are cleaned before anything else looks at them."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from actors.domain.messages import clean_text

MAX_BODY = 256 * 1024
MAX_TEXT = 16_384  # characters; a customer's message, not a document
MAX_LIMIT = 100
DEFAULT_LIMIT = 50


def cleaned(value: Any) -> Any:
    """Return a text without what PostgreSQL or a reader of JSON would choke on."""
    return clean_text(value, limit=MAX_BODY) if isinstance(value, str) else value


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT), BeforeValidator(cleaned)]
# Printable ASCII: it becomes part of a key.
Token = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,128}$"), BeforeValidator(cleaned)]
Number = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,18}$"), BeforeValidator(cleaned)]

Uuid = Annotated[UUID, Field(strict=False)]  # in JSON it is a string
VersionNumber = Annotated[int, Field(ge=1, lt=2**31)]


_DEEPEST = 40


def _clean(value: Any, depth: int = 0) -> Any:
    """Clean every text of a document that the domain reads by itself."""
    if depth > _DEEPEST:
        raise ValueError(f"nested deeper than {_DEEPEST}")
    if isinstance(value, dict):
        return {cleaned(name): _clean(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [_clean(item, depth + 1) for item in value]
    return cleaned(value)


Document = Annotated[dict[str, Any], BeforeValidator(_clean)]


class Body(BaseModel):
    """What all bodies have in common: nothing is unknown, and nothing is taken for something else, as 0 for false."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class View(BaseModel):
    """What all answers have in common."""

    model_config = ConfigDict(frozen=True)


class Query(BaseModel):
    """What all queries have in common: a parameter that is not known or given twice is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _digits(value: Any) -> Any:
    if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) <= 3):
        raise ValueError(f"a number from 1 to {MAX_LIMIT}")
    return value


Cursor = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,2048}$"), Field(description="`next` of the page before, with the same filters")
]


class ListQuery(Query):
    """What all lists have in common: pages of `limit` items; the next one begins at `cursor`. Subclasses add filters."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="items on a page"), BeforeValidator(_digits)] = DEFAULT_LIMIT
    cursor: Cursor | None = None
