"""A tenant's configuration as one file: to keep, to compare, to move to another installation."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from aiohttp import web

from actors.domain.configuration.reading import read_configuration
from actors.domain.errors import InvalidDefinition, InvalidInput
from actors.domain.errors import Problem as Fault
from actors.ports.documents import Piece
from gateway.api.authored import MOST_FLAWS, pointer
from gateway.api.operation import Answer, Call, Operation
from gateway.api.raw import Raw
from gateway.problems import Flaw, Problem
from gateway.schemas.configuration import ImportPlanView, ImportQuery, import_view
from storage.authoring.changes import InUse
from storage.configuration.importing import Configurations
from storage.configuration.state import export
from storage.configuration.text import Parsed, parse, write
from storage.postgres import Database

LIMIT = 16 * 1024 * 1024  # bytes: some thousand pages of text
_YAML = "application/yaml"
_FILE = Raw((_YAML, "application/x-yaml", "text/yaml", "text/plain"), LIMIT, "a file that `GET /api/tenant/export` gave, or one like it")


class ConfigurationApi:
    """Export and import of the configuration of the caller's tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._configurations = Configurations(database, _cut)
        self._one_at_a_time = asyncio.Semaphore(1)  # a large one takes seconds of a thread, and memory

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation(
                "GET",
                "/api/tenant/export",
                self.export,
                level="admin",
                tag="configuration",
                media={_YAML: "agents, scripts, rules, sequences, documents; integrations by name only"},
            ),
            Operation(
                "POST",
                "/api/tenant/import",
                self.take_in,
                level="admin",
                tag="configuration",
                raw=_FILE,
                query=ImportQuery,
                answer=ImportPlanView,
                also=(409, 429),
            ),
        ]

    async def export(self, call: Call) -> web.Response:
        """Return the company's configuration as one YAML file that people can read and compare.

        It has agents with draft and published version, scripts, rules, sequences and documents, in a fixed order, by the names that
        people gave. It has no secrets and no conversations: integrations are only named.
        """
        text = await asyncio.to_thread(write, await export(self._database, call.tenant_id))
        headers = {
            "Content-Type": f"{_YAML}; charset=utf-8",
            "Content-Disposition": 'attachment; filename="callboard.yaml"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        return web.Response(body=text.encode(), headers=headers)

    async def take_in(self, call: Call[bytes, ImportQuery]) -> Answer:
        """Take a file of `export` in: all of it, or nothing. Returns what became of every item.

        With `dry_run` nothing is changed. What is published in the file is published here, and customers get it at once. What the
        file does not have stays, unless `prune` is given. Taking in the same file again changes nothing; taking in a file that was
        exported before, with `prune`, undoes an import.
        """
        body, query = call.body, call.query
        async with self._one_at_a_time:
            parsed = await asyncio.to_thread(_parsed, body)
            try:
                wanted = await asyncio.to_thread(read_configuration, parsed.value)
                with _in_use():
                    steps = await self._configurations.take_in(
                        call.tenant_id, call.caller.actor, wanted, prune=query.prune, rehearse=query.dry_run
                    )
            except InvalidDefinition as error:
                raise _refused(parsed.located(error.problems)) from None
        return Answer(import_view(steps, dry_run=query.dry_run))


def _cut(kind: str, text: str) -> Sequence[Piece]:
    from integrations.documents.cutting import chunks_of  # noqa: PLC0415  # a parser of Markdown: who takes messages in does not pay for it

    return chunks_of(kind, text)


def _parsed(body: bytes) -> Parsed:
    try:
        return parse(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _refused([Fault("", f"the file is not UTF-8: byte {error.start}")]) from None
    except InvalidInput as error:
        raise _refused([Fault("", str(error))]) from None


def _refused(faults: Sequence[Fault]) -> Problem:
    flaws = [Flaw(fault.reason, "definition", pointer=pointer(fault.place)) for fault in faults[:MOST_FLAWS]]
    return Problem(422, "this file cannot be taken in; nothing was changed", reason="definition", errors=flaws)


@contextmanager
def _in_use() -> Iterator[None]:
    try:
        yield
    except InUse as error:
        detail = f"an agent that the file does not have is reached by customers over {', '.join(error.channels)}: disconnect it first"
        raise Problem(409, detail, reason="in-use", extra={"channels": list(error.channels)}) from None
