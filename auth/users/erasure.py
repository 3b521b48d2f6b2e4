"""Erases a person: their accounts, and every mention of their email address, name and IP addresses.

In the audit log, a pseudonym such as erased-12 (12 is the id of the account) replaces the identity, so that all changes
by one person stay linked. `docs/operations.md` lists what personal data there is; decision 0049 has the reasons.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress

import msgspec
from asyncpg import CheckViolationError

from auth.users.realms import ADVERTISER, PLATFORM, STAFF, Realm
from auth.users.users import read_email
from core.errors import GokartError
from database.audit_context import current_actor
from database.pool import Connection, connection
from database.transactions import lift_statement_timeout, set_local_sql, transaction
from tenants.tables import load_tenant
from tenants.tenant import bound_to
from web.requests import client_network, parse_address

# What may be next to an email address without being part of it. A colon may: staff:anna@example.com.
NOT_BEFORE = r"(?<![[:alnum:]!#$%&'*+/=?^_`{|}~.-])"
NOT_AFTER = r"(?![[:alnum:]-]|\.[[:alnum:]])"
UNLINKED = "erased"  # the pseudonym of somebody who has no account
MENTIONS = {"one_time_link": ["created_by"]}
TENANT_MENTIONS = {
    **MENTIONS,
    "api_token": ["name", "created_by"],
    "advertiser": ["singular_requested_by"],
    "notification": ["title", "text"],
    "saved_view": ["name"],
    "rejected_record": ["record", "message", "payload", "fixed", "resolved_by"],
}

Found = Counter[str]  # how many of what; empty if nothing was found


class _PreviewOnly(Exception):
    pass


class ErasedAccount(msgspec.Struct, frozen=True):
    """`ids` are those of the account, and of accounts with the address that were deleted earlier; `emails` are its
    addresses, earlier ones too.
    """

    realm: Realm
    ids: list[str]
    emails: list[str]

    @property
    def pseudonym(self) -> str:
        return f"{UNLINKED}-{self.ids[-1]}" if self.ids else UNLINKED

    @property
    def actors(self) -> list[str]:
        return [f"{self.realm.name}:{email}" for email in self.emails]


async def erase_at_tenant(email: str, *, dry_run: bool) -> Found:
    """At the bound tenant: as staff, as a user of advertisers, and as their contact. `dry_run` only counts.

    Raises GokartError, also for the last owner.
    """
    return await _erase([STAFF, ADVERTISER], read_email(email), dry_run)


async def erase_platform_staff(email: str, *, dry_run: bool) -> Found:
    """At the platform, and first what tenants' logs have of the person. Each tenant is a transaction of its own: after
    a failure, it can be repeated. Raises GokartError, also for the last owner.
    """
    email, found = read_email(email), Found()
    preview = await _erase([PLATFORM], email, dry_run=True)  # raises before anything is erased
    if dry_run:
        found += preview
    async with connection() as db:
        account = await _find_account(db, PLATFORM, email)
        slugs = [row["slug"] for row in await db.fetch("SELECT slug FROM tenant ORDER BY slug")]
    for slug in slugs:
        tenant = await load_tenant(slug)
        if tenant is not None:
            with bound_to(tenant):
                found += await _in_transaction(tenant.schema, [account], dry_run, at_home=False)
    return found if dry_run else found + await _erase([PLATFORM], email, dry_run)


async def _erase(realms: list[Realm], email: str, dry_run: bool) -> Found:
    async with connection() as db:
        accounts = [await _find_account(db, realm, email) for realm in realms]
    return await _in_transaction(realms[0].schema, accounts, dry_run, at_home=True)


async def _in_transaction(schema: str, accounts: list[ErasedAccount], dry_run: bool, *, at_home: bool) -> Found:
    """`at_home`: the schema has the accounts; else only what they did there."""
    found = Found()
    try:
        with suppress(_PreviewOnly):
            async with transaction() as db:
                await lift_statement_timeout(db)
                await db.execute(set_local_sql({"gokart.audit_log": "erase"}))
                if at_home:
                    addresses = await _find_addresses(db, schema, accounts)
                    found += await _erase_accounts(db, schema, accounts)
                    found += await _erase_addresses(db, schema, accounts, addresses)
                found += await _erase_mentions(db, schema, accounts, at_home=at_home)
                if dry_run:
                    raise _PreviewOnly
    except CheckViolationError as error:
        raise GokartError(f"email: {error.args[0]}") from error
    return +found


async def _find_account(db: Connection, realm: Realm, email: str) -> ErasedAccount:
    """Without ids if there is no account and the audit log has none that was deleted."""
    s, table = realm.schema, realm.table
    rows = await db.fetch(
        f"""
        SELECT DISTINCT key FROM {s}.audit_log
        WHERE subject = $1 AND $2 IN (label, before ->> 'email', after ->> 'email')
            AND NOT EXISTS (SELECT FROM {s}.{table} WHERE id::text = key)
        """,
        table,
        email,
    )
    ids = sorted((row["key"] for row in rows), key=lambda key: (len(key), key))
    ids += [str(row["id"]) for row in await db.fetch(f"SELECT id FROM {s}.{table} WHERE email = $1", email)]
    earlier = await db.fetch(
        f"""
        SELECT DISTINCT e.email FROM {s}.audit_log, LATERAL (VALUES (before ->> 'email'), (after ->> 'email')) e (email)
        WHERE subject = $1 AND key = ANY($2::text[]) AND e.email <> $3
            AND NOT EXISTS (SELECT FROM {s}.{table} u WHERE u.email = e.email)
        """,
        table,
        ids,
        email,
    )
    return ErasedAccount(realm, ids, [email, *(row["email"] for row in earlier if "@" in row["email"])])


async def _erase_accounts(db: Connection, schema: str, accounts: list[ErasedAccount]) -> Found:
    """What belongs to the accounts and contacts. Triggers log the changes, with the identity: call this first."""
    found = Found()
    for account in accounts:
        key, ids = account.realm.user_key, list(map(int, account.ids))
        sessions = await db.fetchval(f"SELECT count(*) FROM {schema}.session WHERE {key} = ANY($1::int[])", ids)
        links = await db.fetchval(f"SELECT count(*) FROM {schema}.one_time_link WHERE {key} = ANY($1::int[])", ids)
        deleted = _count(await db.execute(f"DELETE FROM {schema}.{account.realm.table} WHERE id = ANY($1::int[])", ids))
        found += Found({"accounts": deleted, "sessions": sessions, "one-time links": links})
        attempts = [f"^(code|unsubscribe) {account.realm.name}:{id_}$" for id_ in ids]
        for pattern in [*map(_pattern, account.actors), *attempts]:
            found["sign-in attempts"] += _count(
                await db.execute(f"DELETE FROM {schema}.sign_in_attempt WHERE key ~* $1", pattern)
            )
    if accounts[0].realm is not PLATFORM:
        found["contacts"] += await _erase_contacts(db, schema, accounts)
    return found


async def _find_addresses(db: Connection, schema: str, accounts: list[ErasedAccount]) -> list[str]:
    """The IP addresses of the accounts' sessions and changes."""
    found = set[str]()
    for account in accounts:
        rows = await db.fetch(
            f"""
            SELECT host(address) AS address FROM {schema}.session WHERE {account.realm.user_key} = ANY($1::int[])
            UNION SELECT host(address) FROM {schema}.audit_log WHERE actor = ANY($2::text[])
            """,
            list(map(int, account.ids)),
            account.actors,
        )
        found |= {row["address"] for row in rows if row["address"]}
    return sorted(found)


