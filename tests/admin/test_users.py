"""The user pages of the admin: inviting users, restoring and revoking their access, and what each role may do."""

import re
from typing import Any

import httpx
import pyotp
import pytest

from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import (
    PASSWORD,
    Browser,
    advertiser_browser,
    audit,
    browser,
    create_advertiser_user,
    create_staff_user,
    staff_browser,
)
from tests.support.sandbox import Sandbox

NEW = "an entirely new one"
CHOSEN = {"password": NEW, "again": NEW}
ROOTS = {"staff": "/staff", "logins": ""}


def invite(client: Browser, kind: str, sandbox: Sandbox, **fields: Any) -> httpx.Response:
    data = {"email": "anna@example.com", "name": "Anna", "role": "viewer"} if kind == "staff" else {
        "email": "anna@example.com", "name": "Anna", "advertiser": str(sandbox.owner), "scopes": ["cost-report"],
    }  # fmt: skip
    return client.post(f"/staff/people/{kind}/new", data=data | fields)


def link(response: httpx.Response) -> str:
    """The path of the link that a page shows."""
    assert response.status_code == 201, response.text
    url = Page(response.text).one("code", id="link").text
    return re.sub(r"^http://app\.[^/]*", "", url)


def id_of(sandbox: Sandbox, email: str) -> int:
    tables = "SELECT id, email FROM {s}.staff UNION ALL SELECT id, email FROM {s}.advertiser_login"
    (row,) = [row for row in execute(tables, schema=sandbox.tenant.schema) if row["email"] == email]
    id_: int = row["id"]
    return id_


def errors(html: str) -> dict[str, str]:
    found = [e for e in Page(html).all("small") if e.attributes.get("id", "").endswith("-error")]
    return {e.attributes["id"].removesuffix("-error"): e.text for e in found}


def a_person(sandbox: Sandbox, kind: str, **columns: Any) -> tuple[str, str]:
    """A new user: the email address, and the path of the user's page."""
    email = (
        create_staff_user(sandbox, "viewer", **columns)
        if kind == "staff"
        else create_advertiser_user(sandbox, **columns)
    )
    return email, f"/staff/people/{kind}/{id_of(sandbox, email)}"


@pytest.fixture
def owner(sandbox: Sandbox) -> Browser:
    return staff_browser(sandbox)


@pytest.fixture(scope="module")
def shared(module_sandbox: Sandbox) -> Browser:
    """An owner at the tenant that the tests of this module share. These tests only read."""
    return staff_browser(module_sandbox)


@pytest.fixture
def manager(sandbox: Sandbox) -> Browser:
    return staff_browser(sandbox, "manager")


