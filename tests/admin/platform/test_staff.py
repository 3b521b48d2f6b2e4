"""Platform staff: owners manage them, and each role has its permissions."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyotp
import pytest
from litestar.routes import HTTPRoute

from page_sites import PLATFORM_ADMIN
from tests.auth.users.test_login import turn_on
from tests.support.database import execute
from tests.support.people import (
    PASSWORD,
    Browser,
    audit,
    browser,
    create_platform_staff,
    create_staff_user,
    platform_browser,
)
from tests.support.platform_pages import link_in, main_text, signed_in
from tests.support.sandbox import Sandbox
from tests.support.servers import running_server


class Route(NamedTuple):
    method: str
    path: str
    least: str


def routes() -> Iterator[Route]:
    """The routes of this package, with ids that do not exist. All roles may use routes that are not listed here."""
    for route in PLATFORM_ADMIN.routes:
        assert isinstance(route, HTTPRoute)
        for handler in route.route_handlers:
            if not handler.fn.__module__.startswith(("admin.platform.", "auth.users.pages")):
                continue
            path = re.sub(r"\{\w+:int\}", "2000000000", re.sub(r"\{\w+:str\}", "nobody", route.path))
            for method in sorted(handler.http_methods - {"OPTIONS"}):
                least = "owner" if path.startswith("/staff") else "viewer" if method == "GET" else "manager"
                yield Route(method, path, "manager" if path == "/new" else least)


ROUTES = sorted(routes())
RANKS = ["viewer", "manager", "owner"]


def test_there_are_routes() -> None:
    assert {route.path for route in ROUTES} >= {
        "/",
        "/new",
        "/tenants/nobody/suspend",
        "/staff/2000000000/role",
    }


@pytest.fixture(scope="module")
def sandbox(module_sandbox: Sandbox) -> Sandbox:
    """The sandbox whose connections the tests use."""
    return module_sandbox


@pytest.mark.parametrize("role", RANKS)
def test_each_role_is_limited_to_its_permissions(sandbox: Sandbox, role: str) -> None:
    staff = signed_in(sandbox, role)
    noted = len(audit())
    for method, path, least in ROUTES:
        refused = staff.request(method, path).status_code == 403
        assert refused == (RANKS.index(role) < RANKS.index(least)), (method, path)
    assert len(audit()) == noted


def test_pages_require_signing_in(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    """Staff of a tenant are rejected too: their cookie has another name and another host."""
    outsider = platform_browser(sandbox)
    staff = browser(other_sandbox)
    staff.sign_in(create_staff_user(other_sandbox), root="/staff")
    cookies = {name.replace("staff", "platform"): value for name, value in staff.cookies.items()}
    for client in outsider, platform_browser(sandbox, cookies=cookies):
        for method, path, _ in ROUTES:
            response = client.request(method, path)
            assert response.status_code == 303, (method, path)
            assert response.headers["location"].startswith("/sign-in")


def test_a_form_of_another_site_does_nothing(sandbox: Sandbox) -> None:
    owner = signed_in(sandbox, "owner")
    for origin in f"http://app.{sandbox.tenant.slug}.localhost", "http://localhost", "null":
        for method, path, _ in ROUTES:
            if method != "GET":
                assert owner.request(method, path, headers={"Origin": origin}).status_code == 403


def invite(sandbox: Sandbox, role: str, name: str = "Kim Lund") -> tuple[str, str, str]:
    """An owner invites a user. Returns the email address, the path of the link, and the path of the user's page."""
    owner, email = signed_in(sandbox, "owner"), f"k{sandbox.tenant.slug}@gokart.example"
    made = owner.post("/staff/new", data={"email": f" {email.upper()}", "name": name, "role": role})
    link = link_in(made)
    assert link.startswith("http://admin.localhost/link/")
    (row,) = execute("SELECT id FROM staff WHERE email = $1", email)
    return email, link.removeprefix("http://admin.localhost"), f"/staff/{row['id']}"


def test_a_colleague_is_invited_and_signs_in(sandbox: Sandbox) -> None:
    email, link, page = invite(sandbox, "viewer")
    owner = signed_in(sandbox, "owner")
    assert f"Kim Lund {email} Status Invited" in main_text(owner.get(page))
    assert f"Kim Lund {email} Viewer Invited expires" in main_text(owner.get("/staff"))
    kim = platform_browser(sandbox)
    assert kim.post(link, data={"password": PASSWORD, "again": PASSWORD}).headers["location"] == "/"
    assert "Tenants" in main_text(kim.get("/"))
    assert "Status Active" in main_text(owner.get(page))
    row = next(row for row in audit() if row["label"] == email)
    assert row["action"] == "created"
    assert row["actor"].startswith("platform:")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"email": "kim"}, "is not a valid email address"),
        ({"name": " "}, "Enter a name of 1 to 200 characters."),
        ({"role": "emperor"}, "owner, manager, viewer"),
        ({"role": ""}, "owner, manager, viewer"),
    ],
)
def test_an_invalid_invitation_is_reported_and_sends_nothing(
    sandbox: Sandbox, change: dict[str, str], says: str
) -> None:
    owner = signed_in(sandbox, "owner")
    before = execute("SELECT count(*) FROM staff")
    response = owner.post("/staff/new", data={"email": "x@example.com", "name": "X", "role": "viewer"} | change)
    assert response.status_code == 400
    assert says in main_text(response)
    assert execute("SELECT count(*) FROM staff") == before


