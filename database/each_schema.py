"""Executes a short statement in the schemas of many tenants.

A transaction and its round trips take several times as long as the insert of a row or two. So fifty tenants share a
transaction and a round trip.
"""

from collections.abc import Mapping, Sequence

import msgspec

from database.pool import connection, pool_affinity
from database.sql import SqlText
from settings import settings

SCHEMAS_AT_ONCE = 50
EXECUTE_EACH = "SELECT public.gokart_execute_each($1, $2)"

_json = msgspec.json.Encoder(enc_hook=str)  # for addresses


async def execute_each(statement: SqlText, arguments: Mapping[str, object]) -> dict[str, Exception]:
    """Executes the statement in each schema of `arguments`; its only parameter is what is given for that, as JSON.

    Waits 0.2 seconds for a lock. Returns the errors by schema, such as DatabaseUnavailable; those of one schema do not
    affect the others.
    """
    schemas, errors = sorted(arguments), {}  # sorted: two processes lock rows in the same order
    for first in range(0, len(schemas), SCHEMAS_AT_ONCE):
        together = schemas[first : first + SCHEMAS_AT_ONCE]
        if await _try(statement, together, arguments):
            for schema in together:
                if error := await _try(statement, [schema], arguments):
                    errors[schema] = error
    return errors


async def _try(statement: SqlText, schemas: Sequence[str], arguments: Mapping[str, object]) -> Exception | None:
    try:
        statements = [statement.in_schema(schema) for schema in schemas]
        values = [_json.encode(arguments[schema]).decode() for schema in schemas]
        with pool_affinity(schemas[0]):
            async with connection("background") as db:
                db.tenants.update(schemas)
                await db.execute(EXECUTE_EACH, statements, values, timeout=settings.database_wait)
    except Exception as error:  # noqa: BLE001  # whatever it is, the caller decides
        return error
    return None
