"""What a Salesbot asks (`widget_request`): it waits at an address of its account until an answer comes there.

The address and the data are in nobody's signature, and the token names its account and its lead. So the token is checked
first, then the address, and the data only tell one request from another. They are not kept: the customer's words are in the message.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from actors.domain.messages import clean_text
from integrations.kommo.forms import FORM, Tree, branch, parse_form, text
from integrations.kommo.hosts import continue_path, is_issuer
from integrations.kommo.routing import ASKED, TENANT, Event, Routed, number, placed
from integrations.kommo.signatures import claims_of

JSON = "application/json"
_MOST_DATA = 50
_LONGEST = 4_000


@dataclass(frozen=True, slots=True)
class BotRequest:
    """A request as it came, unchecked."""

    token: str = field(repr=False)
    return_url: str
    data: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BotAccount:
    """The account that a request must be of."""

    account: str
    host: str
    client_secret: str = field(repr=False)


class NotGenuine(Exception):
    """Kommo did not sign it for this account, or long ago."""


class ElsewhereRefused(Exception):
    """Its answer would go to an address that is not the account's."""


def read_request(media: str, body: bytes) -> BotRequest | None:
    """Return what a body says, be it JSON, as documented, or a form, as it was seen; None: it cannot be read."""
    tree = parse_form(body).fields if media == FORM else _json(body)
    token, return_url = text(tree, "token"), text(tree, "return_url")
    if not token or not return_url:
        return None
    data = list(branch(tree, "data"))[:_MOST_DATA]
    said = {clean_text(name, 64): clean_text(text(tree, "data", name), _LONGEST) for name in data}
    return BotRequest(token, return_url, said)


def checked(request: BotRequest, of: BotAccount) -> Routed:
    """Return what storing the request needs. One that is repeated has the same key for two hours; a bot that asks again, another one.

    Raises:
        NotGenuine: the token is not Kommo's, is over, or is another account's.
        ElsewhereRefused: the answer would go elsewhere.
    """
    claims = claims_of(request.token, of.client_secret)
    if claims is None or str(claims.get("account_id")) != of.account or not is_issuer(claims.get("iss"), of.host):
        raise NotGenuine
    path = continue_path(request.return_url, of.host)
    if path is None:
        raise ElsewhereRefused
    told: Tree = {name: str(claims.get(name) or "") for name in ("entity_type", "entity_id")}
    item: Tree = {
        "path": path,
        "bot": path.split("/")[4],
        "element_type": text(told, "entity_type") or "lead",
        "element_id": number(told, "entity_id") or number(dict(request.data), "lead"),
        "asked": _digest([request.data, str(claims.get("exp"))]),
    }
    found = placed(of.account, Event(ASKED, "asked", item))
    if found.key == TENANT:
        raise NotGenuine
    return found


def _digest(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _json(body: bytes) -> Tree:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return _texts(value) if isinstance(value, dict) else {}


def _texts(value: Mapping[str, Any]) -> Tree:
    """Numbers become texts, as forms have them; what is nested deeper than the data is left out."""
    data = value.get("data")
    return {**_flat(value), "data": {**_flat(data)} if isinstance(data, dict) else {}}


def _flat(value: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(inner) for name, inner in value.items() if isinstance(inner, str | int | float)}
