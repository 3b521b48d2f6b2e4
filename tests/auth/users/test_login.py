"""Login and logout in all three realms, which share their pages."""

import re
from urllib.parse import quote

import pyotp
import pytest

from auth.users.realms import ADVERTISER, STAFF, Realm
from tests.support.database import execute
from tests.support.people import (
    PASSWORD,
    Browser,
    advertiser_browser,
    audit,
    browser,
    create_advertiser_user,
    create_platform_staff,
    create_staff_user,
    insert_user,
    platform_browser,
    session_cookie,
    staff_browser,
)
from tests.support.sandbox import Sandbox

HOMES = {"staff": "/staff", "advertiser": "/"}


@pytest.fixture(scope="module")
def sandbox(module_sandbox: Sandbox) -> Sandbox:
    return module_sandbox


def person_at(sandbox: Sandbox, realm: Realm) -> str:
    return create_staff_user(sandbox) if realm is STAFF else create_advertiser_user(sandbox)


@pytest.mark.parametrize("realm", [STAFF, ADVERTISER], ids=["staff", "advertiser"])
class TestEachRealm:
    def test_it_redirects_to_the_login_page_and_back(self, sandbox: Sandbox, realm: Realm) -> None:
        client, email = browser(sandbox), person_at(sandbox, realm)
        led = client.get(f"{realm.root}/account")
        assert led.status_code == 303
        assert led.headers["location"] == f"{realm.root}/sign-in?next={realm.root}/account"
        form = client.get(led.headers["location"])
        assert form.status_code == 200
        data = {"email": email, "password": PASSWORD, "next": f"{realm.root}/account"}
        signed_in = client.post(f"{realm.root}/sign-in", data=data)
        assert (signed_in.status_code, signed_in.headers["location"]) == (303, f"{realm.root}/account")
        assert email in client.get(f"{realm.root}/account").text

    def test_a_wrong_password_and_an_unknown_address_get_the_same_response(
        self, sandbox: Sandbox, realm: Realm
    ) -> None:
        client, email = browser(sandbox), person_at(sandbox, realm)
        wrong = client.sign_in(email, "another password", realm.root)
        unknown = client.sign_in("nobody@example.com", PASSWORD, realm.root)
        assert wrong.status_code == unknown.status_code == 403
        assert wrong.text.replace(email, "") == unknown.text.replace("nobody@example.com", "")
        assert not client.cookies

    def test_signing_out_ends_the_session_on_the_server(self, sandbox: Sandbox, realm: Realm) -> None:
        client = browser(sandbox)
        client.sign_in(person_at(sandbox, realm), root=realm.root)
        kept = dict(client.cookies)
        out = client.post(f"{realm.root}/sign-out")
        assert (out.status_code, out.headers["location"]) == (303, f"{realm.root}/sign-in")
        assert realm.cookie(secure=False) not in client.cookies
        assert browser(sandbox, cookies=kept).get(f"{realm.root}/account").status_code == 303

    def test_a_session_is_invalid_at_another_tenant(
        self, sandbox: Sandbox, other_sandbox: Sandbox, realm: Realm
    ) -> None:
        email = person_at(sandbox, realm)
        insert_user(
            other_sandbox,
            realm,
            email=email,
            **({"role": "owner"} if realm is STAFF else {"advertiser": other_sandbox.owner}),
        )
        client = browser(sandbox)
        client.sign_in(email, root=realm.root)
        there = browser(other_sandbox, cookies=dict(client.cookies))
        assert there.get(f"{realm.root}/account").status_code == 303

    def test_the_cookie_is_host_only_and_hidden_from_scripts(self, sandbox: Sandbox, realm: Realm) -> None:
        cookie = browser(sandbox).sign_in(person_at(sandbox, realm), root=realm.root).headers["set-cookie"].lower()
        assert cookie.startswith(f"gokart_{realm.name}=")
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert "domain" not in cookie
        assert "path=/" in cookie

    def test_signing_in_replaces_a_planted_session(self, sandbox: Sandbox, realm: Realm) -> None:
        client = browser(sandbox, cookies={realm.cookie(secure=False): "planted-by-somebody-else"})
        client.sign_in(person_at(sandbox, realm), root=realm.root)
        assert client.get(f"{realm.root}/account").status_code == 200
        planted = browser(sandbox, cookies={realm.cookie(secure=False): "planted-by-somebody-else"})
        assert planted.get(f"{realm.root}/account").status_code == 303

    def test_signing_in_again_ends_the_previous_session(self, sandbox: Sandbox, realm: Realm) -> None:
        client, email = browser(sandbox), person_at(sandbox, realm)
        client.sign_in(email, root=realm.root)
        first = dict(client.cookies)
        client.sign_in(email, root=realm.root)
        assert dict(client.cookies) != first
        assert browser(sandbox, cookies=first).get(f"{realm.root}/account").status_code == 303

    @pytest.mark.parametrize(
        "away",
        ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\t/evil.example"],
    )
    def test_it_never_redirects_to_another_site(self, sandbox: Sandbox, realm: Realm, away: str) -> None:
        data = {"email": person_at(sandbox, realm), "password": PASSWORD, "next": away}
        assert browser(sandbox).post(f"{realm.root}/sign-in", data=data).headers["location"] == HOMES[realm.name]

    @pytest.mark.parametrize("after", ["/\u20ac", "/\x7f", "/a b"])
    def test_the_htmx_redirect_is_a_valid_header(self, sandbox: Sandbox, realm: Realm, after: str) -> None:
        client = browser(sandbox, headers={"HX-Request": "true"})
        data = {"email": person_at(sandbox, realm), "password": PASSWORD, "next": after}
        response = client.post(f"{realm.root}/sign-in", data=data)
        assert (response.status_code, response.headers["hx-redirect"]) == (204, quote(after))

    def test_only_digests_of_sessions_are_stored(self, sandbox: Sandbox, realm: Realm) -> None:
        client = browser(sandbox)
        client.sign_in(person_at(sandbox, realm), root=realm.root)
        stored = str(execute("SELECT * FROM {s}.session", schema=sandbox.tenant.schema))
        assert next(iter(client.cookies.values())) not in stored

    def test_an_expired_session_is_invalid(self, sandbox: Sandbox, realm: Realm) -> None:
        client = browser(sandbox)
        client.sign_in(person_at(sandbox, realm), root=realm.root)
        execute("UPDATE {s}.session SET expires_at = now()", schema=sandbox.tenant.schema)
        assert client.get(f"{realm.root}/account").status_code == 303

    def test_a_deactivated_user_is_signed_out_immediately(self, sandbox: Sandbox, realm: Realm) -> None:
        create_staff_user(sandbox)
        client = browser(sandbox)
        email = person_at(sandbox, realm)
        client.sign_in(email, root=realm.root)
        execute(f"UPDATE {{s}}.{realm.table} SET active = false WHERE email = $1", email, schema=sandbox.tenant.schema)
        assert client.get(f"{realm.root}/account").status_code == 303
        assert client.sign_in(email, root=realm.root).status_code == 403


