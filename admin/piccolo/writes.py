"""What Piccolo Admin's page sends to be written: checked by the table's rule, then passed on in a transaction that is
kept only if it succeeds.
"""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from admin.piccolo.app import piccolo
from admin.piccolo.responses import Answer, Refused, body_of, json_answer, pass_on, refused, refused_field
from admin.piccolo.rules import LARGEST, RULES, FieldRefused, Rule, UnknownColumns
from admin.piccolo.tables import AdvertiserAdmin, ApiKeyAdmin, PartnerAdmin
from auth.users.directory import revoke_access
from auth.users.users import User
from database.audit_context import acting_as
from database.pool import Connection
from database.transactions import transaction
from settings import settings
from tenants.cache import notify_changed
from tenants.tenant import current_tenant
from web.requests import AnyRequest, client_address

DONE_TO = {"POST": "created", "PUT": "changed", "PATCH": "changed", "DELETE": "deleted"}


async def write(request: AnyRequest, user: User, table: str, row: str | None) -> Answer:
    """Raises Refused."""
    method = request.scope["method"]
    rule = rule_for(table, method)
    if not user.is_at_least(rule.role):
        raise refused(403, f"This needs the role '{rule.role}' or one above it.")
    sent = None if method == "DELETE" else columns_of(await body_of(request))
    with acting_as(user.actor(client_address(request.scope))):
        try:
            async with transaction() as db:
                await db.execute("SELECT set_config('statement_timeout', $1, true)", f"{settings.report_timeout}s")
                return await write_row(request, db, rule, row, sent)
        except FieldRefused as error:
            raise refused_field(error.field, error.message) from error
        except OverflowError as error:
            raise refused(400, "A time is before the year 1, or after 9999.") from error
        except UnknownColumns as error:
            raise refused(400, str(error)) from error


def rule_for(table: str, method: str) -> Rule:
    """Raises Refused where nobody may do that."""
    rule = RULES.get(table)
    if rule is None or (method == "POST" and not rule.create) or (method == "DELETE" and not rule.delete):
        raise refused(405, f"Rows of this table are not {DONE_TO[method]} here.")
    return rule


def columns_of(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise refused(400, "The columns are to be a JSON object.") from error


async def write_row(
    request: AnyRequest, db: Connection, rule: Rule, row: str | None, sent: Mapping[str, Any] | None
) -> Answer:
    id_ = None if row is None else id_of(rule, row)
    values: Mapping[str, Any] = {}
    if sent is None:
        check_may_go(rule, id_)
    else:
        values = rule.new(sent) if id_ is None else rule.changed(sent, await locked(rule, id_))
    path = f"/api/tables/{rule.table._meta.tablename}/" + ("" if id_ is None else f"{id_}/")
    if request.scope["method"] in {"PUT", "PATCH"} and not values:
        return await pass_on(piccolo, request, path)  # nothing is to change: the row as it is
    answer = await pass_on(piccolo, request, path, msgspec.json.encode(values, enc_hook=str))
    if answer.status >= 400:
        raise Refused(in_words(answer))
    if rule.table in {AdvertiserAdmin, ApiKeyAdmin}:
        await notify_changed(db)
    if rule.people and values.get("active") is False and isinstance(id_, int):
        await revoke_access(db, rule.people, id_)
    return answer


def id_of(rule: Rule, row: str) -> UUID | int:
    """Raises Refused."""
    try:
        id_: UUID | int = rule.table._meta.primary_key.value_type(row)
    except ValueError as error:
        raise refused(404, "There is no such row.") from error
    if isinstance(id_, int) and not 0 < id_ <= LARGEST:
        raise refused(404, "There is no such row.")
    return id_


def check_may_go(rule: Rule, id_: UUID | int | None) -> None:
    """Raises Refused."""
    if rule.table is PartnerAdmin and id_ == current_tenant().id:
        raise refused_field(None, "This is you yourselves: conversions without another publisher are yours.")


async def locked(rule: Rule, id_: UUID | int) -> dict[str, Any]:
    """The row as it stands until the transaction ends; intake goes on meanwhile. Raises Refused where there is none."""
    mine = rule.table._meta.primary_key == id_
    found = await rule.table.select().where(mine).lock_rows("NO KEY UPDATE").first()
    if found is None:
        raise refused(404, "There is no such row.")
    return found


def in_words(answer: Answer) -> Answer:
    """What the database says against it, for people."""
    if answer.status != 422:
        return answer
    said = msgspec.json.decode(answer.body).get("db_error", "")
    if match := re.search(r'^update or delete .* on table "(\w+?)(?:_\d{6,})?"$', said):
        said = f"There are rows of the table '{match[1]}' that belong to it, so it cannot be deleted."
    elif said.startswith("insert or update"):
        said = "There is no row that it refers to."
    elif match := re.search(r"violates check constraint", said):
        said = "These values do not go together."
    elif said.startswith("duplicate key"):
        said = "There is one like this already."
    return json_answer(422, {"custom_form_error": said}) if said else answer
