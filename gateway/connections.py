"""Connecting bots, as the API does it: the use case with the gateway's own database, key and Bot API."""

from dataclasses import dataclass
from pathlib import Path

from actors.services.connecting import Connecting
from gateway.auth import Caller
from storage.connections import Desk
from storage.crypto import SecretBox, load_or_create_key
from storage.postgres import Database


@dataclass(frozen=True, slots=True)
class Connections:
    """What the operations on integrations need. `engine`: a bot may come from another tenant.

    The key is read when somebody connects a bot: taking messages in goes on without it.
    """

    engine: Database
    data_dir: Path
    connecting: Connecting

    def desk(self, caller: Caller) -> Desk:
        """Return the bots of the caller's tenant, changed in the caller's name."""
        return Desk(self.engine, SecretBox(load_or_create_key(self.data_dir)), caller.tenant_id, caller.actor)
