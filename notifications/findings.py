"""Finds what advertisers are told about: a few statements for all advertisers of a tenant."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from asyncpg import Record

from database.pool import Connection
from database.sql import SqlFile
from notifications.kinds import DATA, FINAL_DAY, KEY, SINGULAR, Finding, NotifiedAdvertiser
from singular.descriptions import OUTCOMES
from web.pages.formatting import format_day_range, format_instant, short_day, signed_change

SQL = Path(__file__).parent / "sql" / "findings.sql"
ADVERTISERS = SqlFile(SQL, "advertisers")
EXPIRING_KEYS = SqlFile(SQL, "expiring_keys")
QUIET = SqlFile(SQL, "quiet")
SINGULAR_REQUESTS = SqlFile(SQL, "singular")
FINAL_DAYS = SqlFile(SQL, "final_days")

A_DAY = timedelta(days=1)
KEY_WARNINGS = (A_DAY, 7 * A_DAY)  # before the expiry
DAILY_REQUESTS = 3  # days of four with a successful request of Singular
SINGULAR_SILENCE = timedelta(hours=36)
FAILED_REQUESTS = 3  # since the last successful one
REGULAR_DAYS = 7  # of the last 28 with figures, so that a pause means something
SHORTEST_PAUSE = A_DAY
LONGER_THAN_USUAL = 1.5  # times the longest pause of the 28 days before


async def read_notified_advertisers(db: Connection, schema: str) -> list[NotifiedAdvertiser]:
    query = ADVERTISERS.bind(schema)
    return [NotifiedAdvertiser(*row) for row in await db.fetch(query.sql, *query.args)]


async def find_expiring_keys(
    db: Connection, schema: str, advertisers: Sequence[NotifiedAdvertiser], now: datetime
) -> list[Finding]:
    """Without keys that were created less than the warning period before they expire: their creators know."""
    query = EXPIRING_KEYS.bind(schema, advertisers=[a.id for a in advertisers], now=now, until=now + KEY_WARNINGS[-1])
    found = []
    for key in await db.fetch(query.sql, *query.args):
        warning = next(each for each in KEY_WARNINGS if key["expires_at"] <= now + each)
        if key["created_at"] <= key["expires_at"] - warning:
            found.append(expiring_key(key, warning))
    return found


def expiring_key(key: Record, warning: timedelta) -> Finding:
    days = "1 day" if warning == A_DAY else f"{warning.days} days"
    expires = format_instant(key["expires_at"])
    if key["rotated"]:
        advice = (
            "A new key has replaced it, but it is still used. Give the new key to the program that uses the old one"
        )
    else:
        advice = "Rotate it, and give the new key to the program that uses it"
    return Finding(
        KEY,
        key["advertiser"],
        f"{key['id']} {key['expires_at']:%Y-%m-%dT%H:%M} {warning.days}",
        f"API key “{key['name']}” expires in less than {days}",
        f"The key {key['hint']} stops working on {expires}. {advice} before then.",
        "/keys",
    )


async def find_stopped_singular(
    db: Connection, schema: str, advertisers: Sequence[NotifiedAdvertiser], now: datetime
) -> list[Finding]:
    query = SINGULAR_REQUESTS.bind(schema, advertisers=[a.id for a in advertisers], now=now)
    rows = await db.fetch(query.sql, *query.args)
    return [finding for row in rows if (finding := judge_singular(row, now))]


def judge_singular(row: Record, now: datetime) -> Finding | None:
    last = row["last_at"]
    subject = f"{last:%Y-%m-%dT%H:%M:%S.%f}" if last else "never"  # of an interruption
    since = f"The last successful request was on {format_instant(last)}" if last else "None has been successful yet"
    if row["failed"] >= FAILED_REQUESTS:
        _, meaning = OUTCOMES.get(row["status"], ("", "Internal error"))
        title = "Singular's requests are failing"
        text = (
            f"{row['failed']} requests failed since {format_instant(row['first_at'])}, the last with HTTP status "
            f"{row['status']} ({meaning[0].lower()}{meaning[1:]}). {since}."
        )
    elif last and now - last > SINGULAR_SILENCE and row["days"] >= DAILY_REQUESTS:
        title = "Singular has stopped reading your costs"
        text = (
            f"{since}, {describe_hours(now - last)} ago; before, there were some every day. Check in Singular whether "
            "the data connector shows an error, and whether its API key is active."
        )
    else:
        return None
    return Finding(SINGULAR, row["advertiser"], subject, title, text, "/singular")


async def find_stopped_data(
    db: Connection, schema: str, advertisers: Sequence[NotifiedAdvertiser], now: datetime
) -> list[Finding]:
    query = QUIET.bind(schema, advertisers=[a.id for a in advertisers], today=now.date())
    return [
        stopped_data(row, now)
        for row in await db.fetch(query.sql, *query.args)
        if row["days"] >= REGULAR_DAYS
        and now - row["last_at"] > max(SHORTEST_PAUSE, LONGER_THAN_USUAL * row["longest"])
    ]


def stopped_data(row: Record, now: datetime) -> Finding:
    pause = describe_hours(now - row["last_at"])
    return Finding(
        DATA,
        row["advertiser"],
        str(row["day"]),
        f"No data since {short_day(row['last_at'])}",
        f"No views, clicks or conversions have arrived for {pause}, since {format_instant(row['last_at'])}. In the 28 "
        f"days before, the longest pause was {describe_hours(row['longest'])}. If you did not pause your campaigns, "
        "ask the staff whether tracking works.",
        "/",
    )


def describe_hours(length: timedelta) -> str:
    """1 day 6 hours"""
    days, hours = divmod(round(length / timedelta(hours=1)), 24)
    parts = [f"{number} {unit}{'' if number == 1 else 's'}" for number, unit in ((days, "day"), (hours, "hour"))]
    return " ".join(part for part, number in zip(parts, (days, hours), strict=True) if number) or "less than an hour"


async def find_changed_final_days(
    db: Connection, schema: str, advertisers: Sequence[NotifiedAdvertiser], since: datetime, until: datetime
) -> list[Finding]:
    """Changes in (since, until]. Days are in UTC, as whether they are final."""
    currencies = {advertiser.id: advertiser.currency for advertiser in advertisers}
    query = FINAL_DAYS.bind(schema, advertisers=list(currencies), since=since, until=until)
    return [
        changed_final_days(row, currencies[row["advertiser"]], until) for row in await db.fetch(query.sql, *query.args)
    ]


def changed_final_days(row: Record, currency: str, until: datetime) -> Finding:
    days = format_day_range(row["first_day"], row["last_day"])
    changes = [f"cost {signed_change(Decimal(row['cost']).scaleb(-6), currency)} {currency}"] if row["cost"] else []
    changes += [f"{name} {signed_change(row[name])}" for name in ("conversions", "clicks", "views") if row[name]]
    difference = ", ".join(changes) or "the changes add up to zero"
    if row["days"] == 1:
        title, text, path = f"The final figures of {days} changed", "The day was", f"/changes?date={row['first_day']}"
    else:
        title, path = f"The final figures of {row['days']} days changed", "/changes"
        text = f"{row['days']} days of {days} were"
    return Finding(
        FINAL_DAY,
        row["advertiser"],
        f"{until:%Y-%m-%dT%H:%M:%S.%f}",
        title,
        f"{text} changed after being final: {difference}. If you keep a copy of your figures, or have invoiced by "
        "them, read these days again.",
        path,
    )
