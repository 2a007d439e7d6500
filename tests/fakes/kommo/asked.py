"""A request to the fake after it was let in, and lists as Kommo pages them."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tests.fakes.kommo.state import Account, Grant


@dataclass
class Asked:
    """One request of an authorised client."""

    account: Account
    grant: Grant | None
    query: dict[str, str]
    body: Any
    ids: list[int]
    url: str


def page(asked: Asked, key: str, items: list[Any], most: int = 250) -> tuple[int, Any]:
    limit, number = min(int(asked.query.get("limit", 50)), most), int(asked.query.get("page", 1))
    shown = items[(number - 1) * limit : number * limit]
    if not shown:
        return 204, None
    links: dict[str, Any] = {"self": {"href": asked.url}}
    if len(items) > number * limit:
        links["next"] = {"href": f"https://{asked.account.subdomain}.kommo.com{_path(asked, number + 1)}"}
    return 200, {"_page": number, "_links": links, "_embedded": {key: shown}}


def _path(asked: Asked, number: int) -> str:
    return f"/{asked.url.split('/', 3)[3]}?{urlencode({**asked.query, 'page': number})}"
