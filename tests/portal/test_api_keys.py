"""The portal's API keys: creating them, listing them, and warnings before they expire."""

import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.api_key_forms import (
    BOTH,
    TOKEN,
    create_key,
    errors,
    keys,
    post_new_key,
    rotation,
    set_key,
    table_rows,
    token_in,
)
from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import Browser, advertiser_browser, audit, browser, create_advertiser_user
from tests.support.sandbox import JSON, MAY, SINGULAR, Sandbox
from tests.support.servers import Server
from tests.support.wait import wait_for_value


@pytest.fixture
def client(sandbox: Sandbox) -> Browser:
    """A user of the owner."""
    return advertiser_browser(sandbox)


@pytest.fixture(scope="module")
def shared(module_sandbox: Sandbox) -> Browser:
    """A user of the owner at the tenant that the tests of this module share."""
    return advertiser_browser(module_sandbox)


@pytest.fixture
def rival(sandbox: Sandbox) -> Browser:
    return advertiser_browser(sandbox, sandbox.rival)


class TestMaking:
    def test_a_new_key_works_immediately(self, sandbox: Sandbox, client: Browser) -> None:
        response = post_new_key(client)
        assert response.status_code == 201
        assert response.headers["cache-control"] == "no-store"
        token = token_in(response.text)
        assert sandbox.get(JSON, token=token, **MAY).status_code == 200
        assert sandbox.get(SINGULAR, token=token, **MAY).status_code == 200

    def test_a_key_is_shown_once(self, sandbox: Sandbox, client: Browser) -> None:
        token = token_in(post_new_key(client).text)
        page = client.get("/keys").text
        assert token not in page
        assert f"{token[:11]}…{token[-4:]}" in page
        assert token not in str(audit(sandbox))

    def test_submitting_twice_creates_one_key(self, sandbox: Sandbox, client: Browser) -> None:
        first, second = post_new_key(client), post_new_key(client)
        assert second.status_code == 400
        assert not TOKEN.search(second.text)
        assert "no second key was created" in errors(second.text)["name"]
        assert len(keys(sandbox, "Nightly")) == 1
        assert sandbox.get(JSON, token=token_in(first.text), **MAY).status_code == 200

    def test_simultaneous_submissions_create_one_key(self, sandbox: Sandbox, client: Browser) -> None:
        with ThreadPoolExecutor(6) as senders:
            responses = list(senders.map(lambda _: post_new_key(client).status_code, range(6)))
        assert sorted(responses) == [201] + [400] * 5
        assert len(keys(sandbox, "Nightly")) == 1

    def test_the_name_of_a_revoked_key_can_be_reused(self, sandbox: Sandbox, client: Browser) -> None:
        key, _ = create_key(client, sandbox)
        client.post(f"/keys/{key}/revoke")
        assert post_new_key(client).status_code == 201

    def test_another_advertisers_key_may_have_the_name(self, client: Browser, rival: Browser) -> None:
        assert post_new_key(client).status_code == post_new_key(rival).status_code == 201

    def test_the_curl_command_works_as_printed(self, sandbox: Sandbox, server: Server) -> None:
        host = f"app.{sandbox.tenant.slug}.localhost:{server.port}"
        client = Browser(sandbox.http, host)
        client.sign_in(create_advertiser_user(sandbox))
        line = Page(post_new_key(client).text).one("code", id="curl").text
        assert f"http://api.{sandbox.tenant.slug}.localhost:{server.port}/" in line
        done = subprocess.run(
            [*shlex.split(line), "--silent", "--fail-with-body"], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (0, '{"data":[]}')

    @pytest.mark.parametrize(("scopes", "report"), [(["cost-report"], "cost-report/json"), (["singular"], "singular")])
    def test_the_curl_command_matches_the_keys_scopes(self, client: Browser, scopes: list[str], report: str) -> None:
        assert report in Page(post_new_key(client, scopes=scopes).text).one("code", id="curl").text

    def test_a_key_for_conversions_gets_a_curl_command_for_them(self, sandbox: Sandbox) -> None:
        client = advertiser_browser(sandbox, scopes=["conversions"])
        assert (
            "/api/v1/conversions?"
            in Page(post_new_key(client, scopes=["conversions"]).text).one("code", id="curl").text
        )

    def test_a_notice_says_that_singular_is_not_enabled(self, sandbox: Sandbox, client: Browser) -> None:
        assert "not enabled" not in post_new_key(client, "One").text
        sandbox.set_advertiser(sandbox.owner, singular_enabled=False)
        assert "Singular is not enabled for this advertiser yet" in post_new_key(client, "Two").text
        assert "not enabled" not in post_new_key(client, "Three", ["cost-report"]).text

    def test_a_key_has_only_the_chosen_scopes(self, sandbox: Sandbox, client: Browser) -> None:
        token = token_in(post_new_key(client, scopes=["singular"]).text)
        assert sandbox.get(JSON, token=token, **MAY).status_code == 403

    def test_a_key_works_only_from_its_allowed_ips(self, sandbox: Sandbox, client: Browser) -> None:
        here = token_in(post_new_key(client, "Here", networks="127.0.0.1\r\n\r\n 2001:DB8::/32 ").text)
        assert sandbox.get(JSON, token=here, **MAY).status_code == 200
        assert keys(sandbox, "Here")[0]["networks"] == ["127.0.0.1/32", "2001:db8::/32"]
        elsewhere = token_in(post_new_key(client, "Elsewhere", networks="192.0.2.0/24").text)
        assert sandbox.get(JSON, token=elsewhere, **MAY).status_code == 403

    @pytest.mark.parametrize(("expiry", "days"), [("30", 30), ("90", 90), ("365", 365)])
    def test_a_key_expires_after_the_chosen_days(
        self, sandbox: Sandbox, client: Browser, expiry: str, days: int
    ) -> None:
        post_new_key(client, expiry=expiry)
        (key,) = keys(sandbox, "Nightly")
        assert key["expires_at"] - key["created_at"] == pytest.approx(timedelta(days=days), abs=timedelta(minutes=1))

    def test_a_key_can_never_expire(self, sandbox: Sandbox, client: Browser) -> None:
        post_new_key(client, expiry="never")
        assert keys(sandbox, "Nightly")[0]["expires_at"] is None

    def test_a_key_can_expire_at_the_end_of_a_day(self, sandbox: Sandbox, client: Browser) -> None:
        day = datetime.now(UTC).date() + timedelta(days=3)
        post_new_key(client, expiry="date", day=str(day))
        ends = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        assert keys(sandbox, "Nightly")[0]["expires_at"] == ends

    @pytest.mark.parametrize(
        ("fields", "field", "says"),
        [
            ({"name": ""}, "name", "1 to 200 characters"),
            ({"name": "x" * 201}, "name", "1 to 200 characters"),
            ({"name": "x" * 40_000}, "name", "1 to 200 characters"),
            ({"name": "two\nlines"}, "name", "1 to 200 characters"),
            ({"name": "\u202egnp.exe"}, "name", "1 to 200 characters"),
            ({"scopes": []}, "scopes", "Select at least one permission"),
            ({"scopes": ["ingest"]}, "scopes", "Select at least one permission"),
            ({"scopes": ["cost-report", "owner"]}, "scopes", "Select at least one permission"),
            ({"expiry": ""}, "expiry", "one of the options"),
            ({"expiry": "99999999999999"}, "expiry", "one of the options"),
            ({"expiry": "date"}, "day", "Enter a date"),
            ({"expiry": "date", "day": "yesterday"}, "day", "Enter a date"),
            ({"expiry": "date", "day": "2020-01-01"}, "day", "between today and"),
            ({"expiry": "date", "day": "9999-12-31"}, "day", "between today and"),
            ({"networks": "everywhere"}, "networks", "“everywhere” is not a valid IP range"),
            ({"networks": "203.0.113.7/24"}, "networks", "Did you mean 203.0.113.0/24?"),
            ({"networks": "fe80::1%eth0"}, "networks", "is not a valid IP range"),
            ({"networks": "\n".join(f"10.0.{n}.0/24" for n in range(101))}, "networks", "101 IP ranges are too many"),
        ],
    )
    def test_errors_are_shown_at_their_field(
        self, module_sandbox: Sandbox, shared: Browser, fields: dict[str, Any], field: str, says: str
    ) -> None:
        before = execute("SELECT count(*) AS n FROM {s}.api_token", schema=module_sandbox.tenant.schema)
        response = post_new_key(shared, **{"name": "Nightly", **fields})
        assert response.status_code == 400
        assert list(errors(response.text)) == [field]
        assert says in errors(response.text)[field]
        assert execute("SELECT count(*) AS n FROM {s}.api_token", schema=module_sandbox.tenant.schema) == before

    def test_the_form_keeps_its_values_after_an_error(self, shared: Browser) -> None:
        page = Page(post_new_key(shared, "", ["singular"], expiry="90", networks="10.0.0.0/8").text)
        assert "checked" in page.one("input", id="scopes-singular").attributes
        assert "checked" not in page.one("input", id="scopes-cost-report").attributes
        assert "selected" in page.one("option", value="90").attributes
        assert page.one("textarea", id="networks").text == "10.0.0.0/8"

    @pytest.mark.parametrize("body", [b"name=%00&expiry=never&scopes=singular", b"name=\xff\xfe", b"%" * 60_000])
    def test_invalid_encodings_are_a_400(self, shared: Browser, body: bytes) -> None:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert shared.post("/keys/new", content=body, headers=form).status_code == 400

    def test_a_form_that_is_too_large_is_rejected(self, shared: Browser) -> None:
        assert post_new_key(shared, "x" * 70_000).status_code == 413

    @pytest.mark.parametrize("charset", ["latin-99", "utf-8"])
    def test_an_invalid_multipart_form_is_a_400(self, shared: Browser, charset: str) -> None:
        head = (
            f'--x\r\nContent-Disposition: form-data; name="name"\r\nContent-Type: text/plain; charset={charset}\r\n\r\n'
        )
        parts = {"Content-Type": "multipart/form-data; boundary=x"}
        assert shared.post("/keys/new", content=head.encode() + b"\xff\r\n--x--\r\n", headers=parts).status_code == 400

    def test_creation_is_audited(self, sandbox: Sandbox) -> None:
        client = browser(sandbox)
        email = create_advertiser_user(sandbox)
        client.sign_in(email)
        post_new_key(client)
        (entry,) = [row for row in audit(sandbox) if row["subject"] == "api_token" and row["label"] == "Nightly"]
        assert (entry["actor"], str(entry["address"]), entry["action"]) == (
            f"advertiser:{email}",
            "127.0.0.1",
            "created",
        )
        assert keys(sandbox, "Nightly")[0]["created_by"] == f"advertiser:{email}"

    def test_a_user_with_a_long_email_address_creates_keys(self, sandbox: Sandbox) -> None:
        client = browser(sandbox)
        client.sign_in(
            create_advertiser_user(sandbox, email=f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.example.com")
        )
        assert post_new_key(client).status_code == 201


class TestWhatAPersonHas:
    """Users cannot create or rotate a key with more scopes than they have."""

    @pytest.fixture
    def client(self, sandbox: Sandbox) -> Browser:
        """A user with the scope for cost reports only."""
        return advertiser_browser(sandbox, scopes=["cost-report"])

    def test_only_the_users_scopes_are_offered(self, client: Browser) -> None:
        page = Page(client.get("/keys/new").text)
        assert [e.attributes["value"] for e in page.all("input", name="scopes")] == ["cost-report"]

    @pytest.mark.parametrize("scopes", [["singular"], BOTH, ["conversions"]])
    def test_other_scopes_are_rejected(self, sandbox: Sandbox, client: Browser, scopes: list[str]) -> None:
        assert post_new_key(client, scopes=scopes).status_code == 400
        assert keys(sandbox, "Nightly") == []

    def test_a_key_with_other_scopes_cannot_be_rotated(self, sandbox: Sandbox, client: Browser) -> None:
        key, _ = create_key(advertiser_browser(sandbox), sandbox)
        for response in client.get(f"/keys/{key}/rotate"), client.post(f"/keys/{key}/rotate", data=rotation()):
            assert response.status_code == 403
            assert "permissions that your account does not have (Singular)" in response.text
            assert not TOKEN.search(response.text)
        assert len(keys(sandbox, "Nightly")) == 1
        assert f'href="/keys/{key}/rotate"' not in client.get("/keys").text

    def test_a_key_with_other_scopes_can_be_revoked(self, sandbox: Sandbox, client: Browser) -> None:
        key, token = create_key(advertiser_browser(sandbox), sandbox)
        assert client.post(f"/keys/{key}/revoke").status_code == 303
        assert wait_for_value(lambda: sandbox.get(JSON, token=token, **MAY).status_code, 401)


class TestList:
    def test_the_list_shows_each_keys_details(self, sandbox: Sandbox) -> None:
        client = browser(sandbox)
        email = create_advertiser_user(sandbox)
        client.sign_in(email)
        post_new_key(client, "Nightly", ["cost-report"], networks="192.0.2.0/24", expiry="never")
        text = Page(client.get("/keys").text).text
        for part in "Nightly", "Cost report", "192.0.2.0/24", f"by {email}", "Never", "Active", "never expires":
            assert part in text

    def test_the_list_shows_the_last_use(self, sandbox: Sandbox, client: Browser) -> None:
        post_new_key(client)
        set_key(sandbox, "Nightly", "last_used_at = '2026-01-02T03:04:05Z', last_used_from = '198.51.100.7'")
        text = Page(client.get("/keys").text).text
        assert "2026-01-02 03:04 UTC" in text
        assert "from 198.51.100.7" in text

    def test_the_list_shows_each_status(self, sandbox: Sandbox, client: Browser) -> None:
        made = {name: create_key(client, sandbox, name)[0] for name in ("Live", "Soon", "Old", "Gone", "Past")}
        set_key(sandbox, "Soon", "expires_at = now() + interval '13 days'")
        set_key(sandbox, "Past", "expires_at = now() - interval '1 second'")
        client.post(f"/keys/{made['Old']}/rotate", data=rotation())
        client.post(f"/keys/{made['Gone']}/revoke")
        found = [(row[0].split()[0], row[5]) for row in table_rows(client.get("/keys").text)]
        states = [(name, state) for name, cell in found for state in STATES if name in made and cell.startswith(state)]
        assert sorted(states) == [
            ("Gone", "Revoked"),
            ("Live", "Active"),
            ("Old", "Active"),  # its successor, which has the same name
            ("Old", "Rotated"),
            ("Past", "Expired"),
            ("Soon", "Expires soon"),
        ]

    def test_the_creators_name_is_hidden_if_it_is_staff(self, sandbox: Sandbox, client: Browser) -> None:
        post_new_key(client)
        set_key(sandbox, "Nightly", "created_by = 'staff:boss@example.com'")
        page = client.get("/keys").text
        assert "boss@example.com" not in page
        assert "by staff" in Page(page).text

    def test_names_are_escaped(self, client: Browser) -> None:
        name = "<script>alert(1)</script> \"'><b>=1+1</b> {{ 7 * 7 }}"
        response = post_new_key(client, name)
        for html in response.text, client.get("/keys").text:
            assert "<script>alert" not in html
            assert "<b>=" not in html
            assert name in Page(html).text


STATES = ["Active", "Expires soon", "Rotated", "Expired", "Revoked"]


class TestNotices:
    """Every page warns about a key that expires soon."""

    def test_every_page_warns_of_an_expiring_key(self, sandbox: Sandbox, client: Browser) -> None:
        key, _ = create_key(client, sandbox)
        assert "expires on" not in client.get("/account").text
        set_key(sandbox, "Nightly", "expires_at = now() + interval '13 days'")
        for path in "/", "/keys", "/keys/new", "/singular", "/api", "/account":
            page = client.get(path)
            assert "The API key “Nightly”" in page.text
            assert f'href="/keys/{key}/rotate"' in page.text

    def test_other_advertisers_see_no_warning(self, sandbox: Sandbox, client: Browser, rival: Browser) -> None:
        post_new_key(client)
        set_key(sandbox, "Nightly", "expires_at = now() + interval '1 day'")
        assert "Nightly" not in rival.get("/account").text

    def test_a_rotated_key_that_is_still_used_is_a_warning(self, sandbox: Sandbox, client: Browser) -> None:
        key, _ = create_key(client, sandbox)
        client.post(f"/keys/{key}/rotate", data=rotation())
        assert "still in use" not in client.get("/account").text
        execute(
            "UPDATE {s}.api_token SET last_used_at = now() + interval '1 hour' WHERE id = $1",
            key,
            schema=sandbox.tenant.schema,
        )
        assert "was rotated but is still in use" in client.get("/account").text

    def test_it_can_be_dismissed_for_a_day(self, sandbox: Sandbox, client: Browser) -> None:
        post_new_key(client)
        set_key(sandbox, "Nightly", "expires_at = now() + interval '1 day'")
        assert Page(client.get("/api?x=1").text).one("input", name="next").attributes["value"] == "/api?x=1"
        response = client.post("/keys/dismiss-reminder", data={"next": "/api?x=1"})
        assert (response.status_code, response.headers["location"]) == (303, "/api?x=1")
        cookie = response.headers["set-cookie"]
        assert all(part in cookie for part in ("Max-Age=86400", "HttpOnly", "SameSite=lax"))
        assert "Nightly" not in client.get("/account").text
        post_new_key(client, "Another")
        set_key(sandbox, "Another", "expires_at = now() + interval '2 days'")
        assert "2 API keys expire soon" in client.get("/account").text, "another key is another warning"
        other = advertiser_browser(sandbox)
        other.cookies.update({name: value for name, value in client.cookies.items() if "reminder" in name})
        assert "2 API keys expire soon" in other.get("/account").text, "another user of the browser sees it"

    def test_dismissing_leads_to_no_other_site(self, sandbox: Sandbox, client: Browser) -> None:
        for place in "https://evil.example/", "//evil.example", "":
            assert client.post("/keys/dismiss-reminder", data={"next": place}).headers["location"] == "/keys"

    def test_a_page_that_shows_a_key_once_has_no_warning(self, sandbox: Sandbox, client: Browser) -> None:
        key, _ = create_key(client, sandbox)
        set_key(sandbox, "Nightly", "expires_at = now() + interval '13 days'")
        assert "dismiss-reminder" in client.get(f"/keys/{key}/rotate").text
        assert "dismiss-reminder" not in client.post(f"/keys/{key}/rotate", data=rotation()).text

    def test_many_expiring_keys_are_one_warning(self, sandbox: Sandbox, client: Browser) -> None:
        for name in "One", "Two", "Three":
            post_new_key(client, name)
            set_key(sandbox, name, "expires_at = now() + interval '1 day'")
        page = client.get("/account").text
        assert "3 API keys expire soon" in page
        assert "“One”" not in page
