"""/team: administrators of an advertiser invite, manage and remove its users, and nobody else does."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
import pytest

from auth.users import team
from auth.users.directory import UserDetails
from auth.users.realms import ADVERTISER
from auth.users.users import User
from core.errors import GokartError
from tests.support.app_calls import run_in_tenant
from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import (
    PASSWORD,
    Browser,
    advertiser_browser,
    audit,
    browser,
    create_advertiser_user,
    session_cookie,
    staff_browser,
)
from tests.support.sandbox import Sandbox

T = TypeVar("T")
ALL = ["cost-report", "singular", "conversions"]


class Cast:
    """An administrator and a colleague of the sandbox's owner."""

    def __init__(self, sandbox: Sandbox, **admin: Any) -> None:
        self.sandbox = sandbox
        self.email = create_advertiser_user(sandbox, admin=True, **admin)
        self.admin = browser(sandbox, cookies=session_cookie(sandbox, ADVERTISER, self.email))
        self.colleague_email = create_advertiser_user(sandbox, name="Colleague")
        self.colleague = browser(sandbox, cookies=session_cookie(sandbox, ADVERTISER, self.colleague_email))
        self.url = f"/team/{user(sandbox, self.colleague_email)['id']}"


@pytest.fixture
def cast(sandbox: Sandbox) -> Cast:
    return Cast(sandbox)


def user(sandbox: Sandbox, email: str) -> dict[str, Any]:
    (row,) = execute("SELECT * FROM {s}.advertiser_login WHERE email = $1", email, schema=sandbox.tenant.schema)
    return dict(row)


def invite(client: Browser, email: str = "new@example.com", **fields: Any) -> Any:
    return client.post("/team/new", data={"email": email, "name": "New", "scopes": ["cost-report"], **fields})


def link_in(html: str) -> str:
    found = re.search(r"http://\S+(/link/[\w-]+)", html)
    assert found, html
    return found[1]


def in_tenant(cast: Cast, work: Callable[[], Awaitable[T]]) -> T:
    return run_in_tenant(cast.sandbox.tenant.slug, work)


def as_administrator(cast: Cast) -> tuple[User, UserDetails]:
    """The administrator, and the colleague as read now."""
    row = user(cast.sandbox, cast.email)
    admin = User(
        ADVERTISER,
        row["id"],
        row["email"],
        row["name"],
        totp=False,
        advertiser=row["advertiser"],
        scopes=frozenset(row["scopes"]),
        admin=True,
    )
    id_ = user(cast.sandbox, cast.colleague_email)["id"]
    colleague = in_tenant(cast, lambda: team.find_colleague(admin, id_))
    assert colleague is not None
    return admin, colleague


def errors(html: str) -> list[str]:
    return [each.attributes["id"].removesuffix("-error") for each in Page(html).all("small", **{"class": "error"})]


def test_an_invited_colleague_chooses_a_password_and_signs_in(cast: Cast) -> None:
    response = invite(cast.admin)
    assert response.status_code == 201
    client = browser(cast.sandbox)
    done = client.post(link_in(response.text), data={"password": PASSWORD, "again": PASSWORD})
    assert done.status_code == 303
    page = Page(client.get("/team").text)
    assert ["New (you) new@example.com", "Cost report", "Active"] in page.rows("team")
    assert user(cast.sandbox, "new@example.com")["advertiser"] == cast.sandbox.owner


def test_the_first_user_that_staff_invite_is_an_administrator(sandbox: Sandbox) -> None:
    staff = staff_browser(sandbox, "manager")
    for n, admin in (1, True), (2, False):
        fields = {"email": f"u{n}@example.com", "name": "U", "scopes": "singular", "advertiser": str(sandbox.owner)}
        assert staff.post("/staff/people/logins/new", data=fields).status_code == 201
        assert user(sandbox, f"u{n}@example.com")["admin"] is admin


def test_staff_make_administrators(sandbox: Sandbox, cast: Cast) -> None:
    staff = staff_browser(sandbox, "manager")
    url = f"/staff/people/logins/{user(sandbox, cast.colleague_email)['id']}/admin"
    assert staff_browser(sandbox, "viewer").post(url, data={"admin": "on"}).status_code == 403
    for admin in "on", "off":
        assert staff.post(url, data={"admin": admin}).status_code == 303
        assert user(sandbox, cast.colleague_email)["admin"] is (admin == "on")
    assert audit(sandbox)[-1]["after"] == '{"admin": false}'


def test_everybody_sees_who_the_administrators_are(cast: Cast) -> None:
    text = Page(cast.colleague.get("/team").text).text
    assert f"({cast.email})" in text
    assert "Invite colleague" not in text
    assert "Manage" not in text


def test_without_an_administrator_the_page_names_the_staff(sandbox: Sandbox) -> None:
    text = Page(advertiser_browser(sandbox).get("/team").text).text
    assert "Your team has no administrator." in text
    assert f"the staff of {sandbox.tenant.name}" in text


POSTS = ["permissions", "active", "link", "sessions", "remove"]


