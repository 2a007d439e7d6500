"""`callboard export` and `callboard import`: a tenant's configuration as a file."""

import sys
from collections.abc import Sequence
from pathlib import Path

from actors.domain.configuration.comparing import Step, counts
from actors.domain.configuration.reading import read_configuration
from actors.domain.errors import InvalidDefinition, InvalidInput, TerminalError
from actors.runtime.commands.admin import open_database, tenant_of
from integrations.documents.cutting import chunks_of
from storage.accounts.audit import COMMAND_LINE
from storage.configuration.importing import Configurations
from storage.configuration.state import export
from storage.configuration.text import parse, write
from storage.postgres import Role

_SIGNS = {"added": "+", "changed": "~", "deleted": "-", "connect": "?"}


async def exported(dsn: str, tenant_slug: str) -> str:
    """Return the configuration of a tenant as YAML.

    Raises:
        TerminalError: there is no such tenant.
    """
    async with open_database(dsn, Role.API) as database:
        return write(await export(database, (await tenant_of(database, tenant_slug)).id))


async def imported(dsn: str, tenant_slug: str, text: str, *, prune: bool, dry_run: bool) -> list[str]:
    """Take a file in, or only say what it would come to: a line for each change.

    Raises:
        TerminalError: there is no such tenant, or the file cannot be taken in; nothing was changed.
    """
    async with open_database(dsn, Role.API) as database:
        tenant = await tenant_of(database, tenant_slug)
        try:
            parsed = parse(text)
        except InvalidInput as error:
            raise TerminalError(str(error)) from None
        try:
            wanted = read_configuration(parsed.value)
            configurations = Configurations(database, chunks_of)
            steps = await configurations.take_in(tenant.id, COMMAND_LINE, wanted, prune=prune, rehearse=dry_run)
        except InvalidDefinition as error:
            faults = [f"  {problem.place or 'file'}: {problem.reason}" for problem in parsed.located(error.problems)]
            raise TerminalError("\n".join(["the file cannot be taken in; nothing was changed", *faults])) from None
    return [*[_said(step) for step in steps if step.fate in _SIGNS], _summary(steps, dry_run=dry_run)]


def read_file(name: str) -> str:
    """Return the content of a file, or of standard input for `-`.

    Raises:
        TerminalError: it cannot be read.
    """
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TerminalError(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _said(step: Step) -> str:
    where = f" of {step.of}" if step.of else ""
    fields = f" ({', '.join(step.fields)})" if step.fields else ""
    return f"{_SIGNS[step.fate]} {step.what} {step.key}{where}{fields}{': connect it by hand' if step.fate == 'connect' else ''}"


def _summary(steps: Sequence[Step], *, dry_run: bool) -> str:
    found = counts(steps)
    told = f"{found['added']} added, {found['changed']} changed, {found['deleted']} deleted"
    told += f", {found['same']} the same, {found['kept']} only here"
    return f"{'Would come to' if dry_run else 'Done'}: {told}"
