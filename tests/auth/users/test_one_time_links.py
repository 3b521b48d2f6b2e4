"""One-time links: invitations and new passwords."""

import asyncio

import pytest

from auth.users.one_time_links import make_link
from auth.users.realms import ADVERTISER, STAFF, Realm
from tests.people import PASSWORD, advertiser_browser, audit, browser, make_login, make_staff, staff_browser
from tests.places import Place
from tests.running import run_at
from tests.tenants.database import execute

NEW = "an entirely new one"
CHOSEN = {"password": NEW, "again": NEW}


def link_for(place: Place, realm: Realm, email: str, purpose: str = "reset") -> str:
    """The path of a new link."""
    (row,) = execute(f"SELECT id FROM {{s}}.{realm.people} WHERE email = $1", email, schema=place.tenant.schema)
    token = run_at(place.tenant.slug, lambda: make_link(realm, row["id"], purpose, "test"))  # type: ignore[arg-type]
    return f"{realm.root}/link/{token}"


@pytest.mark.parametrize("realm", [STAFF, ADVERTISER], ids=["staff", "advertiser"])
class TestEachRealm:
    def test_it_sets_the_password_and_signs_in_once(self, place: Place, realm: Realm) -> None:
        email = make_staff(place) if realm is STAFF else make_login(place)
        before = browser(place)
        before.sign_in(email, root=realm.root)
        path, client = link_for(place, realm, email), browser(place)
        for _ in range(2):
            assert email in client.get(path).text, "looking at it, as scanners of mail do, does not use it up"
        assert client.post(path, data=CHOSEN).headers["location"] == realm.home
        assert client.get(f"{realm.root}/account").status_code == 200
        assert before.get(f"{realm.root}/account").status_code == 303, "the old sessions are over"
        assert browser(place).sign_in(email, PASSWORD, realm.root).status_code == 403
        assert browser(place).sign_in(email, NEW, realm.root).status_code == 303
        assert browser(place).get(path).status_code == 404
        assert browser(place).post(path, data=CHOSEN).status_code == 404

    def test_a_link_of_another_realm_or_tenant_is_none(self, place: Place, other_place: Place, realm: Realm) -> None:
        email = make_staff(place) if realm is STAFF else make_login(place)
        path = link_for(place, realm, email)
        assert browser(other_place).get(path).status_code == 404
        other_root = path.removeprefix("/staff") if realm is STAFF else f"/staff{path}"
        assert browser(place).get(other_root).status_code == 404

    def test_the_change_is_noted_as_the_persons_own(self, place: Place, realm: Realm) -> None:
        email = make_staff(place) if realm is STAFF else make_login(place)
        browser(place).post(link_for(place, realm, email), data=CHOSEN)
        last = audit(place)[-1]
        assert (last["actor"], last["subject"], last["action"]) == (f"{realm.name}:{email}", realm.people, "changed")
        assert str(last["address"]) == "127.0.0.1"
        assert last["after"] == '{"password": "(secret)"}'


def test_a_newer_link_ends_the_older_one(place: Place) -> None:
    email = make_login(place)
    older, newer = link_for(place, ADVERTISER, email), link_for(place, ADVERTISER, email)
    assert browser(place).get(older).status_code == 404
    assert browser(place).get(newer).status_code == 200


def test_of_links_made_at_once_one_works(place: Place) -> None:
    email = make_login(place)
    (row,) = execute("SELECT id FROM {s}.advertiser_login WHERE email = $1", email, schema=place.tenant.schema)

    async def work() -> list[str]:
        return await asyncio.gather(*(make_link(ADVERTISER, row["id"], "reset", "test") for _ in range(8)))

    tokens = run_at(place.tenant.slug, work)
    assert sorted(browser(place).get(f"/link/{token}").status_code for token in tokens) == [200, *[404] * 7]


@pytest.mark.parametrize("realm", [STAFF, ADVERTISER], ids=["staff", "advertiser"])
def test_a_new_password_ends_a_link_that_was_asked_for(place: Place, realm: Realm) -> None:
    """Somebody else may have asked for it, or read it."""
    client = staff_browser(place) if realm is STAFF else advertiser_browser(place)
    (row,) = execute(f"SELECT email FROM {{s}}.{realm.people}", schema=place.tenant.schema)
    path = link_for(place, realm, row["email"])
    answer = client.post(f"{realm.root}/account/password", data=CHOSEN | {"current": PASSWORD})
    assert answer.status_code == 303
    assert browser(place).get(path).status_code == 404


def test_a_link_runs_out(place: Place) -> None:
    path = link_for(place, ADVERTISER, make_login(place))
    execute("UPDATE {s}.one_time_link SET expires_at = now()", schema=place.tenant.schema)
    assert browser(place).get(path).status_code == 404
    assert browser(place).post(path, data=CHOSEN).status_code == 404


def test_only_the_digest_of_a_link_is_stored(place: Place) -> None:
    path = link_for(place, ADVERTISER, make_login(place))
    assert path.rpartition("/")[2] not in str(execute("SELECT * FROM {s}.one_time_link", schema=place.tenant.schema))


def test_a_poor_password_leaves_the_link_alone(place: Place) -> None:
    path = link_for(place, ADVERTISER, make_login(place))
    poor = browser(place).post(path, data={"password": "short", "again": "short"})
    assert poor.status_code == 400
    assert "10 to 128 characters" in poor.text
    assert browser(place).post(path, data=CHOSEN).status_code == 303


def test_without_mail_nobody_can_ask_for_a_link(place: Place) -> None:
    client, email = browser(place), make_login(place)
    assert "Ask the staff" in client.get("/forgot").text
    assert client.post("/forgot", data={"email": email}).status_code == 404