@pytest.mark.parametrize("kind", ["staff", "logins"])
class TestInviting:
    def test_the_link_leads_to_a_password_and_in(self, sandbox: Sandbox, owner: Browser, kind: str) -> None:
        response = invite(owner, kind, sandbox)
        assert response.headers["cache-control"] == "no-store"
        somebody = browser(sandbox)
        assert "anna@example.com" in somebody.get(link(response)).text
        assert somebody.post(link(response), data=CHOSEN).status_code == 303
        assert somebody.get(f"{ROOTS[kind]}/account").status_code == 200

    def test_the_link_is_at_this_tenants_host(self, sandbox: Sandbox, owner: Browser, kind: str) -> None:
        url = Page(invite(owner, kind, sandbox).text).one("code", id="link").text
        assert url.startswith(f"http://app.{sandbox.tenant.slug}.localhost{ROOTS[kind]}/link/")

    def test_the_link_is_shown_once(self, sandbox: Sandbox, owner: Browser, kind: str) -> None:
        token = link(invite(owner, kind, sandbox)).rpartition("/")[2]
        assert token not in owner.get("/staff/people").text
        assert token not in str(audit(sandbox))

    def test_inviting_an_existing_user_again_is_reported(self, sandbox: Sandbox, owner: Browser, kind: str) -> None:
        path = link(invite(owner, kind, sandbox))
        again = invite(owner, kind, sandbox, email=" ANNA@example.com ")
        assert again.status_code == 400
        assert errors(again.text) == {"email": "A user with this address already exists."}
        assert browser(sandbox).get(path).status_code == 200

    def test_the_user_is_invited_until_the_link_is_used(self, sandbox: Sandbox, owner: Browser, kind: str) -> None:
        path = link(invite(owner, kind, sandbox))
        assert " Invited " in Page(owner.get("/staff/people").text).text
        execute("UPDATE {s}.one_time_link SET expires_at = now()", schema=sandbox.tenant.schema)
        assert "Invitation expired" in owner.get("/staff/people").text
        new = link(owner.post(f"/staff/people/{kind}/{id_of(sandbox, 'anna@example.com')}/link"))
        assert browser(sandbox).post(path, data=CHOSEN).status_code == 404
        assert browser(sandbox).post(new, data=CHOSEN).status_code == 303
        assert "Invit" not in Page(owner.get("/staff/people").text).text.replace("Invite ", "")

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"email": "nobody"}, "email"),
            ({"email": ""}, "email"),
            ({"email": f"{'x' * 400}@example.com"}, "email"),
            ({"email": "a@example.com\r\nBcc: b@example.com"}, "email"),
            ({"name": ""}, "name"),
            ({"name": "x" * 30_000}, "name"),
            ({"name": "A\nB"}, "name"),
        ],
    )
    def test_invalid_values_are_reported_at_the_field(
        self, module_sandbox: Sandbox, shared: Browser, kind: str, fields: dict[str, str], field: str
    ) -> None:
        response = invite(shared, kind, module_sandbox, **fields)
        assert response.status_code == 400
        assert list(errors(response.text)) == [field]

    def test_unassigned_unicode_characters_do_not_cause_an_error(
        self, sandbox: Sandbox, owner: Browser, kind: str
    ) -> None:
        """Python and PostgreSQL may disagree on the lower case of such a character."""
        assert invite(owner, kind, sandbox, email="\ua7cb@example.com").status_code in {201, 400}

    def test_the_audit_log_records_the_actor(self, sandbox: Sandbox, kind: str) -> None:
        email = create_staff_user(sandbox)
        client = browser(sandbox)
        client.sign_in(email, root="/staff")
        invite(client, kind, sandbox)
        (entry,) = [row for row in audit(sandbox) if row["label"] == "anna@example.com"]
        assert (entry["actor"], entry["action"], str(entry["address"])) == (f"staff:{email}", "created", "127.0.0.1")

    def test_a_name_is_text_whatever_it_looks_like(self, sandbox: Sandbox, owner: Browser, kind: str) -> None:
        name = "<script>alert(1)</script>"
        for html in invite(owner, kind, sandbox, name=name).text, owner.get("/staff/people").text:
            assert "<script>alert" not in html
            assert name in Page(html).text


@pytest.mark.parametrize("role", ["", "admin", "Owner"])
def test_a_role_is_one_of_three(module_sandbox: Sandbox, shared: Browser, role: str) -> None:
    assert list(errors(invite(shared, "staff", module_sandbox, role=role).text)) == ["role"]


@pytest.mark.parametrize("scopes", [[], ["ingest"], ["cost-report", "everything"]])
def test_only_advertiser_scopes_are_accepted(module_sandbox: Sandbox, shared: Browser, scopes: list[str]) -> None:
    assert list(errors(invite(shared, "logins", module_sandbox, scopes=scopes).text)) == ["scopes"]


def test_the_permission_for_conversions_is_offered_but_not_preselected(shared: Browser) -> None:
    page = Page(shared.get("/staff/people/logins/new").text)
    chosen = {e.attributes["value"]: "checked" in e.attributes for e in page.all("input", name="scopes")}
    assert chosen == {"cost-report": True, "singular": True, "conversions": False}


@pytest.mark.parametrize("advertiser", ["", "x", "00000000-0000-4000-8000-000000000000"])
def test_an_advertiser_user_requires_an_advertiser(module_sandbox: Sandbox, shared: Browser, advertiser: str) -> None:
    assert list(errors(invite(shared, "logins", module_sandbox, advertiser=advertiser).text)) == ["advertiser"]


def test_nor_is_it_another_tenants(sandbox: Sandbox, other_sandbox: Sandbox, manager: Browser) -> None:
    assert list(errors(invite(manager, "logins", sandbox, advertiser=str(other_sandbox.owner)).text)) == ["advertiser"]


