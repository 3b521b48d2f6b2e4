"""API keys of the demo's advertisers in all statuses, and Singular's requests with them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import NamedTuple
from uuid import UUID

from auth.api_keys import service as api_keys
from auth.api_keys.tables import ApiKey
from auth.users.realms import STAFF
from database.pool import Connection
from database.transactions import transaction
from demo.cast import BROWN_BOOTS, FERNHILL_BANK, Cast
from demo.people import ANNA, STAFF_OF
from tenants.tenant import Tenant, bound_to

BY_ANNA = f"advertiser:{ANNA.email}"
SINGULARS_ADDRESS = "203.0.113.40"
THEIR_OFFICE = "198.51.100.7"
PULLED_SINCE = timedelta(days=7)
A_DAY = timedelta(days=1)


async def make_keys(tenant: Tenant, cast: Cast, now: datetime) -> None:
    """Creates the missing keys, and Singular's requests since the last one. These tokens are not printed."""
    advertisers = {advertiser.name: advertiser for advertiser in cast.advertisers}
    with bound_to(tenant):
        async with transaction() as db:
            await make_keys_of_all_kinds(db, tenant, advertisers[BROWN_BOOTS.name].id, now)
            for advertiser in cast.advertisers:
                if advertiser.company.singular and advertiser.company is not FERNHILL_BANK:
                    owner = f"{STAFF.name}:{STAFF_OF[cast.slug][0].email}"
                    token = await make_key(
                        "Singular", advertiser.id, owner, now - timedelta(days=60), scopes=["singular"]
                    )
                    await make_pulls(db, tenant, advertiser.id, token, now)


async def make_keys_of_all_kinds(db: Connection, tenant: Tenant, advertiser: UUID, now: datetime) -> None:
    await make_key("Warehouse", advertiser, BY_ANNA, now - timedelta(days=2))  # never used
    ends = now + timedelta(days=10)
    finance = await make_key("Finance spreadsheet", advertiser, BY_ANNA, now - timedelta(days=80), expires_at=ends)
    await set_used(db, tenant, finance, now - timedelta(hours=5), THEIR_OFFICE)
    if not await ApiKey.exists().where((ApiKey.name == "Looker Studio") & (ApiKey.advertiser == advertiser)):
        old = await make_key("Looker Studio", advertiser, BY_ANNA, now - timedelta(days=200))
        await api_keys.rotate_api_key(old, created_by=BY_ANNA, grace=timedelta(days=4))
        await db.execute(
            f"UPDATE {tenant.schema}.api_token SET created_at = $2 WHERE replaces = $1", old, now - timedelta(days=3)
        )
        await set_used(db, tenant, old, now - timedelta(hours=2), THEIR_OFFICE)


async def make_key(
    name: str,
    advertiser: UUID | None,
    created_by: str,
    created_at: datetime,
    *,
    scopes: Sequence[str] = ("cost-report",),
    expires_at: datetime | None = None,
) -> int:
    """The id of the active key with this name; creates it if there is none."""
    works = ApiKey.revoked_at.is_null() & (ApiKey.expires_at.is_null() | (ApiKey.expires_at > datetime.now(UTC)))
    owned = ApiKey.advertiser == advertiser if advertiser else ApiKey.advertiser.is_null()
    mine = (ApiKey.name == name) & owned & works
    there: ApiKey | None = await ApiKey.objects().where(mine).order_by(ApiKey.id).first()
    if there is None:
        minted = await api_keys.create_api_key(
            name=name, scopes=scopes, advertiser=advertiser, created_by=created_by, expires_at=expires_at
        )
        await ApiKey.update({ApiKey.created_at: created_at}).where(ApiKey.digest == minted.digest)
        there = await ApiKey.objects().where(mine).first()
        assert there is not None
    key: int = there.id
    return key


async def set_used(db: Connection, tenant: Tenant, token: int, at: datetime, address: str) -> None:
    """Sets the last use, unless a later one is recorded."""
    await db.execute(
        f"""
        UPDATE {tenant.schema}.api_token SET last_used_at = date_trunc('minute', $2::timestamptz), last_used_from = $3
        WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)
        """,
        token,
        at,
        address,
    )


class DemoSingularRequest(NamedTuple):
    at: datetime
    starts_at: datetime
    ends_at: datetime
    status: int
    milliseconds: int


async def make_pulls(db: Connection, tenant: Tenant, advertiser: UUID, token: int, now: datetime) -> None:
    """Records requests like Singular's: twice a day, for yesterday and then for the last seven days."""
    s = tenant.schema
    last = await db.fetchval(f"SELECT max(at) FROM {s}.request_log WHERE token = $1", token)
    since = max(last or now - PULLED_SINCE, now - PULLED_SINCE)
    pulls = [pull for pull in pulls_of(advertiser, since.date(), now.date()) if since < pull.at <= now]
    for pull in pulls:
        rows = await db.fetchval(
            f"""
            SELECT count(*) FROM {s}.by_day d JOIN {s}.offer o ON o.key = d.offer
            WHERE o.advertiser = $1 AND (d.cost <> 0 OR d.clicks <> 0) AND d.bucket >= $2 AND d.bucket < $3
            """,
            advertiser,
            pull.starts_at.date(),
            pull.ends_at.date(),
        )
        await db.execute(
            f"""
            INSERT INTO {s}.request_log
                (at, advertiser, token, endpoint, starts_at, ends_at, status, rows, milliseconds, sent, address)
            VALUES ($1, $2, $3, '/api/v1/integrations/cost-report/singular/json', $4, $5, $6, $7::bigint, $8,
                coalesce($7::bigint * 250, 180), $9)
            """,
            pull.at,
            advertiser,
            token,
            pull.starts_at,
            pull.ends_at,
            pull.status,
            rows if pull.status == 200 else None,
            pull.milliseconds,
            SINGULARS_ADDRESS,
        )
    if pulls:
        await set_used(db, tenant, token, pulls[-1].at, SINGULARS_ADDRESS)


def pulls_of(advertiser: UUID, first: date, last: date) -> Iterator[DemoSingularRequest]:
    """Deterministic. Some requests fail and are repeated."""
    for n in range((last - first).days + 1):
        day = datetime.combine(first + n * A_DAY, time(), UTC)
        dice = Random(f"pulls/{advertiser}/{day.date()}")  # noqa: S311 (it decides nothing but made-up data)
        for hour in 4, 16:
            at = day + timedelta(hours=hour, seconds=dice.randrange(3600))
            for days in 1, 7:
                if dice.random() < 0.04:
                    yield DemoSingularRequest(at, day - days * A_DAY, day, 503, 5_000 + dice.randrange(200))
                    at += timedelta(minutes=15)
                yield DemoSingularRequest(at, day - days * A_DAY, day, 200, dice.randrange(9, 60) * days)
                at += timedelta(seconds=dice.randrange(3, 20))
