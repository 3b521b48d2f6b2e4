"""What advertiser users are told about, and what the background job has found."""

from collections.abc import Collection
from uuid import UUID

import msgspec


class NotificationKind(msgspec.Struct, frozen=True):
    """`scope` is the permission that users need to be told; None: any."""

    name: str
    label: str
    about: str
    scope: str | None = None


KEY = NotificationKind("key", "Expiring API key", "7 days and 1 day before an API key stops working.")
SINGULAR = NotificationKind(
    "singular",
    "Singular stopped or failing",
    "No successful request for 36 hours although there were some every day, or requests that fail.",
    "singular",
)
DATA = NotificationKind(
    "data",
    "Data stopped",
    "No views, clicks or conversions for much longer than usual.",
    "cost-report",
)
SPEND = NotificationKind(
    "spend",
    "Unusual spend",
    "The cost of a day is far from that of the same weekday in the last 8 weeks.",
    "cost-report",
)
FINAL_DAY = NotificationKind(
    "final-day",
    "Change to a final day",
    "The figures of a day changed although they were final.",
    "cost-report",
)
KINDS = {kind.name: kind for kind in (KEY, SINGULAR, DATA, SPEND, FINAL_DAY)}


def kinds_for(scopes: Collection[str]) -> list[str]:
    """The names of the kinds that a user with these permissions may be told about."""
    return [name for name, kind in KINDS.items() if kind.scope is None or kind.scope in scopes]


class Finding(msgspec.Struct, frozen=True):
    """Something that the users of an advertiser are told once. `subject` says what it is about, in at most 100
    characters: another finding with the same kind and subject is the same one. `path` is that of a page of the portal.
    """

    kind: NotificationKind
    advertiser: UUID
    subject: str
    title: str
    text: str
    path: str


class NotifiedAdvertiser(msgspec.Struct, frozen=True):
    """An active advertiser with users. `currency` is ISO 4217, `time_zone` an IANA name."""

    id: UUID
    currency: str
    time_zone: str
