"""Telegram's webhook against real servers: what is accepted, what is refused, and how."""

import asyncio
import hashlib
import json
from typing import Any

import asyncpg
import orjson

from tests.integration.gateway.company import Company, update
from tests.integration.gateway.processes import GatewayProcess, raw_request

HEADER = "X-Telegram-Bot-Api-Secret-Token"


def path_of(company: Company) -> tuple[str, dict[str, str]]:
    bot, secret = next(iter(company.bots.items()))
    return f"/webhooks/telegram/{bot}", {HEADER: secret, "Content-Type": "application/json"}


async def rows(dsn: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch("select * from inbox order by id")
    finally:
        await connection.close()


async def test_update_is_stored_once_under_its_chat(gateway: GatewayProcess, company: Company, database: str) -> None:
    path, headers = path_of(company)
    body = json.dumps(update(5, chat_id=-100), ensure_ascii=True).encode()
    for _ in range(3):
        async with gateway.session.post(path, data=body, headers=headers) as response:
            assert response.status == 200
            assert await response.json() == {"ok": True}
    (row,) = await rows(database)
    assert (row["key"], bytes(row["raw"]), row["kind"], row["state"]) == ("-100", body, "message", "pending")


KEYS: list[tuple[dict[str, Any], str]] = [
    ({"message": {"chat": {"id": 1}, "message_thread_id": 9, "is_topic_message": True}}, "1:9"),
    ({"message": {"chat": {"id": 1}, "message_thread_id": 9}}, "1"),
    ({"edited_message": {"chat": {"id": 2}}}, "2"),
    ({"callback_query": {"id": "x", "message": {"chat": {"id": 3}}}}, "3"),
    ({"my_chat_member": {"chat": {"id": 4}}}, "4"),
    ({"poll": {"id": "x"}}, "update"),
    ({"inline_query": {"id": "x"}}, "update"),
]


async def test_key_of_each_kind(gateway: GatewayProcess, company: Company, database: str) -> None:
    path, headers = path_of(company)
    for update_id, (part, _) in enumerate(KEYS):
        async with gateway.session.post(path, json={"update_id": update_id, **part}, headers=headers) as response:
            assert response.status == 200
    assert [row["key"] for row in await rows(database)] == [key for _, key in KEYS]


async def test_secrets_and_ids_that_are_not_right_get_the_same_401(gateway: GatewayProcess, company: Company, database: str) -> None:
    path, headers = path_of(company)
    test_path = f"/webhooks/telegram/{company.test_id}"
    unknown = "/webhooks/telegram/00000000-0000-4000-8000-000000000000"
    right = headers[HEADER]
    cases = [(path, None), (path, ""), (path, "wrong"), (path, right + "x"), (path, right.upper()), (unknown, right), (test_path, right)]
    cases += [("/webhooks/telegram/not-an-id", right), ("/webhooks/telegram/%F0%9F%98%80", right)]
    seen = set()
    for where, secret in cases:
        sent = {"Content-Type": "application/json"} | ({} if secret is None else {HEADER: secret})
        async with gateway.session.post(where, json=update(1), headers=sent) as response:
            document = await response.json(content_type="application/problem+json")
            assert response.status == 401, (where, secret)
            document.pop("request_id")
            seen.add(json.dumps(document, sort_keys=True))
    assert len(seen) == 1
    assert await rows(database) == []


async def test_non_ascii_secret_is_401(gateway: GatewayProcess, company: Company, database: str) -> None:
    path, _ = path_of(company)
    body = json.dumps(update(1)).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
    for secret in ("пароль".encode(), "пароль".encode("koi8-r"), b"\xff\xfe\x80", b"\xc3\x28"):
        answer = await raw_request(gateway.port, head.encode() + HEADER.encode() + b": " + secret + b"\r\n\r\n" + body)
        assert answer.startswith(b"HTTP/1.1 401 "), answer
        assert b"application/problem+json" in answer
    assert await rows(database) == []


async def test_new_secret_works_at_once_and_the_old_one_ends(gateway: GatewayProcess, company: Company, database: str) -> None:
    path, headers = path_of(company)
    async with gateway.session.post(path, json=update(1), headers=headers) as response:
        assert response.status == 200
    connection = await asyncpg.connect(database)
    await connection.execute(
        "update integrations set secret_hash = $1 where id = $2", hashlib.sha256(b"fresh").digest(), path.rsplit("/", 1)[1]
    )
    await connection.close()
    await asyncio.sleep(0.6)
    async with gateway.session.post(path, json=update(2), headers={**headers, HEADER: "fresh"}) as response:
        assert response.status == 200
    async with gateway.session.post(path, json=update(3), headers=headers) as response:
        assert response.status == 401


BAD_BODIES: dict[str, bytes] = {
    "empty": b"",
    "text": b"hello",
    "bom": b'\xef\xbb\xbf{"update_id":1}',
    "invalid utf-8": b'{"update_id":1,"x":"\xff"}',
    "utf-16": json.dumps({"update_id": 1}).encode("utf-16"),
    "depth 200,000 of arrays": b'{"update_id":1,"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "depth 150,000 of objects": b'{"a":' * 150_000 + b"1" + b"}" * 150_000,
    "depth 5,000": b'{"update_id":1,"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "depth 500": b'{"update_id":1,"x":' + b"[" * 500 + b"]" * 500 + b"}",
    "unclosed depth": b"[" * 900,
    "1e400": b'{"update_id":1,"x":1e400}',
    "1e400 as id": b'{"update_id":1e400}',
    "integer of 10,000 digits": b'{"update_id":' + b"9" * 10_000 + b"}",
    "integer of 10,000 digits elsewhere": b'{"update_id":1,"x":' + b"9" * 10_000 + b"}",
    "integer of 20 digits": b'{"update_id":99999999999999999999}',
    "NaN": b'{"update_id":NaN}',
    "Infinity": b'{"update_id":1,"x":-Infinity}',
    "duplicate id": b'{"update_id":1,"update_id":2}',
    "duplicate name deep inside": b'{"update_id":1,"message":{"chat":{"id":1,"id":2}}}',
    "array": b"[1]",
    "null": b"null",
    "number": b"1",
    "no id": b"{}",
    "true as id": b'{"update_id":true}',
    "text as id": b'{"update_id":"1"}',
    "float as id": b'{"update_id":1.0}',
    "null as id": b'{"update_id":null}',
    "negative id": b'{"update_id":-1}',
    "message is text": b'{"update_id":1,"message":"x"}',
    "chat is a list": b'{"update_id":1,"message":{"chat":[]}}',
    "chat id is text": b'{"update_id":1,"message":{"chat":{"id":"1"}}}',
    "chat id is true": b'{"update_id":1,"message":{"chat":{"id":true}}}',
    "chat id is missing": b'{"update_id":1,"message":{"chat":{}}}',
    "chat id of 30 digits": b'{"update_id":1,"message":{"chat":{"id":' + b"1" * 30 + b"}}}",
    "topic is text": b'{"update_id":1,"message":{"chat":{"id":1},"is_topic_message":true,"message_thread_id":"1"}}',
    "callback message is a number": b'{"update_id":1,"callback_query":{"message":1}}',
    "100,000 members": b'{"update_id":1' + b"".join(b',"k%d":1' % n for n in range(90_000)) + b"}",
}


async def test_bad_bodies_are_400_counted_and_stored_nowhere(gateway: GatewayProcess, company: Company, database: str) -> None:
    path, headers = path_of(company)
    for name, body in BAD_BODIES.items():
        async with gateway.session.post(path, data=body, headers=headers) as response:
            document = await response.json(content_type="application/problem+json")
            assert (response.status, document["type"]) == (400, "urn:callboard:problem:bad-request"), (name, document)
            assert document["request_id"] == response.headers["X-Request-ID"]
    assert await rows(database) == []
    async with gateway.session.get("/metrics", headers={"Accept": "application/json"}) as response:
        refused = (await response.json())["refused"]
    assert sum(refused.values()) == len(BAD_BODIES)
    assert "internal" not in refused
    async with gateway.session.post(path, json=update(1), headers=headers) as response:
        assert response.status == 200


async def test_nul_and_lone_surrogates_are_accepted_and_readable_for_any_json_reader(
    gateway: GatewayProcess, company: Company, database: str
) -> None:
    path, headers = path_of(company)
    bodies = [
        b'{"update_id":1,"message":{"chat":{"id":1},"text":"a\\u0000b"}}',
        b'{"update_id":2,"message":{"chat":{"id":1},"text":"a\\ud800b"}}',
        b'{"update_id":3,"message":{"chat":{"id":1},"text":"\\ud83d\\ude00 \\u202e"}}',
    ]
    for body in bodies:
        async with gateway.session.post(path, data=body, headers=headers) as response:
            assert response.status == 200
    texts = [orjson.loads(bytes(row["raw"]))["message"]["text"] for row in await rows(database)]
    assert texts == ["a\x00b", "ab", "\U0001f600 \u202e"]


async def test_size_types_and_encodings(gateway: GatewayProcess, company: Company) -> None:
    path, headers = path_of(company)
    huge = b'{"update_id":1,"x":"' + b"a" * (1024 * 1024) + b'"}'
    cases: list[tuple[bytes, dict[str, str], int]] = [
        (huge, {}, 413),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"a=1", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b"{}", {"Content-Type": "application/json; charset=utf-16"}, 415),
        (b"\x1f\x8b\x08", {"Content-Encoding": "gzip"}, 415),
        (b"x", {"Content-Encoding": "br"}, 415),
    ]
    for body, more, status in cases:
        async with gateway.session.post(path, data=body, headers={**headers, **more}) as response:
            assert response.status == status, more
            assert response.content_type == "application/problem+json"

    async def chunks() -> Any:
        for _ in range(40):
            yield b"x" * 65536

    async with gateway.session.post(path, data=chunks(), headers=headers) as response:
        assert response.status == 413
    limit = 1024 * 1024
    whole = b'{"update_id":1,"x":"' + b"a" * (limit - 22) + b'"}'
    assert len(whole) == limit
    async with gateway.session.post(path, data=whole, headers=headers) as response:
        assert response.status == 200


async def test_other_methods_are_405(gateway: GatewayProcess, company: Company) -> None:
    path, headers = path_of(company)
    for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "PROPFIND"):
        async with gateway.session.request(method, path, headers=headers) as response:
            assert (response.status, response.headers["Allow"]) == (405, "POST")
            assert response.content_type == "application/problem+json"
