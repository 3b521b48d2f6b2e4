"""The demo's people and keys: the printed logins work after each start, and nothing is created twice."""

import re
from typing import NamedTuple

import httpx
import pyotp
import pytest

from demo import people
from demo.welcome import MADE_BY
from tenants.commands import operator
from tests.support.cli import gokart
from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import Browser, create_platform_staff
from tests.support.servers import Server

DEMO_SCHEMA = "t_demo"
LOGIN = re.compile(r"^  (.{15}) http://(.*?):8123(/\S*) +(\S+@\S+)$", re.MULTILINE)


class Printed(NamedTuple):
    password: str
    logins: dict[str, tuple[str, str, str]]  # what for: host, path, email
    others: list[str]


def start(*, ours: bool = True) -> Printed:
    """All of a start but serving; of an installation that is the demo's, unless it is not `ours`."""
    if ours:
        kim = "INSERT INTO staff (email, name, role) VALUES ($1, 'Kim', 'owner') ON CONFLICT DO NOTHING"
        execute(kim, people.KIM.email)
    result = gokart("demo", "--no-serve", "--days", "10", "--port", "8123")
    assert result.exit_code == 0, result.output
    section = result.stdout.partition("Sign in")[2].partition("\n\n")[0]
    logins = {
        what.strip(): (host, path, email)
        for what, host, path, email in re.findall(
            r"^  (.{15}) http://(.*?):8123(/\S*) +(\S+@\S+)$", section, re.MULTILINE
        )
    }
    found = re.search(r"^  Password +(\S+)$", section, re.MULTILINE)
    assert found
    return Printed(found[1], logins, re.findall(r"(\S+@\S+) \(", section))


@pytest.fixture(scope="module")
def started(server: Server) -> None:
    """Once, beside the tests' server, which serves what is made."""
    assert server.port
    start()


def sign_in(http: httpx.Client, printed: Printed, what: str, email: str = "") -> Browser:
    host, path, owner = printed.logins[what]
    client = Browser(http, host)
    root = "/staff" if path != "/" else ""
    response = client.sign_in(email or owner, printed.password, root)
    assert (response.status_code, response.headers["location"]) == (303, root or "/"), what
    return client


def test_the_printed_logins_work(http: httpx.Client) -> None:
    printed = start()
    assert set(printed.logins) == {"Portal", "Admin", "Database", "Platform admin", "Another tenant"}
    assert printed.logins["Portal"][2] == printed.logins["Another tenant"][2]  # two tenants in one browser
    for what, (_, path, email) in printed.logins.items():
        client = sign_in(http, printed, what)
        account = "/staff/account" if path != "/" else "/account"
        assert email in client.get(account).text
    for email in printed.others:
        what = "Platform admin" if email.endswith("@gokart.example") else "Admin"
        sign_in(http, printed, what, email)


def test_the_next_start_has_a_new_password_and_keeps_sessions(http: httpx.Client) -> None:
    printed = start()
    client = sign_in(http, printed, "Admin")
    again = start()
    assert again.password != printed.password
    assert again.logins == printed.logins
    host, _, email = printed.logins["Admin"]
    assert Browser(http, host).sign_in(email, printed.password, "/staff").status_code == 403
    sign_in(http, again, "Admin")
    assert client.get("/staff/account").status_code == 200


def test_a_start_restores_changed_users(http: httpx.Client) -> None:
    printed = start()
    marco = printed.others[0]
    execute("UPDATE {s}.staff SET role = 'owner' WHERE email = $1", marco, schema=DEMO_SCHEMA)
    changed = "UPDATE {s}.staff SET role = 'viewer', active = false, totp_secret = $1 WHERE email = $2"
    execute(changed, pyotp.random_base32(), people.NORA.email, schema=DEMO_SCHEMA)
    again = start()
    sign_in(http, again, "Admin")
    assert execute("SELECT email, role FROM {s}.staff WHERE role <> 'viewer' ORDER BY 1", schema=DEMO_SCHEMA) == [
        {"email": marco, "role": "manager"},
        {"email": people.NORA.email, "role": "owner"},
    ]
    assert printed.password != again.password


@pytest.mark.usefixtures("started")
def test_existing_platform_staff_is_not_extended(http: httpx.Client) -> None:
    email = create_platform_staff("owner")
    demos = [one.email for one in people.PLATFORM_STAFF]
    execute("DELETE FROM staff WHERE email = ANY($1)", demos)
    printed = start(ours=False)
    assert set(printed.logins) == {"Portal", "Admin", "Database", "Another tenant"}
    assert execute("SELECT FROM staff WHERE email = ANY($1)", demos) == []
    assert Browser(http, "admin.localhost").sign_in(email).status_code == 303
    sign_in(http, printed, "Admin")


