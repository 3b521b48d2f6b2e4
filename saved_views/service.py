"""Views of the portal's dashboard, or of the staff's page “Spend”, that users save: a name and a query string, and when
they are sent by email.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl

import msgspec

from auth.users.realms import STAFF
from auth.users.unsubscribe import Subscription, log_unsubscription
from auth.users.users import User
from core.errors import GokartError
from core.time_zones import zone_of
from database.pool import connection
from database.sql import SqlFile
from reporting.dashboard.choices import Choices, read_choices
from reporting.query.zones import local_date
from web.pages.forms import parse_number
from web.problems import Problem
from web.requests import Address

SQL = Path(__file__).parent / "sql" / "saved_views.sql"
LIST = SqlFile(SQL, "list")
ADD = SqlFile(SQL, "add")
CHANGE = SqlFile(SQL, "change")
DELETE = SqlFile(SQL, "delete")
STOP_EMAILS = SqlFile(SQL, "stop_emails")

MAX_NAME = 100  # characters
MAX_QUERY = 2_000
MAX_VIEWS = 50  # of a user
LARGEST_ID = 2**63 - 1
SETTLED_AFTER = timedelta(hours=6)  # after midnight in the time zone of the page

Schedule = Literal["never", "daily", "weekly", "monthly"]
# The label of each schedule, and the latest day on which it is due, up to a day.
SCHEDULES: Mapping[Schedule, tuple[str, Callable[[date], date]]] = {
    "never": ("Not by email", lambda day: day),
    "daily": ("Every day", lambda day: day),
    "weekly": ("Every Monday", lambda day: day - timedelta(days=day.weekday())),
    "monthly": ("On the 1st of each month", lambda day: day.replace(day=1)),
}


class SavedView(msgspec.Struct, frozen=True):
    """`sent_for` is the local day for which it was last sent: it is due for later days only."""

    id: int
    name: str
    query: str
    schedule: Schedule
    sent_for: date


def owner_of(user: User) -> dict[str, object]:
    """The columns of a view that say whose it is."""
    is_staff = user.realm.name == STAFF.name
    return {
        "login": None if is_staff else user.id,
        "staff": user.id if is_staff else None,
        "advertiser": user.advertiser,
    }


def due_day(schedule: Schedule, time_zone: str, now: datetime) -> date:
    """The last day for which an email is due: it is sent SETTLED_AFTER that local day has begun."""
    return SCHEDULES[schedule][1](local_date(now - SETTLED_AFTER, zone_of(time_zone)))


async def list_views(schema: str, user: User) -> list[SavedView]:
    query = LIST.bind(schema, **owner_of(user))
    async with connection() as db:
        return [SavedView(*row) for row in await db.fetch(query.sql, *query.args)]


async def add_view(schema: str, user: User, name: str, query: str, now: datetime) -> None:
    """Raises GokartError, with “name: …” or “query: …”."""
    name = read_view_name(name)
    query = read_view_query(query, now, staff=user.realm.name == STAFF.name)
    views = await list_views(schema, user)
    check_name_is_free(name, views)
    if len(views) >= MAX_VIEWS:
        raise GokartError(f"name: You have {MAX_VIEWS} views, which is the most. Delete one first.")
    add = ADD.bind(schema, **owner_of(user), name=name, query=query, sent_for=now.date())
    async with connection() as db:
        await db.execute(add.sql, *add.args)


async def change_view(
    schema: str, user: User, id_: int, *, name: str, schedule: str, time_zone: str, now: datetime
) -> bool:
    """The first email is sent when the next one is due. False: the user has no such view. Raises GokartError."""
    views = await list_views(schema, user)
    former = next((view for view in views if view.id == id_), None)
    if former is None:
        return False
    name = read_view_name(name)
    check_name_is_free(name, [view for view in views if view.id != id_])
    chosen = next((each for each in SCHEDULES if each == schedule), None)
    if chosen is None:
        raise GokartError(f"schedule: Choose one of {', '.join(SCHEDULES)}.")
    due = due_day(chosen, time_zone, now)
    change = CHANGE.bind(
        schema,
        id=id_,
        **owner_of(user),
        name=name,
        schedule=chosen,
        sent_for=former.sent_for if former.schedule == chosen else due,
    )
    async with connection() as db:
        return await db.fetchval(change.sql, *change.args) is not None


async def delete_view(schema: str, user: User, id_: int) -> bool:
    """False: the user has no such view."""
    delete = DELETE.bind(schema, id=id_, **owner_of(user))
    async with connection() as db:
        return await db.fetchval(delete.sql, *delete.args) is not None


def view_emails(id_: int) -> str:
    """In links that stop the emails of a view."""
    return f"view-{id_}"


def read_view_emails(subscription: Subscription) -> int | None:
    """The id of the view."""
    prefix, _, id_ = subscription.emails.partition("-")
    return parse_number(id_, LARGEST_ID) if prefix == "view" else None


async def find_view_to_stop(subscription: Subscription) -> str | None:
    """The view's name; None if the user has it no more."""
    user, id_ = subscription.user, read_view_emails(subscription)
    return next((view.name for view in await list_views(user.realm.schema, user) if view.id == id_), None)


async def stop_view_emails(subscription: Subscription, address: Address | None) -> None:
    """The audit log has an entry if there were any."""
    user = subscription.user
    stop = STOP_EMAILS.bind(user.realm.schema, id=read_view_emails(subscription), **owner_of(user))
    async with connection() as db, db.transaction():
        name = await db.fetchval(stop.sql, *stop.args)
        if name:
            await log_unsubscription(db, user, address, {"view_emails": name}, {"view_emails": None})


def check_name_is_free(name: str, views: Sequence[SavedView]) -> None:
    """Raises GokartError."""
    if any(view.name == name for view in views):
        raise GokartError("name: You have a view with this name. Choose another one.")


def read_view_name(text: str) -> str:
    """Raises GokartError."""
    name = text.strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise GokartError(f"name: Enter a name of 1 to {MAX_NAME} characters.")
    return name


def read_view_query(text: str, now: datetime, *, staff: bool = False) -> str:
    """The query string as the page writes it. Raises GokartError."""
    try:
        query = view_choices(text, now.date(), staff=staff).query()
    except Problem as problem:
        raise GokartError(f"query: This view cannot be shown: {describe_errors(problem)}.") from problem
    if len(query) > MAX_QUERY:
        raise GokartError(f"query: The filters are longer than {MAX_QUERY} characters.")
    return query


def describe_errors(problem: Problem) -> str:
    """What is wrong with a query, within a sentence."""
    return "; ".join(f"{error.field}: {error.message}" for error in problem.errors or [])


def view_choices(query: str, today: date, *, staff: bool = False) -> Choices:
    """Raises Problem 400."""
    return read_choices(parse_qsl(query, keep_blank_values=True), today, staff=staff)


def settled_choices(query: str, day: date, *, staff: bool = False) -> Choices:
    """What an email for that day shows: days that have ended. A period that ends today ends the day before instead.

    Raises Problem 400.
    """
    choices = view_choices(query, day, staff=staff)
    return choices if choices.period.last < day else view_choices(query, day - timedelta(days=1), staff=staff)
