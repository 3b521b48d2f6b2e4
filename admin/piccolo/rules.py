"""What may be written through the staff admin: by whom, to which tables and columns, and what makes sense there.

Piccolo's own form sends every column of a row when it saves, changed or not. So a column that may not be changed is
accepted where it comes as it is, and refused by name where it does not; only what is to change is passed on.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import cached_property
from typing import Any

import msgspec
from piccolo.columns import Column
from piccolo.table import Table
from piccolo.utils.pydantic import create_pydantic_model
from pydantic import BaseModel, ValidationError

from admin.piccolo.choices import AdvertiserStatus, OsName
from admin.piccolo.tables import (
    AdvertiserAdmin,
    AdvertiserUserAdmin,
    ApiKeyAdmin,
    OfferAdmin,
    PartnerAdmin,
    StaffUserAdmin,
    TenantSettingsAdmin,
)
from auth.api_keys import service as api_keys
from auth.users import users
from auth.users.invitations import read_role, read_scopes
from auth.users.realms import ADVERTISER, STAFF, Realm
from auth.users.users import User
from core.errors import GokartError

Row = Mapping[str, Any]
Check = Callable[[Any, Row], Any]

LARGEST = 2**31 - 1


class FieldRefused(Exception):
    """`field` is None where it is not about one of them."""

    def __init__(self, field: str | None, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class UnknownColumns(Exception):
    """The body names columns that the table does not have."""


class Rule(msgspec.Struct, frozen=True, dict=True):
    """Of a table that something may be done to. `edit` are its columns that may be changed, each with what reads its
    new value: it gets the row as it is (empty for a new one), returns what is kept, and raises GokartError.

    `people` is the realm of the users in it: a user who is deactivated loses access at once.
    """

    table: type[Table]
    edit: Mapping[str, Check]
    role: str = "manager"
    create: bool = False
    delete: bool = False
    people: Realm | None = None

    @cached_property
    def model(self) -> type[BaseModel]:
        return create_pydantic_model(
            self.table, include_default_columns=True, all_optional=True, model_name=f"{self.table.__name__}Sent"
        )

    def read(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """The values by column, of the types of the columns. Raises UnknownColumns, FieldRefused."""
        known = self.model.model_fields
        unknown = [name for name in sent if name not in known]
        if unknown:
            raise UnknownColumns(f"There is no column {unknown[0][:50]!r}.")
        try:
            model = self.model.model_validate(sent)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise FieldRefused(str(first["loc"][0]), str(first["msg"])) from error
        return {name: getattr(model, name) for name in sent}

    def changed(self, sent: Mapping[str, Any], row: Row) -> dict[str, Any]:
        """What is to be another value than it is. Raises UnknownColumns, FieldRefused."""
        values: dict[str, Any] = {}
        for name, value in self.read(sent).items():
            if is_same(value, row[name]):
                continue
            if name not in self.edit:
                raise FieldRefused(name, "This cannot be changed here.")
            values[name] = self.checked(name, value, row)
        return values

    def new(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """A whole new row but for its id, with defaults for what was not sent. Raises UnknownColumns, FieldRefused."""
        given = self.read(sent)
        for name, value in given.items():
            if name not in self.edit and value is not None:
                raise FieldRefused(name, "This cannot be set here.")
        values = {}
        for name in self.edit:
            column = self.column(name)
            value = column.get_default_value() if given.get(name) is None else given[name]
            values[name] = self.checked(name, value, {})
        return {**values, "created_at": datetime.now(UTC)}

    def checked(self, name: str, value: Any, row: Row) -> Any:
        if value is None and not self.column(name)._meta.null:
            raise FieldRefused(name, "This is needed.")
        try:
            return self.edit[name](value, row)
        except GokartError as error:
            raise FieldRefused(name, str(error).removeprefix(f"{name}: ")) from error

    def column(self, name: str) -> Column:
        return self.table._meta.get_column_by_name(name)


def is_same(sent: Any, kept: Any) -> bool:
    """Piccolo's form knows instants to the second only."""
    if isinstance(sent, datetime) and isinstance(kept, datetime):
        return in_utc(sent).replace(microsecond=0) == in_utc(kept).replace(microsecond=0)
    return bool(sent == kept)


def in_utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)


def as_it_is(value: Any, _: Row) -> Any:
    return value