@pytest.mark.usefixtures("started")
def test_each_realm_has_a_pending_invitation() -> None:
    for table, owner in ("staff", "staff"), ("advertiser_login", "login"):
        rows = execute(
            f"""
            SELECT p.email, l.purpose, l.expires_at > now() AS works FROM {{s}}.{table} p
            JOIN {{s}}.one_time_link l ON l.{owner} = p.id WHERE p.password IS NULL
            """,
            schema=DEMO_SCHEMA,
        )
        assert [(row["purpose"], row["works"]) for row in rows] == [("invitation", True)]


KEYS = """
    SELECT t.name, t.last_used_at IS NOT NULL AS used, expires_at > now() AS ends,
        EXISTS (SELECT FROM {s}.api_token n WHERE n.replaces = t.id) AS rotated, expires_at - now() AS left
    FROM {s}.api_token t JOIN {s}.advertiser a ON a.id = t.advertiser
    WHERE a.name = 'Brown Boots' AND t.name <> $1 AND t.revoked_at IS NULL ORDER BY t.id
"""


@pytest.mark.usefixtures("started")
def test_api_keys_have_all_statuses() -> None:
    keys = execute(KEYS, MADE_BY, schema=DEMO_SCHEMA)
    shown = {(key["name"], key["used"], key["ends"], key["rotated"]) for key in keys}
    assert shown == {
        ("Warehouse", False, None, False),
        ("Finance spreadsheet", True, True, False),
        ("Looker Studio", True, True, True),
        ("Looker Studio", False, None, False),
        ("Singular", True, None, False),
    }
    assert {key["left"].days for key in keys if key["name"] == "Finance spreadsheet"} <= {9, 10}


def pulls() -> list[dict[str, object]]:
    return execute(
        """
        SELECT p.at, p.token, p.starts_at, p.ends_at, p.status, p.rows FROM {s}.request_log p
        JOIN {s}.api_token t ON t.id = p.token WHERE 'singular' = ANY(t.scopes) AND t.name = 'Singular' ORDER BY p.id
        """,
        schema=DEMO_SCHEMA,
    )


@pytest.mark.usefixtures("started")
def test_a_sender_has_stopped_and_records_are_rejected_for_two_reasons(http: httpx.Client) -> None:
    for _ in range(2):
        printed = start()
        client = sign_in(http, printed, "Admin")
        page = Page(client.get("/staff/intake").text)
        states = {row[0].split(" gokart_")[0]: row[1] for row in page.rows("senders")}
        assert (states["Mobile tracker"], states["Postback server"]) == ("Stopped", "Receiving")
        causes = Page(client.get("/staff/intake/rejected").text).rows("causes")
        assert sorted((row[1].split(" gokart_")[0], row[2], row[3]) for row in causes) == [
            ("Postback server", "conversions", "2"),
            ("Postback server", "events", "4"),
        ]


@pytest.mark.usefixtures("started")
def test_singular_requests_exist_and_a_start_keeps_existing_rows() -> None:
    before, keys = pulls(), execute(KEYS.replace(", expires_at - now() AS left", ""), MADE_BY, schema=DEMO_SCHEMA)
    staff = execute("SELECT id, email, role FROM {s}.staff ORDER BY id", schema=DEMO_SCHEMA)
    assert len(before) > 3 * 7 * 2
    assert {pull["status"] for pull in before} >= {200}
    assert all((pull["rows"] is None) == (pull["status"] != 200) for pull in before)
    start()
    assert pulls()[: len(before)] == before
    assert len(pulls()) < len(before) + 20  # where the clock strikes four meanwhile
    assert execute(KEYS.replace(", expires_at - now() AS left", ""), MADE_BY, schema=DEMO_SCHEMA) == keys
    assert execute("SELECT id, email, role FROM {s}.staff ORDER BY id", schema=DEMO_SCHEMA) == staff


@pytest.mark.usefixtures("started")
def test_changes_of_a_start_are_in_the_audit_logs() -> None:
    schemas = "public", DEMO_SCHEMA, "t_acme"
    before = {s: execute("SELECT max(id) FROM {s}.audit_log", schema=s)[0]["max"] for s in schemas}
    start()
    for schema, last in before.items():
        rows = execute("SELECT DISTINCT actor FROM {s}.audit_log WHERE id > $1", last, schema=schema)
        assert [row["actor"] for row in rows] == [operator()]
