"""Security headers and origin checks: other sites cannot submit, frame or read a page."""

from pathlib import Path

import pytest

from tests.support.database import execute
from tests.support.people import (
    PASSWORD,
    Browser,
    advertiser_browser,
    browser,
    create_advertiser_user,
    create_staff_user,
)
from tests.support.sandbox import Sandbox
from tests.support.servers import running_server
from tests.support.wait import wait_for_value

POSTS = ["/sign-in", "/staff/sign-in", "/account/password", "/staff/account/two-step", "/sign-out", "/forgot"]


def senders(sandbox: Sandbox, other_sandbox: Sandbox) -> dict[str, dict[str, str]]:
    own = f"app.{sandbox.tenant.slug}.localhost"
    return {
        "another site": {"Origin": "https://evil.example"},
        "another tenant": {"Origin": f"http://app.{other_sandbox.tenant.slug}.localhost"},
        "the tenant's API host": {"Origin": f"http://api.{sandbox.tenant.slug}.localhost"},
        "another port": {"Origin": f"http://{own}:81"},
        "no URL": {"Origin": "http://["},
        "a sandbox": {"Origin": "null"},
        "nobody": {"Origin": ""},
        "a suffix": {"Origin": f"http://{own}.evil.example"},
        "a user": {"Origin": f"http://{own}@evil.example"},
        "a sibling, as the browser says": {"Origin": f"http://{own}", "Sec-Fetch-Site": "same-site"},
        "a stranger, as the browser says": {"Origin": f"http://{own}", "Sec-Fetch-Site": "cross-site"},
    }


@pytest.mark.parametrize("path", POSTS)
def test_a_form_from_another_origin_is_rejected(
    module_sandbox: Sandbox, module_other_sandbox: Sandbox, path: str
) -> None:
    client = advertiser_browser(module_sandbox)
    for sender, headers in senders(module_sandbox, module_other_sandbox).items():
        assert client.post(path, data={"email": "x"}, headers=headers).status_code == 403, sender
    assert client.get("/account").status_code == 200, "and has not signed anybody out"


def test_a_form_from_the_same_origin_is_accepted(sandbox: Sandbox) -> None:
    email = create_advertiser_user(sandbox)
    for headers in [{}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}]:
        client = browser(sandbox, headers=headers)
        assert client.sign_in(email).status_code == 303


@pytest.mark.parametrize("path", ["/sign-in", "/staff/sign-in", "/account", "/nothing/there"])
def test_every_page_has_security_headers(module_sandbox: Sandbox, path: str) -> None:
    headers = advertiser_browser(module_sandbox).get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "same-origin"
    assert "strict-transport-security" not in headers


@pytest.mark.parametrize("realm", ["advertiser", "staff"])
def test_behind_https_cookies_are_bound_to_the_host(tmp_path: Path, sandbox: Sandbox, realm: str) -> None:
    root = "/staff" if realm == "staff" else ""
    email = create_staff_user(sandbox) if realm == "staff" else create_advertiser_user(sandbox)
    with running_server(tmp_path, GOKART_TRUSTED_PROXIES="127.0.0.0/8") as proxied, proxied.client() as http:
        host = f"app.{sandbox.tenant.slug}.localhost"
        client = Browser(http, host, headers={"X-Forwarded-Proto": "https", "Origin": f"https://{host}"})
        response = client.sign_in(email, PASSWORD, root)
        assert response.status_code == 303
        cookie = response.headers["set-cookie"]
        assert cookie.startswith(f"__Host-gokart_{realm}=")
        assert "Secure" in cookie
        assert response.headers["strict-transport-security"] == "max-age=31536000"
        api = http.get("/healthz", headers={"X-Forwarded-Proto": "https"})
        assert api.headers["strict-transport-security"] == "max-age=31536000"
        kept = {"Cookie": cookie.partition(";")[0]}
        assert client.get(f"{root}/account", headers=kept).status_code == 200
        stolen = {"Cookie": kept["Cookie"].removeprefix("__Host-")}
        assert client.get(f"{root}/account", headers=stolen).status_code == 303, "one set by a sibling host"


def test_early_rejections_are_error_pages(sandbox: Sandbox) -> None:
    reader = {"Accept": "text/html,*/*"}
    suspended = browser(sandbox, headers=reader)
    execute("UPDATE tenant SET status = 'suspended' WHERE slug = $1", sandbox.tenant.slug)
    wait_for_value(lambda: suspended.get("/").status_code, 403)
    for response in suspended.get("/"), Browser(sandbox.http, "app.nobody.localhost", headers=reader).get("/"):
        assert response.status_code in {403, 404}
        assert response.text.startswith("<!doctype html>")
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
        assert response.headers["cache-control"] == "no-store"
    page = suspended.get("/staff/keys").text
    assert f"{sandbox.tenant.name} is not available at the moment." in page
    assert "suspended" not in page
    assert 'href="/' not in page.partition("<body")[2].replace("/static/", ""), "no link leads back to this page"
    assert browser(sandbox).get("/").json()["detail"] == "This tenant is suspended.", "a program reads JSON"
    api = sandbox.request("GET", "/", headers=reader)
    assert api.headers["content-type"] == "application/problem+json"