def optional(check: Check) -> Check:
    """Empty text is none at all."""

    def read(value: Any, row: Row) -> Any:
        empty = value is None or (isinstance(value, str) and not value.strip())
        return None if empty else check(value, row)

    return read


def read_lines(value: str, _: Row) -> str:
    """Text of one or more lines."""
    text = "\n".join(line.strip() for line in value.strip().splitlines())
    if not text or any(unicodedata.category(c) == "Cc" for c in text.replace("\n", "")):
        raise GokartError("Text without control characters is needed.")
    return text


def read_line(value: str, row: Row) -> str:
    text = read_lines(value, row)
    if "\n" in text:
        raise GokartError("One line is needed.")
    return text


def one_of(choices: type[Enum]) -> Check:
    values = [choice.value.value for choice in choices]

    def read(value: str, _: Row) -> str:
        if value not in values:
            raise GokartError(f"One of these is needed: {', '.join(values)}.")
        return value

    return read


def read_email(value: str, _: Row) -> str:
    try:
        return users.read_email(value)
    except GokartError as error:
        raise GokartError(str(error).removeprefix("email: ")) from error


def read_currency(value: str, _: Row) -> str:
    code = value.strip().upper()
    if not re.fullmatch("[A-Z]{3}", code):
        raise GokartError("A currency is three letters, such as EUR.")
    return code


def read_limit(value: float, _: Row) -> float:
    if not (math.isfinite(value) and 0 < value <= LARGEST):
        raise GokartError("A number above 0 is needed, or none.")
    return value


def read_expiry(value: datetime | None, row: Row) -> datetime:
    """An expiry may only become earlier: the creator of the key chose it, and revoking is an action of its own."""
    kept = row["expires_at"]
    if value is None or (kept and in_utc(value) > in_utc(kept)):
        raise GokartError("The expiry can only be moved earlier. To extend it, rotate the key under API keys.")
    if in_utc(value) <= datetime.now(UTC):
        raise GokartError("The expiry must be in the future. To end a key now, revoke it under API keys.")
    return in_utc(value)


RULES = {
    rule.table._meta.tablename: rule
    for rule in [
        Rule(
            AdvertiserAdmin,
            {
                "name": read_line,
                "status": one_of(AdvertiserStatus),
                "singular_enabled": as_it_is,
                "contact_name": optional(read_line),
                "contact_email": optional(read_email),
                "contact_phone": optional(read_line),
                "billing_name": optional(read_line),
                "billing_email": optional(read_email),
                "billing_address": optional(read_lines),
                "tax_id": optional(read_line),
                "currency": read_currency,
            },
            create=True,
            delete=True,
        ),
        Rule(
            OfferAdmin,
            {
                "name": read_line,
                "advertiser": as_it_is,
                "campaign_name": optional(read_line),
                "app_name": optional(read_line),
                "store_id": optional(read_line),
                "os": optional(one_of(OsName)),
            },
            create=True,
            delete=True,
        ),
        Rule(PartnerAdmin, {"name": read_line}, create=True, delete=True),
        Rule(
            ApiKeyAdmin,
            {
                "name": lambda value, _: api_keys.read_key_name(value),
                "networks": lambda value, _: api_keys.read_networks(value),
                "rate": optional(read_limit),
                "burst": optional(read_limit),
                "concurrency": optional(read_limit),
                "expires_at": read_expiry,
            },
        ),
        Rule(
            AdvertiserUserAdmin,
            {
                "name": lambda value, _: users.read_name(value),
                "scopes": lambda value, _: read_scopes(value),
                "active": as_it_is,
            },
            delete=True,
            people=ADVERTISER,
        ),
        Rule(
            StaffUserAdmin,
            {
                "name": lambda value, _: users.read_name(value),
                "role": lambda value, _: read_role(value),
                "active": as_it_is,
            },
            role="owner",
            delete=True,
            people=STAFF,
        ),
        Rule(TenantSettingsAdmin, {"staff_totp_required": as_it_is}, role="owner"),
    ]
}


def rights_of(user: User) -> dict[str, dict[str, Any]]:
    """What the user may do, by table. Tables that the user may only read are left out."""
    return {
        table: {"create": rule.create, "delete": rule.delete, "edit": list(rule.edit)}
        for table, rule in RULES.items()
        if user.is_at_least(rule.role)
    }
