"""The document and the router say the same, and the document is OpenAPI 3.1."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from jsonschema import Draft202012Validator
from schemathesis.specs.openapi.definitions import OPENAPI_31

from config.settings import Settings
from gateway.app import gateway as running_gateway
from tests.integration.gateway.processes import GatewayProcess

METHODS = {"get", "post", "put", "patch", "delete", "options"}


@pytest.fixture
async def application(database: str, redis_url: str, tmp_path: Path) -> AsyncIterator[web.Application]:
    settings = Settings(database_url=database, redis_url=redis_url, data_dir=tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        async with running_gateway(settings, listening) as app:
            yield app


async def fetched(gateway: GatewayProcess) -> dict[str, Any]:
    async with gateway.session.get("/api/openapi.json") as response:
        assert (response.status, response.content_type) == (200, "application/json")
        document: dict[str, Any] = json.loads(await response.read())
        return document


def described(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, item in document["paths"].items() for method in item if method in METHODS}


async def test_every_route_is_in_the_document_and_the_other_way_round(gateway: GatewayProcess, application: web.Application) -> None:
    routes = {(route.method, route.resource.canonical) for route in application.router.routes() if route.resource}
    assert len(routes) == len(application.router.routes()), "a route without a resource"
    heads = {path for method, path in routes if method == "HEAD"}
    assert heads <= {path for method, path in routes if method == "GET"}
    assert described(await fetched(gateway)) == {(method, path) for method, path in routes if method != "HEAD"}


async def test_it_is_valid_by_the_meta_schema(gateway: GatewayProcess) -> None:
    document = await fetched(gateway)
    assert document["openapi"].startswith("3.1.")
    problems = [f"{list(error.path)}: {error.message[:200]}" for error in Draft202012Validator(OPENAPI_31).iter_errors(document)]
    assert problems == []
    for name, schema in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert re.fullmatch(r"[A-Za-z0-9]+(-(In|Out)put)?", name), f"two models are called alike: {name}"


async def test_every_reference_leads_somewhere_and_nothing_is_left_over(gateway: GatewayProcess) -> None:
    document = await fetched(gateway)
    references = set(re.findall(r'"\$ref": "(#/[^"]+)"', json.dumps(document)))
    parts = document["components"]
    there = {f"#/components/{kind}/{name}" for kind in ("schemas", "responses") for name in parts[kind]}
    assert references <= there
    unused = {place for place in there - references if "/schemas/" in place}
    assert unused == set()


async def test_operations_say_what_they_need(gateway: GatewayProcess) -> None:
    document = await fetched(gateway)
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    assert all(operation["summary"].endswith((".", "…")) for operation in operations), [o["summary"] for o in operations]
    schemes = document["components"]["securitySchemes"]
    assert all(name in schemes for operation in operations for option in operation.get("security", []) for name in option)
    change = document["paths"]["/api/agents/{id}"]["patch"]
    assert {"412", "428", "404", "422", "401", "403"} <= change["responses"].keys()
    assert [p["name"] for p in change["parameters"] if p["in"] == "header" and p["required"]] == ["If-Match"]
    create = document["paths"]["/api/agents"]["post"]
    assert [p["name"] for p in create["parameters"] if p["in"] == "header"] == ["Idempotency-Key"]
    assert "Idempotent-Replayed" in create["responses"]["201"]["headers"]
    listed = document["paths"]["/api/conversations"]["get"]
    assert [p["name"] for p in listed["parameters"]] == [
        "limit",
        "cursor",
        "agent_id",
        "control",
        "channel",
        "q",
        "assigned_to",
        "closed",
        "unanswered",
    ]
    assert "Link" in listed["responses"]["200"]["headers"]
    assert {"text/event-stream", "application/json"} == document["paths"]["/api/chat"]["post"]["responses"]["200"]["content"].keys()


async def test_it_is_fetched_again_only_when_it_changed(gateway: GatewayProcess) -> None:
    async with gateway.session.get("/api/openapi.json") as response:
        tag = response.headers["ETag"]
    async with gateway.session.get("/api/openapi.json", headers={"If-None-Match": tag}) as response:
        assert (response.status, await response.read()) == (304, b"")
    async with gateway.session.get("/api/openapi.json", headers={"If-None-Match": '"other"'}) as response:
        assert response.status == 200


async def test_it_is_printed_without_a_server(gateway: GatewayProcess) -> None:
    printed = subprocess.run([sys.executable, "-m", "gateway.openapi"], check=True, capture_output=True, timeout=60).stdout
    assert json.loads(printed) == await fetched(gateway)
