"""schemathesis over our own document, against a real gateway with real servers: nothing unexpected happens."""

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from schemathesis import Case, HookContext
from schemathesis.config import SchemathesisConfig
from schemathesis.core.transport import Response
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import CheckNode

from tests.integration.gateway.company import Company, EchoHost
from tests.integration.gateway.desk import DELIVERY, Desk
from tests.integration.gateway.processes import GatewayProcess

SEED = 20_261_126
# Coverage: every constraint, from both sides; then some random requests. Tests of our own walk through states.
CONFIG = """
seed = {seed}
base-url = "{url}"
request-timeout = 20
continue-on-failure = true
[headers]
Authorization = "Bearer {key}"
[generation]
deterministic = true
database = "none"
no-shrink = true
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 426, 428, 429]
[checks.missing_required_header]
expected-statuses = [400, 401, 403, 404, 422, 428]
[phases.fuzzing]
generation.max-examples = 1
[phases.stateful]
enabled = false
"""
# What a schema cannot say, so that something of the right form may be refused with 422. A version 1.0 is an integer for
# JSON Schema; a text of white space has a length.
BEYOND_SCHEMAS = {
    "cursor",
    "definition",
    "value_error",
    "string_too_short",
    "int_type",
    "token_malformed",
    "no_public_url",
    "not_telegram",
    "document",
    "file-kind",
    "rule",
    "version",
    "conversation",
    "not_there",
    "user",
}


@dataclass
class Outcome:
    """What schemathesis found."""

    failures: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    operations: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)

    def note(self, event: events.ScenarioFinished) -> None:
        """Take in what one scenario brought."""
        recorded = event.recorder
        for case_id, interaction in recorded.interactions.items():
            assert interaction.response is not None, f"no answer to {recorded.label}"
            self.operations[recorded.label] += 1
            self.statuses[interaction.response.status_code] += 1
            for check in recorded.checks.get(case_id, []):
                if check.failure_info and not expected(check, interaction.response):
                    failure, case = check.failure_info.failure, recorded.cases[case_id].value
                    told = f"{recorded.label}: {check.name}: {failure.title}: {failure.message}"
                    self.failures.append(f"{told}\n{interaction.response.content[:1000]!r}\n{case.as_curl_command()[:1000]}")


def expected(check: CheckNode, response: Response) -> bool:
    """Return whether an acceptable request was refused for what its schema cannot say."""
    if check.name == "not_a_server_error":  # no actor answers questions about knowledge here
        return response.status_code == 503 and "nobody answers questions about knowledge" in response.text
    if check.name != "positive_data_acceptance":
        return False
    if response.text.startswith("<!doctype html>"):  # the page after a consent: nobody knows the state of a random one
        return 400 <= response.status_code < 500
    problem = response.json()
    codes = {error["code"] for error in problem.get("errors", [])}
    if "int_type" in codes:
        codes.discard("literal_error")  # the other option of the same union
    # Stale: nobody knows the version of a random thing. A text of megabytes; a plain GET of a WebSocket.
    return response.status_code in {412, 413, 426} or (response.status_code == 422 and bool(codes) and codes <= BEYOND_SCHEMAS)


def explore(document: dict[str, Any], url: str, key: str) -> Outcome:
    """Send what schemathesis thinks of."""
    config = SchemathesisConfig.from_str(CONFIG.format(seed=SEED, url=url, key=key))
    schema = schemathesis.openapi.from_dict(document, config=config)
    outcome = Outcome()
    with fresh_keys():
        for event in from_schema(schema).execute():
            match event:
                case events.ScenarioFinished():
                    outcome.note(event)
                case events.NonFatalError():
                    outcome.errors.append(f"{event.label}: {event.info.format()}")
                case events.FatalError():
                    outcome.errors.append(str(event.exception))
    return outcome


@contextmanager
def fresh_keys() -> Iterator[None]:
    """Give each request an Idempotency-Key of its own: schemathesis takes the same for all."""
    numbers = itertools.count()

    def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
        if case.headers and str(case.headers.get("Idempotency-Key", "")).isalnum():
            case.headers["Idempotency-Key"] = f"k{next(numbers)}"

    schemathesis.hook(before_call)
    try:
        yield
    finally:
        schemathesis.hooks.unregister(before_call)


@pytest.mark.timeout(600)
async def test_nothing_unexpected(gateway: GatewayProcess, company: Company, desk: Desk, database: str) -> None:
    agent = f"/api/agents/{company.agent_id}"
    await desk.do("POST", f"{agent}/scripts", DELIVERY, expect=201)
    await desk.do("POST", f"{agent}/widgets", {"origins": ["https://shop.example"]}, expect=201)
    async with EchoHost(database):
        await desk.do("POST", "/api/chat", {"agent_id": str(company.agent_id), "text": "hello"})
    async with gateway.session.get("/api/openapi.json") as response:
        document = json.loads(await response.read())
    outcome = await asyncio.to_thread(explore, document, gateway.url, company.keys["owner"])
    assert outcome.errors == []
    assert outcome.failures == [], f"{len(outcome.failures)} failures"
    operations = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    assert outcome.operations.keys() == operations
    assert min(outcome.operations.values()) >= 3
    # It got past the door: the key works to the end, and a good part of what was sent was accepted.
    assert (await desk.do("GET", "/api/agents", level="owner"))["items"]
    assert outcome.statuses[200] + outcome.statuses[201] + outcome.statuses[204] > 150
    assert not [status for status in outcome.statuses if status >= 500 and status != 503], outcome.statuses
    assert "Traceback" not in gateway.logged()
