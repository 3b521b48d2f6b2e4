"""Binding a tenant to the running task, and tables in the bound tenant's schema.

A tenant table has no fixed schema. Each time its SQL is built, the schema is that of the tenant bound to the running
task; without a tenant it raises NoTenantError. So a forgotten filter cannot reach another tenant's rows, and nothing
depends on the state of a connection, which PgBouncer and Citus do not keep.
"""

import re
from contextvars import ContextVar
from dataclasses import fields
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec
from piccolo.engine import Engine
from piccolo.table import Table, TableMeta

from database.engine import engine
from database.pool import pool_affinity

SLUG_PATTERN = re.compile(r"[a-z](?:[a-z0-9-]{0,58}[a-z0-9])?")


class NoTenantError(RuntimeError):
    """No tenant is bound to the running task."""


class Tenant(msgspec.Struct, frozen=True):
    """A row of table `tenant`, as requests see it. `slug` is the tenant's label in host names."""

    id: UUID
    slug: str
    name: str
    suspended: bool
    created_at: datetime

    @property
    def schema(self) -> str:
        return schema_of(self.slug)


@lru_cache(20_000)
def schema_of(slug: str) -> str:
    """The name of the tenant's schema. A slug has no underscore, so no two slugs share a schema. The name is a safe SQL
    identifier, which statements rely on. Raises ValueError.
    """
    if not SLUG_PATTERN.fullmatch(slug):
        raise ValueError(
            f"{slug!r}: a tenant's name is 1 to 60 of a-z, 0-9 and '-', begins with a letter, not ending in '-'"
        )
    return "t_" + slug.replace("-", "_")


_current: ContextVar[Tenant | None] = ContextVar("tenant", default=None)


def current_tenant() -> Tenant:
    """The tenant bound to the running task. Raises NoTenantError."""
    tenant = _current.get()
    if tenant is None:
        raise NoTenantError("no tenant is bound to this task")
    return tenant


def bound_tenant() -> Tenant | None:
    """The tenant bound to the running task, or None, as on a host of the platform."""
    return _current.get()


class bound_to:  # noqa: N801  # used like a function
    """Binds the tenant to the running task for the block. Each request enters one: a class takes half the time of a
    generator.
    """

    __slots__ = ("_affinity", "_tenant", "_token")

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._affinity = pool_affinity(tenant.schema)

    def __enter__(self) -> None:
        self._token = _current.set(self._tenant)
        self._affinity.__enter__()

    def __exit__(self, *_: object) -> None:
        self._affinity.__exit__()
        _current.reset(self._token)


class EngineTableMeta(TableMeta):
    """Has the engine of `database`. Piccolo's own way to it imports a code formatter."""

    @property
    def db(self) -> Engine[Any]:
        return engine()

    @db.setter
    def db(self, value: Engine[Any]) -> None:
        raise TypeError("the engine is the configuration's")

    @classmethod
    def replace_in(cls, table: type[Table]) -> None:
        table._meta = cls(**{f.name: getattr(table._meta, f.name) for f in fields(table._meta)})


class PublicTable(Table):
    """Base of every table in schema public."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        EngineTableMeta.replace_in(cls)


class TenantTableMeta(EngineTableMeta):
    @property
    def schema(self) -> str | None:
        tenant = _current.get()
        return tenant.schema if tenant else None

    @schema.setter
    def schema(self, value: str | None) -> None:
        if value is not None:
            raise TypeError("a tenant table takes its schema from the bound tenant")

    def get_formatted_tablename(self, include_schema: bool = True, quoted: bool = True) -> str:
        current_tenant()
        return super().get_formatted_tablename(include_schema, quoted)


class TenantTable(Table):
    """Base of every table in a tenant's schema. Never `.freeze()` its queries: they would keep the tenant."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        TenantTableMeta.replace_in(cls)