@pytest.mark.parametrize("kind", ["staff", "logins"])
class TestLookingAfter:
    def test_a_new_link_sets_a_new_password(self, sandbox: Sandbox, owner: Browser, kind: str) -> None:
        email, path = a_person(sandbox, kind)
        assert browser(sandbox).post(link(owner.post(f"{path}/link")), data=CHOSEN).status_code == 303
        assert browser(sandbox).sign_in(email, PASSWORD, ROOTS[kind]).status_code == 403
        assert browser(sandbox).sign_in(email, NEW, ROOTS[kind]).status_code == 303

    def test_sessions_are_ended(self, sandbox: Sandbox, owner: Browser, kind: str) -> None:
        email, path = a_person(sandbox, kind)
        somebody = browser(sandbox)
        somebody.sign_in(email, root=ROOTS[kind])
        assert owner.post(f"{path}/sessions").headers["location"] == f"{path}?done=sessions"
        assert somebody.get(f"{ROOTS[kind]}/account").status_code == 303
        assert owner.get("/staff").status_code == 200

    def test_two_step_sign_in_is_turned_off(self, sandbox: Sandbox, owner: Browser, kind: str) -> None:
        email, path = a_person(sandbox, kind, totp_secret=pyotp.random_base32())
        assert browser(sandbox).sign_in(email, root=ROOTS[kind]).headers["location"] == f"{ROOTS[kind]}/sign-in/code"
        assert owner.post(f"{path}/two-step").status_code == 303
        home = browser(sandbox).sign_in(email, root=ROOTS[kind]).headers["location"]
        assert home == (ROOTS[kind] or "/")

    def test_a_deactivated_user_cannot_sign_in(self, sandbox: Sandbox, owner: Browser, kind: str) -> None:
        email, path = a_person(sandbox, kind)
        somebody = browser(sandbox)
        somebody.sign_in(email, root=ROOTS[kind])
        reset = link(owner.post(f"{path}/link"))
        assert owner.post(f"{path}/active", data={"active": "off"}).status_code == 303
        assert "Deactivated" in owner.get("/staff/people").text
        assert somebody.get(f"{ROOTS[kind]}/account").status_code == 303
        assert browser(sandbox).sign_in(email, root=ROOTS[kind]).status_code == 403
        assert browser(sandbox).get(reset).status_code == 404
        assert owner.post(f"{path}/link").status_code == 409

    def test_reactivation_does_not_restore_ended_sessions(self, sandbox: Sandbox, owner: Browser, kind: str) -> None:
        email, path = a_person(sandbox, kind)
        somebody = browser(sandbox)
        somebody.sign_in(email, root=ROOTS[kind])
        reset = link(owner.post(f"{path}/link"))
        owner.post(f"{path}/active", data={"active": "off"})
        owner.post(f"{path}/active", data={"active": "on"})
        assert somebody.get(f"{ROOTS[kind]}/account").status_code == 303
        assert browser(sandbox).get(reset).status_code == 404
        assert browser(sandbox).sign_in(email, root=ROOTS[kind]).status_code == 303

    def test_actions_are_in_the_audit_log(self, sandbox: Sandbox, kind: str) -> None:
        actor = create_staff_user(sandbox)
        client = browser(sandbox)
        client.sign_in(actor, root="/staff")
        email, path = a_person(sandbox, kind, totp_secret=pyotp.random_base32())
        client.post(f"{path}/two-step")
        client.post(f"{path}/active", data={"active": "off"})
        entries = [row for row in audit(sandbox) if row["label"] == email and row["action"] == "changed"]
        assert {row["actor"] for row in entries} == {f"staff:{actor}"}
        assert "totp_secret" in entries[0]["after"]
        assert entries[1]["after"] == '{"active": false}'

    @pytest.mark.parametrize("act", ["link", "sessions", "two-step", "active", "choice"])
    @pytest.mark.parametrize("person", ["0", "1000000", "2147483648", "9" * 40])
    def test_an_unknown_user_is_404(self, shared: Browser, kind: str, act: str, person: str) -> None:
        choice = "role" if kind == "staff" else "scopes"
        data = {"active": "off", "role": "viewer", "scopes": "singular"}
        path = f"/staff/people/{kind}/{person}"
        assert shared.post(f"{path}/{choice if act == 'choice' else act}", data=data).status_code == 404
        assert shared.get(path).status_code == 404


def test_a_role_is_changed(sandbox: Sandbox, owner: Browser) -> None:
    somebody = staff_browser(sandbox, "viewer", email="v@example.com")
    owner.post(f"/staff/people/staff/{id_of(sandbox, 'v@example.com')}/role", data={"role": "manager"})
    assert somebody.get("/staff/keys/new").status_code == 200


