"""Creates notifications, once per user, kind and subject, and what users do with theirs."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec
from asyncpg import Record

from auth.users.mail import mail_is_on
from auth.users.unsubscribe import log_unsubscription
from auth.users.users import User
from database.chunked_delete import delete_in_chunks
from database.pool import Connection, connection
from database.sql import SqlFile
from notifications.kinds import KINDS, Finding, NotificationKind, kinds_for
from web.requests import Address

SQL = Path(__file__).parent / "sql" / "notifications.sql"
RECIPIENTS = SqlFile(SQL, "recipients")
INSERT = SqlFile(SQL, "insert")
COUNT_UNREAD = SqlFile(SQL, "count_unread")
MARK_READ = SqlFile(SQL, "mark_read")
CHOICES = SqlFile(SQL, "choices")
CHOOSE = SqlFile(SQL, "choose")
STOP_EMAILS = SqlFile(SQL, "stop_emails")
FORGET_UNSENT = SqlFile(SQL, "forget_unsent")
DELETE_BEFORE = SqlFile(SQL, "delete_before")

NOTIFICATION_EMAILS = "notifications"  # in links that stop them
MAX_TITLE = 300  # characters
MAX_TEXT = 2_000


class NewNotification(msgspec.Struct, frozen=True):
    """A finding for one user, and where the user is told."""

    login: int
    portal: bool
    email: bool
    finding: Finding


class NotificationChoice(msgspec.Struct, frozen=True):
    """Where a user is told about a kind."""

    portal: bool = True
    email: bool = True


async def notify(db: Connection, schema: str, findings: Sequence[Finding], now: datetime) -> int:
    """Creates a notification for each user who wants to be told, unless it exists. Returns how many are new."""
    new: list[NewNotification] = []
    for kind in {finding.kind.name: finding.kind for finding in findings}.values():
        new += await notifications_of(db, schema, kind, [each for each in findings if each.kind == kind])
    new.sort(key=lambda each: (each.login, each.finding.kind.name, each.finding.subject))
    query = INSERT.bind(
        schema,
        created_at=[now for _ in new],
        advertisers=[each.finding.advertiser for each in new],
        logins=[each.login for each in new],
        portal=[each.portal for each in new],
        email=[each.email for each in new],
        kinds=[each.finding.kind.name for each in new],
        subjects=[each.finding.subject for each in new],
        titles=[each.finding.title[:MAX_TITLE] for each in new],
        texts=[each.finding.text[:MAX_TEXT] for each in new],
        paths=[each.finding.path for each in new],
    )
    return len(await db.fetch(query.sql, *query.args)) if new else 0


async def notifications_of(
    db: Connection, schema: str, kind: NotificationKind, findings: Sequence[Finding]
) -> list[NewNotification]:
    query = RECIPIENTS.bind(
        schema, kind=kind.name, scope=kind.scope, advertisers=list({each.advertiser for each in findings})
    )
    recipients: defaultdict[UUID, list[Record]] = defaultdict(list)
    for user in await db.fetch(query.sql, *query.args):
        recipients[user["advertiser"]].append(user)
    new = [
        NewNotification(user["id"], user["portal"], user["email"] and mail_is_on(), finding)
        for finding in findings
        for user in recipients[finding.advertiser]
    ]
    return [each for each in new if each.portal or each.email]


async def count_unread(schema: str, user: User) -> int:
    """At most 100."""
    kinds = kinds_for(user.scopes)
    query = COUNT_UNREAD.bind(schema, login=user.id, advertiser=user.advertiser, kinds=kinds)
    async with connection() as db:
        number: int = await db.fetchval(query.sql, *query.args)
    return number


async def mark_read(schema: str, user: User, now: datetime, id_: int | None = None) -> None:
    """One of the user's notifications, or all."""
    query = MARK_READ.bind(schema, login=user.id, now=now, id=id_)
    async with connection() as db:
        await db.execute(query.sql, *query.args)


async def read_choices(schema: str, user: User) -> dict[str, NotificationChoice]:
    """By kind, of all kinds that the user can be told about."""
    query = CHOICES.bind(schema, login=user.id)
    async with connection() as db:
        chosen = {row["kind"]: row for row in await db.fetch(query.sql, *query.args)}
    return {
        name: NotificationChoice(chosen[name]["portal"], chosen[name]["email"])
        if name in chosen
        else NotificationChoice()
        for name in kinds_for(user.scopes)
    }


async def choose(schema: str, user: User, choices: Mapping[str, NotificationChoice]) -> None:
    """By kind. What has not been sent yet of kinds that are not wanted by email is not sent."""
    names = sorted(choices)
    save = CHOOSE.bind(
        schema,
        login=user.id,
        kinds=names,
        portal=[choices[name].portal for name in names],
        email=[choices[name].email for name in names],
    )
    unwanted = [name for name in names if not choices[name].email]
    forget = FORGET_UNSENT.bind(schema, login=user.id, kinds=unwanted)
    async with connection() as db, db.transaction():
        await db.execute(save.sql, *save.args)
        await db.execute(forget.sql, *forget.args)


async def stop_notification_emails(user: User, address: Address | None) -> None:
    """Of all kinds, as if the user had chosen so. The audit log has an entry if there were any."""
    schema, kinds = user.realm.schema, sorted(KINDS)
    stop = STOP_EMAILS.bind(schema, login=user.id, kinds=kinds)
    forget = FORGET_UNSENT.bind(schema, login=user.id, kinds=kinds)
    async with connection() as db, db.transaction():
        if await db.fetch(stop.sql, *stop.args):
            await db.execute(forget.sql, *forget.args)
            before, after = {"notification_emails": True}, {"notification_emails": False}
            await log_unsubscription(db, user, address, before, after)


async def delete_notifications_before(schema: str, before: datetime) -> int:
    return await delete_in_chunks(DELETE_BEFORE, schema, before=before)
