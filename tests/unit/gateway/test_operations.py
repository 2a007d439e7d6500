"""Operations as they are declared, read from requests, and described."""

from typing import Any
from uuid import UUID

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from gateway.api.document import document
from gateway.api.operation import Answer, Call, Operation
from gateway.api.paging import Page, after_moment, after_number, after_uuid, page_of
from gateway.api.requests import idempotency_key, if_match, parse_path, parse_query, pointer
from gateway.problems import Problem
from gateway.schemas.bodies import Body, ListQuery, View

ID = "0b0f8f5e-6c1c-4f0c-9b8e-2f1e5a7f7a10"


class ThingQuery(ListQuery):
    owner: UUID | None = None
    open: bool = True


class ThingBody(Body):
    name: str


class ThingView(View):
    name: str


async def show(call: Call[Any, Any]) -> Answer:
    """Show a thing.

    It is shown
    as it is.

    Raises:
        Problem: never seen outside.
    """
    return Answer(ThingView(name="x"), etag=call.number("part_id"))


ONE = Operation("GET", "/api/odd-things/{id}/parts/{part_id}", show, level="viewer", tag="t", answer=ThingView, numbers={"part_id"})


def refused(problem: pytest.ExceptionInfo[Problem]) -> tuple[int, list[str | None]]:
    return problem.value.status, [flaw.parameter for flaw in problem.value.errors]


def test_what_stands_before_a_parameter_says_what_it_names() -> None:
    assert ONE.things == {"id": "odd thing", "part_id": "part"}
    assert (ONE.kind("id"), ONE.kind("part_id")) == ("uuid", "number")
    assert ONE.pattern == "/api/odd-things/{id:[0-9A-Fa-f-]{36}}/parts/{part_id}"


def test_a_declaration_that_cannot_be_meant_is_refused() -> None:
    with pytest.raises(ValueError, match="no parameter other"):
        Operation("GET", "/api/things/{id}", show, level="viewer", tag="t", numbers={"other"})
    with pytest.raises(ValueError, match="public"):
        Operation("POST", "/api/things", show, level=None, tag="t", idempotent=True)


@pytest.mark.parametrize(
    ("method", "declared", "status"),
    [
        ("GET", {"answer": ThingView}, 200),
        ("POST", {"answer": ThingView, "status": 201}, 201),
        ("DELETE", {}, 204),
        ("GET", {"status": 101}, 101),
    ],
)
def test_success_without_an_answer_is_204(method: Any, declared: dict[str, Any], status: int) -> None:
    assert Operation(method, "/api/things", show, level="viewer", tag="t", **declared).success == status


@pytest.mark.parametrize("part", ["0", "-1", "x", "1.0", "٣", "9223372036854775808", "9" * 40, ""])
def test_ids_of_another_form_name_nothing(part: str) -> None:
    with pytest.raises(Problem, match="no such part") as problem:
        parse_path(make_mocked_request("GET", "/", match_info={"id": ID, "part_id": part}), ONE)
    assert problem.value.status == 404


def test_ids_are_read() -> None:
    request = make_mocked_request("GET", "/", match_info={"id": ID.upper(), "part_id": "9223372036854775807"})
    assert parse_path(request, ONE) == {"id": UUID(ID), "part_id": 2**63 - 1}
    for other in ("{" + ID + "}", ID.replace("-", ""), ID[:-1] + "g", f"urn:uuid:{ID}"):
        with pytest.raises(Problem, match="no such odd thing"):
            parse_path(make_mocked_request("GET", "/", match_info={"id": other, "part_id": "1"}), ONE)


@pytest.mark.parametrize(
    "query", ["a=1", "limit=1&limit=2", "limit=0", "limit=101", "limit=1.0", "limit=+1", "limit=", "cursor=", "owner=x", "open=2"]
)
def test_queries_that_are_not_acceptable(query: str) -> None:
    with pytest.raises(Problem) as problem:
        parse_query(make_mocked_request("GET", f"/?{query}"), ThingQuery)
    assert refused(problem) == (422, [query.partition("=")[0]])


def test_a_query_is_read() -> None:
    assert parse_query(make_mocked_request("GET", f"/?limit=7&owner={ID}&open=false"), ThingQuery) == ThingQuery(
        limit=7, owner=UUID(ID), open=False
    )


