"""Where the files of customers' messages are: the channel's name for each, and the account that received it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from storage.crypto import SecretBox, load_or_create_key
from storage.postgres import Database

_FIND = """
select m.data::text, g.id, g.channel, g.token_encrypted from messages m
join conversations c on c.id = m.conversation_id join integrations g on g.id = c.integration_id
where m.id = $2 and m.conversation_id = $1 and m.role = 'customer' and g.status <> 'disconnected'"""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of a message, and what fetching it takes."""

    kind: str
    file_id: str
    name: str
    mime_type: str
    channel: str
    token: str = field(repr=False)


class StoredFiles:
    """Files of a tenant's messages. The key is read when somebody looks at one."""

    def __init__(self, database: Database, data_dir: Path) -> None:
        self._database = database
        self._data_dir = data_dir

    async def find(self, tenant_id: UUID, conversation_id: int, message_id: int, number: int) -> StoredFile | None:
        """Return the file with this number, from 1 on."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            r = await connection.fetchrow(_FIND, conversation_id, message_id)
        if r is None or r["token_encrypted"] is None:
            return None
        media = orjson.loads(r["data"] or "{}").get("media", [])
        if not 1 <= number <= len(media) or not media[number - 1].get("file_id"):
            return None
        token = SecretBox(load_or_create_key(self._data_dir)).decrypt(r["token_encrypted"], str(r["id"]))
        return _file(media[number - 1], r["channel"], token)


def _file(item: dict[str, Any], channel: str, token: str) -> StoredFile:
    return StoredFile(item["kind"], item["file_id"], item.get("name", ""), item.get("mime_type", ""), channel, token)
