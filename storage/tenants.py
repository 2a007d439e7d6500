"""Tenants: the companies that use this installation."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from actors.domain.ids import TenantId
from storage.accounts.audit import Actor, record
from storage.postgres import Database


@dataclass(frozen=True, slots=True)
class Tenant:
    """A company."""

    id: TenantId
    slug: str
    name: str
    locale: str


class Tenants:
    """The tenants of the installation; either role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, slug: str, name: str, locale: str = "en") -> TenantId:
        """Create a tenant.

        Raises:
            TerminalError: the slug is taken or malformed.
        """
        tenant_id: UUID = await self._database.fetchval("select gen_random_uuid()")
        async with self._database.tenant_transaction(tenant_id) as connection:
            await connection.execute("insert into tenants (id, slug, name, locale) values ($1, $2, $3, $4)", tenant_id, slug, name, locale)
        return TenantId(tenant_id)

    async def by_slug(self, slug: str) -> Tenant | None:
        """Return the tenant with this slug."""
        async with self._database.dispatch_transaction() as connection:
            r = await connection.fetchrow("select id, slug, name, locale from tenants where slug = $1", slug)
        return _tenant(r) if r else None

    async def find(self, tenant_id: UUID) -> Tenant | None:
        """Return a tenant."""
        async with self._database.tenant_transaction(tenant_id) as connection:
            r = await connection.fetchrow("select id, slug, name, locale from tenants where id = $1", tenant_id)
        return _tenant(r) if r else None

    async def change(self, tenant_id: UUID, name: str | None, locale: str | None, actor: Actor) -> Tenant | None:
        """Change what is not None and return what the tenant is now; None if there is no such tenant."""
        wanted = {member: value for member, value in (("name", name), ("locale", locale)) if value is not None}
        async with self._database.tenant_transaction(tenant_id) as connection:
            r = await connection.fetchrow("select id, slug, name, locale from tenants where id = $1 for update", tenant_id)
            if r is None:
                return None
            before = {member: r[member] for member, value in wanted.items() if r[member] != value}
            if before:
                now = {**r, **wanted}
                await connection.execute("update tenants set name = $2, locale = $3 where id = $1", tenant_id, now["name"], now["locale"])
                after = {member: wanted[member] for member in before}
                await record(connection, tenant_id, actor, "tenant.changed", f"tenant:{tenant_id}", before, after, now["name"])
        return _tenant({**r, **wanted})

    async def all(self) -> list[Tenant]:
        """Return every tenant, oldest first."""
        async with self._database.dispatch_transaction() as connection:
            rows = await connection.fetch("select id, slug, name, locale from tenants order by created_at, id")
        return [_tenant(r) for r in rows]


def _tenant(r: Any) -> Tenant:
    return Tenant(TenantId(r["id"]), r["slug"], r["name"], r["locale"])
