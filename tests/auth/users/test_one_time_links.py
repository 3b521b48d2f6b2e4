"""One-time links: invitations and password resets."""

import asyncio

import pytest

from auth.users.one_time_links import create_link
from auth.users.realms import ADVERTISER, STAFF, Realm
from tests.support.app_calls import run_in_tenant
from tests.support.database import execute
from tests.support.people import (
    PASSWORD,
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


def link_for(sandbox: Sandbox, realm: Realm, email: str, purpose: str = "reset") -> str:
    """Creates a link and returns its path."""
    (row,) = execute(f"SELECT id FROM {{s}}.{realm.table} WHERE email = $1", email, schema=sandbox.tenant.schema)
    token = run_in_tenant(sandbox.tenant.slug, lambda: create_link(realm, row["id"], purpose, "test"))  # type: ignore[arg-type]
    return f"{realm.root}/link/{token}"


@pytest.mark.parametrize("realm", [STAFF, ADVERTISER], ids=["staff", "advertiser"])
class TestEachRealm:
    def test_it_sets_the_password_and_signs_in_once(self, sandbox: Sandbox, realm: Realm) -> None:
        email = create_staff_user(sandbox) if realm is STAFF else create_advertiser_user(sandbox)
        before = browser(sandbox)
        before.sign_in(email, root=realm.root)
        path, client = link_for(sandbox, realm, email), browser(sandbox)
        for _ in range(2):
            assert email in client.get(path).text, "looking at it, as scanners of mail do, does not use it up"
        assert client.post(path, data=CHOSEN).headers["location"] == realm.home
        assert client.get(f"{realm.root}/account").status_code == 200
        assert before.get(f"{realm.root}/account").status_code == 303, "the old sessions are over"
        assert browser(sandbox).sign_in(email, PASSWORD, realm.root).status_code == 403
        assert browser(sandbox).sign_in(email, NEW, realm.root).status_code == 303
        assert browser(sandbox).get(path).status_code == 404
        assert browser(sandbox).post(path, data=CHOSEN).status_code == 404

    def test_a_link_of_another_realm_or_tenant_is_invalid(
        self, sandbox: Sandbox, other_sandbox: Sandbox, realm: Realm
    ) -> None:
        email = create_staff_user(sandbox) if realm is STAFF else create_advertiser_user(sandbox)
        path = link_for(sandbox, realm, email)
        assert browser(other_sandbox).get(path).status_code == 404
        other_root = path.removeprefix("/staff") if realm is STAFF else f"/staff{path}"
        assert browser(sandbox).get(other_root).status_code == 404

    def test_the_change_is_audited_as_the_users_own(self, sandbox: Sandbox, realm: Realm) -> None:
        email = create_staff_user(sandbox) if realm is STAFF else create_advertiser_user(sandbox)
        browser(sandbox).post(link_for(sandbox, realm, email), data=CHOSEN)
        last = audit(sandbox)[-1]
        assert (last["actor"], last["subject"], last["action"]) == (f"{realm.name}:{email}", realm.table, "changed")
        assert str(last["address"]) == "127.0.0.1"
        assert last["after"] == '{"password": "(secret)"}'


def test_a_new_link_revokes_the_previous_one(sandbox: Sandbox) -> None:
    email = create_advertiser_user(sandbox)
    older, newer = link_for(sandbox, ADVERTISER, email), link_for(sandbox, ADVERTISER, email)
    assert browser(sandbox).get(older).status_code == 404
    assert browser(sandbox).get(newer).status_code == 200


def test_only_one_of_several_simultaneous_links_works(sandbox: Sandbox) -> None:
    email = create_advertiser_user(sandbox)
    (row,) = execute("SELECT id FROM {s}.advertiser_login WHERE email = $1", email, schema=sandbox.tenant.schema)

    async def work() -> list[str]:
        return await asyncio.gather(*(create_link(ADVERTISER, row["id"], "reset", "test") for _ in range(8)))

    tokens = run_in_tenant(sandbox.tenant.slug, work)
    assert sorted(browser(sandbox).get(f"/link/{token}").status_code for token in tokens) == [200, *[404] * 7]


@pytest.mark.parametrize("realm", [STAFF, ADVERTISER], ids=["staff", "advertiser"])
def test_changing_the_password_revokes_links(sandbox: Sandbox, realm: Realm) -> None:
    """An attacker may have requested or read an earlier link."""
    client = staff_browser(sandbox) if realm is STAFF else advertiser_browser(sandbox)
    (row,) = execute(f"SELECT email FROM {{s}}.{realm.table}", schema=sandbox.tenant.schema)
    path = link_for(sandbox, realm, row["email"])
    response = client.post(f"{realm.root}/account/password", data=CHOSEN | {"current": PASSWORD})
    assert response.status_code == 303
    assert browser(sandbox).get(path).status_code == 404


def test_a_link_expires(sandbox: Sandbox) -> None:
    path = link_for(sandbox, ADVERTISER, create_advertiser_user(sandbox))
    execute("UPDATE {s}.one_time_link SET expires_at = now()", schema=sandbox.tenant.schema)
    assert browser(sandbox).get(path).status_code == 404
    assert browser(sandbox).post(path, data=CHOSEN).status_code == 404


def test_only_the_digest_of_a_link_is_stored(sandbox: Sandbox) -> None:
    path = link_for(sandbox, ADVERTISER, create_advertiser_user(sandbox))
    assert path.rpartition("/")[2] not in str(execute("SELECT * FROM {s}.one_time_link", schema=sandbox.tenant.schema))


def test_a_rejected_password_does_not_use_up_the_link(sandbox: Sandbox) -> None:
    path = link_for(sandbox, ADVERTISER, create_advertiser_user(sandbox))
    poor = browser(sandbox).post(path, data={"password": "short", "again": "short"})
    assert poor.status_code == 400
    assert "10 to 128 characters" in poor.text
    assert browser(sandbox).post(path, data=CHOSEN).status_code == 303


def test_without_email_a_reset_cannot_be_requested(sandbox: Sandbox) -> None:
    client, email = browser(sandbox), create_advertiser_user(sandbox)
    assert "Ask the staff" in client.get("/forgot").text
    assert client.post("/forgot", data={"email": email}).status_code == 404
