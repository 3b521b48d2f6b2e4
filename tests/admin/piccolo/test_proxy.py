"""The proxy in front of Piccolo Admin: which URLs it forwards for which roles, and its login form."""

import re
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pyotp
import pytest
from starlette.routing import BaseRoute, Mount

from admin.piccolo.app import piccolo
from admin.piccolo.page import FILES
from admin.piccolo.rules import RULES
from tests.support.database import execute, locked
from tests.support.people import PASSWORD, Browser, advertiser_browser, browser, create_staff_user
from tests.support.piccolo_admin import change, path_of, piccolo_admin_browser, rows_of, user_id, with_page_open
from tests.support.sandbox import Sandbox
from tests.support.servers import running_server

LOGIN, LOGOUT = "/admin/public/login/", "/admin/public/logout/"

READS = {
    ("GET", "/api/tables/TABLE/"),
    ("GET", "/api/tables/TABLE/ids/"),
    ("GET", "/api/tables/TABLE/new/"),
    ("GET", "/api/tables/TABLE/count/"),
    ("GET", "/api/tables/TABLE/schema/"),
    ("GET", "/api/tables/TABLE/references/"),
    ("GET", "/api/tables/TABLE/{row_id:str}/"),
}
WRITES = {
    ("POST", "/api/tables/TABLE/"),
    ("PUT", "/api/tables/TABLE/{row_id:str}/"),
    ("PATCH", "/api/tables/TABLE/{row_id:str}/"),
    ("DELETE", "/api/tables/TABLE/{row_id:str}/"),
}
METADATA = {
    ("GET", "/api/tables/"),
    ("GET", "/api/tables/grouped/"),
    ("GET", "/api/links/"),
    ("GET", "/api/forms/"),
    ("GET", "/api/forms/grouped/"),
    ("GET", "/api/user/"),
}
PUBLIC = {
    ("GET", "/public/meta/"),
    ("GET", "/public/translations/"),
    ("GET", "/public/translations/{language_code:str}/"),
}
REPLACED = {
    ("*", "/public/login"),
    ("POST", "/public/logout/"),
    ("GET", "/"),
    ("*", "/assets"),
}  # the proxy answers instead
BLOCKED = {
    ("GET", "/openapi.json"),
    ("GET", "/api/openapi.json"),
    ("GET", "/public/openapi.json"),
    ("*", "/api/docs/"),
    ("*", "/api/docs/oauth2-redirect/"),
    ("*", "/public/docs/"),
    ("*", "/public/docs/oauth2-redirect/"),
    ("GET", "/api/forms/{form_slug:str}/"),
    ("GET", "/api/forms/{form_slug:str}/schema/"),
    ("POST", "/api/forms/{form_slug:str}/"),
    ("POST", "/api/change-password/"),
    ("POST", "/api/media/"),
    ("POST", "/api/media/generate-file-url/"),
}


def routes(found: list[BaseRoute], root: str = "") -> Iterator[tuple[str, str]]:
    """All routes of Piccolo Admin, as (method, path). HEAD is left out."""
    for route in found:
        path = root + route.path  # type: ignore[attr-defined]  # every kind of route has a path
        app = route.app if isinstance(route, Mount) else None
        while app is not None and not hasattr(app, "routes"):
            app = getattr(app, "app", None)
        if app is not None:
            yield from routes(app.routes, path)
        else:
            for method in (getattr(route, "methods", None) or {"*"}) - {"HEAD"}:
                yield method, path


def filled(path: str, table: str = "advertiser", row: str = "1") -> str:
    return "/admin" + re.sub(r"\{.*?\}", row, path.replace("TABLE", table))


def test_all_routes_of_piccolo_admin_are_covered() -> None:
    """A new route of Piccolo Admin fails this test, until it is added to one of the sets above."""
    names = "|".join(piccolo.table_config_map)
    found = {
        (method, re.sub(rf"/tables/({names})/", "/tables/TABLE/", path)) for method, path in routes(piccolo.routes)
    }
    assert found == READS | WRITES | METADATA | PUBLIC | REPLACED | BLOCKED


def test_a_session_is_required(module_sandbox: Sandbox) -> None:
    nobody, advertiser, awaits_code = (
        browser(module_sandbox),
        advertiser_browser(module_sandbox),
        browser(module_sandbox),
    )
    email = create_staff_user(module_sandbox, totp_secret=pyotp.random_base32())
    assert awaits_code.sign_in(email, root="/staff").headers["location"].startswith("/staff/sign-in/code")
    for client in (nobody, advertiser, awaits_code):
        client.headers["X-CSRFToken"] = client.cookies["csrftoken"] = "x"
        response = client.get("/admin/")
        assert (response.status_code, response.headers["location"]) == (303, "/staff/sign-in?next=/admin/")
        for _, path in READS | WRITES | METADATA | BLOCKED:
            if not path.startswith("/api/"):
                continue
            for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
                response = client.request(method, filled(path))
                assert response.status_code == 401, (method, path)
                assert method == "HEAD" or response.json() == {"error": "Auth failed"}
        assert client.get("/admin/api/rights/").status_code == 401


