"""The host identifies the tenant. Any other host gets a 404 before anything else is checked."""

from collections.abc import Iterator
from ipaddress import ip_address

import httpx
import pytest

from tests.support.raw_http import RawResponse, raw
from tests.support.sandbox import CSV, JSON, MAY, Sandbox, create_sandbox
from tests.support.servers import Server, running_server
from web.requests import client_address

REPORT = f"{JSON}?date_from=2025-05-01&date_to=2025-05-31"
HERE, ELSEWHERE = "127.0.0.0/8", "198.51.100.0/24"

pytestmark = pytest.mark.usefixtures("server")


@pytest.fixture(scope="module")
def sandbox(http: httpx.Client) -> Sandbox:
    return create_sandbox(http)


@pytest.fixture(scope="module")
def other_sandbox(http: httpx.Client) -> Sandbox:
    return create_sandbox(http)


@pytest.fixture(scope="module")
def behind_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that trusts the proxies at 127.0.0.1 and in 203.0.113.0/24."""
    with running_server(
        tmp_path_factory.mktemp("proxy"), GOKART_TRUSTED_PROXIES="127.0.0.1/32, 203.0.113.0/24"
    ) as running:
        yield running


def report(server: Server, *headers: tuple[str, str], token: str) -> RawResponse:
    return raw(server, REPORT, [*headers, ("Authorization", f"ApiToken {token}")])


@pytest.mark.parametrize(
    "form", ["{}", "{}:8000", "{}:443", "{}.", "{}.:8000", "API.{0[1]}.LocalHost", "aPi.{0[1]}.LOCALHOST.:1"]
)
def test_case_port_and_a_trailing_dot_do_not_matter(server: Server, sandbox: Sandbox, form: str) -> None:
    host = form.format(sandbox.host) if "[" not in form else form.format(["", sandbox.tenant.slug.upper()])
    assert report(server, ("Host", host), token=sandbox.owner_key).status == 200


@pytest.mark.parametrize(
    "form",
    [
        "", " ", ".", "localhost", "127.0.0.1", "127.0.0.1:8000", "[::1]", "[::1]:8000", "api", "api.localhost",
        "app.nobody.localhost", "api.nobody.localhost", "{}.localhost", "api.{}", "x.api.{}.localhost",
        "api.api.{}.localhost", "api..{}.localhost", ".api.{}.localhost", "api.{}.localhost..", "api.{}.localhost.x",
        "api.{}.notlocalhost", "api.{}xlocalhost", "api.{}.localhost:", "api.{}.localhost:x", "api.{}.localhost:123456",
        "api.{}.localhost:80:80", "api.{}.localhost/", "api.{}.localhost@evil.example", "evil@api.{}.localhost",
        "api.{}.localhost evil", "api.{}.localhost, api.{}.localhost", "api.{}_.localhost", "api.t_{}.localhost",
        "api.-{}.localhost", "api.{}-.localhost", "api.{}%2elocalhost", "api.\u00e9{}.localhost",
        "api.xn--{}-.localhost", "\uff41\uff50\uff49.{}.localhost", "api.{}.lo\u0441alhost", "https://api.{}.localhost",
        "*", "api.*.localhost",
        "api.%.localhost", "api.';--.localhost", "api." + "a" * 61 + ".localhost", "api." + "a." * 200 + "localhost",
        "a" * 5_000,
    ],
)  # fmt: skip
def test_an_unknown_host_is_404(server: Server, sandbox: Sandbox, form: str) -> None:
    response = report(server, ("Host", form.replace("{}", sandbox.tenant.slug)), token=sandbox.owner_key)
    assert response.status == 404
    assert response.json()["title"] == "Not found"
    assert response.headers["WWW-Authenticate"] is None


@pytest.mark.parametrize("host", ["app.{}.localhost", "admin.localhost"])
def test_the_hosts_of_pages_have_no_api(server: Server, sandbox: Sandbox, host: str) -> None:
    assert report(server, ("Host", host.format(sandbox.tenant.slug)), token=sandbox.owner_key).status == 404


def test_neither_no_host_nor_two_are_a_tenants(server: Server, sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    assert report(server, token=sandbox.owner_key).status == 404
    for second in (sandbox.host, other_sandbox.host):
        response = report(server, ("Host", sandbox.host), ("Host", second), token=sandbox.owner_key)
        assert response.status == 404


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize("host", ["127.0.0.1:8000", "api.nobody.localhost", "admin.localhost", "[::1]", ""])
def test_the_health_checks_answer_on_any_host(server: Server, path: str, host: str) -> None:
    response = raw(server, path, [("Host", host)])
    assert (response.status, response.json()) == (200, {"status": "ok"})


def test_the_health_checks_answer_without_a_host(server: Server) -> None:
    assert raw(server, "/healthz", []).status == 200


@pytest.mark.parametrize("header", ["X-Forwarded-Host", "Forwarded", "X-Host", "X-Original-Host", "X-Forwarded-Server"])
def test_a_forwarded_host_is_not_believed_from_anybody(
    server: Server, sandbox: Sandbox, other_sandbox: Sandbox, header: str
) -> None:
    value = f"host={sandbox.host}" if header == "Forwarded" else sandbox.host
    response = report(server, ("Host", other_sandbox.host), (header, value), token=sandbox.owner_key)
    assert response.status == 401  # a key of the other sandbox
    assert report(server, ("Host", "localhost"), (header, value), token=sandbox.owner_key).status == 404


def test_a_forwarded_host_is_believed_from_a_trusted_proxy(behind_proxy: Server, sandbox: Sandbox) -> None:
    forwarded = ("X-Forwarded-Host", sandbox.host)
    assert report(behind_proxy, ("Host", "10.0.0.1"), forwarded, token=sandbox.owner_key).status == 200
    assert report(behind_proxy, forwarded, token=sandbox.owner_key).status == 200
    assert report(behind_proxy, ("Host", sandbox.host), token=sandbox.owner_key).status == 200


@pytest.mark.parametrize("forwarded", ["", "api.nobody.localhost", "{0}, {0}", "{0},api.nobody.localhost"])
def test_a_trusted_proxy_has_the_last_word_on_the_host(behind_proxy: Server, sandbox: Sandbox, forwarded: str) -> None:
    headers = ("Host", sandbox.host), ("X-Forwarded-Host", forwarded.format(sandbox.host))
    assert report(behind_proxy, *headers, token=sandbox.owner_key).status == 404


def test_two_forwarded_hosts_are_no_host(behind_proxy: Server, sandbox: Sandbox) -> None:
    headers = [("X-Forwarded-Host", sandbox.host)] * 2
    assert report(behind_proxy, *headers, token=sandbox.owner_key).status == 404


def test_a_forwarded_address_counts_for_a_tokens_networks_behind_a_trusted_proxy(
    server: Server, behind_proxy: Server, sandbox: Sandbox
) -> None:
    token = sandbox.create_api_key("cost-report", networks=[ELSEWHERE])
    headers = ("Host", sandbox.host), ("X-Forwarded-For", "198.51.100.7")
    assert report(behind_proxy, *headers, token=token).status == 200
    assert report(server, *headers, token=token).status == 403


@pytest.mark.parametrize(
    ("forwarded", "status"),
    [
        (["198.51.100.7"], 200),
        (["198.51.100.7:4711"], 200),
        (["::ffff:198.51.100.7"], 200),
        (["192.0.2.1, 198.51.100.7"], 200),
        (["198.51.100.7, 203.0.113.9"], 200),  # a second trusted proxy
        (["192.0.2.1", "198.51.100.7"], 200),
        (["198.51.100.7, 192.0.2.1"], 403),  # the first is the client's own claim
        (["198.51.100.7", "192.0.2.1"], 403),
        (["198.51.100.7, unknown"], 403),
        (["198.51.100.7, "], 403),
        (["198.51.100.7.evil.example"], 403),
        (["198.51.100.999"], 403),
        (["0xc6336407"], 403),
        (["198.51.100.007"], 403),
        ([""], 403),
        ([], 403),
    ],
)
def test_the_address_is_the_one_that_the_last_trusted_proxy_saw(
    behind_proxy: Server, sandbox: Sandbox, forwarded: list[str], status: int
) -> None:
    token = sandbox.create_api_key("cost-report", networks=[ELSEWHERE])
    headers = [("Host", sandbox.host), *(("X-Forwarded-For", value) for value in forwarded)]
    assert report(behind_proxy, *headers, token=token).status == status


@pytest.mark.parametrize("header", ["X-Real-IP", "Client-IP", "True-Client-IP", "CF-Connecting-IP", "Forwarded"])
def test_no_other_header_moves_the_client(behind_proxy: Server, sandbox: Sandbox, header: str) -> None:
    token = sandbox.create_api_key("cost-report", networks=[HERE])
    value = "for=198.51.100.7" if header == "Forwarded" else "198.51.100.7"
    assert report(behind_proxy, ("Host", sandbox.host), (header, value), token=token).status == 200


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),  # an IPv4 client at an IPv6 socket
        ("2001:db8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_an_address_is_the_same_whatever_socket_it_came_by(peer: str, address: str) -> None:
    assert client_address({"client": (peer, 4711)}) == ip_address(address)


@pytest.mark.parametrize("client", [None, ("", 0), ("testclient", 0)])
def test_some_clients_have_no_address(client: tuple[str, int] | None) -> None:
    assert client_address({"client": client}) is None


def test_a_tenants_address_is_only_its_own(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    assert sandbox.request("GET", CSV, token=sandbox.owner_key, params=MAY).status_code == 200
    assert sandbox.request("GET", CSV, token=sandbox.owner_key, host=other_sandbox.host, params=MAY).status_code == 401
