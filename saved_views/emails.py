"""Sends saved views by email: the totals, the first rows, and all rows as CSV."""

import asyncio
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec
import structlog
from asyncpg import Record

from auth.users.mail import (
    SERVER_ERRORS_IN_A_ROW,
    Attachment,
    MailError,
    MailRefusedError,
    MailServerError,
    mail_is_on,
    send_mail,
)
from auth.users.realms import ADVERTISER, STAFF, Realm
from auth.users.unsubscribe import unsubscribe_url
from database.pool import connection
from database.sql import SqlFile
from reporting.context import read_context
from reporting.dashboard.choices import Choices
from reporting.dashboard.exports import EXPORTS, describe, export_request
from reporting.dashboard.spend import SpendScope, SpendSummary, read_spend
from reporting.dashboard.staff_scope import read_currencies, read_staff_scope
from reporting.dashboard.view import COLUMNS, SpendLinks, compared_with, figures, row_names, total_tile
from reporting.query.stream import QueryReader
from reporting.read import read_validators, report_slots
from saved_views.service import SCHEDULES, describe_errors, due_day, settled_choices, view_emails
from settings import settings
from tenants.config import tenancy
from tenants.tenant import Tenant
from web.pages.formatting import format_day_range, format_number
from web.problems import Problem

SQL = Path(__file__).parent / "sql" / "saved_views.sql"
SCHEDULED = SqlFile(SQL, "scheduled")
CLAIM = SqlFile(SQL, "claim")
MARK_SENT = SqlFile(SQL, "mark_sent")
RELEASE = SqlFile(SQL, "release")

LEASE = timedelta(minutes=10)  # longer than reading and sending a view takes

NO_LINKS = SpendLinks(page="", export="")
TOP = 10  # rows in the text
MAX_CSV_ROWS = 10_000

log = structlog.get_logger()


async def send_saved_views(tenant: Tenant, now: datetime) -> Mapping[str, int]:
    """Each view that is due, once. What the mail server did not take is tried again in the next run, and so is a view
    that cannot be read, such as one that takes too long. Raises the first error of these, after the others are sent.
    """
    if tenant.suspended or not mail_is_on():
        return {}
    query = SCHEDULED.bind(tenant.schema)
    async with connection() as db:
        views = await db.fetch(query.sql, *query.args)
    sent, server_errors, errors = 0, 0, list[Exception]()
    for view in views:
        day = due_day(view["schedule"], view["time_zone"], now)
        if view["sent_for"] >= day:
            continue
        try:
            sent += await send_view(tenant, view["id"], view["schedule"], day, now)
            server_errors = 0
        except MailError as error:
            log.warning("saved view not sent yet", tenant=tenant.slug, view=view["id"], error=str(error))
            server_errors = server_errors + 1 if isinstance(error, MailServerError) else 0
            if server_errors == SERVER_ERRORS_IN_A_ROW:
                break
        except Exception as error:  # noqa: BLE001  # one view must not stop the others
            log.warning("saved view not read", tenant=tenant.slug, view=view["id"], error=repr(error))
            errors.append(error)
    if errors:
        raise errors[0]
    return {"views_sent": sent}


async def send_view(tenant: Tenant, view: int, schedule: str, day: date, now: datetime) -> bool:
    """Claims the view, sends it and marks it, without a transaction around these: if the process dies before the last
    step, another one sends the email again after the lease. A refused email is not tried again for this day.

    Raises MailError.
    """
    claim = CLAIM.bind(tenant.schema, id=view, schedule=schedule, day=day, lease=LEASE)
    mark, release = MARK_SENT.bind(tenant.schema, id=view, day=day), RELEASE.bind(tenant.schema, id=view)
    async with connection() as db:
        row = await db.fetchrow(claim.sql, *claim.args)
    if row is None:
        return False
    try:
        stop = unsubscribe_url(realm_of_view(row), row["staff"] or row["login"], row["password"], view_emails(view))
        text, attachment = await describe_view(tenant, row, day, now, stop)
        await send_mail(row["email"], f"{tenant.name}: {row['name']}", text, attachment, unsubscribe=stop)
        sent = True
    except MailRefusedError as error:
        log.warning("saved view not sent", tenant=tenant.slug, view=view, error=str(error))
        sent = False
    except Exception:
        async with connection() as db:
            await db.execute(release.sql, *release.args)
        raise
    async with connection() as db:
        await db.execute(mark.sql, *mark.args)
    return sent


