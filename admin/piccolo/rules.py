"""Which roles may write which tables and columns through Piccolo Admin, and how the values are checked.

Piccolo's form sends every column of a row, changed or not. A read-only column is therefore accepted with its current
value, and rejected by name with any other value. Only changed columns are forwarded.
"""

import math
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

from admin.piccolo.choices import AdvertiserStatusChoice, OfferStatusChoice, OsName, PartnerStatusChoice
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
from auth.users.tenant_settings import read_support_url
from auth.users.users import User
from catalog.fields import read_currency, read_line, read_lines, read_time_zone
from core.errors import GokartError
from reporting.finality import MAX_FINAL_AFTER_DAYS
from web.pages.forms import parse_number

Row = Mapping[str, Any]
Check = Callable[[Any, Row], Any]

MAX_INTEGER = 2**31 - 1  # of PostgreSQL's integer


class ColumnError(Exception):
    """The value of a column is invalid, or the column is read-only."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column
        self.message = message


class UnknownColumn(Exception):
    """The body names a column that the table does not have."""


class TableRule(msgspec.Struct, frozen=True, dict=True):
    """Who may write a table, and how.

    `checks` maps each column that can be changed to a function of the new value and the current row, which is empty for
    a new row. It returns the value to store, or raises GokartError. `role` is the lowest role that may write.
    `only_new` are columns that can be set in a new row but not changed; `never_new` are those that can only be changed.

    `realm` is set for tables of users: a user who is deactivated loses access at once.
    """

    table: type[Table]
    checks: Mapping[str, Check]
    role: str = "manager"
    create: bool = False
    delete: bool = False
    realm: Realm | None = None
    only_new: frozenset[str] = frozenset()
    never_new: frozenset[str] = frozenset()

    @cached_property
    def model(self) -> type[BaseModel]:
        return create_pydantic_model(
            self.table, include_default_columns=True, all_optional=True, model_name=f"{self.table.__name__}Sent"
        )

    def parse(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """Converts the values to the types of their columns. Raises UnknownColumn and ColumnError."""
        known = self.model.model_fields
        unknown = [name for name in sent if name not in known]
        if unknown:
            raise UnknownColumn(f"The column “{unknown[0][:50]}” does not exist.")
        try:
            model = self.model.model_validate(sent)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise ColumnError(str(first["loc"][0]), str(first["msg"])) from error
        return {name: getattr(model, name) for name in sent}

    def changes(self, sent: Mapping[str, Any], row: Row) -> dict[str, Any]:
        """The checked values that differ from the current row. Raises UnknownColumn and ColumnError."""
        values: dict[str, Any] = {}
        for name, value in self.parse(sent).items():
            if is_same(value, row[name]):
                continue
            if name not in self.checks or name in self.only_new:
                raise ColumnError(name, "This column cannot be changed here.")
            values[name] = self.check(name, value, row)
        return values

    def new_row(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """The checked values of a new row without its id. Columns that were not sent have their defaults.

        Raises UnknownColumn and ColumnError.
        """
        given = self.parse(sent)
        for name, value in given.items():
            if (name not in self.checks or name in self.never_new) and value is not None:
                raise ColumnError(name, "This column cannot be set here.")
        values = {}
        for name in [name for name in self.checks if name not in self.never_new]:
            column = self.column(name)
            value = column.get_default_value() if given.get(name) is None else given[name]
            values[name] = self.check(name, value, {})
        return {**values, "created_at": datetime.now(UTC)}

    def check(self, name: str, value: Any, row: Row) -> Any:
        if value is None and not self.column(name)._meta.null:
            raise ColumnError(name, "A value is required.")
        try:
            return self.checks[name](value, row)
        except GokartError as error:
            raise ColumnError(name, str(error).removeprefix(f"{name}: ")) from error

    def column(self, name: str) -> Column:
        return self.table._meta.get_column_by_name(name)


def is_same(sent: Any, stored: Any) -> bool:
    """Compares times to the second, because Piccolo's form sends no fractions."""
    if isinstance(sent, datetime) and isinstance(stored, datetime):
        return in_utc(sent).replace(microsecond=0) == in_utc(stored).replace(microsecond=0)
    return bool(sent == stored)


def in_utc(time: datetime) -> datetime:
    """A time without an offset is in UTC already."""
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def any_value(value: Any, _: Row) -> Any:
    return value


def optional(check: Check) -> Check:
    """Stores NULL for an empty text."""

    def check_optional(value: Any, row: Row) -> Any:
        empty = value is None or (isinstance(value, str) and not value.strip())
        return None if empty else check(value, row)

    return check_optional


def text(read: Callable[[str], str]) -> Check:
    """Reads the text as the forms of the catalogue do. Empty text is an error."""

    def check_text(value: str, _: Row) -> str:
        found = read(value.strip())
        if not found:
            raise GokartError("A value is required.")
        return found

    return check_text


def one_of(choices: type[Enum]) -> Check:
    values = [choice.value.value for choice in choices]

    def check_choice(value: str, _: Row) -> str:
        if value not in values:
            raise GokartError(f"The value must be one of: {', '.join(values)}.")
        return value

    return check_choice


