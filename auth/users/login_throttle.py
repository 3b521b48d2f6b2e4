"""Limits login attempts, counted in the database or in Redis, and so across all workers.

The limit for one address and one account is the lowest. The limits for one account, and for one address, are higher, so
that one person's attempts do not easily lock out another.
"""

from contextlib import suppress
from datetime import timedelta
from math import ceil
from typing import NamedTuple

from auth.users.realms import Realm
from database.pool import connection
from web.limits.backend import attempt_counter
from web.limits.sync import StoreUnavailable
from web.problems import Problem
from web.requests import Address, client_network


class AttemptLimit(NamedTuple):
    """User input is at the end of `key`, after a colon, so that no input can produce another limit's key."""

    key: str
    limit: int
    within: timedelta


QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
OLD = timedelta(days=1)


async def count_login_attempt(realm: Realm, email: str, address: Address | None) -> None:
    """Counts a login attempt, before the password is checked. Raises Problem 429."""
    account, network = f"{realm.name}:{email.strip().lower()[:320]}", client_network(address)
    await count_attempts(
        realm,
        AttemptLimit(f"{network} {account}", 10, QUARTER),
        AttemptLimit(network, 100, QUARTER),
        AttemptLimit(account, 100, HOUR),
    )  # the narrowest first: attempts that it rejects do not count for the others


async def count_code_attempt(realm: Realm, user: int) -> None:
    """Counts an attempt to enter a code of the second factor. Raises Problem 429."""
    await count_attempts(realm, AttemptLimit(f"code {realm.name}:{user}", 10, QUARTER))


async def count_reset_request(realm: Realm, email: str, address: Address | None) -> None:
    """Counts a request for a password reset email. Raises Problem 429."""
    await count_attempts(
        realm,
        AttemptLimit(f"link {client_network(address)}", 20, HOUR),
        AttemptLimit(f"link {realm.name}:{email[:320]}", 5, HOUR),
    )


async def count_attempts(realm: Realm, *limits: AttemptLimit) -> None:
    """Counts against all limits or none: rejected attempts are not stored, or attackers could fill the store."""
    if attempt_counter is not None:
        full = [(f"{realm.schema} {limit.key}", limit.limit, limit.within) for limit in limits]
        with suppress(StoreUnavailable):
            wait = await attempt_counter.count(full)
            if wait is not None:
                raise too_many_attempts(wait.total_seconds())
            return
    await count_in_database(realm, *limits)


async def count_in_database(realm: Realm, *limits: AttemptLimit) -> None:
    async with connection() as db, db.transaction():
        now = await db.fetchval("SELECT now()")
        for limit in limits:
            row = await db.fetchrow(
                f"""
                INSERT INTO {realm.schema}.sign_in_attempt AS a (key, attempts, since) VALUES ($1, 1, $2)
                ON CONFLICT (key) DO UPDATE SET
                    attempts = CASE WHEN a.since <= $3 THEN 1 ELSE a.attempts + 1 END,
                    since = CASE WHEN a.since <= $3 THEN $2 ELSE a.since END
                RETURNING attempts, since
                """,
                limit.key,
                now,
                now - limit.within,
            )
            assert row is not None
            if row["attempts"] > limit.limit:
                raise too_many_attempts((row["since"] + limit.within - now).total_seconds())


def too_many_attempts(wait_seconds: float) -> Problem:
    return Problem(
        429,
        f"Too many attempts. Try again in {ceil(wait_seconds / 60)} minutes.",
        headers={"Retry-After": str(ceil(wait_seconds))},
    )


async def reset_attempts(realm: Realm, email: str, user: int, address: Address | None) -> None:
    """After a successful login. Deletes old counts of others as well."""
    account = f"{realm.name}:{email}"
    keys = [f"{client_network(address)} {account}", account, f"code {realm.name}:{user}"]
    if attempt_counter is not None:
        with suppress(StoreUnavailable):
            await attempt_counter.reset([f"{realm.schema} {key}" for key in keys])
            return
    async with connection() as db:
        await db.execute(
            f"""
            DELETE FROM {realm.schema}.sign_in_attempt WHERE key IN (
                SELECT key FROM {realm.schema}.sign_in_attempt
                WHERE key = ANY($1::text[]) OR since < now() - $2::interval FOR UPDATE SKIP LOCKED
            )
            """,  # rows that other transactions are counting stay: waiting for them could deadlock
            keys,
            OLD,
        )
