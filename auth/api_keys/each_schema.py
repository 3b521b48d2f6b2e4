"""Executes a short statement in the schemas of many tenants, on the connection for writes in the background.

A transaction and its round trips take several times as long as the insert of a row or two. So fifty tenants share a
transaction and a round trip. On a Citus cluster, each tenant has a transaction of its own, on its own node.
"""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address

import asyncpg
import msgspec
import structlog

from database.pool import DatabaseUnavailable, SchemaOutdated, connection, pool_affinity
from database.sql import SqlText
from settings import settings
from tenants.nodes import is_cluster

SCHEMAS_AT_ONCE = 50
EXECUTE_EACH = "SELECT public.gokart_execute_each($1, $2)"

log = structlog.get_logger()


async def execute_each(statement: SqlText, arguments: Mapping[str, object]) -> dict[str, Exception]:
    """Executes the statement in each schema of `arguments`. Its only parameter is the schema's argument, as JSON.

    Waits 0.2 seconds for a lock. Returns the errors by schema: those of one schema do not affect the others. Where the
    error is DatabaseUnavailable, the statement has had no effect, or its response was lost.
    """
    schemas = sorted(arguments)  # two processes lock rows in the same order
    try:
        async with connection("background") as db:
            cluster = await is_cluster(db)
    except DatabaseUnavailable as down:
        return dict.fromkeys(schemas, down)
    errors: dict[str, Exception] = {}
    size = 1 if cluster else SCHEMAS_AT_ONCE
    for first in range(0, len(schemas), size):
        together = schemas[first : first + size]
        error = await _try(statement, together, arguments)
        if error is None:
            continue
        if is_server_unavailable(error) and not cluster:
            return errors | dict.fromkeys(schemas[first:], error)
        if len(together) == 1:
            errors[together[0]] = error
            continue
        log.info("a statement failed for several tenants, and is executed for each alone", error=repr(error))
        for schema in together:
            if alone := await _try(statement, [schema], arguments):
                errors[schema] = alone
    return errors


def is_server_unavailable(error: Exception) -> bool:
    """Whether the server is unavailable for all schemas, rather than one schema's table being locked."""
    return isinstance(error, DatabaseUnavailable) and not isinstance(error.__cause__, asyncpg.LockNotAvailableError)


async def _try(statement: SqlText, schemas: Sequence[str], arguments: Mapping[str, object]) -> Exception | None:
    try:
        statements = [statement.in_schema(schema) for schema in schemas]
        values = [msgspec.json.encode(arguments[schema], enc_hook=encode_address).decode() for schema in schemas]
        with pool_affinity(schemas[0]):
            async with connection("background") as db:
                db.tenants.update(schemas)
                await db.execute(EXECUTE_EACH, statements, values, timeout=settings.database_wait)
    except asyncpg.UndefinedFunctionError as error:
        return SchemaOutdated(error)
    except Exception as error:  # noqa: BLE001  # whatever it is, the caller decides
        return error
    return None


def encode_address(value: object) -> str:
    if isinstance(value, IPv4Address | IPv6Address):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} has no form in JSON")
