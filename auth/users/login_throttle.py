"""Limits login attempts, counted in the database or in Redis, and so across all workers.

Attempts from one address are limited, for each account and in total. Attempts for one account from many addresses are
not refused but delayed: after a hundred in an hour, the next ones wait for their turn. Devices on which the user has
signed in before have a limit of their own, so that strangers cannot keep a user out
(`docs/decisions/0039-sign-in-attempts-are-delayed.md`).
"""

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from math import ceil
from time import monotonic
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


HALF_MINUTE = timedelta(seconds=30)
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
OLD = timedelta(days=1)


MAX_WAIT = 45.0  # seconds; proxies give up after 60
MAX_WAITING = 5  # attempts for one account in this process; the next ones are refused
MAX_WAITING_IN_ALL = 100
IN_TURN = (
    "Many wrong passwords were entered for this account, so sign-ins on new devices wait for their turn. Try again in "
    "a minute, sign in on a device that you have used before, or reset your password."
)

_waiting: Counter[tuple[str, str]] = Counter()  # attempts by schema and account


class TooManyAttempts(Problem):
    def __init__(self, wait_seconds: float, detail: str | None = None) -> None:
        minutes = ceil(wait_seconds / 60)
        super().__init__(
            429,
            detail or f"Too many attempts. Try again in {minutes} minutes.",
            headers={"Retry-After": str(ceil(wait_seconds))},
        )
        self.wait_seconds = wait_seconds


async def count_login_attempt(realm: Realm, email: str, address: Address | None, device: str | None) -> None:
    """Counts a login attempt, before the password is checked. May wait for MAX_WAIT. Raises Problem 429.

    `device` is the id of a device that is known for this account.
    """
    account, network = f"{realm.name}:{email.strip().lower()[:320]}", client_network(address)
    if device is not None:
        await count_attempts(realm, AttemptLimit(f"device {device} {account}", 10, QUARTER))
        return
    await count_attempts(
        realm,
        AttemptLimit(f"{network} {account}", 10, QUARTER),
        AttemptLimit(network, 100, QUARTER),
    )  # the narrowest first: attempts that it rejects do not count for the others
    try:
        await count_attempts(realm, AttemptLimit(account, 100, HOUR))
    except TooManyAttempts:
        await wait_for_turn(realm, account)


async def wait_for_turn(realm: Realm, account: str) -> None:
    """Five attempts for one account have their turn each 30 seconds. Raises Problem 429 after MAX_WAIT."""
    key, deadline = (realm.schema, account), monotonic() + MAX_WAIT
    if _waiting[key] >= MAX_WAITING or _waiting.total() >= MAX_WAITING_IN_ALL:
        raise TooManyAttempts(HALF_MINUTE.total_seconds(), IN_TURN)
    _waiting[key] += 1
    try:
        while True:
            try:
                await count_attempts(realm, AttemptLimit(f"turn {account}", 5, HALF_MINUTE))
            except TooManyAttempts as full:
                if monotonic() + full.wait_seconds > deadline:
                    raise TooManyAttempts(full.wait_seconds, IN_TURN) from full
                await asyncio.sleep(full.wait_seconds)
            else:
                return
    finally:
        _waiting[key] -= 1
        if not _waiting[key]:
            del _waiting[key]


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


async def count_unsubscription(realm: Realm, user_id: int | None, address: Address | None) -> None:
    """Counts a request that stops emails; None: its token is not valid. Raises Problem 429.

    Email programs send these requests from addresses of their own, many from one.
    """
    by_whom = client_network(address) if user_id is None else f"{realm.name}:{user_id}"
    await count_attempts(realm, AttemptLimit(f"unsubscribe {by_whom}", 100 if user_id is None else 20, HOUR))


async def count_invitation(realm: Realm, user_id: int, email: str) -> None:
    """Counts an invitation by a user who is not staff. Raises Problem 429."""
    await count_attempts(
        realm,
        AttemptLimit(f"invitations {realm.name}:{user_id}", 30, HOUR),
        AttemptLimit(f"invitation {realm.name}:{email[:320]}", 5, HOUR),
    )


async def count_attempts(realm: Realm, *limits: AttemptLimit) -> None:
    """Counts against all limits or none: rejected attempts are not stored, or attackers could fill the store."""
    if attempt_counter is not None:
        full = [(f"{realm.schema} {limit.key}", limit.limit, limit.within) for limit in limits]
        with suppress(StoreUnavailable):
            wait = await attempt_counter.count(full)
            if wait is not None:
                raise TooManyAttempts(wait.total_seconds())
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
                raise TooManyAttempts((row["since"] + limit.within - now).total_seconds())


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