def test_the_sign_in_form_needs_no_session(module_sandbox: Sandbox) -> None:
    nobody = browser(module_sandbox)
    for _, path in PUBLIC - {("GET", "/public/translations/{language_code:str}/")}:
        assert nobody.get(filled(path)).status_code == 200
    assert nobody.get("/admin/public/translations/en/").status_code == 200
    assert nobody.get("/admin/public/meta/").json()["site_name"] == f"{module_sandbox.tenant.name} — GoKart admin"
    for name in FILES:
        response = nobody.get(f"/admin/assets/{name}")
        assert (response.status_code, response.headers["cache-control"]) == (
            200,
            "public, max-age=31536000, immutable",
        )


def test_blocked_routes_are_blocked_for_owners_too(module_sandbox: Sandbox) -> None:
    admin = piccolo_admin_browser(module_sandbox)
    for method, path in BLOCKED:
        for tried in [method] if method != "*" else ["GET", "POST"]:
            response = admin.request(tried, filled(path))
            assert response.status_code == 404, (tried, path)
            assert "cdn" not in response.text


def test_viewers_can_only_read(module_sandbox: Sandbox) -> None:
    viewer = piccolo_admin_browser(module_sandbox, "viewer")
    for _, path in READS:
        for table in piccolo.table_config_map:
            assert viewer.get(filled(path, table)).status_code in {200, 404, 400}, path
    for _, path in READS | WRITES | METADATA | BLOCKED:
        if not path.startswith("/api/"):
            continue
        for table in piccolo.table_config_map if "TABLE" in path else [""]:
            for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
                assert viewer.request(method, filled(path, table), json={}).status_code == 403, (method, path, table)
    assert viewer.get("/admin/api/rights/").json() == {}


def test_managers_change_everything_except_staff_and_settings(sandbox: Sandbox) -> None:
    manager, owner = piccolo_admin_browser(sandbox, "manager"), piccolo_admin_browser(sandbox, "owner")
    for table in piccolo.table_config_map:
        rule = RULES.get(table)
        for method, path in WRITES:
            nobody = rule is None or (method == "POST" and not rule.create) or (method == "DELETE" and not rule.delete)
            theirs = 405 if nobody else 403 if table in {"staff", "setting"} else None
            for client, expected in [(manager, theirs), (owner, 405 if nobody else None)]:
                status = client.request(method, filled(path, table, "4711"), json={"nonsense": 1}).status_code
                assert status == expected if expected else status in {400, 404}, (table, method)
    rights = owner.get("/admin/api/rights/").json()
    assert set(rights) == {
        "advertiser", "advertiser_login", "api_token", "offer", "partner", "setting", "staff",
    }  # fmt: skip
    assert set(rights) - set(manager.get("/admin/api/rights/").json()) == {"staff", "setting"}


def test_a_changed_role_takes_effect_at_once(sandbox: Sandbox) -> None:
    email = create_staff_user(sandbox, "manager")
    manager, owner = browser(sandbox), piccolo_admin_browser(sandbox)
    manager.sign_in(email, root="/staff")
    with_page_open(manager)
    assert change(manager, "advertiser", sandbox.owner, currency="GBP").status_code == 200
    change(owner, "staff", user_id(sandbox, "staff", email), role="viewer")
    assert change(manager, "advertiser", sandbox.owner, currency="CHF").status_code == 403


def test_head_returns_the_headers_of_get(module_sandbox: Sandbox) -> None:
    admin = piccolo_admin_browser(module_sandbox)
    for path in ["/admin/", "/admin/public/meta/", "/admin/api/user/", path_of("advertiser"), path_of("staff", 1)]:
        got, head = admin.get(path), admin.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == got.headers["content-type"]


def test_it_redirects_to_the_trailing_slash(module_sandbox: Sandbox) -> None:
    admin = piccolo_admin_browser(module_sandbox)
    for path in ("/admin", "//admin", "/admin//"):
        response = admin.get("/", extensions={"target": path.encode()})
        assert (response.status_code, response.headers["location"]) == (303, "/admin/"), path


def test_an_unknown_url_returns_an_error_page(module_sandbox: Sandbox) -> None:
    response = piccolo_admin_browser(module_sandbox).get("/admin/nonsense")
    assert (response.status_code, response.headers["content-type"]) == (404, "text/html; charset=utf-8")


