"""The portal's API keys: rotated and revoked by an advertiser's people, and by nobody else."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.api_key_forms import errors, keys, make, make_one, rotation, set_key, shown
from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import Browser, advertiser_browser, audit, browser, create_advertiser_user
from tests.support.sandbox import CSV, JSON, MAY, Sandbox
from tests.support.wait import wait_for_value


@pytest.fixture
def client(sandbox: Sandbox) -> Browser:
    """A person of the owner's."""
    return advertiser_browser(sandbox)


@pytest.fixture(scope="module")
def shared(module_sandbox: Sandbox) -> Browser:
    """The same at the tenant that the tests of this module share."""
    return advertiser_browser(module_sandbox)


class TestRotating:
    def test_both_keys_work_meanwhile(self, sandbox: Sandbox, client: Browser) -> None:
        key, old = make_one(client, sandbox)
        answer = client.post(f"/keys/{key}/rotate", data=rotation())
        assert answer.status_code == 201
        new = shown(answer.text)
        assert new != old
        assert {sandbox.get(JSON, token=token, **MAY).status_code for token in (old, new)} == {200}
        first, second = keys(sandbox, "Nightly")
        assert second["replaces"] == first["id"]
        assert first["expires_at"] - second["created_at"] == pytest.approx(timedelta(days=7), abs=timedelta(seconds=5))

    @pytest.mark.parametrize("scope", ["cost-report", "singular"])
    def test_singular_is_spoken_of_where_the_key_is_for_it(self, sandbox: Sandbox, client: Browser, scope: str) -> None:
        key, _ = make_one(client, sandbox, scopes=[scope])
        told = Page(client.post(f"/keys/{key}/rotate", data=rotation()).text).text
        assert "The old key works until" in told
        assert ("In Singular: open the data connector" in told) is (scope == "singular")

    def test_with_no_grace_the_old_one_stops_at_once(self, sandbox: Sandbox, client: Browser) -> None:
        key, old = make_one(client, sandbox)
        answer = client.post(f"/keys/{key}/rotate", data=rotation("0"))
        assert "The old key has stopped" in answer.text
        assert wait_for_value(lambda: sandbox.get(JSON, token=old, **MAY).status_code, 401)
        assert sandbox.get(JSON, token=shown(answer.text), **MAY).status_code == 200

    @pytest.mark.parametrize(("grace", "hours"), [("24", 24), ("720", 720)])
    def test_the_grace_is_the_one_chosen(self, sandbox: Sandbox, client: Browser, grace: str, hours: int) -> None:
        key, _ = make_one(client, sandbox)
        client.post(f"/keys/{key}/rotate", data=rotation(grace))
        first, second = keys(sandbox, "Nightly")
        lives = first["expires_at"] - second["created_at"]
        assert lives == pytest.approx(timedelta(hours=hours), abs=timedelta(seconds=5))

    def test_a_key_about_to_end_gets_a_successor_that_does_not(self, sandbox: Sandbox, client: Browser) -> None:
        key, _ = make_one(client, sandbox)
        set_key(sandbox, "Nightly", "expires_at = now() + interval '2 days'")
        client.post(f"/keys/{key}/rotate", data=rotation("720", "never"))
        first, second = keys(sandbox, "Nightly")
        assert second["expires_at"] is None
        assert first["expires_at"] < datetime.now(UTC) + timedelta(days=3)

    def test_sent_again_it_makes_no_third_key_and_says_so(self, sandbox: Sandbox, client: Browser) -> None:
        key, _ = make_one(client, sandbox)
        successor = shown(client.post(f"/keys/{key}/rotate", data=rotation()).text)
        again = client.post(f"/keys/{key}/rotate", data=rotation())
        assert again.status_code == 409
        assert f"replaced already, by {successor[:11]}…{successor[-4:]}" in Page(again.text).text
        assert len(keys(sandbox, "Nightly")) == 2

    @pytest.mark.parametrize("assignment", ["revoked_at = now()", "expires_at = now() - interval '1 second'"])
    def test_a_key_that_does_not_work_is_not_rotated(self, sandbox: Sandbox, client: Browser, assignment: str) -> None:
        key, _ = make_one(client, sandbox)
        set_key(sandbox, "Nightly", assignment)
        answer = client.post(f"/keys/{key}/rotate", data=rotation())
        assert answer.status_code == 409
        assert "does not work any longer" in answer.text
        assert client.get(f"/keys/{key}/rotate").status_code == 409

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"grace": "1"}, "grace"),
            ({"grace": ""}, "grace"),
            ({"grace": "9" * 30}, "grace"),
            ({"expiry": "x"}, "expiry"),
        ],
    )
    def test_what_makes_no_sense_is_said_at_the_field(
        self, sandbox: Sandbox, client: Browser, fields: dict[str, str], field: str
    ) -> None:
        key, _ = make_one(client, sandbox)
        answer = client.post(f"/keys/{key}/rotate", data=rotation(**fields))
        assert answer.status_code == 400
        assert list(errors(answer.text)) == [field]
        assert len(keys(sandbox, "Nightly")) == 1

    def test_it_is_noted_of_both_keys(self, sandbox: Sandbox) -> None:
        client = browser(sandbox)
        email = create_advertiser_user(sandbox)
        client.sign_in(email)
        key, _ = make_one(client, sandbox)
        seen = len(audit(sandbox))
        client.post(f"/keys/{key}/rotate", data=rotation())
        entries = [row for row in audit(sandbox)[seen:] if row["subject"] == "api_token"]
        assert {(row["action"], row["actor"]) for row in entries} == {
            ("created", f"advertiser:{email}"),
            ("changed", f"advertiser:{email}"),
        }


