"""Sends what is new by email: one message for each user and run."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from asyncpg import Record

from auth.users.mail import MailError, MailServerError, mail_is_on, send_mail
from database.pool import connection
from database.sql import SqlFile
from notifications.kinds import KINDS
from tenants.config import tenancy
from tenants.tenant import Tenant
from web.pages.formatting import format_instant

SQL = Path(__file__).parent / "sql" / "notifications.sql"
USERS_WITH_UNSENT = SqlFile(SQL, "users_with_unsent")
CLAIM_UNSENT = SqlFile(SQL, "claim_unsent")
MARK_SENT = SqlFile(SQL, "mark_sent")

GIVEN_UP_AFTER = timedelta(days=14)  # when the mail server is away, or refuses the address
MOST_IN_ONE_EMAIL = 50

log = structlog.get_logger()


async def send_notifications(tenant: Tenant, now: datetime) -> int:
    """Returns the number of emails sent. What was not sent is tried again in the next run; after an error of the mail
    server, the other users have to wait for that too.
    """
    if not mail_is_on():
        return 0
    query = USERS_WITH_UNSENT.bind(tenant.schema, since=now - GIVEN_UP_AFTER)
    async with connection() as db:
        users = [row["login"] for row in await db.fetch(query.sql, *query.args)]
    sent = 0
    for user in users:
        try:
            sent += await send_digest(tenant, user, now)
        except MailServerError as error:
            log.warning("notifications not sent yet", tenant=tenant.slug, error=str(error))
            break
        except MailError as error:
            log.warning("notifications not sent", tenant=tenant.slug, user=user, error=str(error))
    return sent


async def send_digest(tenant: Tenant, user: int, now: datetime) -> bool:
    """The rows are locked until the email is sent and they are marked. Raises MailError."""
    claim = CLAIM_UNSENT.bind(
        tenant.schema,
        login=user,
        since=now - GIVEN_UP_AFTER,
        limit=MOST_IN_ONE_EMAIL,
        kinds=list(KINDS),
        scopes=[kind.scope for kind in KINDS.values()],
    )
    async with connection() as db, db.transaction():
        rows = await db.fetch(claim.sql, *claim.args)
        if not rows:
            return False
        await send_mail(rows[0]["email"], digest_subject(tenant, rows), digest_text(tenant, rows))
        mark = MARK_SENT.bind(tenant.schema, ids=[row["id"] for row in rows], now=now)
        await db.execute(mark.sql, *mark.args)
    return True


def digest_subject(tenant: Tenant, rows: Sequence[Record]) -> str:
    return f"{tenant.name}: {rows[0]['title'] if len(rows) == 1 else f'{len(rows)} notifications'}"


def digest_text(tenant: Tenant, rows: Sequence[Record]) -> str:
    site = tenancy().site_url(f"app.{tenant.slug}")
    parts = [
        f"{row['title']}\n{row['text']}\n{site}{row['path']}\n(found on {format_instant(row['created_at'])})"
        for row in rows
    ]
    return "\n\n".join(
        [
            f"Hello {rows[0]['name']},",
            *parts,
            f"All notifications, and which ones you get by email: {site}/notifications",
            "",
        ]
    )
