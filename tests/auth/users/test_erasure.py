"""The command `gokart erase`."""

import json
from collections.abc import Iterator
from ipaddress import ip_address
from uuid import uuid4

import msgspec
import pytest

from auth.users import sessions
from auth.users.realms import ADVERTISER, PLATFORM, STAFF, Realm
from auth.users.users import find_user
from database.audit_context import Actor, acting_as
from database.transactions import transaction
from tests.support.app_calls import run, run_in_tenant
from tests.support.cli import cli_error, gokart, spawn
from tests.support.database import execute
from tests.support.people import (
    audit,
    browser,
    create_advertiser_user,
    create_platform_staff,
    create_staff_user,
)
from tests.support.sandbox import CSV, JSON, MAY, SINGULAR, Sandbox, conversion_callback, event_record, offer_record

ADDRESS = ip_address("203.0.113.77")


class Person(msgspec.Struct):
    email: str
    name: str
    phone: str

    @property
    def traces(self) -> list[str]:
        return [self.email, self.name, self.phone, str(ADDRESS)]


@pytest.fixture
def person() -> Person:
    unique = uuid4().hex[:10]
    return Person(f"anna.{unique}@example.com", f"Anna Of-{unique}", f"+49 {int(unique, 16)}")


def tables() -> Iterator[str]:
    for row in execute(
        "SELECT table_schema, table_name FROM information_schema.tables "
        "WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
    ):
        yield f"{row['table_schema']}.{row['table_name']}"


def places_of(text: str, schema: str) -> list[str]:
    """The tables of the schema in which any column of a row has the text."""
    return [
        table
        for table in tables()
        if table.startswith(f"{schema}.")
        and execute(f"SELECT 1 FROM {table} t WHERE strpos(lower(t::text), lower($1)) > 0 LIMIT 1", text)
    ]


def act(realm: Realm, email: str, sandbox: Sandbox, sql: str) -> None:
    """Runs the SQL as the user does it from ADDRESS."""

    async def work() -> None:
        with acting_as(Actor(f"{realm.name}:{email}", ADDRESS)):
            async with transaction() as db:
                await db.execute(sql.replace("{s}", sandbox.tenant.schema))

    run_in_tenant(sandbox.tenant.slug, work)


def use_account(realm: Realm, email: str, sandbox: Sandbox) -> None:
    """Signs in from ADDRESS twice, ends one of the sessions, and fails to sign in."""

    async def work() -> None:
        user = await find_user(realm, email)
        assert user
        for _ in range(2):
            await sessions.create_session(realm, user.id, address=ADDRESS, user_agent=f"Browser of {user.name}")
        with acting_as(user.actor(ADDRESS)):
            async with transaction() as db:
                await db.execute(
                    f"DELETE FROM {realm.schema}.session WHERE id = (SELECT max(id) FROM {realm.schema}.session)"
                )
                for key in f"{ADDRESS} {realm.name}:{email}", f"{realm.name}:{email}", f"link {ADDRESS}":
                    await db.execute(f"INSERT INTO {realm.schema}.sign_in_attempt VALUES ($1, 1, now())", key)

    run(work) if realm is PLATFORM else run_in_tenant(sandbox.tenant.slug, work)


def fill(sandbox: Sandbox, person: Person) -> None:
    """Everything that a tenant can have of a person who is staff, an advertiser user and a contact."""
    create_staff_user(sandbox, "owner")
    create_staff_user(sandbox, "owner", email=person.email, name=person.name)
    create_advertiser_user(sandbox, email=person.email, name=person.name)
    act(STAFF, person.email, sandbox, "UPDATE {s}.setting SET staff_totp_required = false")
    for realm in STAFF, ADVERTISER:
        use_account(realm, person.email, sandbox)
        execute("DELETE FROM {s}.sign_in_attempt WHERE key LIKE 'link %'", schema=sandbox.tenant.schema)
    act(
        STAFF,
        person.email,
        sandbox,
        f"""
        INSERT INTO {{s}}.api_token (name, digest, hint, scopes, created_by, last_used_from)
            VALUES ('Key of {person.email}', sha256('{person.email}'), 'x', '{{ingest}}', 'staff:{person.email}',
                '{ADDRESS}');
        INSERT INTO {{s}}.request_log (at, token, endpoint, status, milliseconds, address)
            VALUES (now(), 1, '/api/v1/ingest/events', 200, 1, '{ADDRESS}');
        UPDATE {{s}}.advertiser SET contact_name = '{person.name}', contact_email = initcap('{person.email}'),
            contact_phone = '{person.phone}', billing_email = '{person.email}', singular_requested_at = now(),
            singular_requested_by = '{person.email}' WHERE id = '{sandbox.owner}';
        UPDATE {{s}}.staff SET name = '{person.name} again' WHERE email = '{person.email}';
        UPDATE {{s}}.staff SET name = '{person.name}' WHERE email = '{person.email}';
        INSERT INTO {{s}}.one_time_link (digest, staff, purpose, created_by, expires_at)
            SELECT sha256('1'), min(id), 'reset', 'staff:{person.email}', now() FROM {{s}}.staff;
        INSERT INTO {{s}}.one_time_link (digest, login, purpose, created_by, expires_at)
            SELECT sha256('2'), id, 'reset', 'staff:{person.email}', now() FROM {{s}}.advertiser_login;
        INSERT INTO {{s}}.rejected_record (
            digest, cause, kind, token, record, field, message, reason, payload, size, first_at, last_at
        ) VALUES (
            gen_random_uuid(), gen_random_uuid(), 'events', 1, '{person.email}', '', '{person.email} is wrong',
            '… is wrong', '{{{{"id": "{person.email}"}}}}', 9, now(), now()
        );
        UPDATE {{s}}.rejected_record
            SET resolved_at = now(), resolved_by = 'staff:{person.email}', fixed = '["{person.email}"]';
        """,
    )