async def describe_view(
    tenant: Tenant, row: Record, day: date, now: datetime, stop: str
) -> tuple[str, Attachment | None]:
    """The text of the email, and the file. Days are in the time zone of the view's page. `stop` is the URL that stops
    the emails.
    """
    realm = realm_of_view(row)
    site = tenancy().site_url(f"app.{tenant.slug}")
    manage = f"{SCHEDULES[row['schedule']][0]}. To stop it: {stop}\nTo change it: {site}{realm.path('/views')}\n"
    head = f"Hello {row['user_name']},"
    try:
        choices = settled_choices(row["query"], day, staff=realm is STAFF)
        scope = await read_view_scope(tenant, row, choices, now)
        summary = await read_spend(scope, choices)
    except Problem as problem:
        if problem.status != 400:
            raise
        refused = f"The view “{row['name']}” cannot be shown: {describe_errors(problem)}."
        return f"{head}\n\n{refused}\n\n{manage}", None
    days = format_day_range(choices.period.first, choices.period.last)
    query = choices.with_days(choices.period.first, choices.period.last)
    parts = [
        head,
        f"{row['name']}: {row['advertiser_name'] or tenant.name}, {days} ({scope.context.time_zone.replace('_', ' ')})",
        totals_text(scope, choices, summary),
        rows_text(scope, choices, summary),
        f"On the page “{realm.home_title}”: {site}{realm.home}?{query}",
        manage,
    ]
    return "\n\n".join(parts), await csv_file(scope, choices) if summary.row_count else None


def realm_of_view(row: Record) -> Realm:
    return STAFF if row["staff"] else ADVERTISER


async def read_view_scope(tenant: Tenant, row: Record, choices: Choices, now: datetime) -> SpendScope:
    if row["staff"]:
        scope = await read_staff_scope(tenant, choices.currency, await read_currencies(tenant))
    else:
        async with connection() as db:
            scope = SpendScope(tenant, row["advertiser"], await read_context(db, tenant, row["advertiser"]))
    return msgspec.structs.replace(scope, context=msgspec.structs.replace(scope.context, now=now))


def totals_text(scope: SpendScope, choices: Choices, summary: SpendSummary) -> str:
    if not summary.row_count:
        return "There were no views, clicks or conversions on these days."
    lines = []
    for column in COLUMNS:
        tile = total_tile(summary, column, scope.context.currency)
        lines.append(f"{tile.label}: {tile.figure.text}" + (f" ({tile.change} {tile.note})" if tile.change else ""))
    if compared := compared_with(choices, summary):
        lines.append(f"Compared with: {compared[:1].lower()}{compared[1:]}.")
    return "\n".join(lines)


def rows_text(scope: SpendScope, choices: Choices, summary: SpendSummary) -> str:
    """The first rows with their cost and conversions."""
    currency, lines = scope.context.currency, []
    for row in summary.rows[:TOP]:
        names = [
            " · ".join(filter(None, [each.name, each.details]))
            for each in row_names(row, choices, NO_LINKS, ambiguous=False)
        ]
        cost, conversions, *_ = figures(row.metrics, currency)
        noun = "conversion" if row.metrics.conversions == 1 else "conversions"
        lines.append(f"{', '.join(names)}: {cost.text} {currency}, {conversions.text} {noun}")
    if summary.row_count > MAX_CSV_ROWS:
        lines.append(
            f"The file has the first {format_number(MAX_CSV_ROWS)} of {format_number(summary.row_count)} rows."
        )
    elif summary.row_count > TOP:
        lines.append(f"The file has all {format_number(summary.row_count)} rows.")
    return "\n".join(lines)


async def csv_file(scope: SpendScope, choices: Choices) -> Attachment:
    """The page's CSV for spreadsheets, with at most MAX_CSV_ROWS rows."""
    wanted = export_request(scope, choices, "rows", "csv")
    wanted = msgspec.structs.replace(wanted, parameters=msgspec.structs.replace(wanted.parameters, limit=MAX_CSV_ROWS))
    parts: list[bytes] = []

    async def keep(chunk: bytes) -> None:
        parts.append(chunk)

    async with (
        report_slots.slot(wanted.owner),
        connection() as db,
        asyncio.timeout(settings.report_timeout),
        db.transaction(isolation="repeatable_read", readonly=True),
    ):
        await EXPORTS["csv"][1].produce(QueryReader(db, wanted, await read_validators(db, wanted)), keep)
    return Attachment(f"gokart_{describe(choices, 'rows')}.csv", b"".join(parts))
