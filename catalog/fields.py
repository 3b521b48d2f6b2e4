"""The fields of advertisers, offers and partners that staff enter in forms and CSV files, and their validation."""

import re
import unicodedata
from collections.abc import Callable, Mapping

import msgspec

from catalog.search import CatalogueTable
from core.currencies import CURRENCIES
from core.errors import GokartError
from core.time_zones import zone_of

OS_VALUES = ("IOS", "ANDROID", "WEB")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
FieldValues = dict[str, str | None]  # by column; None is stored as NULL


def read_line(text: str) -> str:
    """Raises GokartError."""
    if any(unicodedata.category(each) in {"Cc", "Zl", "Zp"} for each in text):
        raise GokartError("Enter a single line, without control characters.")
    return text


def read_lines(text: str) -> str:
    """One or more lines, each without white space around it. Raises GokartError."""
    lines = [line.strip() for line in text.splitlines()]
    return "\n".join(read_line(line) for line in lines).strip()


def read_email(text: str) -> str:
    """Raises GokartError."""
    if not EMAIL.fullmatch(text) or not text.isprintable():
        raise GokartError("Enter an email address, such as billing@example.com.")
    return text.lower()


def read_currency(text: str) -> str:
    """Raises GokartError."""
    if text.upper() not in CURRENCIES:
        raise GokartError("Enter the code of a currency in use (ISO 4217), such as EUR.")
    return text.upper()


def read_time_zone(text: str) -> str:
    """Raises GokartError."""
    try:
        return zone_of(text).key
    except ValueError as error:
        raise GokartError("Enter the IANA name of a time zone, such as UTC, Europe/Berlin or Asia/Kolkata.") from error


def read_os(text: str) -> str:
    """Raises GokartError."""
    if text.upper() not in OS_VALUES:
        raise GokartError(f"Enter {', '.join(OS_VALUES[:-1])} or {OS_VALUES[-1]}.")
    return text.upper()


class CatalogueField(msgspec.Struct, frozen=True):
    """A column that staff enter. An empty one is stored as `default`. `length` is in characters."""

    name: str
    label: str
    length: int
    required: bool = False
    default: str | None = None
    read: Callable[[str], str] = read_line
    help: str = ""


class CatalogueKind(msgspec.Struct, frozen=True):
    """A kind of rows of the catalogue. `fields` are those of forms and files. The first of `statuses` is the
    default.
    """

    table: CatalogueTable
    label: str
    fields: tuple[CatalogueField, ...]
    statuses: tuple[str, ...]

    @property
    def plural(self) -> str:
        return f"{self.label}s"

    @property
    def root(self) -> str:
        return f"/staff/{self.plural}"


NAME = CatalogueField("name", "Name", 500, required=True)
ADVERTISERS = CatalogueKind(
    "advertiser",
    "advertiser",
    (
        msgspec.structs.replace(NAME, help="As the advertiser's own users see it."),
        CatalogueField(
            "currency",
            "Currency",
            3,
            default="USD",
            read=read_currency,
            help="A code of ISO 4217, such as EUR. It cannot be changed once there are amounts.",
        ),
        CatalogueField(
            "time_zone",
            "Time zone",
            64,
            default="UTC",
            read=read_time_zone,
            help="Defines the days of flexible reports. An IANA name, such as Europe/Berlin.",
        ),
        CatalogueField("contact_name", "Contact", 200),
        CatalogueField("contact_email", "Contact email", 320, read=read_email),
        CatalogueField("contact_phone", "Contact phone", 50),
        CatalogueField("billing_name", "Name on invoices", 200),
        CatalogueField("billing_email", "Email for invoices", 320, read=read_email),
        CatalogueField("billing_address", "Billing address", 2_000, read=read_lines),
        CatalogueField("tax_id", "Tax ID", 50, help="For example a VAT number or an EIN."),
    ),
    ("active", "paused", "archived"),
)
OFFERS = CatalogueKind(
    "offer",
    "offer",
    (
        msgspec.structs.replace(NAME, help="As end users see it. Singular reads it as the campaign's name."),
        CatalogueField("campaign_name", "Campaign", 500, help="The advertiser's own name for the offer."),
        CatalogueField("app_name", "App", 500),
        CatalogueField(
            "store_id",
            "Store ID",
            500,
            help="A package name such as com.test, or an App Store number. Singular requires it, except on the web.",
        ),
        CatalogueField("os", "Operating system", 10, read=read_os, help="Singular requires it."),
    ),
    ("active", "paused", "archived"),
)
PARTNERS = CatalogueKind(
    "partner",
    "partner",
    (msgspec.structs.replace(NAME, help="As cost reports show it."),),
    ("active", "archived"),
)


def read_fields(kind: CatalogueKind, given: Mapping[str, str]) -> tuple[FieldValues, dict[str, str]]:
    """The values of those fields of the kind that are given, and messages by field for invalid ones."""
    values: FieldValues = {}
    errors: dict[str, str] = {}
    for field in kind.fields:
        if field.name not in given:
            continue
        text = given[field.name].strip()
        try:
            values[field.name] = read_field(field, text)
        except GokartError as error:
            errors[field.name] = str(error)
    return values, errors


def read_field(field: CatalogueField, text: str) -> str | None:
    """Raises GokartError."""
    if not text:
        if field.required:
            raise GokartError(f"Enter a {field.label.lower()}.")
        return field.default
    if len(text) > field.length:
        raise GokartError(f"Enter at most {field.length:,} characters; these are {len(text):,}.")
    value = field.read(text)
    if not value:
        raise GokartError(f"Enter a {field.label.lower()}.")
    return value
