"""Migrations only expand the schema, so that the last release works on it too: CONTRIBUTING.md has the rules."""

from collections.abc import Iterator

import asyncpg
import pytest

from tests.support.separate_database import Platform, Transaction
from tests.upgrade.catalog import Objects, schema_objects
from tests.upgrade.recording import RELEASES, latest_release
from tests.upgrade.restored import restored_release

STATEMENTS = (RELEASES / latest_release() / "statements.sql").read_text().removesuffix(";\n").split(";\n\n")
SCHEMAS = ["public", "t_acme"]
# Constraints, indexes and columns that were added to tables of the last release, or changed, by kind and name: why its
# code and its data comply, and why the lock is short.
WIDER_SCOPES = "a further scope is allowed; the tables are small"
REVIEWED: dict[tuple[str, str], str] = {
    ("constraint", "api_token.api_token_scopes_check"): WIDER_SCOPES,
    ("constraint", "advertiser_login.advertiser_login_scopes_check"): WIDER_SCOPES,
    ("index", "conversion_offer_occurred_at_idx"): "intake waits two seconds for 400,000 conversions",
    ("index", "intake_kind_received_at_idx"): "the log has one small row per batch, for 90 days",
    ("column", "advertiser.time_zone"): "a trigger sets what is not inserted",
    ("constraint", "advertiser.advertiser_status_check"): "a further status is allowed; the table is small",
    ("constraint", "offer.offer_status_check"): "the column is new, and has its default; the table is small",
    ("constraint", "partner.partner_status_check"): "the column is new, and has its default; the table is small",
    **{
        ("index", name): "the catalogue is small: 100,000 rows take seconds"
        for name in [
            *("advertiser_name_idx", "advertiser_created_at_idx", "advertiser_words_idx"),
            *("offer_name_idx", "offer_campaign_idx", "offer_created_at_idx", "offer_words_idx"),
            *("partner_name_idx", "partner_created_at_idx", "partner_words_idx"),
        ]
    },
    ("index", "intake_token_received_at_idx"): "the log has one small row per batch, for 90 days",
    ("index", "audit_log_actor_at_idx"): "a row per change by a person: built within a second for 100,000",
    ("index", "audit_log_subject_key_at_idx"): "a row per change by a person: built within a second for 100,000",
}


class Snapshot:
    """The objects by schema, and the files of tables, which change if the table is rewritten."""

    def __init__(self, database: Platform | Transaction) -> None:
        self.objects: dict[str, Objects] = {schema: schema_objects(database, schema) for schema in SCHEMAS}
        rows = database.execute(
            "SELECT oid::regclass::text AS name, relfilenode FROM pg_class "
            "WHERE relnamespace = ANY($1::text[]::regnamespace[]) AND relkind = 'r'",
            SCHEMAS,
        )
        self.files: dict[str, int] = {row["name"]: row["relfilenode"] for row in rows}


@pytest.fixture(scope="module")
def release() -> Iterator[tuple[Platform, Snapshot]]:
    """The migrated database of the last release, and how it was before."""
    with restored_release(latest_release()) as restored:
        before = Snapshot(restored.platform)
        restored.platform.command("migrate")
        yield restored.platform, before


def breaches(before: Snapshot, after: Snapshot) -> list[str]:
    """What does more than expand the schema. Dropped triggers and changed functions are left to reviews."""
    found = [f"{name} is rewritten" for name, file in before.files.items() if after.files.get(name, file) != file]
    for schema in SCHEMAS:
        old, new = before.objects[schema], after.objects[schema]
        tables = {name for kind, name in old if kind == "relation"}
        for (kind, name), definition in old.items():
            if kind != "trigger" and (kind, name) not in new:
                found.append(f"{schema}: {kind} {name} is gone")
            elif (kind, name) in REVIEWED:
                continue
            elif kind in {"column", "constraint", "index", "relation"} and new[kind, name] != definition:
                found.append(f"{schema}: {kind} {name} is {new[kind, name]}, was {definition}")
        for kind, name in new.keys() - old.keys() - REVIEWED.keys():
            definition = new[kind, name]
            table = definition.split(" USING ")[0].rpartition(".")[2] if kind == "index" else name.partition(".")[0]
            if table in tables and kind in {"constraint", "index"}:
                found.append(f"{schema}: {kind} {name} is added to a table that has rows")
            if table in tables and kind == "column" and "NOT NULL" in definition and "DEFAULT" not in definition:
                found.append(f"{schema}: column {name} needs a value, which the release does not insert")
    return found