async def _erase_addresses(db: Connection, schema: str, accounts: list[ErasedAccount], addresses: list[str]) -> Found:
    """Where they stand without the account. Others may share them: they lose counts of sign-in attempts."""
    found, networks = Found(), [client_network(parse_address(address)) for address in addresses]
    found["sign-in attempts"] += _count(
        await db.execute(
            f"""
            DELETE FROM {schema}.sign_in_attempt
            WHERE key = ANY($1::text[]) OR split_part(key, ' ', 1) = ANY($2::text[])
            """,
            [*networks, *(f"{kind} {network}" for kind in ("link", "unsubscribe") for network in networks)],
            networks,
        )
    )
    if accounts[0].realm is not PLATFORM:
        await db.execute(
            f"UPDATE {schema}.api_token SET last_used_from = NULL WHERE last_used_from = ANY($1::text[]::inet[])",
            addresses,
        )
        found["request log entries"] += _count(
            await db.execute(
                f"UPDATE {schema}.request_log SET address = NULL WHERE address = ANY($1::text[]::inet[])", addresses
            )
        )
        for side in "before", "after":
            await db.execute(
                f"""
                UPDATE {schema}.audit_log SET {side} = {side} - 'last_used_from'
                WHERE subject = 'api_token' AND split_part({side} ->> 'last_used_from', '/', 1) = ANY($1::text[])
                """,
                addresses,
            )
    return found


async def _erase_contacts(db: Connection, schema: str, accounts: list[ErasedAccount]) -> int:
    emails = [email for account in accounts for email in account.emails]
    rows = await db.fetch(
        f"""
        SELECT id::text, contact_name, contact_phone, lower(contact_email) = ANY($1::text[]) AS contact
        FROM {schema}.advertiser WHERE lower(contact_email) = ANY($1::text[]) OR lower(billing_email) = ANY($1::text[])
        FOR UPDATE
        """,
        emails,
    )
    await db.execute(
        f"""
        UPDATE {schema}.advertiser SET contact_name = NULL, contact_email = NULL, contact_phone = NULL
        WHERE lower(contact_email) = ANY($1::text[])
        """,
        emails,
    )
    await db.execute(
        f"UPDATE {schema}.advertiser SET billing_email = NULL WHERE lower(billing_email) = ANY($1::text[])", emails
    )
    for row in rows:
        if row["contact"]:
            values = {name: row[name] for name in ("contact_name", "contact_phone") if row[name]}
            await _replace_values(db, schema, row["id"], values, _pseudonym(accounts))
    return len(rows)


