"""The commands `gokart staff` and `gokart users`, and the actor that the audit log names for them."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import click
import pyotp
import pytest

from auth.api_keys.format import is_well_formed
from auth.users.realms import PLATFORM
from cli import LazyGroup, main
from settings import settings
from tenants.commands import operator
from tests.support.cli import cli_error, gokart, spawn
from tests.support.database import execute
from tests.support.people import (
    PASSWORD,
    audit,
    browser,
    create_advertiser_user,
    create_staff_user,
    insert_user,
    platform_browser,
)
from tests.support.sandbox import Sandbox, conversion_callback, offer_record


def lines(*command: str) -> dict[str, str]:
    """The lines of the list by email address, with white space collapsed."""
    found = [line.split() for line in gokart(*command).stdout.splitlines()[1:]]
    return {line[0]: " ".join(line[1:]) for line in found}


def link(*command: str) -> str:
    """The path of the link that the command prints."""
    result = gokart(*command)
    assert result.exit_code == 0, result.output
    return "/" + result.stdout.strip().split("/", 3)[3]


def an_email() -> str:
    return f"{uuid4().hex[:12]}@example.com"


# --- staff ---


def test_the_first_owner_of_a_tenant_signs_in_by_the_printed_link(sandbox: Sandbox) -> None:
    slug = sandbox.tenant.slug
    made = spawn("staff", "invite", slug, "--email", "Nora@Example.com", "--name", " Nora Berg ", "--role", "owner")
    assert made.stderr == "For nora@example.com: works once, within 7 days. It is not shown again.\n"
    origin = f"http://app.{slug}.localhost:{settings.port}"
    assert made.stdout.startswith(f"{origin}/staff/link/")
    assert lines("staff", "list", slug) == {"nora@example.com": "Nora Berg owner invited off never"}

    path = made.stdout.strip().removeprefix(origin)
    nora = browser(sandbox)
    assert nora.post(path, data={"password": PASSWORD, "again": PASSWORD}).headers["location"] == "/staff"
    assert "Nora Berg" in nora.get("/staff/account").text
    assert lines("staff", "list", slug)["nora@example.com"].startswith("Nora Berg owner active off 20")


def test_the_first_platform_owner_signs_in_by_the_printed_link(sandbox: Sandbox) -> None:
    email = an_email()
    command = "staff", "invite", "--platform", "--email", email, "--name", "Kim", "--role", "owner"
    printed = gokart(*command).stdout
    origin = f"http://admin.localhost:{settings.port}"
    kim = platform_browser(sandbox)
    response = kim.post(printed.strip().removeprefix(origin), data={"password": PASSWORD, "again": PASSWORD})
    assert response.headers["location"] == "/"
    assert kim.get("/staff").status_code == 200
    assert lines("staff", "list", "--platform")[email].startswith("Kim owner active off 20")
    assert email not in lines("staff", "list", sandbox.tenant.slug)


def test_a_user_without_a_password_gets_a_new_link(sandbox: Sandbox) -> None:
    slug, email = sandbox.tenant.slug, create_staff_user(sandbox, totp_secret=pyotp.random_base32())
    first = link("staff", "link", slug, "--email", email)
    second = link("staff", "link", slug, "--email", email.upper(), "--no-second-factor")
    client = browser(sandbox)
    assert client.get(first).status_code == 404
    assert client.post(second, data={"password": "another password", "again": "another password"}).status_code == 303
    assert client.get("/staff/account").status_code == 200
    assert " owner active off " in lines("staff", "list", slug)[email]


def test_a_new_link_keeps_two_factor_authentication_by_default(sandbox: Sandbox) -> None:
    slug, email = sandbox.tenant.slug, create_staff_user(sandbox, totp_secret=pyotp.random_base32())
    path = link("staff", "link", slug, "--email", email)
    response = browser(sandbox).post(path, data={"password": "another password", "again": "another password"})
    assert response.headers["location"] == "/staff/sign-in/code"


def test_it_changes_a_role_and_deactivates_a_user(sandbox: Sandbox) -> None:
    slug, email = sandbox.tenant.slug, create_staff_user(sandbox, "viewer")
    create_staff_user(sandbox, "owner")
    client = browser(sandbox)
    client.sign_in(email, root="/staff")
    command = "staff", "set", slug, "--email", email
    assert gokart(*command, "--role", "manager").stdout == "Changed.\n"
    assert " manager active " in lines("staff", "list", slug)[email]
    assert gokart(*command, "--inactive").stdout == "Changed.\n"
    assert " manager deactivated " in lines("staff", "list", slug)[email]
    assert client.get("/staff/account").status_code == 303
    assert client.sign_in(email, root="/staff").status_code == 403
    gokart(*command, "--active")
    assert client.sign_in(email, root="/staff").status_code == 303


def test_the_last_owner_cannot_be_removed(sandbox: Sandbox) -> None:
    email = create_staff_user(sandbox, "owner")
    for change in ["--inactive"], ["--role", "viewer"]:
        error = cli_error("staff", "set", sandbox.tenant.slug, "--email", email, *change)
        assert "There would be no owner left" in error


# --- advertiser users ---


def test_an_advertiser_user_signs_in_by_the_printed_link(sandbox: Sandbox) -> None:
    slug, owner = sandbox.tenant.slug, str(sandbox.owner)
    command = "users", "invite", slug, "--advertiser", owner, "--email", "anna@example.com", "--name", "Anna"
    first = link(*command, "--scope", "cost-report")
    assert lines("users", "list", slug) == {"anna@example.com": "Anna Owner cost-report yes invited off never"}
    second = link("users", "link", slug, "--email", "anna@example.com")
    anna = browser(sandbox)
    assert anna.get(first).status_code == 404
    assert anna.post(second, data={"password": PASSWORD, "again": PASSWORD}).headers["location"] == "/"
    assert "anna@example.com" in anna.get("/account").text


def test_conversions_is_not_a_default_scope(sandbox: Sandbox) -> None:
    slug = sandbox.tenant.slug
    link("users", "invite", slug, "--advertiser", str(sandbox.rival), "--email", "r@example.com", "--name", "R")
    command = "users", "invite", slug, "--advertiser", str(sandbox.rival), "--email", "s@example.com", "--name", "S"
    link(*command, "--scope", "conversions")
    assert lines("users", "list", slug) == {
        "r@example.com": "R Rival cost-report, singular yes invited off never",
        "s@example.com": "S Rival conversions no invited off never",
    }


def test_a_user_is_made_an_administrator_and_an_ordinary_user(sandbox: Sandbox) -> None:
    slug, owner = sandbox.tenant.slug, str(sandbox.owner)

    def administrators() -> list[str]:
        return [email for email, line in lines("users", "list", slug).items() if " yes " in line]

    for email, options in ("a@example.com", ["--no-admin"]), ("b@example.com", ["--admin"]), ("c@example.com", []):
        link("users", "invite", slug, "--advertiser", owner, "--email", email, "--name", "X", *options)
    assert administrators() == ["b@example.com"]
    for email, option in ("b@example.com", "--no-admin"), ("c@example.com", "--admin"):
        assert gokart("users", "set", slug, "--email", email, option).stdout == "Changed.\n"
    assert administrators() == ["c@example.com"]


def test_a_list_contains_the_users_of_one_tenant(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    mine, theirs = create_advertiser_user(sandbox), create_advertiser_user(other_sandbox)
    assert set(lines("users", "list", sandbox.tenant.slug)) == {mine}
    assert set(lines("users", "list", other_sandbox.tenant.slug)) == {theirs}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["staff", "list"], "Give either TENANT or --platform."),
        (["staff", "list", "{}", "--platform"], "Give either TENANT or --platform."),
        (["staff", "list", "nobody"], "There is no tenant 'nobody'."),
        (
            ["staff", "invite", "{}", "--email", "x", "--name", "X", "--role", "owner"],
            "“x” is not a valid email address",
        ),
        (
            ["staff", "invite", "{}", "--email", "x@y.z", "--name", " ", "--role", "owner"],
            "Enter a name of 1 to 200",
        ),
        (["staff", "invite", "{}", "--email", "x@y.z", "--name", "X", "--role", "king"], "'king' is not one of"),
        (
            ["staff", "invite", "{}", "--email", "{there}", "--name", "X", "--role", "owner"],
            "A user with this address already exists.",
        ),
        (["staff", "link", "{}", "--email", "x@y.z"], "No user has the address “x@y.z”."),
        (["staff", "set", "{}", "--email", "{there}"], "Give --role, --active or --inactive."),
        (["staff", "set", "{}", "--email", "x@y.z", "--active"], "No user has the address “x@y.z”."),
        (["users", "invite", "{}", "--advertiser", "7", "--email", "x@y.z", "--name", "X"], "is not a valid UUID"),
        (["users", "link", "{}", "--email", "{there}"], "No user has the address"),
        (["users", "set", "{}", "--email", "{there}"], "Missing option '--admin'"),
        (["users", "set", "{}", "--email", "{there}", "--admin"], "No user has the address"),
    ],
)
def test_invalid_arguments_print_one_line(module_sandbox: Sandbox, arguments: list[str], says: str) -> None:
    there = create_staff_user(module_sandbox)
    assert says in cli_error(
        *(text.replace("{}", module_sandbox.tenant.slug).replace("{there}", there) for text in arguments)
    )


def test_an_advertiser_of_another_tenant_is_rejected(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    command = "users", "invite", sandbox.tenant.slug, "--advertiser", str(other_sandbox.owner)
    assert "The advertiser does not exist." in cli_error(*command, "--email", "x@y.z", "--name", "X")


# --- the audit log ---


READING = {
    "serve", "staff list", "users list", "api-keys list", "advertisers list", "tenants list", "prune", "migrate",
    "demo", "nodes", "jobs", "tenants move", "tenants restore", "backup", "restore", "audit export",
}  # fmt: skip


def leaves(command: click.Command, path: str = "") -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield path
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found
        yield from leaves(found, f"{path} {name}".strip())


def test_changes_are_audited_with_the_operators_name(sandbox: Sandbox, tmp_path: Path) -> None:
    """Covers every command that changes audited tables, except `demo`, which has a test of its own."""
    assert isinstance(main, LazyGroup)
    slug, owner, someone, email = f"{sandbox.tenant.slug}-x", str(uuid4()), an_email(), an_email()
    file = tmp_path / "conversions.json"
    offer = offer_record(sandbox)
    file.write_text(json.dumps(conversion_callback(sandbox, offer["id"]) | {"conversion": {
        **conversion_callback(sandbox, offer["id"])["conversion"], "offerAdvertiserId": str(uuid4())}}))  # fmt: skip
    noted = len(audit())
    ran = set()

    def do(command: str, *arguments: str) -> str:
        result = gokart(*command.split(), *arguments)
        assert result.exit_code == 0, result.output
        ran.add(command)
        return result.stdout.strip()

    do("tenants create", slug, "--name", "X")
    do("tenants rename", slug, "--name", "Y")
    do("tenants limit", slug, "--rate", "5")
    do("tenants suspend", slug)
    do("tenants resume", slug)
    do("advertisers create", slug, "--name", "X", "--id", owner)
    do("advertisers set", slug, owner, "--singular")
    assert is_well_formed(do("api-keys create", slug, "--advertiser", owner, "--name", "X"))
    do("api-keys rotate", slug, "1")
    do("api-keys limit", slug, "1", "--rate", "5")
    do("api-keys revoke", slug, "1")
    do("staff invite", slug, "--email", someone, "--name", "X", "--role", "owner")
    do("staff link", slug, "--email", someone, "--no-second-factor")
    do("staff set", slug, "--email", someone, "--role", "viewer")
    do("staff invite", "--platform", "--email", email, "--name", "X", "--role", "viewer")
    do("staff set", "--platform", "--email", email, "--inactive")
    do("users invite", slug, "--advertiser", owner, "--email", someone, "--name", "X")
    do("users set", slug, "--email", someone, "--no-admin")
    do("users link", slug, "--email", someone, "--no-second-factor")
    do("import", slug, "conversions", str(file))
    do("erase", slug, "--email", someone, "--yes")
    rows = execute("SELECT actor, subject FROM {s}.audit_log ORDER BY id", schema=f"t_{slug.replace('-', '_')}")
    do("tenants delete", slug, "--yes", "--no-dump")

    imported = {row["subject"] for row in rows if row["actor"] == "intake:files"}
    by_hand = [row for row in rows if row["actor"] != "intake:files"]
    assert imported == {"advertiser", "offer"}
    people = {"staff", "advertiser_login", "one_time_link", "audit_log"}
    assert {row["subject"] for row in by_hand} == {"partner", "advertiser", "api_token", "tenant"} | people
    assert {row["actor"] for row in by_hand} == {operator()}
    public = audit()[noted:]
    assert {row["actor"] for row in public} == {operator()}
    assert [(row["subject"], row["action"]) for row in public if row["subject"] == "tenant"] == [
        ("tenant", "created"), ("tenant", "changed"), ("tenant", "changed"), ("tenant", "changed"),
        ("tenant", "changed"), ("tenant", "changed"), ("tenant", "deleted"),
    ]  # fmt: skip
    assert ran | READING == set(leaves(main))


def test_links_record_their_creator(sandbox: Sandbox) -> None:
    email = create_staff_user(sandbox)
    gokart("staff", "link", sandbox.tenant.slug, "--email", email)
    (row,) = execute("SELECT purpose, created_by FROM {s}.one_time_link", schema=sandbox.tenant.schema)
    assert row == {"purpose": "reset", "created_by": operator()}


def test_control_characters_in_names_are_not_printed(sandbox: Sandbox) -> None:
    email = insert_user(None, PLATFORM, role="viewer", name="[/x] [bold]A")
    assert lines("staff", "list", "--platform")[email].startswith("[/x] [bold]A viewer active")
    assert email not in lines("staff", "list", sandbox.tenant.slug)