def test_the_present_schema_expands_that_of_the_last_release(release: tuple[Platform, Snapshot]) -> None:
    platform, before = release
    assert breaches(before, Snapshot(platform)) == []


def unpreparable(platform: Platform, migration: str = "") -> list[str]:
    """The statements of the last release that the database refuses after the migration."""
    refused = []
    for statement in STATEMENTS:
        with platform.rolled_back() as transaction:
            if migration:
                transaction.execute(migration)
            try:
                transaction.execute(f"PREPARE recorded AS {statement}")
            except asyncpg.PostgresError as error:
                refused.append(f"{error}: {statement}")
    return refused


def test_statements_of_the_last_release_can_be_prepared(release: tuple[Platform, Snapshot]) -> None:
    platform, _ = release
    assert unpreparable(platform) == []
    assert unpreparable(platform, "ALTER TABLE t_acme.offer DROP COLUMN campaign_name CASCADE")


@pytest.mark.parametrize(
    "migration",
    [
        "ALTER TABLE t_acme.partner DROP COLUMN created_at",
        "ALTER TABLE t_acme.offer RENAME COLUMN store_id TO store",
        "ALTER TABLE t_acme.partner RENAME TO publisher",
        "ALTER TABLE t_acme.one_time_link ALTER created_by TYPE varchar(320)",
        "ALTER TABLE t_acme.advertiser ALTER billing_name SET NOT NULL",
        "ALTER TABLE t_acme.offer ALTER created_at DROP DEFAULT",
        "ALTER TABLE t_acme.api_token ADD purpose text NOT NULL",
        "ALTER TABLE t_acme.offer ADD random uuid DEFAULT gen_random_uuid()",
        "ALTER TABLE t_acme.offer ADD CHECK (os <> 'WEB')",
        "CREATE UNIQUE INDEX ON t_acme.partner (id, name)",
        "ALTER TABLE t_acme.sign_in_attempt DROP CONSTRAINT sign_in_attempt_pkey",
        "DROP VIEW t_acme.conversion_list",
        "ALTER TABLE tenant DROP COLUMN pruned_before",
        "DROP FUNCTION gokart_limit",
    ],
)
def test_a_migration_that_breaks_the_last_release_is_found(release: tuple[Platform, Snapshot], migration: str) -> None:
    platform, _ = release
    with platform.rolled_back() as transaction:
        before = Snapshot(transaction)
        transaction.execute("DELETE FROM t_acme.api_token")  # so that a required column can be added
        transaction.execute("UPDATE t_acme.advertiser SET billing_name = ''")
        transaction.execute(migration)
        assert breaches(before, Snapshot(transaction))


@pytest.mark.parametrize(
    "migration",
    [
        "ALTER TABLE t_acme.offer ADD note text",
        "ALTER TABLE t_acme.offer ADD priority int NOT NULL DEFAULT 0",
        "CREATE TABLE t_acme.note (id int PRIMARY KEY, text text NOT NULL)",
        "CREATE VIEW t_acme.offer_list AS SELECT id, name FROM t_acme.offer",
        "ALTER TABLE tenant ADD note text",
    ],
)
def test_expansions_are_accepted(release: tuple[Platform, Snapshot], migration: str) -> None:
    platform, _ = release
    with platform.rolled_back() as transaction:
        before = Snapshot(transaction)
        transaction.execute(migration)
        assert breaches(before, Snapshot(transaction)) == []