async def _replace_values(
    db: Connection, schema: str, advertiser: str, values: Mapping[str, str], pseudonym: str
) -> None:
    """Where the audit log has these values of an advertiser."""
    for column, value in values.items():
        for side in "before", "after":
            await db.execute(
                f"""
                UPDATE {schema}.audit_log SET {side} = jsonb_set({side}, ARRAY['{column}'], $3::jsonb)
                WHERE subject = 'advertiser' AND key = $1 AND {side} ->> '{column}' = $2
                """,
                advertiser,
                value,
                _json(pseudonym),
            )


async def _erase_mentions(db: Connection, schema: str, accounts: list[ErasedAccount], *, at_home: bool) -> Found:
    """What other rows and the audit log say. The log is last, since changes of other rows are logged."""
    found = Found()
    replacements = [
        (_pattern(actor), f"{account.realm.name}:{account.pseudonym}")
        for account in accounts
        for actor in account.actors
    ]
    if at_home:
        emails = dict.fromkeys(email for account in accounts for email in account.emails)
        not_platform = "" if accounts[0].realm is PLATFORM else "(?<!platform:)"
        replacements += [(not_platform + _pattern(email), _pseudonym(accounts)) for email in emails]
    for table, columns in (MENTIONS if schema == "public" else TENANT_MENTIONS).items():
        for column in columns:
            found["mentions"] += await _replace_text(db, schema, table, column, replacements)
    entries = await _erase_in_audit_log(db, schema, accounts, replacements, at_home=at_home)
    if entries:
        found["audit log entries"] = len(entries)
        await db.execute(
            f"""
            INSERT INTO {schema}.audit_log (actor, action, subject, key, label, after)
            VALUES ($1, 'changed', 'audit_log', '', $2, $3)
            """,
            actor.name if (actor := current_actor()) else "erasure",
            _pseudonym(accounts),
            _json({"entries": len(entries)}),
        )
    return found


async def _erase_in_audit_log(
    db: Connection, schema: str, accounts: list[ErasedAccount], replacements: list[tuple[str, str]], *, at_home: bool
) -> set[int]:
    """Returns the ids of the entries that changed."""
    entries = set[int]()

    async def update(changes: str, where: str, *args: object) -> None:
        rows = await db.fetch(f"UPDATE {schema}.audit_log SET {changes} WHERE {where} RETURNING id", *args)
        entries.update(row["id"] for row in rows)

    for account in accounts:
        await update("address = NULL", "actor = ANY($1::text[]) AND address IS NOT NULL", account.actors)
        if not (at_home and account.ids):
            continue
        of_account = "subject = $1 AND key = ANY($2::text[])"
        table, pseudonym = account.realm.table, account.pseudonym
        await update("label = $3", f"{of_account} AND label <> $3", table, account.ids, pseudonym)
        for side in "before", "after":
            for column in "email", "name":
                await update(
                    f"{side} = jsonb_set({side}, ARRAY['{column}'], $3::jsonb)",
                    f"{of_account} AND {side} ->> '{column}' <> $4",
                    table,
                    account.ids,
                    _json(pseudonym),
                    pseudonym,
                )
            await update(
                f"{side} = {side} - ARRAY['address', 'user_agent']",
                f"subject = 'session' AND {side} ->> '{account.realm.user_key}' = ANY($1::text[]) "
                f"AND {side} ?| ARRAY['address', 'user_agent']",
                account.ids,
            )
    for pattern, replacement in replacements:
        for column in "actor", "label":
            await update(f"{column} = regexp_replace({column}, $1, $2, 'gi')", f"{column} ~* $1", pattern, replacement)
        for column in "before", "after":
            await update(
                f"{column} = regexp_replace({column}::text, $1, $2, 'gi')::jsonb",
                f"{column}::text ~* $1",
                pattern,
                replacement,
            )
    return entries


async def _replace_text(
    db: Connection, schema: str, table: str, column: str, replacements: Iterable[tuple[str, str]]
) -> int:
    changed = 0
    for pattern, replacement in replacements:
        status = await db.execute(
            f"UPDATE {schema}.{table} SET {column} = regexp_replace({column}, $1, $2, 'gi') WHERE {column} ~* $1",
            pattern,
            replacement,
        )
        changed += _count(status)
    return changed


def _pseudonym(accounts: list[ErasedAccount]) -> str:
    """Where it is not known which of the person's accounts is meant."""
    return next((account.pseudonym for account in accounts if account.ids), UNLINKED)


def _pattern(text: str) -> str:
    """A regular expression of PostgreSQL for the address or actor, in a text or in the text of JSON."""
    escaped = "".join(character if character.isalnum() else f"\\{character}" for character in text)
    quoted = escaped.replace('\\"', r'\\*"').replace("\\\\", r"(\\\\|\\)")  # JSON has a backslash before these
    return f"{NOT_BEFORE}{quoted}{NOT_AFTER}"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _count(status: str) -> int:
    return int(status.rpartition(" ")[2])
