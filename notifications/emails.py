"""Sends what is new by email: one message for each user and run."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from asyncpg import Record

from auth.users.mail import SERVER_ERRORS_IN_A_ROW, MailError, MailServerError, mail_is_on, send_mail
from auth.users.realms import ADVERTISER
from auth.users.unsubscribe import unsubscribe_url
from database.pool import connection
from database.sql import SqlFile
from notifications.kinds import KINDS
from notifications.service import NOTIFICATION_EMAILS
from tenants.config import tenancy
from tenants.tenant import Tenant
from web.pages.formatting import format_instant

SQL = Path(__file__).parent / "sql" / "notifications.sql"
USERS_WITH_UNSENT = SqlFile(SQL, "users_with_unsent")
CLAIM_UNSENT = SqlFile(SQL, "claim_unsent")
MARK_SENT = SqlFile(SQL, "mark_sent")
RELEASE = SqlFile(SQL, "release")

LEASE = timedelta(minutes=10)  # longer than sending takes
GIVEN_UP_AFTER = timedelta(days=14)  # when the mail server is away, or refuses the address
MOST_IN_ONE_EMAIL = 50

log = structlog.get_logger()


async def send_notifications(tenant: Tenant, now: datetime) -> int:
    """Returns the number of emails sent. What was not sent is tried again in the next run."""
    if not mail_is_on():
        return 0
    query = USERS_WITH_UNSENT.bind(tenant.schema, since=now - GIVEN_UP_AFTER)
    async with connection() as db:
        users = [row["login"] for row in await db.fetch(query.sql, *query.args)]
    sent = server_errors = 0
    for user in users:
        try:
            sent += await send_digest(tenant, user, now)
            server_errors = 0
        except MailError as error:
            log.warning("notifications not sent", tenant=tenant.slug, user=user, error=str(error))
            server_errors = server_errors + 1 if isinstance(error, MailServerError) else 0
            if server_errors == SERVER_ERRORS_IN_A_ROW:
                break
    return sent


async def send_digest(tenant: Tenant, user: int, now: datetime) -> bool:
    """Claims what is new, sends it and marks it, without a transaction around these: if the process dies before the
    last step, another one sends the email again after the lease. Raises MailError.
    """
    claim = CLAIM_UNSENT.bind(
        tenant.schema,
        login=user,
        since=now - GIVEN_UP_AFTER,
        limit=MOST_IN_ONE_EMAIL,
        lease=LEASE,
        kinds=list(KINDS),
        scopes=[kind.scope for kind in KINDS.values()],
    )
    async with connection() as db:
        rows = sorted(await db.fetch(claim.sql, *claim.args), key=lambda row: (row["created_at"], row["id"]))
    if not rows:
        return False
    ids = [row["id"] for row in rows]
    mark, release = MARK_SENT.bind(tenant.schema, ids=ids, now=now), RELEASE.bind(tenant.schema, ids=ids)
    stop = unsubscribe_url(ADVERTISER, user, rows[0]["password"], NOTIFICATION_EMAILS)
    try:
        await send_mail(
            rows[0]["email"], digest_subject(tenant, rows), digest_text(tenant, rows, stop), unsubscribe=stop
        )
    except MailError:
        async with connection() as db:
            await db.execute(release.sql, *release.args)
        raise
    async with connection() as db:
        await db.execute(mark.sql, *mark.args)
    return True


def digest_subject(tenant: Tenant, rows: Sequence[Record]) -> str:
    return f"{tenant.name}: {rows[0]['title'] if len(rows) == 1 else f'{len(rows)} notifications'}"


def digest_text(tenant: Tenant, rows: Sequence[Record], stop: str) -> str:
    """`stop` is the URL that stops these emails."""
    site = tenancy().site_url(f"app.{tenant.slug}")
    parts = [
        f"{row['title']}\n{row['text']}\n{site}{row['path']}\n(found on {format_instant(row['created_at'])})"
        for row in rows
    ]
    return "\n\n".join(
        [
            f"Hello {rows[0]['name']},",
            *parts,
            f"To get no more of these emails: {stop}",
            f"All notifications, and which ones you get by email: {site}/notifications",
            "",
        ]
    )
