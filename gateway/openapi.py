"""`python -m gateway.openapi` prints the OpenAPI document; it needs no server and no configuration."""

import asyncio
import sys
from pathlib import Path

from actors.services.connecting import Connecting
from gateway.api.files import FilesApi
from gateway.auth import Callers
from gateway.committer import Committer
from gateway.connections import Connections
from gateway.directory import Directory
from gateway.health import Probe
from gateway.intake import Intake
from gateway.kicker import Kicker
from gateway.kommo_desk import KommoDesk
from gateway.metrics import Metrics
from gateway.origin import Origins
from gateway.own_channels import OwnChannels
from gateway.passwords import Passwords
from gateway.patience import Patience
from gateway.surface import Services, Surface, surface
from integrations.telegram.bot_api import BotApi
from storage.accounts.sessions import Sessions
from storage.api_keys import ApiKeys
from storage.inbox import PostgresInbox
from storage.integrations import PostgresIntegrations
from storage.knowledge.calls import KnowledgeCalls
from storage.kommo_scopes import KommoScopes
from storage.media import StoredFiles
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
        files = FilesApi(StoredFiles(database, Path()), {})
        probe = Probe(database, signals, None, None, patience)
        connections = Connections(database, Path(), Connecting(BotApi(""), ""))
        kommo = KommoDesk(database, Path(), "", "")
        return surface(
            Services(
                api=database,
                signals=signals,
                callers=callers,
                origins=origins,
                passwords=Passwords(),
                patience=patience,
                metrics=metrics,
                intake=intake,
                directory=directory,
                probe=probe,
                public_url="",
                reply_wait_s=1.0,
                data_dir=Path(),
                knowledge=KnowledgeCalls("redis://localhost", database),
                asks=False,
                connections=connections,
                kommo=kommo,
                own_channels=OwnChannels(KommoScopes(database), None, patience, lambda: kommo.box),
                control_socket="",
                files=files,
            )
        )


def main() -> int:
    """Print the document."""
    sys.stdout.buffer.write(asyncio.run(unconnected()).registry.document() + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
