"""Answers that are given again to whoever repeats a request, kept in the transaction of its effect."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from actors.domain.errors import TerminalError
from storage.crypto import SecretBox, SecretKeyError
from storage.postgres import Connection, Database

KEEP_HOURS = 24

# A twin that runs at the same time waits here for the end of the first one's transaction.
_CLAIM = """
insert into idempotency_keys (tenant_id, caller_id, key_hash, request_hash) values ($1, $2, $3, $4) on conflict do nothing returning true"""
_FIND = "select request_hash, answer from idempotency_keys where caller_id = $1 and key_hash = $2"
_KEEP = "update idempotency_keys set answer = $3 where caller_id = $1 and key_hash = $2"


class KeyReused(TerminalError):
    """The key was sent with another request."""


class AnswerSealed(TerminalError):
    """The request was carried out, but its answer opens only with the credential it was sent with."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request that may be repeated.

    Args:
        tenant_id: of the caller.
        caller_id: the user or the API key.
        key: what the sender calls the request.
        content: everything that makes it this request.
        credential: what the caller showed; only with it, and the key, the kept answer can be read.
    """

    tenant_id: UUID
    caller_id: UUID
    key: str
    content: bytes
    credential: str

    @property
    def key_hash(self) -> bytes:
        """Return what the key is found by."""
        return hashlib.sha256(self.key.encode()).digest()

    @property
    def content_hash(self) -> bytes:
        """Return what tells it from another request."""
        return hashlib.sha256(self.content).digest()

    @property
    def box(self) -> SecretBox:
        """Return what seals the answer."""
        return SecretBox(hashlib.sha256(f"idempotency\0{self.credential}\0{self.key}".encode("utf-8", "surrogatepass")).digest())


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request being carried out; `before` is the answer it got the first time."""

    request: Request
    connection: Connection
    before: str | None

    async def keep(self, answer: str) -> None:
        """Keep the answer; it is committed together with the effect."""
        request = self.request
        sealed = request.box.encrypt(answer, request.key_hash.hex())
        await self.connection.execute(_KEEP, request.caller_id, request.key_hash, sealed)


class Idempotency:
    """The kept answers of the installation; needs the role callboard_api."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def once(self, request: Request) -> AsyncIterator[Attempt]:
        """Carry a request out in the block, unless the attempt has an answer from before.

        What storage does for the tenant within the block is one transaction with `keep`: both are there afterwards, or,
        if the block raises, neither.

        Raises:
            KeyReused: the key was sent with another request.
            AnswerSealed: the credential is another one.
        """
        async with self._database.joined_transaction(request.tenant_id) as connection:
            claim = request.tenant_id, request.caller_id, request.key_hash, request.content_hash
            claimed = await connection.fetchval(_CLAIM, *claim)
            yield Attempt(request, connection, None if claimed else await _before(connection, request))


async def _before(connection: Connection, request: Request) -> str:
    row = await connection.fetchrow(_FIND, request.caller_id, request.key_hash)
    assert row is not None  # the claim met it
    if row["request_hash"] != request.content_hash:
        raise KeyReused("this Idempotency-Key was used for another request")
    try:
        return request.box.decrypt(row["answer"], request.key_hash.hex())
    except SecretKeyError:
        raise AnswerSealed("carried out before; its answer is only shown to the login it was given to") from None