@pytest.mark.parametrize(("given", "version"), [('"7"', 7), ('"0"', 0), ('"other"', 0), ('""', 0), ('"99999999999999999999"', 0)])
def test_a_tag_that_is_not_ours_is_never_current(given: str, version: int) -> None:
    assert if_match(make_mocked_request("PUT", "/", headers=CIMultiDict({"If-Match": given}))) == version


@pytest.mark.parametrize(("given", "status"), [(None, 428), ("7", 422), ("*", 422), ('W/"7"', 422), ('"1", "2"', 422), ("", 422)])
def test_one_strong_tag_is_needed(given: str | None, status: int) -> None:
    with pytest.raises(Problem) as problem:
        if_match(make_mocked_request("PUT", "/", headers=CIMultiDict({} if given is None else {"If-Match": given})))
    assert problem.value.status == status


def test_idempotency_keys() -> None:
    assert idempotency_key(make_mocked_request("POST", "/")) is None
    assert idempotency_key(make_mocked_request("POST", "/", headers=CIMultiDict({"Idempotency-Key": "a-1"}))) == "a-1"
    for bad in ("", "a b", "я", "x" * 129):
        with pytest.raises(Problem) as problem:
            idempotency_key(make_mocked_request("POST", "/", headers=CIMultiDict({"Idempotency-Key": bad})))
        assert refused(problem) == (422, ["Idempotency-Key"])


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        ((), [], ""),
        (("a", 0, "b"), {"a": [{}]}, "/a/0/b"),
        (("a/b~c",), {"a/b~c": 1}, "/a~1b~0c"),
        (("version", "constrained-int"), {"version": "x"}, "/version"),
        (("texts", "xx1", "[key]"), {"texts": {"xx1": "t"}}, "/texts/xx1"),
        (("a", 5), {"a": [1]}, "/a"),
    ],
)
def test_pointers_lead_into_the_body(place: tuple[int | str, ...], value: Any, expected: str) -> None:
    assert pointer(place, value) == expected


def test_cursors_hold_a_place_and_belong_to_their_filters() -> None:
    page = Page(2, {"owner": ID}, None)
    cursor = page.cursor(["2026-01-01T00:00:00+00:00", 5])
    again = page_of(ThingQuery(limit=2, cursor=cursor, owner=UUID(ID)), {"owner": ID, "limit": "2", "cursor": cursor})
    assert after_moment(again) is not None
    with pytest.raises(Problem):
        page_of(ThingQuery(cursor=cursor), {"cursor": cursor})
    assert page.query("c") == f"owner={ID}&limit=2&cursor=c"


@pytest.mark.parametrize("place", [True, -1, 2**63, 1.5, "x", [], ["x", 1], ["2026-01-01", 1], ["2026-01-01T00:00:00+00:00", True], {}])
def test_places_of_another_form_are_refused(place: Any) -> None:
    for read in (after_uuid, after_number, after_moment):
        with pytest.raises(Problem, match="acceptable"):
            read(Page(1, {}, place))


def test_the_start_has_no_place() -> None:
    start = Page(1, {}, None)
    assert (after_uuid(start), after_number(start), after_moment(start)) == (None, None, None)


def test_a_description_says_what_was_declared() -> None:
    change = Operation(
        "PATCH", "/api/things/{id}", show, level="admin", tag="t", body=ThingBody, answer=ThingView, versioned=True, also=(409,)
    )
    listed = Operation("GET", "/api/things", show, level=None, tag="t", query=ThingQuery, answer=ThingView)
    made = document([ONE, change, listed], [])
    patch = made["paths"]["/api/things/{id}"]["patch"]
    assert (patch["summary"], patch["description"]) == (
        "Show a thing.",
        "It is shown\nas it is.\n\nNeeds the role `admin` or one above it.",
    )
    assert patch["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/ThingBody"}
    assert set(patch["responses"]) == {"200", *map(str, (400, 401, 403, 404, 408, 409, 412, 413, 415, 422, 428, 503))}
    assert "security" not in patch
    get = made["paths"]["/api/things"]["get"]
    assert get["security"] == []
    assert [(p["name"], p["schema"].get("format")) for p in get["parameters"]] == [
        ("limit", None),
        ("cursor", None),
        ("owner", "uuid"),
        ("open", None),
    ]
    assert "ThingQuery" not in made["components"]["schemas"]
    assert made["components"]["schemas"]["ThingBody"]["additionalProperties"] is False
    parameters = made["paths"]["/api/odd-things/{id}/parts/{part_id}"]["get"]["parameters"]
    assert [(p["name"], p["in"], p["required"]) for p in parameters] == [("id", "path", True), ("part_id", "path", True)]
