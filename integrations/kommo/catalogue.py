"""Reads an account's lists, and keeps of each thing what Callboard needs: no phone numbers, no addresses."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from actors.domain.messages import clean_text
from actors.ports.crm import CrmItem, CrmPage, Kind
from actors.ports.kommo import KommoAccount
from integrations.kommo.client import PAGE, KommoClient, embedded, has_next
from integrations.kommo.errors import Forbidden
from integrations.kommo.limits import Priority

_PATHS: Mapping[Kind, str] = {"lead": "leads", "contact": "contacts"}
_KEPT: Mapping[Kind, Sequence[str]] = {
    "pipeline": ("sort", "is_main", "is_archive"),
    "stage": ("pipeline_id", "sort", "color", "type"),
    "user": (),
    "field": ("type", "code", "sort"),
    "lead": ("price", "pipeline_id", "status_id", "responsible_user_id", "updated_at"),
    "contact": ("responsible_user_id", "updated_at"),
}
_NAME = 250


class KommoCatalogue:
    """The lists of accounts, at the pace and priority of a sync."""

    def __init__(self, client: KommoClient) -> None:
        self._client = client

    async def pipelines(self, account: KommoAccount) -> tuple[Sequence[CrmItem], Sequence[CrmItem]]:
        """Return all pipelines, and the stages of all of them."""
        answer = await self._client.ask(account, "GET", "/api/v4/leads/pipelines", priority=Priority.SYNC)
        found = [item for item in embedded(answer, "pipelines") if _has_id(item)]
        stages = [
            _item("stage", {**stage, "pipeline_id": pipeline["id"]}, f"{pipeline['id']}:{stage['id']}")
            for pipeline in found
            for stage in embedded(pipeline, "statuses")
            if _has_id(stage)
        ]
        return [_item("pipeline", pipeline) for pipeline in found], stages

    async def users(self, account: KommoAccount) -> Sequence[CrmItem] | None:
        """Return all users; None where the account does not let us see them."""
        try:
            users = [user async for user in self._client.pages(account, "/api/v4/users", "users", priority=Priority.SYNC)]
        except Forbidden:  # integrations of the marketplace may not
            return None
        return [_item("user", user, rights=("is_admin", "is_active")) for user in users if _has_id(user)]

    async def fields(self, account: KommoAccount) -> Sequence[CrmItem]:
        """Return the custom fields of leads and contacts."""
        return [field for of in _PATHS.values() for field in await self._fields(account, of)]

    async def page(self, account: KommoAccount, kind: Kind, number: int, since: int | None) -> CrmPage:
        """Return a page of leads or contacts in the order of their ids, from 1; with `since` those changed from that second on.

        In this order what is added or changed meanwhile only moves others to later pages: nothing is missed.
        """
        query: dict[str, str | int] = {"limit": PAGE, "page": number, "order[id]": "asc"}
        if since is not None:
            query["filter[updated_at][from]"] = since
        path = _PATHS[kind]
        answer = await self._client.ask(account, "GET", f"/api/v4/{path}", priority=Priority.SYNC, query=query)
        return CrmPage([_item(kind, item) for item in embedded(answer, path) if _has_id(item)], not has_next(answer))

    async def _fields(self, account: KommoAccount, of: str) -> Sequence[CrmItem]:
        path = f"/api/v4/{of}/custom_fields"
        pages = self._client.pages(account, path, "custom_fields", priority=Priority.SYNC)
        return [_item("field", field, f"{of}:{field['id']}", entity=of) async for field in pages if _has_id(field)]


def _has_id(item: Any) -> bool:
    return isinstance(item, dict) and type(item.get("id")) is int


def _item(kind: Kind, item: Mapping[str, Any], key: str = "", rights: Sequence[str] = (), **more: str) -> CrmItem:
    kept = dict(_scalars(item, _KEPT[kind])) | more
    if rights and isinstance(item.get("rights"), dict):
        kept |= dict(_scalars(item["rights"], rights))
    return CrmItem(key or str(item["id"]), clean_text(str(item.get("name") or ""), _NAME), kept)


def _scalars(item: Mapping[str, Any], names: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for name in names:
        value = item.get(name)
        if isinstance(value, str):
            yield name, clean_text(value, _NAME)
        elif isinstance(value, int | float):
            yield name, value
