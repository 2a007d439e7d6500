"""`python -m gateway.openapi` prints the OpenAPI document; it needs no server and no configuration."""

import asyncio
import sys

from gateway.auth import Callers
from gateway.committer import Committer
from gateway.directory import Directory
from gateway.health import Probe
from gateway.intake import Intake
from gateway.kicker import Kicker
from gateway.metrics import Metrics
from gateway.origin import Origins
from gateway.passwords import Passwords
from gateway.patience import Patience
from gateway.surface import Services, Surface, surface
from storage.accounts.sessions import Sessions
from storage.api_keys import ApiKeys
from storage.inbox import PostgresInbox
from storage.integrations import PostgresIntegrations
from storage.knowledge.calls import KnowledgeCalls
from storage.postgres import Database, Role
from storage.signals import RedisSignals


async def unconnected() -> Surface:
    """Return the surface of a gateway whose servers nobody ever asks."""
    async with await Database.open("postgresql://nobody@localhost/nothing", Role.API, "openapi", size=1) as database:
        signals, patience, metrics = RedisSignals("redis://localhost"), Patience(), Metrics()
        intake = Intake(Committer(PostgresInbox(database), patience, Kicker(signals).kick), None, 1.0)
        origins = Origins("")
        callers = Callers(ApiKeys(database), Sessions(database), origins, patience)
        directory = Directory(PostgresIntegrations(database), None, patience)
        probe = Probe(database, signals, None, None, patience)
        calls = KnowledgeCalls("redis://localhost", database)
        return surface(
            Services(database, signals, callers, origins, Passwords(), patience, metrics, intake, directory, probe, "", calls, 1.0)
        )


def main() -> int:
    """Print the document."""
    sys.stdout.buffer.write(asyncio.run(unconnected()).registry.document() + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
