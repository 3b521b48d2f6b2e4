"""Ids of rows: equal for the same row of the same report, and different for every other row."""

from datetime import date
from uuid import UUID, uuid4

from core.timestamps import midnight
from reporting.ranges import DAY, Range
from reporting.row_ids import RowIds, daily_row_ids

TENANT, ADVERTISER, OFFER, PARTNER = (uuid4() for _ in range(4))
START = midnight(date(2025, 5, 19))
BUCKET = Range(START, START + DAY)


def id_of_row(
    *,
    tenant: UUID = TENANT,
    advertiser: UUID = ADVERTISER,
    groups: tuple[str, ...] = ("day", "offer", "partner"),
    zone: str = "UTC",
    currency: str = "USD",
    filters: dict[str, list[str]] | None = None,
    bucket: Range = BUCKET,
    values: tuple[UUID | str | None, ...] = (OFFER, PARTNER),
) -> str:
    return RowIds(tenant, advertiser, groups, zone=zone, currency=currency, filters=filters).id_of(bucket, *values)


def test_ids_are_deterministic() -> None:
    assert id_of_row() == id_of_row()
    assert id_of_row() == daily_row_ids(TENANT, ADVERTISER, "USD").id_of(BUCKET, OFFER, PARTNER)
    assert id_of_row(filters={"os": ["IOS", "WEB"], "app": ["a"]}) == id_of_row(
        filters={"app": ["a"], "os": ["WEB", "IOS"]}
    )


def test_every_part_makes_another_id() -> None:
    ids = [
        id_of_row(),
        id_of_row(tenant=ADVERTISER),
        id_of_row(advertiser=TENANT),
        id_of_row(groups=("day", "partner", "offer")),
        id_of_row(zone="Europe/Berlin"),
        id_of_row(currency="EUR"),
        id_of_row(filters={"os": ["IOS"]}),
        id_of_row(bucket=Range(START, START + DAY / 2)),
        id_of_row(bucket=Range(START - DAY, START + DAY)),
        id_of_row(values=(PARTNER, OFFER)),
        id_of_row(values=(OFFER, None)),
        id_of_row(values=("a,b", "c")),
        id_of_row(values=("a", "b,c")),
        id_of_row(values=("a", "null")),
        id_of_row(values=("a", None)),
    ]
    assert len(set(ids)) == len(ids)
