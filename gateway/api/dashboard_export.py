"""Updates as a file: CSV for spreadsheets, JSON lines for programs; written while it is read."""

import csv
import io
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson
from aiohttp import web

from actors.domain.activity import Place, update
from gateway.api.operation import Answer, Call, Operation
from gateway.middleware import REQUEST_ID
from gateway.problems import invalid
from gateway.schemas.dashboard import ExportQuery
from storage.postgres import Database
from storage.updates import MOST, UpdateFilter, Updates, now_of

LONGEST = timedelta(days=100)
MOST_UPDATES = 200_000
_COLUMNS = ("id", "at", "kind", "title", "agent_id", "conversation_id", "subject_type", "subject_id", "subject_title", "data")
_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/x-ndjson"}
# Spreadsheets take a cell that begins with one of these for a formula, and formulas can send what stands beside them away.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_CUT = "more than {most} updates: choose a shorter range"


class DashboardExport:
    """GET /api/dashboard/updates/export."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._updates = Updates(database)

    def operations(self) -> list[Operation]:
        """Return the operations."""
        media = {"text/csv": "one line for each update, `data` as JSON", "application/x-ndjson": "one update on each line"}
        path = "/api/dashboard/updates/export"
        return [Operation("GET", path, self.export, level="viewer", tag="dashboard", query=ExportQuery, media=media)]

    async def export(self, call: Call[None, ExportQuery]) -> Answer | web.StreamResponse:
        """Download updates, oldest first: those of the last 30 days, or of a range of at most 100 days.

        Cells of the CSV form that a spreadsheet would take for a formula begin with an apostrophe. A file that was cut at
        200,000 updates ends with a line of the kind `export.cut`.
        """
        where = call.query.where()
        where = _capped(where, where.until or await now_of(self._database))
        name = f"updates-{where.since:%Y-%m-%d}.{'csv' if call.query.format == 'csv' else 'jsonl'}"
        headers = {
            "Content-Type": _TYPES[call.query.format],
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "X-Request-ID": call.request[REQUEST_ID],
        }
        portions = self._portions(call, where)
        first = await anext(portions)  # what fails is answered as a problem: the stream has not begun
        response = web.StreamResponse(headers=headers)
        await response.prepare(call.request)
        head = _line(_COLUMNS) if call.query.format == "csv" else ""
        await response.write((head + _written(first, call.query.format)).encode())
        async for portion in portions:
            await response.write(_written(portion, call.query.format).encode())
        await response.write_eof()
        return response

    async def _portions(self, call: Call[None, ExportQuery], where: UpdateFilter) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield updates in portions, each read in a transaction of its own; at least one, which may be empty."""
        place, told = Place(), 0
        while told < MOST_UPDATES:
            page = await self._updates.newer(call.tenant_id, where, place, MOST)
            yield [update(fact) for fact in page.facts]
            place, told = page.seen, told + len(page.facts)
            if len(page.facts) < MOST:
                return
        yield [_cut()]


def _capped(where: UpdateFilter, until: datetime) -> UpdateFilter:
    since = where.since or until - timedelta(days=30)
    if until - since > LONGEST:
        raise invalid(f"a range of {LONGEST.days} days at the most", "value_error", parameter="since")
    return UpdateFilter(where.kinds, where.agent_id, where.conversation_id, since, until)


def _written(portion: list[dict[str, Any]], form: str) -> str:
    if form == "json":
        return "".join(orjson.dumps(item).decode() + "\n" for item in portion)
    return "".join(_line(tuple(_cells(item))) for item in portion)


def _cells(item: Mapping[str, Any]) -> Iterator[str]:
    subject = item["subject"]
    named = {f"subject_{member}": subject[member] for member in ("type", "id", "title")}
    for column in _COLUMNS:
        value = {**item, **named, "data": orjson.dumps(item["data"]).decode()}[column]
        yield harmless("" if value is None else str(value))


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA) else cell


def _line(cells: tuple[str, ...]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue()


def _cut() -> dict[str, Any]:
    said = _CUT.format(most=MOST_UPDATES)
    nothing = {"type": "export", "id": None, "title": ""}
    return {
        "id": "",
        "kind": "export.cut",
        "at": "",
        "agent_id": None,
        "conversation_id": None,
        "subject": nothing,
        "title": said,
        "data": {},
    }
