"""Bodies as Kommo sends them, and the shapes of its documentation that the samples do not have."""

from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

SAMPLES = {path.stem: path.read_bytes().strip() for path in sorted((Path(__file__).parents[2] / "data" / "kommo").glob("*.form"))}


def form(fields: dict[str, Any] | list[tuple[str, Any]]) -> bytes:
    """Return the body that PHP's http_build_query makes of flat bracket keys."""
    pairs = fields.items() if isinstance(fields, dict) else fields
    return "&".join(f"{quote_plus(key)}={quote_plus(str(value))}" for key, value in pairs).encode()


def message(n: int = 0, entity: str = "message", **changes: Any) -> dict[str, Any]:
    """Return the flat fields of one message; `author_type` and the like stand for nested ones."""
    fields: dict[str, Any] = {
        "id": f"00000000-0000-4000-8000-{n:012d}",
        "chat_id": "82026d65-3a9c-4fe5-9e00-93c46c54d3b7",
        "talk_id": 100,
        "contact_id": 864,
        "text": "hello",
        "created_at": 1_700_000_000,
        "entity_type": "lead",
        "entity_id": 568,
        "type": "incoming" if entity == "message" else "outgoing",
        "author][type": "external" if entity == "message" else "internal",
        "author][name": "Anna",
        "origin": "telegram",
    } | changes
    return {f"{entity}[add][{n}][{name}]": value for name, value in fields.items() if value is not None}


SHAPES: dict[str, bytes] = {
    "two messages": form(message(0) | message(1, chat_id="other")),
    "unwrapped message": form([(k.replace("message[add]", "add"), v) for k, v in message(0).items()]),
    "media without text": form(message(0, text="", **{"attachment][type": "voice", "attachment][link": "https://amojo.kommo.com/a.ogg"})),
    "no lead": form(message(0, entity_type=None, entity_id=None)),
    "message that is outgoing": form(message(0, type="outgoing", **{"author][type": "internal"})),
    "odd characters": form(message(0, text="a&b=c\nd\u00a0e 😀 %41 +1")),
    "old account": form({"account[subdomain]": "x", "leads[add][0][id]": 5}),
    "several entities": form({"leads[add][0][id]": 1, "leads[status][0][id]": 1, "task[add][0][id]": 2, "contacts[add][0][id]": 3}),
    "scalar and map": form(
        [
            ("contacts[note][0][note][type]", 3),
            ("contacts[note][0][note][type][message_uuid]", "u"),
            ("contacts[note][0][note][element_id]", 8),
            ("contacts[note][0][type]", "contact"),
        ]
    ),
    "task in a list in a list": form(
        {"task[update][0][0][id]": 7, "task[update][0][0][element_type]": 2, "task[update][0][0][element_id]": 9}
    ),
    "accepted": form(
        {"unsorted[delete][0][uid]": "u", "unsorted[delete][0][action]": "accept", "unsorted[delete][0][accept_result][leads][]": 4}
    ),
    "template": form({"add[0][id]": 1, "add[0][type]": "waba", "add[0][status]": "approved"}),
    "catalog": form({"catalogs[add][0][id]": 1, "catalogs[add][0][type]": "catalog"}),
    "customer": form({"customers[add][0][id]": 1, "customers[add][0][name]": "A"}),
    "stage hook": form({"leads[mail_in][0][id]": 5, "leads[mail_in][0][status_id]": 6, "leads[mail_in][0][pipeline_id]": 7}),
    "talk closed": form({"talk[update][0][talk_id]": 1, "talk[update][0][contact_id]": 3, "talk[update][0][is_in_work]": 0}),
    "outgoing of a bot": form(message(0, "outgoing_message", **{"author][type": "bot"})),
    "unknown entity": form({"planets[add][0][id]": 1}),
    "nothing": b"",
}