def test_scopes_can_be_changed_and_change_the_visible_pages(sandbox: Sandbox, manager: Browser) -> None:
    somebody = advertiser_browser(sandbox, email="s@example.com", scopes=["cost-report"])
    assert somebody.get("/singular").status_code == 403
    manager.post(f"/staff/people/logins/{id_of(sandbox, 's@example.com')}/scopes", data={"scopes": ["singular"]})
    assert somebody.get("/singular").status_code == 200
    assert somebody.get("/").status_code == 403


class TestTheLastOwner:
    """The last owner cannot be locked out."""

    @pytest.mark.parametrize(("act", "data"), [("role", {"role": "manager"}), ("active", {"active": "off"})])
    def test_stays_one(self, sandbox: Sandbox, act: str, data: dict[str, str]) -> None:
        client = staff_browser(sandbox, email="last@example.com")
        invite(client, "staff", sandbox, role="owner")  # the invitation has not been accepted
        response = client.post(f"/staff/people/staff/{id_of(sandbox, 'last@example.com')}/{act}", data=data)
        assert response.status_code == 409
        assert "There would be no owner left" in response.text
        assert client.get("/staff/settings").status_code == 200

    def test_an_owner_can_be_demoted_once_another_exists(self, sandbox: Sandbox) -> None:
        client, other = staff_browser(sandbox, email="first@example.com"), staff_browser(sandbox)
        path = f"/staff/people/staff/{id_of(sandbox, 'first@example.com')}"
        assert client.post(f"{path}/role", data={"role": "viewer"}).status_code == 303
        assert client.get("/staff/settings").status_code == 403
        assert other.get("/staff/settings").status_code == 200


class TestMorePower:
    """Users cannot gain permissions through another user's account."""

    @pytest.mark.parametrize("act", ["link", "two-step", "sessions", "role", "active"])
    @pytest.mark.parametrize("role", ["owner", "manager", "viewer"])
    def test_a_manager_does_nothing_to_staff(self, sandbox: Sandbox, manager: Browser, act: str, role: str) -> None:
        create_staff_user(sandbox)
        person = id_of(sandbox, create_staff_user(sandbox, role))
        before = execute("SELECT * FROM {s}.staff WHERE id = $1", person, schema=sandbox.tenant.schema)
        data = {"role": "viewer", "active": "off"}
        response = manager.post(f"/staff/people/staff/{person}/{act}", data=data)
        assert response.status_code == 403
        assert "/link/" not in response.text
        assert execute("SELECT * FROM {s}.staff WHERE id = $1", person, schema=sandbox.tenant.schema) == before
        assert execute("SELECT * FROM {s}.one_time_link", schema=sandbox.tenant.schema) == []

    def test_an_advertiser_users_id_is_not_a_staff_id(self, sandbox: Sandbox, manager: Browser) -> None:
        """Both tables have a row with this id; the path decides which one is meant."""
        person, _ = id_of(sandbox, create_staff_user(sandbox)), [create_advertiser_user(sandbox) for _ in range(3)]
        url = link(manager.post(f"/staff/people/logins/{person}/link"))
        assert not url.startswith("/staff")

    def test_a_manager_invites_no_staff(self, sandbox: Sandbox, manager: Browser) -> None:
        assert invite(manager, "staff", sandbox, role="owner").status_code == 403

    def test_a_managers_link_passes_nobodys_second_factor(self, sandbox: Sandbox, manager: Browser) -> None:
        _, path = a_person(sandbox, "logins", totp_secret=pyotp.random_base32())
        somebody = browser(sandbox)
        response = somebody.post(link(manager.post(f"{path}/link")), data=CHOSEN)
        assert response.headers["location"] == "/sign-in/code"
        assert somebody.get("/account").status_code == 303
        assert manager.post(f"{path}/two-step").status_code == 403

    def test_an_advertiser_user_cannot_open_the_admin(self, sandbox: Sandbox) -> None:
        client = advertiser_browser(sandbox)
        assert client.get("/staff/people").headers["location"].startswith("/staff/sign-in")
        assert client.post("/staff/people/staff/new", data={"role": "owner"}).status_code == 303
        assert execute("SELECT * FROM {s}.staff", schema=sandbox.tenant.schema) == []

    def test_unknown_form_fields_are_ignored(self, sandbox: Sandbox, manager: Browser) -> None:
        link(invite(manager, "logins", sandbox, active="off", totp_secret="x", id="7", role="owner"))
        (row,) = execute("SELECT * FROM {s}.advertiser_login", schema=sandbox.tenant.schema)
        assert (row["active"], row["totp_secret"], row["password"]) == (True, None, None)
