"""The OpenAPI 3.1 document, made of the operations and their pydantic models."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from importlib.metadata import version
from typing import Any

import orjson
from aiohttp import web
from openapi_pydantic.v3.v3_1 import Components, Info, OpenAPI, PathItem, SecurityScheme, Tag
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from gateway.api.described import ABOUT, PROBLEMS, Shapes, operation_of, plain_of, problem_response
from gateway.api.operation import Operation, Plain
from gateway.auth import COOKIE
from gateway.schemas.problems import ProblemView

_REFERENCE = "#/components/schemas/{model}"
_PATTERN = re.compile(r"\{(\w+)[^{}]*\}")


class Document:
    """The document of one gateway, at GET /api/openapi.json."""

    def __init__(self, operations: Sequence[Operation], plain: Sequence[Plain]) -> None:
        self._operations = operations
        self._plain = plain

    def plain(self) -> list[Plain]:
        """Return the document's own route."""
        return [Plain("GET", "/api/openapi.json", self.show, tag="status")]

    async def show(self, request: web.Request) -> web.Response:
        """This document."""
        tag = f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "public, no-cache", "Content-Type": "application/json"}
        if tag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        return web.Response(body=self.body, headers=headers)

    @cached_property
    def body(self) -> bytes:
        """Return the document as JSON; made once, when it is first asked for."""
        return orjson.dumps(document(self._operations, self._plain), option=orjson.OPT_INDENT_2)


def document(operations: Sequence[Operation], plain: Sequence[Plain]) -> dict[str, Any]:
    """Return the document."""
    shapes = _shapes(operations)
    items: dict[str, dict[str, Any]] = {}
    for operation in operations:
        items.setdefault(_template(operation.path), {})[operation.method.lower()] = operation_of(operation, shapes)
    for route in plain:
        items.setdefault(_template(route.path), {})[route.method.lower()] = plain_of(route)
    headers = {
        route.credential: SecurityScheme(type="apiKey", name=route.credential, security_scheme_in="header")
        for route in plain
        if route.credential
    }
    whole = OpenAPI(
        openapi="3.1.1",
        info=Info(title="Callboard", version=version("callboard"), description=ABOUT),
        paths={path: PathItem(**item) for path, item in sorted(items.items())},
        tags=[Tag(name=name) for name in sorted({o.tag for o in operations} | {p.tag for p in plain})],
        security=[{"key": []}, {"session": []}],
        components=Components(
            responses={name: problem_response(status) for status, name in PROBLEMS.items()},
            securitySchemes={
                "key": SecurityScheme(type="http", scheme="bearer", description="an API key, for programs"),
                "session": SecurityScheme(type="apiKey", name=COOKIE, security_scheme_in="cookie", description="a login, for browsers"),
                **headers,
            },
        ),
    )
    made: dict[str, Any] = whole.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)
    # As pydantic made them: its JSON Schema is the dialect of OpenAPI 3.1.
    made["components"]["schemas"] = dict(sorted(shapes.components.items()))
    return made


def _shapes(operations: Iterable[Operation]) -> Shapes:
    wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(ProblemView, "serialization"): None}
    queries = [operation.query for operation in operations if operation.query]
    for operation in operations:
        wanted |= {(model, "validation"): None for model in (operation.body, operation.query) if model}
        wanted |= {(model, "serialization"): None for model in (operation.answer,) if model}
    references, schemas = models_json_schema(list(wanted), ref_template=_REFERENCE, schema_generator=_Generator)
    names = {(model, mode): reference["$ref"].rpartition("/")[2] for (model, mode), reference in references.items()}
    components = dict(schemas["$defs"])
    taken_apart = {query: components.pop(names[query, "validation"]) for query in dict.fromkeys(queries)}
    return Shapes(names, components, taken_apart)


class _Generator(GenerateJsonSchema):
    """pydantic's, but for one omission: where the names of an object have a pattern, others are refused."""

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        made = super().dict_schema(schema)
        return {**made, "additionalProperties": False} if "patternProperties" in made else made


def _template(path: str) -> str:
    """Return a path without the patterns of its parameters."""
    return _PATTERN.sub(r"{\1}", path)
