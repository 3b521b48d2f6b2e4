"""The `id` of a query's row: the same for the same row of the same query, whatever its figures and names are."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from functools import cache
from hashlib import md5
from uuid import UUID

from core.timestamps import midnight
from reporting.query.columns import GROUPS, Group
from reporting.ranges import DAY, Range

# MD5 of the query's identity, the ends of the time bucket, and the row's value of each group in the order of GROUPS.
# `{keys}` are the groups' fragments, each after a comma. Empty: null.
ROW_ID = "md5(concat_ws('|', :identity::text, {ends}{keys}))"
DAILY: tuple[Group, ...] = ("day", "offer", "partner")
KEYS: dict[Group, str] = {
    "offer": "coalesce({row}.offer_id::text, '')",
    "partner": "coalesce({partner}.id::text, '')",
    "app": "coalesce(to_json({row}.app_name)::text, ''), coalesce(to_json({row}.store_id)::text, '')",
    "os": "coalesce({row}.os, '')",
    "campaign": "coalesce(to_json({row}.campaign_name)::text, '')",
    "advertiser": "coalesce({row}.advertiser::text, '')",
}


def query_identity(
    tenant: UUID,
    advertiser: UUID | str,
    *,
    groups: Collection[Group],
    filters: Mapping[str, Sequence[str]],
    time_zone: str,
    currency: str,
) -> str:
    """What all rows of a query have in common. `advertiser` is its id, or the name of a wider scope. The orders of
    groups and of a filter's values do not matter.
    """
    in_order = ",".join(group for group in GROUPS if group in groups)
    given = {name: sorted(values) for name, values in sorted(filters.items()) if values}
    return f"{tenant}|{advertiser}|{in_order}|{json.dumps(given)}|{time_zone}|{currency}"


def bucket_ends(range_: Range) -> str:
    """The ends of a time bucket, clipped to the query's range; without a time group, those of the whole range."""
    return str(range_)


def row_id(groups: Collection[Group], *, ends: str = "b.ends", row: str = "g", partner: str = "p") -> str:
    """The SQL expression. `ends` is the column with `bucket_ends`; `row` and `partner` are table aliases."""
    keys = [KEYS[group].format(row=row, partner=partner) for group in GROUPS if group in groups and group in KEYS]
    return ROW_ID.format(ends=ends, keys="".join(f", {key}" for key in keys))


def daily_identity(tenant: UUID, advertiser: UUID, currency: str) -> str:
    """Of the query by UTC day, offer and partner, without filters."""
    return query_identity(tenant, advertiser, groups=DAILY, filters={}, time_zone="UTC", currency=currency)


def daily_row_id(identity: str, day: date, offer: UUID, partner: UUID) -> str:
    """What `row_id` gives for a row of the query with `daily_identity`."""
    return md5(f"{identity}|{ends_of_day(day)}|{offer}|{partner}".encode(), usedforsecurity=False).hexdigest()


@cache
def ends_of_day(day: date) -> str:
    return bucket_ends(Range(midnight(day), midnight(day) + DAY))
