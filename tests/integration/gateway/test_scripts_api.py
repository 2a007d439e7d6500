"""Scripts over the API: written, searched, tried, exported and imported."""

from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from tests.integration.gateway.desk import DELIVERY, Desk

PAYMENT = {
    "name": "Оплата",
    "key": "payment",
    "keywords": ["оплатить"],
    "answer": {"ru": "Картой или по счёту"},
    "languages": ["ru"],
    "priority": 5,
}
HUMAN = {"name": "Позвать человека", "key": "human", "phrases": ["человек"], "handoff": True, "enabled": False}


@pytest.fixture
async def scripts(desk: Desk) -> str:
    """The path of the scripts of an agent that has three."""
    path = f"{await desk.agent(languages=['ru', 'en'])}/scripts"
    for body in (DELIVERY, PAYMENT, HUMAN):
        await desk.do("POST", path, body, expect=201)
    return path


async def keys(desk: Desk, path: str, **query: Any) -> list[str]:
    listed = await desk.do("GET", f"{path}?{urlencode(query)}", level="viewer")
    return [item["key"] for item in listed["items"]]


async def test_a_script_is_written_replaced_deleted_and_brought_back(desk: Desk, scripts: str) -> None:
    created = await desk.do("POST", scripts, {"name": "Часы", "phrases": [" во  сколько "], "answer": {"ru": "С 10"}}, expect=201)
    assert (created["key"][:2], created["phrases"], created["enabled"], created["priority"]) == ("s-", ["во  сколько"], True, 0)
    one = f"{scripts}/{created['id']}"
    assert await desk.do("GET", one, level="viewer") == created
    body = {"name": "Часы", "phrases": ["во сколько"], "answer": {"ru": "С 10 до 20"}}
    await desk.do("PUT", one, body, expect=428)
    replaced = await desk.do("PUT", one, body, match=created["etag"])
    assert (replaced["key"], replaced["version"], replaced["etag"], replaced["changed_by"]) == (created["key"], 2, '"2"', "admin")
    stale = await desk.do("PUT", one, body, match=created["etag"], expect=412)
    assert stale["etag"] == '"2"'
    await desk.do("DELETE", one, match='"2"', level="operator", expect=403)
    await desk.do("DELETE", one, match='"1"', expect=412)
    await desk.do("DELETE", one, match='"2"', expect=204)
    assert created["key"] not in await keys(desk, scripts)
    assert await keys(desk, scripts, deleted="true") == [created["key"]]
    await desk.do("PUT", one, body, match='"3"', expect=404)
    restored = await desk.do("POST", f"{one}/restore")
    assert (restored["deleted_at"], restored["answer"]) == (None, {"ru": "С 10 до 20"})
    assert (await keys(desk, scripts))[-1] == created["key"]
    await desk.do("GET", f"{scripts}/{uuid4()}", expect=404)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"phrases": []}, ""),
        ({"phrases": ["?!"]}, "/phrases/0"),
        ({"answer": {}}, "/answer"),
        ({"languages": ["fr"]}, "/answer"),
        ({"languages": ["French"]}, "/languages/0"),
        ({"phrases": ["x" * 201]}, "/phrases/0"),
        ({"priority": 1001}, "/priority"),
        ({"priority": "5"}, "/priority"),
        ({"name": " \x00 "}, "/name"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_what_is_wrong_with_a_script_is_pointed_at(desk: Desk, change: Any, pointer: str) -> None:
    refused = await desk.do("POST", f"{await desk.agent()}/scripts", {**DELIVERY, **change}, expect=422)
    assert [flaw["pointer"] for flaw in refused["errors"]] == [pointer]


ORDER: dict[str, Any] = {
    "name": "Заказ",
    "key": "order",
    "phrases": ["хочу заказать"],
    "finish": {"ru": "Записала: {variable.size}"},
    "leave": {"ru": "Как скажете"},
    "expires_s": 3600.0,
    "steps": [
        {
            "id": "size",
            "ask": {"ru": "Какой размер?"},
            "expects": "choice",
            "options": [{"value": "s", "label": {"ru": "Маленький"}}, {"value": "l", "label": {"ru": "Большой"}}],
            "remember": "size",
            "next": [{"when": {"fact": "answer.text", "op": "is", "value": "s"}, "goto": "finish"}],
        },
        {"id": "phone", "ask": {"ru": "Ваш телефон?"}, "expects": "phone", "remember": "phone", "otherwise": "leave"},
    ],
}


async def test_a_dialogue_is_kept_as_it_was_written(desk: Desk, scripts: str) -> None:
    created = await desk.do("POST", scripts, ORDER, expect=201)
    assert {name: created[name] for name in ORDER} == ORDER
    assert await keys(desk, scripts, q="какой размер") == ["order"]
    exported = await desk.do("GET", f"{scripts}/export")
    other = f"{await desk.agent()}/scripts"
    await desk.do("POST", f"{other}/import", {"scripts": exported["scripts"]})
    assert (await desk.do("GET", f"{other}/export"))["scripts"] == exported["scripts"]
    await desk.do("POST", f"{scripts.removesuffix('/scripts')}/publish", {})
    document = (await desk.do("GET", f"{scripts.removesuffix('/scripts')}/versions/1"))["definition"]
    assert document["scripts"][-1]["steps"] == ORDER["steps"]
    tried = await desk.do("POST", f"{scripts}/try", {"text": "хочу заказать плед"})
    assert (tried["scripts"][0]["key"], tried["scripts"][0]["wins"]) == ("order", True)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"finish": {}}, "/finish"),
        ({"finish": {"ru": "{variable.colour}"}}, "/finish/ru"),
        ({"expires_s": 5}, "/expires_s"),
        ({"steps": [ORDER["steps"][0], {**ORDER["steps"][1], "next": [{"goto": "size2"}]}]}, "/steps/1/next/0/goto"),
        ({"steps": [{**ORDER["steps"][0], "options": [{"value": "s"}, {"value": ""}]}, ORDER["steps"][1]]}, "/steps/0/options/1/value"),
        ({"steps": [{**ORDER["steps"][0], "next": [{"goto": "finish"}]}, ORDER["steps"][1]]}, "/steps/1"),
    ],
)
async def test_what_is_wrong_with_a_dialogue_is_pointed_at(desk: Desk, change: Any, pointer: str) -> None:
    refused = await desk.do("POST", f"{await desk.agent()}/scripts", {**ORDER, **change}, expect=422)
    assert [flaw["pointer"] for flaw in refused["errors"]] == [pointer]