@pytest.mark.parametrize("path", ["/team/new", *POSTS])
def test_only_administrators_manage_the_team(cast: Cast, path: str) -> None:
    url = path if path.startswith("/") else f"/team/{user(cast.sandbox, cast.email)['id']}/{path}"
    before = user(cast.sandbox, cast.email)
    assert cast.colleague.post(url, data={"scopes": "singular", "active": "off"}).status_code == 403
    assert user(cast.sandbox, cast.email) == before
    assert cast.colleague.get("/team/new").status_code == 403
    assert cast.colleague.get(cast.url).status_code == 403


@pytest.mark.parametrize("whose", ["rival", "another tenant"])
def test_users_of_others_are_not_found(cast: Cast, other_sandbox: Sandbox, whose: str) -> None:
    rival = whose == "rival"
    where = cast.sandbox if rival else other_sandbox
    theirs = [create_advertiser_user(where, where.rival if rival else None) for _ in range(3)][-1]
    before = user(where, theirs)
    for path in ["", *(f"/{each}" for each in POSTS)]:
        url = f"/team/{before['id']}{path}"
        response = cast.admin.post(url, data={"scopes": "singular", "active": "off"}) if path else cast.admin.get(url)
        assert response.status_code == 404, path
    assert user(where, theirs) == before
    assert theirs not in cast.admin.get("/team").text


def test_permissions_are_changed_up_to_one_s_own(sandbox: Sandbox) -> None:
    cast = Cast(sandbox, scopes=["cost-report", "conversions"])
    assert cast.admin.post(f"{cast.url}/permissions", data={"scopes": "conversions"}).status_code == 303
    row = user(sandbox, cast.colleague_email)
    assert (sorted(row["scopes"]), row["admin"]) == (["conversions", "singular"], False), "singular is not the admin's"
    assert cast.admin.post(f"{cast.url}/permissions", data={"scopes": "singular"}).status_code == 409
    assert user(sandbox, cast.colleague_email) == row
    assert "Also has Singular" in Page(cast.admin.get(cast.url).text).text
    response = invite(cast.admin, scopes=ALL)
    assert (response.status_code, errors(response.text)) == (400, ["scopes"])
    cast.admin.post(f"{cast.url}/permissions", data={"scopes": "conversions", "admin": "on"})
    assert user(sandbox, cast.colleague_email)["admin"]


def test_a_permission_that_staff_take_at_that_moment_stays_taken(sandbox: Sandbox) -> None:
    cast = Cast(sandbox, scopes=["cost-report"])
    admin, former = as_administrator(cast)
    assert "singular" in former.scopes
    execute(
        "UPDATE {s}.advertiser_login SET scopes = '{cost-report}' WHERE email = $1",
        cast.colleague_email,
        schema=sandbox.tenant.schema,
    )
    in_tenant(cast, lambda: team.set_permissions(admin, former, ["cost-report"], admin=False))
    assert user(sandbox, cast.colleague_email)["scopes"] == ["cost-report"]


def test_a_user_without_permissions_is_refused(cast: Cast) -> None:
    assert cast.admin.post(f"{cast.url}/permissions", data={}).status_code == 409
    assert errors(invite(cast.admin, scopes=[]).text) == ["scopes"]


@pytest.mark.parametrize(
    ("fields", "field"), [({"email": "x"}, "email"), ({"name": ""}, "name"), ({"name": "\u202e\x07"}, "name")]
)
def test_errors_are_shown_at_their_field(cast: Cast, fields: dict[str, str], field: str) -> None:
    response = invite(cast.admin, **fields)
    assert (response.status_code, errors(response.text)) == (400, [field])


def test_an_address_that_has_an_account_is_refused(cast: Cast) -> None:
    assert errors(invite(cast.admin, email=cast.colleague_email).text) == ["email"]


def test_deactivating_ends_the_sessions(cast: Cast) -> None:
    assert cast.colleague.get("/keys").status_code == 200
    assert cast.admin.post(f"{cast.url}/active", data={"active": "off"}).status_code == 303
    assert cast.colleague.get("/keys").status_code == 303
    assert browser(cast.sandbox).sign_in(cast.colleague_email).status_code == 403
    assert cast.admin.post(f"{cast.url}/active", data={"active": "on"}).status_code == 303
    assert browser(cast.sandbox).sign_in(cast.colleague_email).status_code == 303


def deactivate_as_staff(cast: Cast) -> None:
    url = f"/staff/people/logins/{user(cast.sandbox, cast.colleague_email)['id']}/active"
    assert staff_browser(cast.sandbox, "owner").post(url, data={"active": "off"}).status_code == 303


def deactivate_in_the_database(cast: Cast) -> None:
    execute(
        "UPDATE {s}.advertiser_login SET active = false WHERE email = $1",
        cast.colleague_email,
        schema=cast.sandbox.tenant.schema,
    )