def reports(sandbox: Sandbox) -> list[tuple[bytes, str]]:
    found = []
    for path in JSON, CSV, SINGULAR:
        response = sandbox.get(path, **MAY)
        assert response.status_code == 200
        body = response.json()["data"]["items"] if path == SINGULAR else response.text
        found.append((json.dumps(body).encode(), response.headers["etag"]))
    return found


def test_nothing_of_the_person_is_left_and_the_figures_stay(sandbox: Sandbox, person: Person) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"])])
    sandbox.send("conversions", [conversion_callback(sandbox, offer["id"])])
    fill(sandbox, person)
    schema = sandbox.tenant.schema
    before = reports(sandbox)
    for trace in person.traces:
        assert f"{schema}.audit_log" in places_of(trace, schema)

    done = spawn("erase", sandbox.tenant.slug, "--email", person.email.upper(), "--yes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "Erased."
    counts = {row.rsplit(None, 1)[0]: row.rsplit(None, 1)[1] for row in done.stdout.splitlines()[1:-1]}
    assert counts["accounts"] == counts["sessions"] == "2"
    assert counts["contacts"] == "1"
    for trace in person.traces:
        assert places_of(trace, schema) == [], trace
    assert reports(sandbox) == before
    assert browser(sandbox).sign_in(person.email, root="/staff").status_code == 403


@pytest.mark.one_server("the ids of the audit log are not in the order of time")
def test_the_audit_log_stays_linked_by_a_pseudonym_and_has_the_erasure(sandbox: Sandbox, person: Person) -> None:
    fill(sandbox, person)
    before = audit(sandbox)
    (id_,) = (
        row["id"]
        for row in execute("SELECT id FROM {s}.staff WHERE email = $1", person.email, schema=sandbox.tenant.schema)
    )
    gokart("erase", sandbox.tenant.slug, "--email", person.email, "--yes")
    after = {row["id"]: row for row in audit(sandbox)}
    for row in before:
        changed = after[row["id"]]
        for column in "at", "action", "subject", "key":
            assert changed[column] == row[column]
        if row["actor"] == f"staff:{person.email}":
            assert (changed["actor"], changed["address"]) == (f"staff:erased-{id_}", None)
        elif person.email not in row["actor"]:
            assert (changed["actor"], changed["address"]) == (row["actor"], row["address"])
    new = [row for row in after.values() if row["id"] > before[-1]["id"]]
    deleted = {
        (row["subject"], row["label"]) for row in new if row["action"] == "deleted" and row["subject"] != "session"
    }
    assert ("staff", f"erased-{id_}") in deleted
    assert all(row["actor"].startswith("cli:") for row in new)
    last = new[-1]
    assert (last["subject"], last["label"]) == ("audit_log", f"erased-{id_}")
    assert json.loads(last["after"])["entries"] > 10


def test_a_preview_changes_nothing(sandbox: Sandbox, person: Person) -> None:
    fill(sandbox, person)
    schema = sandbox.tenant.schema

    def everything() -> list[list[dict[str, object]]]:
        return [execute(f"SELECT t::text FROM {table} t ORDER BY 1") for table in tables() if table.startswith(schema)]

    before = everything()
    preview = gokart("erase", sandbox.tenant.slug, "--email", person.email, "--dry-run").stdout
    refused = gokart("erase", sandbox.tenant.slug, "--email", person.email, given="n\n")
    assert refused.exit_code == 1
    assert preview in refused.stdout
    assert "accounts" in preview
    assert everything() == before


def test_erasing_again_finds_nothing(sandbox: Sandbox, person: Person) -> None:
    fill(sandbox, person)
    command = "erase", sandbox.tenant.slug, "--email", person.email, "--yes"
    assert "Erased." in gokart(*command).stdout
    before = audit(sandbox)
    again = gokart(*command)
    assert (again.exit_code, again.stdout) == (0, "Nothing is stored about this address.\n")
    assert audit(sandbox) == before


def test_the_last_owner_is_not_erased(sandbox: Sandbox) -> None:
    email = create_staff_user(sandbox, "owner")
    before = audit(sandbox)
    assert "There would be no owner left" in cli_error("erase", sandbox.tenant.slug, "--email", email, "--yes")
    assert audit(sandbox) == before


def test_people_with_similar_addresses_and_other_tenants_are_left_alone(sandbox: Sandbox, person: Person) -> None:
    create_staff_user(sandbox, "owner", email=person.email)
    others = [f"jo{person.email}", f"{person.email}.au", f"x.{person.email}", person.email.replace(".", "-", 1)]
    for other in others:
        create_staff_user(sandbox, "owner", email=other)
        act(STAFF, other, sandbox, "UPDATE {s}.setting SET staff_totp_required = NOT staff_totp_required")
    untouched = [row for row in audit(sandbox) if row["label"] != person.email]
    gokart("erase", sandbox.tenant.slug, "--email", person.email, "--yes")
    assert [row for row in audit(sandbox) if not row["label"].startswith("erased-")] == untouched
    assert execute("SELECT count(*) FROM {s}.staff", schema=sandbox.tenant.schema)[0]["count"] == len(others)


def test_an_address_that_the_account_had_earlier_is_erased_too(sandbox: Sandbox, person: Person) -> None:
    create_staff_user(sandbox, "owner")
    old = f"old.{person.email}"
    create_staff_user(sandbox, "viewer", email=old, name=person.name)
    act(STAFF, old, sandbox, f"UPDATE {{s}}.staff SET email = '{person.email}' WHERE email = '{old}'")
    gokart("erase", sandbox.tenant.slug, "--email", person.email, "--yes")
    for trace in old, person.email, person.name, str(ADDRESS):
        assert places_of(trace, sandbox.tenant.schema) == [], trace


def test_a_user_who_was_deleted_earlier_is_erased_from_the_audit_log(sandbox: Sandbox, person: Person) -> None:
    create_advertiser_user(sandbox, email=person.email, name=person.name)
    execute("DELETE FROM {s}.advertiser_login", schema=sandbox.tenant.schema)
    assert "Erased." in gokart("erase", sandbox.tenant.slug, "--email", person.email, "--yes").stdout
    for trace in person.email, person.name:
        assert places_of(trace, sandbox.tenant.schema) == []


def test_platform_staff_are_erased_at_the_platform_and_in_the_logs_of_tenants(sandbox: Sandbox, person: Person) -> None:
    gokart("migrate")  # other tests leave tenants that are not at this version
    create_platform_staff("owner")
    create_platform_staff("manager", email=person.email, name=person.name)
    use_account(PLATFORM, person.email, sandbox)
    invited = create_staff_user(sandbox, "owner")
    act(
        PLATFORM,
        person.email,
        sandbox,
        f"""
        INSERT INTO {{s}}.one_time_link (digest, staff, purpose, created_by, expires_at)
            SELECT sha256('{invited}'), id, 'invitation', 'platform:{person.email}', now() FROM {{s}}.staff
        """,
    )
    schema = sandbox.tenant.schema
    assert set(places_of(person.email, schema)) == {f"{schema}.audit_log", f"{schema}.one_time_link"}
    assert (
        gokart("erase", sandbox.tenant.slug, "--email", person.email).stdout
        == "Nothing is stored about this address.\n"
    )
    command = "erase", "--platform", "--email", person.email
    preview = gokart(*command, "--dry-run")
    assert "accounts" in preview.stdout, preview.stderr
    assert "Erased." in gokart(*command, "--yes").stdout
    for trace in person.email, person.name, str(ADDRESS):
        assert [*places_of(trace, schema), *places_of(trace, "public")] == [], trace
    (actor,) = {row["actor"] for row in audit(sandbox) if row["actor"].startswith("platform:")}
    assert actor.startswith("platform:erased-")
    assert gokart(*command, "--yes").stdout == "Nothing is stored about this address.\n"


@pytest.mark.parametrize(
    "change", ["UPDATE {s}.audit_log SET actor = 'x'", "DELETE FROM {s}.audit_log", "TRUNCATE {s}.audit_log"]
)
def test_nobody_changes_the_audit_log_otherwise(sandbox: Sandbox, change: str) -> None:
    with pytest.raises(Exception, match="The audit log is not changed"):
        execute(change, schema=sandbox.tenant.schema)