def test_a_session_is_invalid_in_another_realm(sandbox: Sandbox) -> None:
    staff, advertiser = staff_browser(sandbox), advertiser_browser(sandbox)
    assert staff.get("/account").status_code == 303
    assert advertiser.get("/staff/account").status_code == 303
    assert browser(sandbox).sign_in(create_advertiser_user(sandbox), root="/staff").status_code == 403
    assert browser(sandbox).sign_in(create_staff_user(sandbox)).status_code == 403
    value = next(iter(advertiser.cookies.values()))
    assert browser(sandbox, cookies={"gokart_staff": value}).get("/staff/account").status_code == 303


def test_the_platforms_staff_sign_in_at_their_own_host(sandbox: Sandbox) -> None:
    email = create_platform_staff()
    client = platform_browser(sandbox)
    assert client.sign_in(email).status_code == 303
    assert email in client.get("/account").text
    assert browser(sandbox).sign_in(email, root="/staff").status_code == 403
    assert platform_browser(sandbox).sign_in(create_staff_user(sandbox)).status_code == 403


def test_the_apis_host_has_no_pages_and_no_cookies(sandbox: Sandbox) -> None:
    for path in ["/sign-in", "/staff/sign-in", "/admin/", "/account"]:
        response = sandbox.request("GET", path)
        assert response.status_code == 404
        assert "set-cookie" not in response.headers