async def test_a_key_names_one_script(desk: Desk, scripts: str) -> None:
    taken = await desk.do("POST", scripts, {**PAYMENT, "key": "delivery"}, expect=409)
    assert taken["errors"][0]["pointer"] == "/key"
    payment = (await desk.do("GET", scripts))["items"][1]
    await desk.do("PUT", f"{scripts}/{payment['id']}", {**PAYMENT, "key": "delivery"}, match=f'"{payment["version"]}"', expect=409)
    renamed = await desk.do("PUT", f"{scripts}/{payment['id']}", {**PAYMENT, "key": "paying"}, match=f'"{payment["version"]}"')
    assert renamed["key"] == "paying"


async def test_a_repeated_request_writes_once_and_a_refusal_is_refused_again(desk: Desk, scripts: str) -> None:
    hours = {"name": "Hours", "key": "hours", "phrases": ["hours"], "answer": {"en": "10 to 20"}}
    first, second = [await desk.do("POST", scripts, hours, key="k-1", expect=201) for _ in range(2)]
    assert first == second
    for _ in range(2):
        await desk.do("POST", scripts, hours, key="k-2", expect=409)
    await desk.do("POST", scripts, DELIVERY, key="k-1", expect=422)
    imported = {"scripts": [hours]}
    assert [(await desk.do("POST", f"{scripts}/import", imported, key="k-3"))["imported"] for _ in range(2)] == [1, 1]
    assert (await desk.do("GET", f"{scripts}/{first['id']}"))["version"] == 2


async def test_scripts_are_searched_and_filtered_page_by_page(desk: Desk, scripts: str) -> None:
    assert await keys(desk, scripts) == ["delivery", "payment", "human"]
    assert await keys(desk, scripts, q="ПО СЧЕТУ") == ["payment"]
    assert await keys(desk, scripts, q="roubles") == ["delivery"]
    assert await keys(desk, scripts, q="%") == []
    assert await keys(desk, scripts, enabled="false") == ["human"]
    assert await keys(desk, scripts, enabled="true", language="ru") == ["delivery", "payment"]
    assert await keys(desk, scripts, language="en") == ["delivery", "human"]
    first = await desk.do("GET", f"{scripts}?limit=2&language=ru")
    assert [item["key"] for item in first["items"]] == ["delivery", "payment"]
    assert await keys(desk, scripts, limit=2, language="ru", cursor=first["next"]) == ["human"]
    for query in ("language=russian", "enabled=maybe", "q=", "colour=red", f"cursor={first['next']}", "limit=0"):
        refused = await desk.do("GET", f"{scripts}?{query}", expect=422)
        assert refused["errors"][0]["parameter"] == query.split("=")[0]