class TestRevoking:
    def test_it_is_asked_for_first(self, sandbox: Sandbox, client: Browser) -> None:
        key, token = make_one(client, sandbox)
        page = client.get(f"/keys/{key}/revoke")
        assert page.status_code == 200
        assert "It stops at once, for ever." in page.text
        assert sandbox.get(JSON, token=token, **MAY).status_code == 200

    def test_then_it_is_dead(self, sandbox: Sandbox, client: Browser) -> None:
        key, token = make_one(client, sandbox)
        answer = client.post(f"/keys/{key}/revoke")
        assert (answer.status_code, answer.headers["location"]) == (303, "/keys?done=revoked")
        assert wait_for_value(lambda: sandbox.get(CSV, token=token, **MAY).status_code, 401)
        page = client.get(answer.headers["location"])
        assert "The key is revoked" in page.text
        assert "Past keys" in page.text
        assert client.post(f"/keys/{key}/revoke").status_code == 303

    def test_it_is_noted_who_did_it(self, sandbox: Sandbox) -> None:
        client = browser(sandbox)
        email = create_advertiser_user(sandbox)
        client.sign_in(email)
        key, _ = make_one(client, sandbox)
        client.post(f"/keys/{key}/revoke")
        last = audit(sandbox)[-1]
        assert (last["actor"], last["subject"], last["action"]) == (f"advertiser:{email}", "api_token", "changed")
        assert "revoked_at" in last["after"]


PATHS = ["/rotate", "/revoke"]


class TestOutsiders:
    """To whom this advertiser's keys do not exist."""

    @pytest.fixture(params=["rival", "another tenant"])
    def outsider(self, request: pytest.FixtureRequest, sandbox: Sandbox, other_sandbox: Sandbox) -> Browser:
        return (
            advertiser_browser(sandbox, sandbox.rival)
            if request.param == "rival"
            else advertiser_browser(other_sandbox)
        )

    @pytest.mark.parametrize("path", PATHS)
    def test_another_advertisers_key_is_not_there(
        self, sandbox: Sandbox, client: Browser, outsider: Browser, path: str
    ) -> None:
        for name in "One", "Two", "Three":  # so that no key of the other tenant has the last one's number
            make(client, name)
        key, token = make_one(client, sandbox)
        unknown = outsider.get("/keys/1000000/revoke")
        for answer in outsider.get(f"/keys/{key}{path}"), outsider.post(f"/keys/{key}{path}", data=rotation("0")):
            assert answer.status_code == 404
            assert without_id(answer.text) == without_id(unknown.text)
        assert sandbox.get(JSON, token=token, **MAY).status_code == 200

    def test_nor_is_it_in_their_list(self, sandbox: Sandbox, client: Browser, outsider: Browser) -> None:
        make_one(client, sandbox, "Crown jewels")
        assert "Crown jewels" in client.get("/keys").text
        assert "Crown jewels" not in outsider.get("/keys").text

    @pytest.mark.parametrize("path", PATHS)
    def test_an_ingest_key_is_nobodys_here(self, sandbox: Sandbox, client: Browser, path: str) -> None:
        (key,) = execute("SELECT id FROM {s}.api_token WHERE advertiser IS NULL", schema=sandbox.tenant.schema)
        assert client.post(f"/keys/{key['id']}{path}", data=rotation()).status_code == 404

    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.parametrize("key", ["0", "2147483648", "9" * 40])
    def test_a_number_that_no_key_can_have(self, shared: Browser, key: str, path: str) -> None:
        assert shared.get(f"/keys/{key}{path}").status_code == 404
        assert shared.post(f"/keys/{key}{path}", data=rotation()).status_code == 404

    def test_another_pages_form_does_nothing(self, sandbox: Sandbox, client: Browser, other_sandbox: Sandbox) -> None:
        key, token = make_one(client, sandbox)
        origin = {"Origin": f"http://app.{other_sandbox.tenant.slug}.localhost"}
        assert client.post(f"/keys/{key}/revoke", headers=origin).status_code == 403
        assert sandbox.get(JSON, token=token, **MAY).status_code == 200


def without_id(html: str) -> str:
    return re.sub(r"[0-9a-f]{32}", "", html).split("<main", 1)[1]