class TestSecondFactor:
    def test_a_user_with_totp_enters_a_code_after_the_password(self, sandbox: Sandbox) -> None:
        client = advertiser_browser(sandbox)
        secret, codes = turn_on(client)
        email = re.findall(r"[\w.-]+@example.com", client.get("/account").text)[0]
        again = browser(sandbox)
        assert again.sign_in(email).headers["location"] == "/sign-in/code"
        assert again.get("/account").status_code == 303, "the password alone opens nothing"
        assert again.post("/sign-in/code", data={"code": "000000"}).status_code == 403
        assert again.post("/sign-in/code", data={"code": codes[0]}).headers["location"] == "/"
        assert again.get("/account").status_code == 200
        assert secret not in again.get("/account").text

    def test_a_code_works_once(self, sandbox: Sandbox) -> None:
        email = create_advertiser_user(sandbox)
        client = browser(sandbox)
        client.sign_in(email)
        secret, codes = turn_on(client)
        assert self.tries(sandbox, email, pyotp.TOTP(secret).now())[1] == 403
        assert self.tries(sandbox, email, codes[1]) == [303, 403], "a recovery code works once"

    def tries(self, sandbox: Sandbox, email: str, code: str) -> list[int]:
        """The responses when a code is submitted twice."""
        responses = []
        for _ in range(2):
            client = browser(sandbox)
            client.sign_in(email)
            responses.append(client.post("/sign-in/code", data={"code": code}).status_code)
        return responses

    @pytest.mark.parametrize("action", ["off", "codes"])
    def test_turning_it_off_requires_both_factors(self, other_sandbox: Sandbox, action: str) -> None:
        """So do new recovery codes, one of which would turn it off."""
        client = advertiser_browser(other_sandbox)
        _, codes = turn_on(client)
        path, code = f"/account/two-step/{action}", codes[0]
        assert client.post(path, data={"current": "wrong password", "code": code}).status_code == 400
        for wrong in "", "000000", codes[0] + "x":
            assert client.post(path, data={"current": PASSWORD, "code": wrong}).status_code == 400
        assert client.get("/account/two-step").status_code == 303
        assert client.post(path, data={"current": PASSWORD, "code": code}).status_code in {200, 303}
        assert client.get("/account/two-step").status_code == (200 if action == "off" else 303)

    def test_codes_cannot_be_tried_out_with_the_password(self, other_sandbox: Sandbox) -> None:
        client = advertiser_browser(other_sandbox)
        turn_on(client)
        tries = [
            client.post("/account/two-step/off", data={"current": PASSWORD, "code": "1"}).status_code for _ in range(12)
        ]
        assert tries[0] == 400
        assert tries[-1] == 429

    def test_a_tenant_can_require_it_for_its_staff(self, other_sandbox: Sandbox) -> None:
        client = staff_browser(other_sandbox)
        execute("UPDATE {s}.setting SET staff_totp_required = true", schema=other_sandbox.tenant.schema)
        assert client.get("/staff/account").headers["location"] == "/staff/account/two-step"
        turn_on(client, "/staff")
        assert client.get("/staff/account").status_code == 200


def turn_on(client: Browser, root: str = "") -> tuple[str, list[str]]:
    """Turns two-factor authentication on. Returns the secret and the recovery codes."""
    page = client.get(f"{root}/account/two-step").text
    secret = re.findall(r'name="secret" value="([A-Z2-7]{32})"', page)[0]
    form = {"secret": secret, "code": pyotp.TOTP(secret).now()}
    assert client.post(f"{root}/account/two-step", data=form | {"current": "wrong password"}).status_code == 400
    shown = client.post(f"{root}/account/two-step", data=form | {"current": PASSWORD})
    assert shown.status_code == 200
    assert shown.headers["cache-control"] == "no-store"
    return secret, re.findall(r"[2-9a-z]{5}-[2-9a-z]{5}-[2-9a-z]{5}", shown.text)