def test_the_page_names_the_tenant(module_sandbox: Sandbox) -> None:
    admin = piccolo_admin_browser(module_sandbox)
    page = admin.get("/admin/")
    assert f"<title>{module_sandbox.tenant.name} — GoKart admin</title>" in page.text
    assert "unsafe" not in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    for source in re.findall(r'(?:src|href)="(.+?)"', page.text):
        assert admin.get(source if source.startswith("/") else f"/admin/{source}").status_code == 200
    assert admin.get("/admin/api/links/").json()["API keys"] == "/staff/keys"
    assert admin.get("/admin/api/user/").json()["username"].startswith("staff-")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("__order=nonsense", 400),
        ("__order=advertiser.name", 400),
        ("__page=-1", 200),
        ("__page=99999999999999999999", 400),
        ("__page_size=-1", 400),
        ("__page_size=2000", 403),
        ("__page_size=x", 422),
        ("nonsense=1", 400),
        ("name__operator=nonsense", 400),
        ("__visible_fields=digest", 400),
        ("__visible_fields=advertiser.name", 400),
        ("__visible_fields=advertiser._meta", 400),
        ("__visible_fields=advertiser.__class__", 400),
        ("__visible_fields=id,advertiser.all_columns", 400),
        ("__visible_fields=id&__visible_fields=name", 200),
        ("__order=-advertiser._meta", 400),
        ("__order=-name,id", 200),
        ("__page=1&__page=2", 400),
        ("__page_size=1&__page_size=2", 400),
        ("id__operator=gt&id__operator=lt", 400),
        ("name=%00", 400),
        ("name=%25%27%3B--", 200),
        ("created_at=yesterday", 422),
        ("id=x", 422),
    ],
)
def test_invalid_queries_are_client_errors(module_sandbox: Sandbox, query: str, status: int) -> None:
    response = piccolo_admin_browser(module_sandbox).get(path_of("offer") + f"?{query}")
    assert response.status_code == status, response.text
    assert "Traceback" not in response.text


