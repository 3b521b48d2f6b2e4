"""Writes of Piccolo Admin's page: each is checked by the rule of its table, then forwarded in a transaction that is
rolled back on an error.
"""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from admin.piccolo.app import piccolo
from admin.piccolo.responses import (
    ErrorResponse,
    ProxyResponse,
    error_response,
    forward,
    invalid_column,
    json_response,
    read_limited_body,
)
from admin.piccolo.rules import MAX_INTEGER, RULES, ColumnError, TableRule, UnknownColumn
from admin.piccolo.tables import AdvertiserAdmin, ApiKeyAdmin, PartnerAdmin, TenantSettingsAdmin
from auth.api_keys import service as api_keys
from auth.users.directory import revoke_access
from auth.users.users import User
from core.errors import GokartError
from database.audit_context import acting_as, current_actor
from database.pool import Connection
from database.transactions import transaction
from settings import settings
from tenants.cache import notify_changed
from tenants.tenant import current_tenant
from web.pages.forms import split_field_error
from web.requests import AnyRequest, client_address

REFERRING = {
    "api_token": "API keys",
    "advertiser_login": "Users",
    "offer": "Offers",
    "conversion": "Conversions",
    "event": "Views and clicks",
}
PARTICIPLES = {"POST": "created", "PUT": "changed", "PATCH": "changed", "DELETE": "deleted"}


async def write_table(request: AnyRequest, user: User, table: str, row: str | None) -> ProxyResponse:
    """Writes a row of `table`: a new one if `row` is None. Raises ErrorResponse."""
    method = request.scope["method"]
    rule = rule_for(table, method)
    if not user.is_at_least(rule.role):
        raise error_response(403, f"This requires the role “{rule.role}” or higher. Ask an owner for access.")
    columns = None if method == "DELETE" else parse_columns(await read_limited_body(request))
    with acting_as(user.actor(client_address(request.scope))):
        try:
            async with transaction() as db:
                await db.execute("SELECT set_config('statement_timeout', $1, true)", f"{settings.report_timeout}s")
                return await write_row(request, db, rule, row, columns)
        except ColumnError as error:
            raise invalid_column(error.column, error.message) from error
        except OverflowError as error:
            raise error_response(400, "A time must be within the years 1 to 9999.") from error
        except UnknownColumn as error:
            raise error_response(400, str(error)) from error


def rule_for(table: str, method: str) -> TableRule:
    """Raises ErrorResponse if no role may use this method on the table."""
    rule = RULES.get(table)
    if rule is None or (method == "POST" and not rule.create) or (method == "DELETE" and not rule.delete):
        raise error_response(405, f"Rows of this table cannot be {PARTICIPLES[method]} here.")
    return rule


def parse_columns(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise error_response(400, "The body must be a JSON object of columns.") from error


async def write_row(
    request: AnyRequest, db: Connection, rule: TableRule, row: str | None, columns: Mapping[str, Any] | None
) -> ProxyResponse:
    """`columns` is None for a deletion. Raises ErrorResponse, ColumnError and UnknownColumn."""
    id_ = None if row is None else parse_id(rule, row)
    values: Mapping[str, Any] = {}
    if columns is None:
        check_deletable(rule, id_)
    else:
        values = rule.new_row(columns) if id_ is None else rule.changes(columns, await lock_row(rule, id_))
        if rule.table is ApiKeyAdmin and id_ is None:
            return await create_api_key_row(db, values)
    path = f"/api/tables/{rule.table._meta.tablename}/" + ("" if id_ is None else f"{id_}/")
    if request.scope["method"] in {"PUT", "PATCH"} and not values:
        return await forward(piccolo, request, path)  # nothing changes: returns the row
    response = await forward(piccolo, request, path, msgspec.json.encode(values, enc_hook=str))
    if response.status == 404:
        raise error_response(404, "This row does not exist.")
    if response.status >= 400:
        raise ErrorResponse(explain_database_error(response, rule))
    if rule.table in {AdvertiserAdmin, ApiKeyAdmin, TenantSettingsAdmin}:
        await notify_changed(db)
    if rule.realm and values.get("active") is False and isinstance(id_, int):
        await revoke_access(db, rule.realm, id_)
    return response


async def create_api_key_row(db: Connection, values: Mapping[str, Any]) -> ProxyResponse:
    """The response also has the key as `token`, which `admin.js` shows once. Raises ColumnError."""
    actor = current_actor()
    assert actor is not None
    columns = ("name", "scopes", "advertiser", "expires_at", "networks")
    try:
        minted = await api_keys.create_api_key(
            **{name: values[name] for name in columns}, created_by=actor.name, new_name=True
        )
    except GokartError as error:
        raise ColumnError(*split_field_error(error)) from error
    key: int = await db.fetchval(
        f"""
        UPDATE {current_tenant().schema}.api_token SET rate = $2, burst = $3, concurrency = $4
        WHERE digest = $1 RETURNING id
        """,
        minted.digest,
        *(values[name] for name in ("rate", "burst", "concurrency")),
    )
    return json_response(201, [{"id": key, "token": minted.token}])


def parse_id(rule: TableRule, row: str) -> UUID | int:
    """Raises ErrorResponse."""
    try:
        id_: UUID | int = rule.table._meta.primary_key.value_type(row)
    except ValueError as error:
        raise error_response(404, "This row does not exist.") from error
    if isinstance(id_, int) and not 0 < id_ <= MAX_INTEGER:
        raise error_response(404, "This row does not exist.")
    return id_


def check_deletable(rule: TableRule, id_: UUID | int | None) -> None:
    """Raises ErrorResponse."""
    if rule.table is PartnerAdmin and id_ == current_tenant().id:
        raise invalid_column(None, "This partner is you: it has the conversions without a partner.")


async def lock_row(rule: TableRule, id_: UUID | int) -> dict[str, Any]:
    """Returns the row, locked until the transaction ends. The lock does not block intake. Raises ErrorResponse."""
    is_row = rule.table._meta.primary_key == id_
    found = await rule.table.select().where(is_row).lock_rows("NO KEY UPDATE").first()
    if found is None:
        raise error_response(404, "This row does not exist.")
    return found


def explain_database_error(response: ProxyResponse, rule: TableRule) -> ProxyResponse:
    """Replaces PostgreSQL's message about a violated constraint by a sentence for users."""
    if response.status != 422:
        return response
    message = msgspec.json.decode(response.body).get("db_error", "")
    if match := re.search(r'^update or delete .* on table "(\w+?)(?:_\d{6,})?"$', message):
        message = f"{REFERRING.get(match[1], 'Other records')} refer to it, so it cannot be deleted."
        if "status" in rule.checks:
            message += " Set its status to “archived” instead."
    elif message.startswith("insert or update"):
        message = "It refers to a row that does not exist."
    elif re.search(r"violates check constraint", message):
        message = "These values cannot be combined."
    elif message.startswith("duplicate key"):
        message = "A row with these values already exists."
    return json_response(422, {"custom_form_error": message}) if message else response
