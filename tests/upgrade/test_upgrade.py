"""The database of each recorded release, migrated and served by the present version."""

import subprocess
from collections.abc import Iterator

import msgspec
import pyotp
import pytest

from database.embedded import binary
from tests.support.separate_database import Platform, empty_database
from tests.upgrade.catalog import Objects, schema_objects
from tests.upgrade.recording import RELEASES, Answer, Person
from tests.upgrade.restored import SCHEMAS, SETTINGS, Client, Restored, restored_release, run_script

Rows = dict[str, list[str]]  # by table
CHANGED_BY_MIGRATIONS = {"public.tenant": {"version"}}


class Upgraded(msgspec.Struct):
    """`before` and `after` are all rows before and after the migration, in the columns that there were before."""

    restored: Restored
    columns: dict[str, str]
    before: Rows
    after: Rows
    client: Client


@pytest.fixture(scope="module", params=sorted(path.name for path in RELEASES.iterdir()))
def upgraded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgraded]:
    with restored_release(request.param) as restored:
        columns = columns_of(restored.platform)
        before = {table: restored.rows(table, columns[table]) for table in columns}
        assert restored.platform.command("migrate") == "2 migrated, 0 up to date, 0 failed."
        after = {table: restored.rows(table, columns[table]) for table in columns}
        folder = tmp_path_factory.mktemp("upgraded")
        with restored.platform.running_server(folder, **SETTINGS) as server, server.client() as http:  # type: ignore[arg-type]
            yield Upgraded(restored, columns, before, after, Client(server, restored.recording, http))


def columns_of(platform: Platform) -> dict[str, str]:
    """The columns of each table."""
    rows = platform.execute(
        """
        SELECT format('%I.%I', table_schema, table_name) AS table, column_name AS name
        FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
        WHERE table_schema = ANY($1) AND table_type = 'BASE TABLE'
        """,
        list(SCHEMAS),
    )
    names: dict[str, list[str]] = {}
    for row in rows:
        if row["name"] not in CHANGED_BY_MIGRATIONS.get(row["table"], ()):
            names.setdefault(row["table"], []).append(f'"{row["name"]}"')
    return {table: ", ".join(sorted(found)) for table, found in names.items()}


@pytest.fixture(scope="module")
def new_installation(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Objects]:
    """The objects of schema public and of a tenant, by schema, in a new database.

    That too was dumped and restored, after which PostgreSQL shows some conditions differently.
    """
    script = tmp_path_factory.mktemp("new") / "database.sql"
    with empty_database() as new, empty_database() as copy:
        new.command("tenants", "create", "acme", "--name", "Acme")
        subprocess.run([binary("pg_dump"), "--no-owner", f"--file={script}", new.direct_url], check=True)
        run_script(copy, script)
        return {schema: schema_objects(copy, schema) for schema in ("public", "t_acme")}


@pytest.mark.parametrize("schema", ["public", "t_acme", "t_blue"])
def test_the_upgraded_schema_is_that_of_a_new_installation(
    upgraded: Upgraded, new_installation: dict[str, Objects], schema: str
) -> None:
    expected = new_installation["public" if schema == "public" else "t_acme"]
    assert schema_objects(upgraded.restored.platform, schema) == expected


def test_no_row_is_lost_or_changed(upgraded: Upgraded) -> None:
    figures = {table for table in upgraded.before if table.startswith("t_") and "audit" not in table}
    assert {table: upgraded.after[table] for table in figures} == {table: upgraded.before[table] for table in figures}
    for table, rows in upgraded.before.items():
        assert set(rows) <= set(upgraded.after[table]), table


def test_reports_are_the_same(upgraded: Upgraded) -> None:
    assert_same_answers(upgraded)


def assert_same_answers(upgraded: Upgraded) -> None:
    for answer in upgraded.client.recording.answers:
        assert comparable(upgraded.client.ask(answer.request)) == comparable(answer)


def comparable(answer: Answer) -> object:
    """Texts for people may change: the notice about a wider range, and the details of an error."""
    headers = {name: text if name != "gokart-notice" else "present" for name, text in answer.headers.items()}
    body = answer.body if answer.status == 200 else msgspec.json.decode(answer.body)["title"]
    return answer.request, answer.status, headers, body


def test_validators_of_the_release_still_hold(upgraded: Upgraded) -> None:
    for answer in upgraded.client.recording.answers:
        if etag := answer.headers.get("etag"):
            assert upgraded.client.ask(answer.request, etag=etag).status == 304


def test_records_that_are_sent_again_count_once(upgraded: Upgraded) -> None:
    for batch in upgraded.client.recording.batches:
        if batch.kind != "offers":  # an offer's former name would be a change
            again, rejected = upgraded.client.send(batch), len(batch.response["rejected"])
            assert (again["accepted"], again["duplicates"]) == (0, len(batch.records) - rejected), batch
            assert [each["index"] for each in again["rejected"]] == [e["index"] for e in batch.response["rejected"]]
    assert_same_answers(upgraded)
    # A background job may have deleted old rows of by_quarter meanwhile.
    figures = [f"t_acme.{table}" for table in ("by_day", "by_month", "changed_day", "changed_month")]
    assert {table: upgraded.restored.rows(table, upgraded.columns[table]) for table in figures} == {
        table: upgraded.before[table] for table in figures
    }


def people(upgraded: Upgraded) -> list[Person]:
    return [person for person in upgraded.client.recording.people.values() if person.password]


def test_sessions_continue(upgraded: Upgraded) -> None:
    for person in people(upgraded):
        page = upgraded.client.visit(person, "/account", person.cookies)
        assert page.status_code == 200, person
        assert person.email in page.text


def test_passwords_and_authenticator_apps_still_work(upgraded: Upgraded) -> None:
    for person in people(upgraded):
        cookies = sign_in(upgraded.client, person)
        if person.totp:
            step = upgraded.client.post(person, "/sign-in/code", cookies, code=pyotp.TOTP(person.totp).now())
            cookies = dict(step.cookies)
        assert upgraded.client.visit(person, "/account", cookies).status_code == 200, person


def test_recovery_codes_still_work(upgraded: Upgraded) -> None:
    for person in people(upgraded):
        if person.recovery_codes:
            step = upgraded.client.post(
                person, "/sign-in/code", sign_in(upgraded.client, person), code=person.recovery_codes[0]
            )
            assert upgraded.client.visit(person, "/account", dict(step.cookies)).status_code == 200, person


def test_invitations_can_still_be_accepted(upgraded: Upgraded) -> None:
    for person in upgraded.client.recording.people.values():
        if person.link:
            password = "another horse battery"
            form = {"password": password, "again": password}
            response = upgraded.client.call("POST", person.host, person.link, data=form)
            assert upgraded.client.visit(person, "/account", dict(response.cookies)).status_code == 200


def sign_in(client: Client, person: Person) -> dict[str, str]:
    response = client.post(person, "/sign-in", {}, email=person.email, password=person.password)
    assert response.status_code in {302, 303}, response.text
    return dict(response.cookies)
