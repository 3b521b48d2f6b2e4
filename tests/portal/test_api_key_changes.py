"""The portal's API keys: users of the advertiser can rotate and revoke them, and nobody else can."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.api_key_forms import create_key, errors, keys, post_new_key, rotation, set_key, token_in
from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import Browser, advertiser_browser, audit, browser, create_advertiser_user
from tests.support.sandbox import CSV, JSON, MAY, Sandbox
from tests.support.wait import wait_for_value, wait_until


@pytest.fixture
def client(sandbox: Sandbox) -> Browser:
    """A user of the owner."""
    return advertiser_browser(sandbox)


@pytest.fixture(scope="module")
def shared(module_sandbox: Sandbox) -> Browser:
    """A user of the owner at the tenant that the tests of this module share."""
    return advertiser_browser(module_sandbox)


class TestRotating:
    def test_both_keys_work_during_the_grace_period(self, sandbox: Sandbox, client: Browser) -> None:
        key, old = create_key(client, sandbox)
        response = client.post(f"/keys/{key}/rotate", data=rotation())
        assert response.status_code == 201
        new = token_in(response.text)
        assert new != old
        assert {sandbox.get(JSON, token=token, **MAY).status_code for token in (old, new)} == {200}
        first, second = keys(sandbox, "Nightly")
        assert second["replaces"] == first["id"]
        assert first["expires_at"] - second["created_at"] == pytest.approx(timedelta(days=7), abs=timedelta(seconds=5))

    @pytest.mark.parametrize("scope", ["cost-report", "singular"])
    def test_singular_instructions_are_shown_for_singular_keys(
        self, sandbox: Sandbox, client: Browser, scope: str
    ) -> None:
        key, _ = create_key(client, sandbox, scopes=[scope])
        text = Page(client.post(f"/keys/{key}/rotate", data=rotation()).text).text
        assert "The old key works until" in text
        assert ("In Singular: open the data connector" in text) is (scope == "singular")

    def test_without_grace_period_the_old_key_stops_immediately(self, sandbox: Sandbox, client: Browser) -> None:
        key, old = create_key(client, sandbox)
        response = client.post(f"/keys/{key}/rotate", data=rotation("0"))
        assert "The old key has stopped" in response.text
        assert wait_for_value(lambda: sandbox.get(JSON, token=old, **MAY).status_code, 401)
        assert sandbox.get(JSON, token=token_in(response.text), **MAY).status_code == 200

    @pytest.mark.parametrize(("grace", "hours"), [("24", 24), ("720", 720)])
    def test_the_grace_period_can_be_chosen(self, sandbox: Sandbox, client: Browser, grace: str, hours: int) -> None:
        key, _ = create_key(client, sandbox)
        client.post(f"/keys/{key}/rotate", data=rotation(grace))
        first, second = keys(sandbox, "Nightly")
        lives = first["expires_at"] - second["created_at"]
        assert lives == pytest.approx(timedelta(hours=hours), abs=timedelta(seconds=5))

    def test_an_expiring_key_gets_a_successor_that_never_expires(self, sandbox: Sandbox, client: Browser) -> None:
        key, _ = create_key(client, sandbox)
        set_key(sandbox, "Nightly", "expires_at = now() + interval '2 days'")
        client.post(f"/keys/{key}/rotate", data=rotation("720", "never"))
        first, second = keys(sandbox, "Nightly")
        assert second["expires_at"] is None
        assert first["expires_at"] < datetime.now(UTC) + timedelta(days=3)

    def test_submitting_twice_creates_one_successor(self, sandbox: Sandbox, client: Browser) -> None:
        key, _ = create_key(client, sandbox)
        successor = token_in(client.post(f"/keys/{key}/rotate", data=rotation()).text)
        again = client.post(f"/keys/{key}/rotate", data=rotation())
        assert again.status_code == 409
        assert f"already replaced by {successor[:11]}…{successor[-4:]}" in Page(again.text).text
        assert len(keys(sandbox, "Nightly")) == 2

    @pytest.mark.parametrize("assignment", ["revoked_at = now()", "expires_at = now() - interval '1 second'"])
    def test_an_inactive_key_cannot_be_rotated(self, sandbox: Sandbox, client: Browser, assignment: str) -> None:
        key, _ = create_key(client, sandbox)
        set_key(sandbox, "Nightly", assignment)
        response = client.post(f"/keys/{key}/rotate", data=rotation())
        assert response.status_code == 409
        assert "no longer works" in response.text
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
    def test_errors_are_shown_at_their_field(
        self, sandbox: Sandbox, client: Browser, fields: dict[str, str], field: str
    ) -> None:
        key, _ = create_key(client, sandbox)
        response = client.post(f"/keys/{key}/rotate", data=rotation(**fields))
        assert response.status_code == 400
        assert list(errors(response.text)) == [field]
        assert len(keys(sandbox, "Nightly")) == 1

    def test_rotation_is_audited_for_both_keys(self, sandbox: Sandbox) -> None:
        client = browser(sandbox)
        email = create_advertiser_user(sandbox)
        client.sign_in(email)
        key, _ = create_key(client, sandbox)
        seen = len(audit(sandbox))
        client.post(f"/keys/{key}/rotate", data=rotation())
        entries = [row for row in audit(sandbox)[seen:] if row["subject"] == "api_token"]
        assert {(row["action"], row["actor"]) for row in entries} == {
            ("created", f"advertiser:{email}"),
            ("changed", f"advertiser:{email}"),
        }


class TestRevoking:
    def test_it_asks_for_confirmation(self, sandbox: Sandbox, client: Browser) -> None:
        key, token = create_key(client, sandbox)
        page = client.get(f"/keys/{key}/revoke")
        assert page.status_code == 200
        assert "The key stops working immediately and permanently." in page.text
        assert sandbox.get(JSON, token=token, **MAY).status_code == 200

    def test_a_revoked_key_is_rejected(self, sandbox: Sandbox, client: Browser) -> None:
        key, token = create_key(client, sandbox)
        response = client.post(f"/keys/{key}/revoke")
        assert (response.status_code, response.headers["location"]) == (303, f"/keys?done=revoked&key={key}")
        assert wait_for_value(lambda: sandbox.get(CSV, token=token, **MAY).status_code, 401)
        page = client.get(response.headers["location"])
        assert "The API key was revoked" in page.text
        assert "Inactive API keys" in page.text
        assert client.post(f"/keys/{key}/revoke").status_code == 303

    @pytest.mark.parametrize("works", [True, False])
    def test_it_says_what_happens_to_the_key_that_it_replaced(
        self, sandbox: Sandbox, client: Browser, works: bool
    ) -> None:
        key, old = create_key(client, sandbox)
        client.post(f"/keys/{key}/rotate", data=rotation("24"))
        if not works:
            client.post(f"/keys/{key}/revoke")
        successor = keys(sandbox, "Nightly")[1]["id"]
        says = "keeps working until" if works else "no longer works either"
        assert says in Page(client.get(f"/keys/{successor}/revoke").text).text
        done = client.post(f"/keys/{successor}/revoke").headers["location"]
        assert says in Page(client.get(done).text).text
        assert sandbox.get(JSON, token=old, **MAY).status_code == (200 if works else 401)
        assert "that it replaced" not in client.get(f"/keys/{key}/revoke").text
        assert "that it replaced" not in advertiser_browser(sandbox, sandbox.rival).get(done).text

    def test_revoking_is_audited(self, sandbox: Sandbox) -> None:
        client = browser(sandbox)
        email = create_advertiser_user(sandbox)
        client.sign_in(email)
        key, _ = create_key(client, sandbox)
        client.post(f"/keys/{key}/revoke")
        last = audit(sandbox)[-1]
        assert (last["actor"], last["subject"], last["action"]) == (f"advertiser:{email}", "api_token", "changed")
        assert "revoked_at" in last["after"]


PATHS = ["/rotate", "/revoke"]


class TestOutsiders:
    """The advertiser's keys do not exist for outsiders."""

    @pytest.fixture(params=["rival", "another tenant"])
    def outsider(self, request: pytest.FixtureRequest, sandbox: Sandbox, other_sandbox: Sandbox) -> Browser:
        return (
            advertiser_browser(sandbox, sandbox.rival)
            if request.param == "rival"
            else advertiser_browser(other_sandbox)
        )

    @pytest.mark.parametrize("path", PATHS)
    def test_another_advertisers_key_is_not_found(
        self, sandbox: Sandbox, client: Browser, outsider: Browser, path: str
    ) -> None:
        for name in "One", "Two", "Three":  # so that no key of the other tenant has the id of the last one
            post_new_key(client, name)
        key, token = create_key(client, sandbox)
        unknown = outsider.get("/keys/1000000/revoke")
        for response in outsider.get(f"/keys/{key}{path}"), outsider.post(f"/keys/{key}{path}", data=rotation("0")):
            assert response.status_code == 404
            assert without_id(response.text) == without_id(unknown.text)
        assert sandbox.get(JSON, token=token, **MAY).status_code == 200

    def test_another_advertisers_key_is_not_listed(self, sandbox: Sandbox, client: Browser, outsider: Browser) -> None:
        create_key(client, sandbox, "Crown jewels")
        assert "Crown jewels" in client.get("/keys").text
        assert "Crown jewels" not in outsider.get("/keys").text

    @pytest.mark.parametrize("path", PATHS)
    def test_an_ingest_key_is_not_found(self, sandbox: Sandbox, client: Browser, path: str) -> None:
        (key,) = execute("SELECT id FROM {s}.api_token WHERE advertiser IS NULL", schema=sandbox.tenant.schema)
        assert client.post(f"/keys/{key['id']}{path}", data=rotation()).status_code == 404

    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.parametrize("key", ["0", "2147483648", "9" * 40])
    def test_an_impossible_id_is_not_found(self, shared: Browser, key: str, path: str) -> None:
        assert shared.get(f"/keys/{key}{path}").status_code == 404
        assert shared.post(f"/keys/{key}{path}", data=rotation()).status_code == 404

    def test_a_form_of_another_site_is_rejected(
        self, sandbox: Sandbox, client: Browser, other_sandbox: Sandbox
    ) -> None:
        key, token = create_key(client, sandbox)
        origin = {"Origin": f"http://app.{other_sandbox.tenant.slug}.localhost"}
        assert client.post(f"/keys/{key}/revoke", headers=origin).status_code == 403
        assert sandbox.get(JSON, token=token, **MAY).status_code == 200


def without_id(html: str) -> str:
    return re.sub(r"[0-9a-f]{32}", "", html).split("<main", 1)[1]


def test_all_keys_of_the_advertiser_are_revoked_at_once(sandbox: Sandbox) -> None:
    """Not those of other advertisers, and not the ingest keys."""
    second = sandbox.create_api_key("cost-report")
    client = advertiser_browser(sandbox)
    assert "All 2 active keys stop working" in client.get("/keys").text
    assert client.post("/keys/revoke-all").headers["location"] == "/keys?done=revoked-all"
    wait_until(lambda: {sandbox.get(token=token, **MAY).status_code for token in (sandbox.owner_key, second)} == {401})
    assert sandbox.get(token=sandbox.rival_key, **MAY).status_code == 200
    assert sandbox.send("offers", []) == {"accepted": 0, "duplicates": 0, "rejected": []}
    assert "Revoke all" not in client.get("/keys").text
