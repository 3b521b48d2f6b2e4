"""How often one may try to sign in: counted in the database, or in Redis where that was chosen, so across all workers.

An address that guesses at one account is stopped first. Guessing at it from many addresses, or at many accounts from
one, is stopped later, so that nobody is easily shut out by somebody else's attempts.
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
    """Of `key`. What a stranger has typed stands at its end, after a colon: so no text makes it another one's."""

    key: str
    most: int
    within: timedelta


QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
OLD = timedelta(days=1)


async def count_login_attempt(realm: Realm, email: str, address: Address | None) -> None:
    """Counts a try with a password, before it is looked at. Raises Problem 429."""
    who, site = f"{realm.name}:{email.strip().lower()[:320]}", client_network(address)
    await count(
        realm,
        AttemptLimit(f"{site} {who}", 10, QUARTER),
        AttemptLimit(site, 100, QUARTER),
        AttemptLimit(who, 100, HOUR),
    )  # the narrowest first: what it refuses does not count for the others


async def count_code_attempt(realm: Realm, user: int) -> None:
    """The same for a code of the second factor."""
    await count(realm, AttemptLimit(f"code {realm.name}:{user}", 10, QUARTER))


async def count_reset_request(realm: Realm, email: str, address: Address | None) -> None:
    """The same for asking for a link by e-mail."""
    await count(
        realm,
        AttemptLimit(f"link {client_network(address)}", 20, HOUR),
        AttemptLimit(f"link {realm.name}:{email[:320]}", 5, HOUR),
    )


async def count(realm: Realm, *limits: AttemptLimit) -> None:
    """All or none: what is refused leaves nothing behind, or strangers could fill the store."""
    if attempt_counter is not None:
        full = [(f"{realm.schema} {limit.key}", limit.most, limit.within) for limit in limits]
        with suppress(StoreUnavailable):
            wait = await attempt_counter.count(full)
            if wait is not None:
                raise too_many(wait.total_seconds())
            return
    await count_in_database(realm, *limits)


async def count_in_database(realm: Realm, *limits: AttemptLimit) -> None:
    async with connection() as db, db.transaction():
        for limit in limits:
            row = await db.fetchrow(
                f"""
                INSERT INTO {realm.schema}.sign_in_attempt AS a (key, attempts, since) VALUES ($1, 1, now())
                ON CONFLICT (key) DO UPDATE SET
                    attempts = CASE WHEN a.since <= now() - $2::interval THEN 1 ELSE a.attempts + 1 END,
                    since = CASE WHEN a.since <= now() - $2::interval THEN now() ELSE a.since END
                RETURNING attempts, extract(epoch FROM since + $2::interval - now())::float AS wait
                """,
                limit.key,
                limit.within,
            )
            assert row is not None
            if row["attempts"] > limit.most:
                raise too_many(row["wait"])


def too_many(wait: float) -> Problem:
    """For so many seconds."""
    return Problem(
        429,
        f"Too many attempts. Try again in {ceil(wait / 60)} minutes.",
        headers={"Retry-After": str(ceil(wait))},
    )


async def reset_attempts(realm: Realm, email: str, user: int, address: Address | None) -> None:
    """After a sign-in: this one's tries do not count any longer. What is old goes with them."""
    who = f"{realm.name}:{email}"
    keys = [f"{client_network(address)} {who}", who, f"code {realm.name}:{user}"]
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
            """,  # what is being counted now stays: two that wait for each other would be a deadlock
            keys,
            OLD,
        )
