"""Attacks on Piccolo Admin: by outsiders, other tenants, and staff with fewer permissions."""

import re
from typing import Any

import httpx
import pytest

from admin.piccolo.app import piccolo
from admin.piccolo.rules import RULES
from tests.support.database import execute
from tests.support.people import Browser, audit, browser, create_advertiser_user, create_staff_user, staff_browser
from tests.support.piccolo_admin import (
    change,
    create,
    fill,
    path_of,
    piccolo_admin_browser,
    row_of,
    rows_of,
    stored_row,
    with_page_open,
)
from tests.support.raw_http import RawResponse, raw
from tests.support.sandbox import Sandbox, offer_record
from tests.support.servers import Server
from tests.support.wait import wait_until

SCRIPT = '<script>alert(1)</script><img src=x onerror="alert(2)">'


def cookies_of(client: Browser) -> str:
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar)


# --- attacks from another tenant ---


def test_a_session_is_invalid_at_another_tenant(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    """Even if both tenants have a staff user with the same id, name and address."""
    for somewhere in (sandbox, other_sandbox):
        create_staff_user(somewhere, email="anna@example.com")
    here = piccolo_admin_browser(other_sandbox)
    there = browser(sandbox, headers={"Cookie": cookies_of(here), "X-CSRFToken": here.cookies["csrftoken"]})
    assert there.get("/admin/").status_code == 303
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        assert there.request(method, path_of("advertiser", sandbox.owner), json={"name": "Mine"}).status_code == 401
    assert stored_row(sandbox, "advertiser", sandbox.owner)["name"] == "Owner"


def test_rows_of_another_tenant_are_not_found(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    offer = offer_record(other_sandbox)
    other_sandbox.send("offers", [offer])
    admin = piccolo_admin_browser(sandbox)
    for table, row in [
        ("advertiser", other_sandbox.owner),
        ("offer", offer["id"]),
        ("partner", other_sandbox.tenant.id),
    ]:
        assert admin.get(path_of(table, row)).status_code == 404
        assert change(admin, table, row, name="Mine").status_code == 404
        assert admin.delete(path_of(table, row)).status_code in {204, 404}
        assert stored_row(other_sandbox, table, row)
    assert create(admin, "offer", name="Mine", advertiser=str(other_sandbox.owner)).status_code == 422
    own = create(admin, "offer", name="Mine", advertiser=str(sandbox.owner)).json()[0]["id"]
    assert change(admin, "offer", own, advertiser=str(other_sandbox.owner)).status_code == 422


def test_interleaved_requests_of_two_tenants_do_not_mix(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    here, there = piccolo_admin_browser(sandbox), piccolo_admin_browser(other_sandbox)
    for _ in range(3):
        for somewhere, admin in [(sandbox, here), (other_sandbox, there)]:
            assert [row["name"] for row in rows_of(admin, "partner")] == [somewhere.tenant.name]
            assert somewhere.tenant.name in admin.get("/admin/").text


def test_requests_of_another_origin_are_rejected(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    admin = piccolo_admin_browser(sandbox)
    neighbour = f"http://app.{other_sandbox.tenant.slug}.localhost"
    del admin.headers["Origin"]
    for headers in (
        {},
        {"Origin": neighbour},
        {"Origin": f"http://api.{sandbox.tenant.slug}.localhost"},
        {"Origin": f"http://{admin.host}.evil.example"},
        {"Origin": f"http://{admin.host}:8443"},
        {"Origin": "null"},
        {"Origin": neighbour, "Sec-Fetch-Site": "same-site"},
        {"Origin": f"http://{admin.host}", "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        for method, path in [
            ("PATCH", path_of("advertiser", sandbox.owner)),
            ("PUT", path_of("advertiser", sandbox.owner)),
            ("DELETE", path_of("advertiser", sandbox.owner)),
            ("POST", path_of("advertiser")),
            ("POST", "/admin/public/login/"),
            ("POST", "/admin/public/logout/"),
        ]:
            response = admin.request(method, path, json={"name": "Mine"}, headers=headers)
            assert response.status_code == 403, (headers, method, path)
    assert stored_row(sandbox, "advertiser", sandbox.owner)["name"] == "Owner"
    assert admin.get("/admin/api/user/").status_code == 200


def test_a_csrf_token_is_required(sandbox: Sandbox) -> None:
    admin = piccolo_admin_browser(sandbox)
    for token in ("", "x", admin.headers["X-CSRFToken"][:-1]):
        admin.headers["X-CSRFToken"] = token
        assert change(admin, "advertiser", sandbox.owner, currency="GBP").status_code == 403
    del admin.headers["X-CSRFToken"]
    form = admin.patch(path_of("advertiser", sandbox.owner), data={"currency": "GBP"})
    assert form.status_code == 400
    assert stored_row(sandbox, "advertiser", sandbox.owner)["currency"] == "USD"


# --- attacks by staff and advertiser users ---


def test_a_viewer_cannot_change_anything(sandbox: Sandbox) -> None:
    viewer = piccolo_admin_browser(sandbox, "viewer")
    before = len(audit(sandbox))
    for table, rule in RULES.items():
        row = rows_of(viewer, table)[0]["id"] if rows_of(viewer, table) else 1
        values = dict.fromkeys(rule.checks, "x")
        for method, path in [
            ("POST", path_of(table)),
            ("PUT", path_of(table, row)),
            ("PATCH", path_of(table, row)),
            ("DELETE", path_of(table, row)),
            ("DELETE", path_of(table)),
            ("PURGE", path_of(table, row)),
            ("patch", path_of(table, row)),
        ]:
            response = viewer.request(method, path, json=values, headers={"X-HTTP-Method-Override": "GET"})
            assert response.status_code == 403, (method, path)
    assert len(audit(sandbox)) == before


def test_a_manager_cannot_become_an_owner(sandbox: Sandbox) -> None:
    email = create_staff_user(sandbox, "manager")
    manager = browser(sandbox)
    manager.sign_in(email, root="/staff")
    with_page_open(manager)
    (me,) = rows_of(manager, "staff", email=email)
    for sent in ({"role": "owner"}, {"role": "OWNER"}, {"id": me["id"], "role": "owner"}, {"role": ["owner"]}):
        assert change(manager, "staff", me["id"], **sent).status_code == 403
    for path in (
        f"/admin/api/tables/advertiser/../staff/{me['id']}/",
        f"/admin/api/tables/advertiser/%2e%2e/staff/{me['id']}/",
        f"/admin/api/tables/advertiser/..%2fstaff%2f{me['id']}/",
        f"/admin//api//tables//staff//{me['id']}//",
        f"/admin/api/tables/STAFF/{me['id']}/",
        f"/admin/api/tables/staff%20/{me['id']}/",
        f"/admin/api/tables/staff%00/{me['id']}/",
        f"/admin/api/tables/staff;/{me['id']}/",
    ):
        response = manager.request("PATCH", "/", json={"role": "owner"}, extensions={"target": path.encode()})
        assert response.status_code in {403, 404}, path
    assert row_of(manager, "staff", me["id"])["role"] == "manager"


def test_advertiser_users_have_no_access(sandbox: Sandbox) -> None:
    portal = browser(sandbox)
    assert portal.sign_in(create_advertiser_user(sandbox)).status_code == 303
    token = portal.cookies["gokart_advertiser"]
    for cookie in (
        f"gokart_advertiser={token}",
        f"gokart_staff={token}",
        f"id={token}",
        "id=1",
        f"gokart_platform={token}",
    ):
        client = browser(sandbox, headers={"Cookie": cookie})
        assert client.get("/admin/").status_code == 303
        assert client.get(path_of("advertiser")).status_code == 401


# --- secrets ---


def test_no_response_contains_a_secret(sandbox: Sandbox) -> None:
    fill(sandbox)
    admin = piccolo_admin_browser(sandbox, totp_secret="JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    secrets = [sandbox.owner_key, sandbox.rival_key, sandbox.ingest_key, "JBSWY3DPEHPK3PXP", "pbkdf2_sha256", "$argon2"]
    for table in ("api_token", "session"):
        rows = execute(f"SELECT encode(digest, 'hex') AS hex FROM {{s}}.{table}", schema=sandbox.tenant.schema)
        secrets += [row["hex"] for row in rows]
    for response in all_responses(admin):
        for secret in secrets:
            assert secret not in response.text, response.url
        for name in ("digest", "password", "totp_secret", "recovery_codes"):
            values = re.findall(rf'{name}\\*": \\*"(.*?)\\*"', response.text)
            assert set(values) <= {"(secret)"}, response.url


def all_responses(admin: Browser) -> list[httpx.Response]:
    responses = [admin.get("/admin/"), admin.get("/admin/api/user/")]
    for table in piccolo.table_config_map:
        responses += [admin.get(path_of(table) + f"{about}/") for about in ("ids", "new", "count", "schema")]
        responses.append(admin.get(path_of(table), params={"__page_size": 1000, "__readable": "true"}))
        rows = responses[-1].json()["rows"]
        responses += [admin.get(path_of(table, row["id"])) for row in rows[:2]]
        if rows and table in RULES:
            responses.append(admin.patch(path_of(table, rows[0]["id"]), json={}))
    return responses


def test_secret_columns_cannot_be_filtered_ordered_or_selected(sandbox: Sandbox) -> None:
    admin = piccolo_admin_browser(sandbox)
    for table, column in [("staff", "password"), ("staff", "totp_secret"), ("api_token", "digest")]:
        for query in (f"__order={column}", f"__visible_fields={column}", f"{column}=x", f"{column}__operator=not_null"):
            assert admin.get(path_of(table) + f"?{query}").status_code == 400
    for column in ("advertiser.name", "token.digest", "advertiser.id"):
        assert admin.get(path_of("intake") + f"?__visible_fields={column}").status_code == 400
        assert admin.get(path_of("api_token") + f"?__order={column}").status_code == 400


@pytest.mark.parametrize("name", ["Transfer-Encoding", "Location", "%00", "X%0d%0aSet-Cookie:%20a=b"])
def test_the_client_cannot_choose_a_response_header(module_sandbox: Sandbox, name: str) -> None:
    query = f"?__range_header=true&__range_header_name={name}"
    response = piccolo_admin_browser(module_sandbox).get(path_of("staff") + query)
    assert response.status_code == 400


# --- stored scripts ---


def test_names_are_escaped(sandbox: Sandbox) -> None:
    sandbox.send("offers", [offer_record(sandbox, name=SCRIPT)])
    execute("UPDATE tenant SET name = $1 WHERE slug = $2", SCRIPT, sandbox.tenant.slug)
    admin = piccolo_admin_browser(sandbox)
    response = admin.get(path_of("offer"))
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.json()["rows"][0]["name"] == SCRIPT
    assert "<script>alert" not in admin.get("/admin/").text
    assert admin.get("/admin/public/meta/").json()["site_name"].startswith(SCRIPT)


# --- paths and hosts ---


@pytest.mark.parametrize(
    ("target", "statuses"),
    [
        ("/admin//api/tables/", {401}),
        ("/admin/api//tables/advertiser/", {401}),
        ("//admin/api/tables/", {401}),
        ("/admin/./api/tables/", {404}),
        ("/admin/%2e%2e/admin/api/tables/", {404}),
        ("/admin/../admin/api/tables/", {404}),
        ("/admin/public/../api/tables/", {404}),
        ("/admin/public/%2e%2e/api/tables/", {404}),
        ("/admin/public/meta/../../api/tables/", {404}),
        ("/admin/assets/../../endpoints.py", {404}),
        ("/admin/assets/%2e%2e%2findex.html", {404}),
        ("/admin/assets/..%5c..%5cendpoints.py", {404}),
        ("/admin/assets//etc/passwd", {404}),
        ("/admin/assets/", {404}),
        ("/admin%2fapi/tables/", {401, 404}),
        ("/admin/api%2ftables%2fadvertiser%2f", {401}),
        ("/admin/api/tables/advertiser/?x=/public/meta/", {401}),
        ("/admin/API/tables/", {404}),
        ("/ADMIN/api/tables/", {404}),
        ("/adminapi/tables/", {404}),
        ("/admin/apitables/", {404}),
        ("/admin;/api/tables/", {404}),
        ("/admin/public/translations/..%2f..%2fapi%2ftables/", {404}),
        ("/admin/openapi.json", {404}),
        ("/admin/public/openapi.json", {404}),
        ("/admin/public/docs/", {404}),
    ],
)
def test_no_path_bypasses_the_session(module_sandbox: Sandbox, server: Server, target: str, statuses: set[int]) -> None:
    response = raw(server, target, [("Host", f"app.{module_sandbox.tenant.slug}.localhost")])
    assert response.status in statuses
    assert b"advertiser" not in response.body.replace(b"/advertiser", b"")


def test_no_other_host_serves_it(sandbox: Sandbox, server: Server) -> None:
    cookie = cookies_of(staff_browser(sandbox))
    slug = sandbox.tenant.slug

    def ask(*hosts: str) -> RawResponse:
        return raw(server, "/admin/api/user/", [*(("Host", host) for host in hosts), ("Cookie", cookie)])

    assert ask(f"app.{slug}.localhost").status == ask(f"APP.{slug.upper()}.localhost.:1").status == 200
    for hosts in (
        [f"api.{slug}.localhost"],
        ["admin.localhost"],
        [f"{slug}.localhost"],
        ["localhost"],
        [f"app.{slug}.localhost", "admin.localhost"],
        [f"app.{slug}.localhost@admin.localhost"],
        [],
    ):
        assert ask(*hosts).status in {400, 404}, hosts


def test_redirects_stay_on_this_host(sandbox: Sandbox, server: Server) -> None:
    for target in ("/admin", "//admin", "/admin?next=//evil.example", "/admin/?next=//evil.example"):
        response = raw(server, target, [("Host", f"app.{sandbox.tenant.slug}.localhost")])
        assert response.status == 303
        assert response.headers["location"] in {"/admin/", "/staff/sign-in?next=/admin/"}


# --- errors ---


def test_a_server_error_reveals_nothing_and_is_logged(sandbox: Sandbox, server: Server) -> None:
    """A dropped view causes the error."""
    admin = piccolo_admin_browser(sandbox)
    execute("DROP VIEW {s}.conversion_list", schema=sandbox.tenant.schema)
    response = admin.get(path_of("conversion_list"), headers={"X-Request-Id": f"lost-{sandbox.tenant.slug}"})
    assert response.status_code == 500
    assert "conversion_list" not in response.text

    def logged() -> list[dict[str, Any]]:
        return [line for line in server.log_lines() if line.get("request_id") == f"lost-{sandbox.tenant.slug}"]

    wait_until(lambda: bool(logged()))  # the line is written after the response
    (line,) = logged()
    assert (line["route"], line["tenant"]) == ("/admin/api/tables/conversion_list/", sandbox.tenant.slug)
    assert "conversion_list" in line["exception"]