def test_a_role_is_changed_at_once(sandbox: Sandbox) -> None:
    owner, email = signed_in(sandbox, "owner"), create_platform_staff("viewer")
    client = platform_browser(sandbox)
    client.sign_in(email)
    (row,) = execute("SELECT id FROM staff WHERE email = $1", email)
    assert client.get("/new").status_code == 403
    assert owner.post(f"/staff/{row['id']}/role", data={"role": "manager"}).status_code == 303
    assert client.get("/new").status_code == 200
    assert client.post(f"/staff/{row['id']}/role", data={"role": "owner"}).status_code == 403


def test_deactivation_ends_access_immediately_and_permanently(sandbox: Sandbox) -> None:
    owner, email = signed_in(sandbox, "owner"), create_platform_staff("manager")
    client = platform_browser(sandbox)
    client.sign_in(email)
    (row,) = execute("SELECT id FROM staff WHERE email = $1", email)
    link = link_in(owner.post(f"/staff/{row['id']}/link"))
    assert owner.post(f"/staff/{row['id']}/active", data={"active": "off"}).status_code == 303
    assert client.get("/").status_code == 303
    assert client.sign_in(email).status_code == 403
    assert client.get(link.removeprefix("http://admin.localhost")).status_code == 404
    assert "This user is not active." in main_text(owner.post(f"/staff/{row['id']}/link"))
    owner.post(f"/staff/{row['id']}/active", data={"active": "on"})
    assert client.get("/").status_code == 303  # the earlier session stays invalid
    assert client.sign_in(email).status_code == 303


def test_a_lost_second_factor_can_be_turned_off(sandbox: Sandbox) -> None:
    owner = signed_in(sandbox, "owner")
    email = create_platform_staff("viewer", totp_secret=pyotp.random_base32())
    client = platform_browser(sandbox)
    assert client.sign_in(email).headers["location"].startswith("/sign-in/code")
    (row,) = execute("SELECT id FROM staff WHERE email = $1", email)
    assert "Two-factor authentication On" in main_text(owner.get(f"/staff/{row['id']}"))
    owner.post(f"/staff/{row['id']}/two-step")
    assert client.sign_in(email).headers["location"] == "/"


@pytest.fixture
def last_owner() -> Iterator[str]:
    """The last active owner. All other owners are deactivated during the test."""
    email = create_platform_staff("owner")
    others = execute(
        "UPDATE staff SET active = false WHERE role = 'owner' AND active AND email <> $1 RETURNING id", email
    )
    yield email
    execute("UPDATE staff SET active = true WHERE id = ANY($1::int[])", [row["id"] for row in others])


def test_the_last_owner_is_not_lost(sandbox: Sandbox, last_owner: str) -> None:
    owner = platform_browser(sandbox)
    owner.sign_in(last_owner)
    (row,) = execute("SELECT id FROM staff WHERE email = $1", last_owner)
    invited = create_platform_staff("owner")
    execute("UPDATE staff SET password = NULL WHERE email = $1", invited)  # an invited owner does not count
    for path, form in ("active", {"active": "off"}), ("role", {"role": "viewer"}):
        response = owner.post(f"/staff/{row['id']}/{path}", data=form)
        assert response.status_code == 409
        assert "There would be no owner left" in main_text(response)
    execute("UPDATE staff SET password = 'x' WHERE email = $1", invited)
    assert owner.post(f"/staff/{row['id']}/role", data={"role": "viewer"}).headers["location"] == "/"
    assert owner.get("/").status_code == 200
    assert owner.get("/staff").status_code == 403


def test_platform_staff_can_be_required_to_use_two_factor_authentication(tmp_path: Path) -> None:
    with (
        running_server(tmp_path, GOKART_PLATFORM_TOTP_REQUIRED="true") as server,
        server.client() as http,
    ):
        client = Browser(http, "admin.localhost")
        client.sign_in(create_platform_staff("owner"))
        assert client.get("/").headers["location"] == "/account/two-step"
        assert "GoKart requires two-factor authentication for its staff." in client.get("/account/two-step").text
        turn_on(client)
        assert client.get("/").status_code == 200