@pytest.mark.parametrize("deactivate", [deactivate_as_staff, deactivate_in_the_database])
def test_only_staff_reactivate_a_user_whom_they_deactivated(cast: Cast, deactivate: Callable[[Cast], None]) -> None:
    for active in "off", "on":  # what the team did before has no effect
        cast.admin.post(f"{cast.url}/active", data={"active": active})
    deactivate(cast)
    page = Page(cast.admin.get(cast.url).text)
    assert "Only they can activate or remove it" in page.text
    assert not page.all("form", action=f"{cast.url}/active") + page.all("form", action=f"{cast.url}/remove")
    for path, data in ("active", {"active": "on"}), ("active", {"active": "off"}), ("remove", {}):
        response = cast.admin.post(f"{cast.url}/{path}", data=data)
        assert (response.status_code, "The staff deactivated this account" in response.text) == (409, True)
    assert browser(cast.sandbox).sign_in(cast.colleague_email).status_code == 403
    url = f"/staff/people/logins/{user(cast.sandbox, cast.colleague_email)['id']}/active"
    assert staff_browser(cast.sandbox, "owner").post(url, data={"active": "on"}).status_code == 303
    for active in "off", "on":
        assert cast.admin.post(f"{cast.url}/active", data={"active": active}).status_code == 303
    assert browser(cast.sandbox).sign_in(cast.colleague_email).status_code == 303


def test_removing_ends_the_sessions_and_is_audited(cast: Cast) -> None:
    assert cast.admin.post(f"{cast.url}/remove").headers["location"] == "/team?done=removed"
    assert cast.colleague.get("/keys").status_code == 303
    assert cast.colleague_email not in cast.admin.get("/team").text
    assert cast.admin.get(cast.url).status_code == 404
    removed = next(row for row in audit(cast.sandbox)[::-1] if row["subject"] == "advertiser_login")
    assert (removed["action"], removed["actor"], removed["label"]) == (
        "deleted", f"advertiser:{cast.email}", cast.colleague_email,
    )  # fmt: skip


def test_a_colleague_is_signed_out_everywhere(cast: Cast) -> None:
    assert cast.admin.post(f"{cast.url}/sessions").status_code == 303
    assert cast.colleague.get("/keys").status_code == 303


@pytest.mark.parametrize("path", ["permissions", "active", "link", "remove"])
def test_administrators_do_not_change_themselves(cast: Cast, path: str) -> None:
    url = f"/team/{user(cast.sandbox, cast.email)['id']}"
    before = user(cast.sandbox, cast.email)
    response = cast.admin.post(f"{url}/{path}", data={"scopes": "singular", "active": "off"})
    assert (response.status_code, "Only another administrator can change your account" in response.text) == (409, True)
    assert user(cast.sandbox, cast.email) == before
    assert "This is your own account" in cast.admin.get(url).text


def test_a_former_administrator_changes_nothing(cast: Cast) -> None:
    execute(
        "UPDATE {s}.advertiser_login SET admin = false WHERE email = $1", cast.email, schema=cast.sandbox.tenant.schema
    )
    assert cast.admin.post(f"{cast.url}/remove").status_code == 403
    assert invite(cast.admin).status_code == 403


class TestLinks:
    def test_a_new_link_replaces_the_first(self, cast: Cast) -> None:
        first = link_in(invite(cast.admin).text)
        url = f"/team/{user(cast.sandbox, 'new@example.com')['id']}/link"
        second = link_in(cast.admin.post(url).text)
        assert [browser(cast.sandbox).get(link).status_code for link in (first, second)] == [404, 200]

    def test_no_link_is_made_for_a_user_who_has_joined(self, cast: Cast) -> None:
        """It would let the administrator sign in as the colleague."""
        response = cast.admin.post(f"{cast.url}/link")
        assert (response.status_code, "has accepted the invitation" in response.text) == (409, True)

    def test_no_link_is_made_for_a_user_who_joins_at_that_moment(self, cast: Cast) -> None:
        admin, former = as_administrator(cast)
        former = msgspec.structs.replace(former, joined=False)  # as read before the colleague chose a password
        with pytest.raises(GokartError, match="has accepted the invitation"):
            in_tenant(cast, lambda: team.renew_invitation(admin, former))

    def test_no_link_is_made_for_a_user_with_more_permissions(self, sandbox: Sandbox) -> None:
        cast = Cast(sandbox, scopes=["cost-report"])
        fields = {"email": "more@example.com", "name": "M", "scopes": ALL, "advertiser": str(sandbox.owner)}
        staff_browser(sandbox).post("/staff/people/logins/new", data=fields)
        response = cast.admin.post(f"/team/{user(sandbox, 'more@example.com')['id']}/link")
        assert (response.status_code, "permissions that you do not have" in response.text) == (409, True)

    def test_invitations_are_limited(self, cast: Cast) -> None:
        for _ in range(5):
            invite(cast.admin)
        assert invite(cast.admin).status_code == 429


def test_a_form_of_another_site_is_rejected(cast: Cast, other_sandbox: Sandbox) -> None:
    origin = {"Origin": f"http://app.{other_sandbox.tenant.slug}.localhost"}
    assert cast.admin.post(f"{cast.url}/remove", headers=origin).status_code == 403
    assert user(cast.sandbox, cast.colleague_email)["active"]