@pytest.fixture(scope="module")
def short_timeout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a server with a short report timeout that trusts the proxies of this machine."""
    with (
        running_server(
            tmp_path_factory.mktemp("short_timeout"), GOKART_REPORT_TIMEOUT="0.3", GOKART_TRUSTED_PROXIES="127.0.0.0/8"
        ) as server,
        server.client() as client,
    ):
        yield client


def test_a_slow_query_times_out(sandbox: Sandbox, short_timeout: httpx.Client) -> None:
    admin = Browser(short_timeout, f"app.{sandbox.tenant.slug}.localhost")
    assert admin.sign_in(create_staff_user(sandbox), root="/staff").status_code == 303
    with_page_open(admin)
    with locked(f"{sandbox.tenant.schema}.advertiser"):
        for response in (
            admin.get(path_of("advertiser")),
            admin.get(path_of("advertiser") + "count/"),
            change(admin, "advertiser", sandbox.owner, name="New"),
        ):
            assert response.status_code == 503
            assert "The database is unavailable; try again shortly." in response.text
            assert "Retry-After" in response.headers
    assert rows_of(admin, "advertiser", name="Owner")


def test_the_number_of_ids_is_limited(sandbox: Sandbox) -> None:
    sandbox.send("partners", [{"id": str(uuid4()), "name": f"Partner {n}"} for n in range(1_200)])
    admin = piccolo_admin_browser(sandbox, "viewer")
    for query, length in [
        ("", 1000),
        ("limit=5000", 1000),
        ("limit=-1", 1000),
        ("limit=3", 3),
        ("search=Partner 11", 111),
    ]:
        assert len(admin.get(path_of("partner") + f"ids/?{query}").json()) == length, query
    first, second = (admin.get(path_of("partner") + f"ids/?limit=2&offset={n}").json() for n in (0, 2))
    assert not set(first) & set(second)


# --- the page's own login form ---


def test_its_form_signs_in(module_sandbox: Sandbox) -> None:
    email, client = create_staff_user(module_sandbox, "manager"), browser(module_sandbox)
    response = client.post(LOGIN, json={"username": email.upper(), "password": PASSWORD})
    assert (response.status_code, response.json()) == (200, {"message": "logged in"})
    cookie = response.headers["set-cookie"]
    assert cookie.startswith("gokart_staff=")
    assert "HttpOnly" in cookie
    assert client.get("/admin/api/user/").json()["username"] == email
    assert client.get("/staff/account").status_code == 200
    assert client.post(LOGIN, data={"username": email, "password": PASSWORD}).status_code == 200


def test_each_login_starts_a_new_session(module_sandbox: Sandbox) -> None:
    client, given = browser(module_sandbox), {"username": create_staff_user(module_sandbox), "password": PASSWORD}
    client.post(LOGIN, json=given)
    earlier = client.cookies["gokart_staff"]
    client.post(LOGIN, json={"username": create_staff_user(module_sandbox), "password": PASSWORD})
    assert client.cookies["gokart_staff"] != earlier
    client.cookies["gokart_staff"] = earlier
    assert client.get("/admin/api/user/").status_code == 401


def test_its_form_asks_for_the_second_factor(sandbox: Sandbox) -> None:
    secret = pyotp.random_base32()
    email, client = create_staff_user(sandbox, totp_secret=secret), browser(sandbox)
    given = {"username": email, "password": PASSWORD}
    response = client.post(LOGIN, json=given)
    assert (response.status_code, response.json()) == (401, {"detail": "MFA code required"})
    assert client.post(LOGIN, json=given | {"mfa_code": "000000"}).json() == {"detail": "MFA failed"}
    assert client.get("/admin/api/user/").status_code == 401
    code = pyotp.TOTP(secret).now()
    assert client.post(LOGIN, json=given | {"mfa_code": code}).status_code == 200
    assert client.get("/admin/api/user/").status_code == 200
    assert browser(sandbox).post(LOGIN, json=given | {"mfa_code": code}).status_code == 401


@pytest.mark.parametrize(
    "given", [{}, {"username": "x"}, {"username": [], "password": {}}, {"username": "a\0", "password": "x"}, [], "x"]
)
def test_its_form_requires_a_name_and_a_password(module_sandbox: Sandbox, given: object) -> None:
    assert browser(module_sandbox).post(LOGIN, json=given).status_code == 422


def test_the_login_throttle_applies(sandbox: Sandbox) -> None:
    email, client = create_staff_user(sandbox), browser(sandbox)
    for _ in range(10):
        assert client.post(LOGIN, json={"username": email, "password": "a wrong guess"}).status_code == 401
    response = client.post(LOGIN, json={"username": email, "password": PASSWORD})
    assert (response.status_code, "Retry-After" in response.headers) == (429, True)
    assert client.sign_in(email, root="/staff").status_code == 429


def test_signing_out_ends_the_session(sandbox: Sandbox) -> None:
    client = browser(sandbox)
    client.post(LOGIN, json={"username": create_staff_user(sandbox), "password": PASSWORD})
    token = client.cookies["gokart_staff"]
    response = client.post(LOGOUT)
    assert (response.status_code, client.cookies.get("gokart_staff")) == (200, None)
    client.cookies["gokart_staff"] = token
    assert client.get("/admin/api/user/").status_code == 401
    assert execute("SELECT FROM {s}.session", schema=sandbox.tenant.schema) == []


def test_an_ended_session_returns_what_the_page_expects(sandbox: Sandbox) -> None:
    client = piccolo_admin_browser(sandbox)
    execute("UPDATE {s}.session SET expires_at = now()", schema=sandbox.tenant.schema)
    assert change(client, "advertiser", sandbox.owner, name="New").json() == {"error": "Auth failed"}


# --- behind an HTTPS proxy ---


@pytest.fixture
def secure(sandbox: Sandbox, short_timeout: httpx.Client) -> Browser:
    host = f"app.{sandbox.tenant.slug}.localhost"
    return Browser(short_timeout, host, headers={"X-Forwarded-Proto": "https", "Origin": f"https://{host}"})


def test_cookies_are_secure_behind_https(sandbox: Sandbox, secure: Browser) -> None:
    signed_in = secure.post(LOGIN, json={"username": create_staff_user(sandbox), "password": PASSWORD})
    session = signed_in.headers["set-cookie"]
    assert session.startswith("__Host-gokart_staff=")
    assert "Secure" in session
    page = secure.get("/admin/", headers={"Cookie": session.partition(";")[0]})
    assert re.search(r"^csrftoken=.*; Secure$", page.headers["set-cookie"])
    assert "SameSite" in page.headers["set-cookie"]


def test_changes_behind_https_require_the_same_host(sandbox: Sandbox, other_sandbox: Sandbox, secure: Browser) -> None:
    signed_in = secure.post(LOGIN, json={"username": create_staff_user(sandbox), "password": PASSWORD})
    secure.headers["Cookie"] = signed_in.headers["set-cookie"].partition(";")[0] + "; csrftoken=x"
    secure.headers["X-CSRFToken"] = "x"
    assert change(secure, "advertiser", sandbox.owner, currency="GBP").status_code == 200
    for origin in (f"https://app.{other_sandbox.tenant.slug}.localhost", "https://evil.example", "null"):
        secure.headers["Origin"] = origin
        assert change(secure, "advertiser", sandbox.owner, currency="CHF").status_code == 403
    del secure.headers["Origin"]
    secure.headers["Sec-Fetch-Site"] = "same-origin"
    assert change(secure, "advertiser", sandbox.owner, currency="CHF").status_code == 403  # Piccolo's own check