async def test_a_text_is_tried_against_all_scripts(desk: Desk, scripts: str) -> None:
    tried = await desk.do("POST", f"{scripts}/try", {"text": "Можно оплатить? Позовите человека"}, level="viewer")
    assert (tried["language"], tried["unlisted"]) == ("ru", 0)
    assert [(s["key"], s["wins"], s["score"], s["matched"]) for s in tried["scripts"][:1]] == [("payment", True, 1, ["оплатить"])]
    assert {s["key"]: s["reason"] for s in tried["scripts"][1:]} == {"delivery": "no phrase or keyword matches", "human": "disabled"}
    tried = await desk.do("POST", f"{scripts}/try", {"text": "delivery оплатить", "language": "ru"})
    assert [(s["key"], s["wins"]) for s in tried["scripts"][:2]] == [("payment", True), ("delivery", False)]
    assert tried["scripts"][1]["reason"] == "priority 0 is below 5 of payment"
    tried = await desk.do("POST", f"{scripts}/try", {"text": "delivery оплатить", "language": "en"})
    assert {s["key"]: s["reason"] for s in tried["scripts"] if not s["wins"]}["payment"] == "not for this language"
    nobody = await desk.do("POST", f"{scripts}/try", {"text": "42"})
    assert (nobody["language"], [s["wins"] for s in nobody["scripts"]]) == ("ru", [False] * 3)


async def test_what_is_exported_can_be_imported(desk: Desk, scripts: str) -> None:
    exported = await desk.do("GET", f"{scripts}/export", level="viewer")
    document = {name: value for name, value in exported.items() if name != "etag"}
    assert [script["key"] for script in document["scripts"]] == ["delivery", "payment", "human"]
    other = f"{await desk.agent()}/scripts"
    assert (await desk.do("POST", f"{other}/import", document))["imported"] == 3
    again = await desk.do("GET", f"{other}/export")
    assert again["scripts"] == document["scripts"]
    only = {**document, "scripts": [{**document["scripts"][0], "priority": 9}], "replace": True}
    await desk.do("POST", f"{other}/import", only)
    (left,) = (await desk.do("GET", other))["items"]
    assert (left["key"], left["priority"], left["version"]) == ("delivery", 9, 2)
    assert await keys(desk, other, deleted="true") == ["payment", "human"]


async def test_an_import_is_taken_whole_or_not_at_all(desk: Desk, scripts: str) -> None:
    fresh = {**DELIVERY, "key": "fresh"}
    broken = {**PAYMENT, "key": "broken", "languages": ["ru", "en"]}
    refused = await desk.do("POST", f"{scripts}/import", {"scripts": [fresh, broken]}, expect=422)
    assert [flaw["pointer"] for flaw in refused["errors"]] == ["/scripts/1/answer"]
    await desk.do("POST", f"{scripts}/import", {"scripts": [fresh, fresh]}, expect=422)
    await desk.do("POST", f"{scripts}/import", {"format": "other/1", "scripts": [fresh]}, expect=422)
    assert await keys(desk, scripts) == ["delivery", "payment", "human"]
    await desk.do("POST", f"/api/agents/{uuid4()}/scripts/import", {"scripts": [fresh]}, expect=404)


async def test_a_deleted_or_disabled_script_is_not_published(desk: Desk, scripts: str) -> None:
    agent = scripts.removesuffix("/scripts")
    payment = (await desk.do("GET", scripts))["items"][1]
    await desk.do("DELETE", f"{scripts}/{payment['id']}", match=f'"{payment["version"]}"', expect=204)
    await desk.do("POST", f"{agent}/publish", {})
    document = (await desk.do("GET", f"{agent}/versions/1"))["definition"]
    assert [script["id"] for script in document["scripts"]] == ["delivery"]