class TestAccount:
    def test_a_new_password_ends_the_other_sessions(self, sandbox: Sandbox) -> None:
        email = create_advertiser_user(sandbox)
        mine, other = browser(sandbox), browser(sandbox)
        for client in mine, other:
            client.sign_in(email)
        new = "a horse of another colour"
        changed = mine.post("/account/password", data={"current": PASSWORD, "password": new, "again": new})
        assert changed.status_code == 303
        assert mine.get("/account").status_code == 200
        assert other.get("/account").status_code == 303
        assert browser(sandbox).sign_in(email, PASSWORD).status_code == 403
        assert browser(sandbox).sign_in(email, new).status_code == 303

    @pytest.mark.parametrize(
        ("current", "password", "again", "message"),
        [
            ("wrong password", "a good new one", "a good new one", "current password is incorrect"),
            (PASSWORD, "short", "short", "10 to 128 characters"),
            (PASSWORD, "a good new one", "another new one", "do not match"),
            (PASSWORD, "aaaaaaaaaaaa", "aaaaaaaaaaaa", "more different characters"),
            (PASSWORD, "x" * 129, "x" * 129, "10 to 128 characters"),
        ],
    )
    def test_a_bad_new_password_is_explained(
        self, sandbox: Sandbox, current: str, password: str, again: str, message: str
    ) -> None:
        client = advertiser_browser(sandbox)
        response = client.post("/account/password", data={"current": current, "password": password, "again": again})
        assert response.status_code == 400
        assert message in response.text

    def test_sessions_are_listed_and_ended_one_by_one_or_all(self, sandbox: Sandbox) -> None:
        email = create_advertiser_user(sandbox)
        clients = [browser(sandbox, headers={"User-Agent": f"Browser {n}"}) for n in range(3)]
        for client in clients:
            client.sign_in(email)
        page = clients[0].get("/account").text
        assert all(f"Browser {n}" in page for n in range(3))
        session = re.findall(r"/account/sessions/(\d+)/end", page)[0]
        assert clients[0].post(f"/account/sessions/{session}/end").status_code == 303
        assert sum(client.get("/account").status_code == 303 for client in clients) == 1
        assert clients[0].post("/account/sessions/end-others").status_code == 303
        assert [client.get("/account").status_code for client in clients] == [200, 303, 303]
        clients[1].sign_in(email)
        response = clients[0].post("/account/sessions/end-all")
        assert (response.status_code, response.headers["location"]) == (303, "/sign-in")
        assert [client.get("/account").status_code for client in clients] == [303, 303, 303]

    @pytest.mark.parametrize("number", ["0", "-1", "9" * 18, "9" * 30, "-" + "9" * 30])
    def test_ending_an_unknown_session_is_a_404(self, sandbox: Sandbox, number: str) -> None:
        assert advertiser_browser(sandbox).post(f"/account/sessions/{number}/end").status_code == 404

    def test_ending_a_session_is_audited(self, sandbox: Sandbox) -> None:
        email = create_advertiser_user(sandbox)
        clients = [browser(sandbox, cookies=session_cookie(sandbox, ADVERTISER, email)) for _ in range(2)]
        clients[0].post("/account/sessions/end-others")
        last = audit(sandbox)[-1]
        assert (last["actor"], last["action"], last["subject"]) == (f"advertiser:{email}", "deleted", "session")
        before = len(audit(sandbox))
        clients[0].post("/sign-out")
        assert len(audit(sandbox)) == before, "signing out is no change"

    def test_the_right_password_is_never_throttled(self, sandbox: Sandbox) -> None:
        email = create_advertiser_user(sandbox)
        client = browser(sandbox, cookies=session_cookie(sandbox, ADVERTISER, email))
        for _ in range(11):
            assert client.post("/account/two-step/off", data={"current": PASSWORD}).status_code == 303

    def test_a_user_cannot_end_another_users_session(self, other_sandbox: Sandbox) -> None:
        mine, other = advertiser_browser(other_sandbox), advertiser_browser(other_sandbox, other_sandbox.rival)
        ids = execute("SELECT id FROM {s}.session", schema=other_sandbox.tenant.schema)
        responses = {other.post(f"/account/sessions/{row['id']}/end").status_code for row in ids}
        assert responses == {303, 404}
        assert mine.get("/account").status_code == 200