def read_contact_email(value: str, _: Row) -> str:
    try:
        return users.read_email(value)
    except GokartError as error:
        raise GokartError(str(error).removeprefix("email: ")) from error


def read_final_after_days(value: object, _: Row) -> int:
    days = parse_number(str(value), MAX_FINAL_AFTER_DAYS)
    if days is None:
        raise GokartError(f"The value must be a whole number of days from 0 to {MAX_FINAL_AFTER_DAYS}.")
    return days


def read_offer_advertiser(value: Any, row: Row) -> Any:
    if row:
        raise GokartError(
            "An offer moves with its past figures. Move it in Admin, under Offers, which shows the amounts first."
        )
    return value


def read_limit(value: float, _: Row) -> float:
    if not (math.isfinite(value) and 0 < value <= MAX_INTEGER):
        raise GokartError(f"The value must be above 0 and at most {MAX_INTEGER}, or empty.")
    return value


def read_expiry(value: datetime | None, row: Row) -> datetime | None:
    """An expiry can only be moved earlier: the creator of the key chose the latest time it may have."""
    if not row and value is None:
        return None
    stored = row.get("expires_at")
    if value is None or (row and stored and in_utc(value) > in_utc(stored)):
        raise GokartError("The expiry can only be moved earlier. To extend it, rotate the key under API keys.")
    if in_utc(value) <= datetime.now(UTC):
        raise GokartError("The expiry must be in the future. To end a key now, revoke it under API keys.")
    return in_utc(value)


def read_revocation(value: datetime | None, row: Row) -> datetime | None:
    """Any time revokes the key now, for good."""
    if row["revoked_at"]:
        raise GokartError("A revoked key stays revoked. Create another one.")
    return datetime.now(UTC) if value else None


RULES = {
    rule.table._meta.tablename: rule
    for rule in [
        TableRule(
            AdvertiserAdmin,
            {
                "name": text(read_line),
                "status": one_of(AdvertiserStatusChoice),
                "singular_enabled": any_value,
                "contact_name": optional(text(read_line)),
                "contact_email": optional(read_contact_email),
                "contact_phone": optional(text(read_line)),
                "billing_name": optional(text(read_line)),
                "billing_email": optional(read_contact_email),
                "billing_address": optional(text(read_lines)),
                "tax_id": optional(text(read_line)),
                "currency": text(read_currency),
                "time_zone": text(read_time_zone),
            },
            create=True,
            delete=True,
        ),
        TableRule(
            OfferAdmin,
            {
                "name": text(read_line),
                "status": one_of(OfferStatusChoice),
                "advertiser": read_offer_advertiser,
                "campaign_name": optional(text(read_line)),
                "app_name": optional(text(read_line)),
                "store_id": optional(text(read_line)),
                "os": optional(one_of(OsName)),
            },
            create=True,
            delete=True,
        ),
        TableRule(
            PartnerAdmin, {"name": text(read_line), "status": one_of(PartnerStatusChoice)}, create=True, delete=True
        ),
        TableRule(
            ApiKeyAdmin,
            {
                "name": lambda value, _: api_keys.read_key_name(value),
                "networks": lambda value, _: api_keys.read_networks(value),
                "rate": optional(read_limit),
                "burst": optional(read_limit),
                "concurrency": optional(read_limit),
                "expires_at": read_expiry,
                "advertiser": any_value,
                "scopes": any_value,
                "revoked_at": read_revocation,
            },
            create=True,
            only_new=frozenset({"advertiser", "scopes"}),
            never_new=frozenset({"revoked_at"}),
        ),
        TableRule(
            AdvertiserUserAdmin,
            {
                "name": lambda value, _: users.read_name(value),
                "scopes": lambda value, _: read_scopes(value),
                "active": any_value,
            },
            delete=True,
            realm=ADVERTISER,
        ),
        TableRule(
            StaffUserAdmin,
            {
                "name": lambda value, _: users.read_name(value),
                "role": lambda value, _: read_role(value),
                "active": any_value,
            },
            role="owner",
            delete=True,
            realm=STAFF,
        ),
        TableRule(
            TenantSettingsAdmin,
            {
                "staff_totp_required": any_value,
                "final_after_days": read_final_after_days,
                "support_email": optional(read_contact_email),
                "support_url": optional(text(read_support_url)),
                "time_zone": text(read_time_zone),
            },
            role="owner",
        ),
    ]
}


def permissions_of(user: User) -> dict[str, dict[str, Any]]:
    """What the user may write, by table: {"create": bool, "delete": bool, "edit": [column, …], "new": [column, …]}: the
    columns that can be changed, and those that can be set in a new row.

    Tables that the user may only read are left out.
    """
    return {
        table: {
            "create": rule.create,
            "delete": rule.delete,
            "edit": [name for name in rule.checks if name not in rule.only_new],
            "new": [name for name in rule.checks if name not in rule.never_new],
        }
        for table, rule in RULES.items()
        if user.is_at_least(rule.role)
    }
