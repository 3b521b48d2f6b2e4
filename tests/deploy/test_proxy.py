"""The app behind the TLS proxy of `deploy/one-server`: clients notice nothing but TLS."""

import gzip
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from tests.support.large_report import YEAR, fill_large_report, held, kill_backends
from tests.support.sandbox import (
    JSON,
    MAY,
    SINGULAR_CSV,
    Sandbox,
    conversion_callback,
    create_sandbox,
    event_record,
    offer_record,
)
from tests.support.servers import Server, running_server
from tests.support.tls_proxy import HostTransport, TlsProxy, running_tls_proxy
from tests.support.wait import GUARD, wait_until

CLIENT, OTHER_CLIENT = "127.0.0.2", "127.0.0.3"
FAILED_TOKENS, LARGEST_BODY = 5, 100_000

pytestmark = pytest.mark.usefixtures("server")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(
        tmp_path_factory.mktemp("app"),
        GOKART_TRUSTED_PROXIES="127.0.0.1/32",
        GOKART_INTAKE_BODY=str(LARGEST_BODY),
        GOKART_FAILED_TOKEN_BURST=str(FAILED_TOKENS),
        GOKART_FAILED_TOKEN_RATE="0.000001",
    ) as running:
        yield running


@pytest.fixture(scope="module")
def proxy(app: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsProxy]:
    with running_tls_proxy(tmp_path_factory.mktemp("proxy"), app.port) as running:
        running.certify("localhost", "admin.localhost")
        yield running


@pytest.fixture(scope="module")
def behind_proxy(http: httpx.Client, proxy: TlsProxy) -> Iterator[Sandbox]:
    """A tenant that is reached through the proxy, from CLIENT. The owner has a cost of 60 in May 2025."""
    created = create_sandbox(http)
    proxy.certify(f"{created.tenant.slug}.localhost")
    with proxy.client(CLIENT) as client:
        sandbox = msgspec.structs.replace(created, http=client)
        offer = offer_record(sandbox)
        assert sandbox.send("offers", [offer])["accepted"] == 1
        assert sandbox.send("conversions", [conversion_callback(sandbox, offer["id"])])["accepted"] == 1
        yield sandbox


def test_a_report_is_served_over_https(behind_proxy: Sandbox) -> None:
    assert [row["revenue"] for row in behind_proxy.report()] == [60]


def test_an_unchanged_report_is_304_and_compressed_ones_stay_compressed(behind_proxy: Sandbox) -> None:
    direct = behind_proxy.get(JSON, **MAY)
    headers = {"If-None-Match": direct.headers["etag"], "Accept-Encoding": "gzip"}
    again = behind_proxy.request("GET", JSON, token=behind_proxy.owner_key, params=MAY, headers=headers)
    assert (again.status_code, again.headers["etag"], again.content) == (304, direct.headers["etag"], b"")


def test_the_app_sends_the_same_headers_without_the_proxy(behind_proxy: Sandbox, app: Server) -> None:
    """Except for those of HTTPS and of the connection itself."""
    with app.client() as client:
        direct = msgspec.structs.replace(behind_proxy, http=client).get(JSON, **MAY)
    through = behind_proxy.get(JSON, **MAY)
    assert through.content == direct.content
    own = {"strict-transport-security", "server", "connection", "date", "x-request-id"}
    assert {name: value for name, value in through.headers.items() if name not in own} == {
        name: value for name, value in direct.headers.items() if name not in own
    }
    assert through.headers["server"] == "nginx", "without a version"


def test_responses_have_hsts(behind_proxy: Sandbox) -> None:
    assert behind_proxy.get(JSON, **MAY).headers["strict-transport-security"] == "max-age=31536000"
    page = behind_proxy.request("GET", "/", host=f"app.{behind_proxy.tenant.slug}.localhost")
    assert page.headers["strict-transport-security"] == "max-age=31536000"


def test_http_is_redirected_to_https(proxy: TlsProxy, behind_proxy: Sandbox) -> None:
    url = f"http://127.0.0.1:{proxy.http_port}/sign-in?next=%2F"
    host = f"app.{behind_proxy.tenant.slug}.localhost"
    response = httpx.get(url, headers={"Host": f"{host}:80"}, timeout=GUARD)
    assert (response.status_code, response.headers["location"]) == (308, f"https://{host}/sign-in?next=%2F")


def test_challenges_of_certificate_authorities_are_served_over_http(proxy: TlsProxy) -> None:
    (proxy.folder / "acme/.well-known/acme-challenge/token").write_text("answer")
    url = f"http://127.0.0.1:{proxy.http_port}/.well-known/acme-challenge/token"
    assert httpx.get(url, headers={"Host": "app.acorn.localhost"}, timeout=GUARD).text == "answer"


def test_a_new_tenant_has_tls_as_soon_as_its_certificate_is_stored(proxy: TlsProxy, http: httpx.Client) -> None:
    tenant = create_sandbox(http).tenant
    with proxy.client() as client:
        headers = {"Host": f"app.{tenant.slug}.localhost"}
        with pytest.raises(httpx.ConnectError):
            client.get("/sign-in", headers=headers)
        proxy.certify(f"{tenant.slug}.localhost")
        assert client.get("/sign-in", headers=headers).status_code == 200


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "app.unknown.localhost"])
def test_a_host_without_a_certificate_has_no_tls(proxy: TlsProxy, host: str) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", proxy.https_port), timeout=GUARD) as plain,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(plain, server_hostname=host)


def test_the_platform_has_the_certificate_of_the_base_host(proxy: TlsProxy) -> None:
    with proxy.client() as client:
        assert client.get("/sign-in", headers={"Host": "admin.localhost"}).status_code == 200


def test_an_unknown_tenant_is_404(proxy: TlsProxy, behind_proxy: Sandbox) -> None:
    proxy.certify("nobody.localhost")
    response = behind_proxy.request("GET", JSON, token=behind_proxy.owner_key, host="api.nobody.localhost", params=MAY)
    assert (response.status_code, response.json()["title"]) == (404, "Not found")


@pytest.mark.parametrize("name", ["X-Forwarded-Host", "Forwarded"])
def test_a_client_cannot_forge_the_host(behind_proxy: Sandbox, name: str) -> None:
    other = create_sandbox(behind_proxy.http)
    headers = {name: other.host if name != "Forwarded" else f"host={other.host}"}
    response = behind_proxy.request("GET", JSON, token=behind_proxy.owner_key, params=MAY, headers=headers)
    assert response.status_code == 200
    response = behind_proxy.request("GET", JSON, token=other.owner_key, params=MAY, headers=headers)
    assert response.status_code == 401


def test_the_network_rules_of_an_api_key_see_the_client_and_not_what_it_claims(
    proxy: TlsProxy, behind_proxy: Sandbox
) -> None:
    key = behind_proxy.create_api_key("cost-report", networks=[f"{CLIENT}/32"])
    assert behind_proxy.get(JSON, token=key, **MAY).status_code == 200
    with proxy.client(OTHER_CLIENT) as client:
        elsewhere = msgspec.structs.replace(behind_proxy, http=client)
        for headers in {}, {"X-Forwarded-For": CLIENT}, {"X-Real-IP": CLIENT, "Forwarded": f"for={CLIENT}"}:
            response = elsewhere.request("GET", JSON, token=key, params=MAY, headers=headers)
            assert response.status_code == 403


def test_rate_limits_count_the_client_and_not_what_it_claims(proxy: TlsProxy, behind_proxy: Sandbox) -> None:
    def statuses(address: str) -> list[int]:
        with proxy.client(address) as client:
            guessing = msgspec.structs.replace(behind_proxy, http=client)
            return [
                guessing.request(
                    "GET", JSON, token="wrong", params=MAY, headers={"X-Forwarded-For": f"198.51.100.{number}"}
                ).status_code
                for number in range(FAILED_TOKENS + 1)
            ]

    for address in "127.0.0.4", "127.0.0.5":
        assert statuses(address) == [401] * FAILED_TOKENS + [429]


def test_a_compressed_batch_arrives(behind_proxy: Sandbox) -> None:
    offer = offer_record(behind_proxy)
    behind_proxy.send("offers", [offer])
    batch = [event_record(offer["id"]) for _ in range(500)]
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    response = behind_proxy.request(
        "POST",
        "/api/v1/ingest/events",
        token=behind_proxy.ingest_key,
        content=gzip.compress(msgspec.json.encode(batch)),
        headers=headers,
    )
    assert response.json()["accepted"] == 500


@pytest.mark.parametrize("size", [LARGEST_BODY + 1, 20_000_000])
def test_the_app_refuses_a_body_that_is_too_large(behind_proxy: Sandbox, app: Server, size: int) -> None:
    response = behind_proxy.request(
        "POST",
        "/api/v1/ingest/events",
        token=behind_proxy.ingest_key,
        content=b" " * size,
        headers={"Content-Type": "application/json"},
    )
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["requestId"] == response.headers["x-request-id"]
    wait_until(lambda: bool(app.log_lines(response.json()["requestId"])))


def read_until(connection: ssl.SSLSocket, wanted: bytes) -> bytes:
    received = b""
    while wanted not in received:
        part = connection.recv(4096)
        assert part, received
        received += part
    return received


def test_a_body_that_the_proxy_does_not_store_is_a_problem_too(proxy: TlsProxy, behind_proxy: Sandbox) -> None:
    lines = [f"POST /api/v1/ingest/events HTTP/1.1\r\nHost: {behind_proxy.host}", "Content-Length: 67108865", "", ""]
    with proxy.connect(behind_proxy.host) as connection:
        connection.sendall("\r\n".join(lines).encode())
        head, _, body = read_until(connection, b"}").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ")
    assert b"Content-Type: application/problem+json" in head
    assert b"Strict-Transport-Security" in head
    problem = msgspec.json.decode(body)
    assert (problem["status"], problem["title"]) == (413, "Content Too Large")
    assert problem["requestId"].encode() in head


def test_a_filter_in_the_body_of_a_get_arrives(behind_proxy: Sandbox, app: Server) -> None:
    with app.client() as client:
        direct = msgspec.structs.replace(behind_proxy, http=client)
        responses = [
            each.request("GET", JSON, token=each.owner_key, json=MAY).json() for each in (direct, behind_proxy)
        ]
    assert responses[0]["data"] == responses[1]["data"]


def test_a_long_token_and_many_headers_pass(behind_proxy: Sandbox) -> None:
    headers = {f"X-Header-{number}": "x" * 1000 for number in range(20)}
    response = behind_proxy.request("GET", JSON, token=behind_proxy.owner_key, params=MAY, headers=headers)
    assert response.status_code == 200


@pytest.fixture(scope="module")
def large(http: httpx.Client, proxy: TlsProxy) -> Iterator[Sandbox]:
    """A tenant with a large report."""
    sandbox = create_sandbox(http)
    fill_large_report(sandbox)
    proxy.certify(f"{sandbox.tenant.slug}.localhost")
    with proxy.client() as client:
        yield msgspec.structs.replace(sandbox, http=client)


def send_large_request(connection: ssl.SSLSocket, sandbox: Sandbox) -> None:
    connection.sendall(
        f"GET {SINGULAR_CSV}?date_from=2024-01-01&date_to=2024-12-31 HTTP/1.1\r\nHost: {sandbox.host}\r\n"
        f"Authorization: ApiToken {sandbox.owner_key}\r\n\r\n".encode()
    )


def test_a_report_begins_before_its_last_row_is_read(proxy: TlsProxy, large: Sandbox) -> None:
    with proxy.connect(large.host) as connection:
        send_large_request(connection, large)
        read_until(connection, b"2024-01-01")
        assert held(large), "the query runs on"


def test_a_client_that_goes_away_stops_its_query(proxy: TlsProxy, large: Sandbox) -> None:
    with proxy.connect(large.host) as connection:
        send_large_request(connection, large)
        connection.recv(4096)
    wait_until(lambda: not held(large))


def test_a_report_that_breaks_in_the_middle_does_not_look_complete(proxy: TlsProxy, large: Sandbox) -> None:
    headers = {"Host": large.host, "Authorization": f"ApiToken {large.owner_key}", "Accept-Encoding": "identity"}
    narrow = [(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)]
    transport = HostTransport(verify=proxy.context(), socket_options=narrow)
    with (
        httpx.Client(base_url=large.http.base_url, transport=transport, timeout=GUARD) as client,
        client.stream("GET", SINGULAR_CSV, params=YEAR, headers=headers) as response,
    ):
        chunks = response.iter_raw(1024)
        assert next(chunks)
        kill_backends(large)
        with pytest.raises(httpx.RemoteProtocolError):
            for _ in chunks:
                pass


def test_a_streamed_report_is_whole(large: Sandbox, app: Server) -> None:
    with app.client() as client:
        direct = msgspec.structs.replace(large, http=client).get(SINGULAR_CSV, **YEAR)
    through = large.get(SINGULAR_CSV, **YEAR)
    assert through.headers["transfer-encoding"] == "chunked"
    assert through.content == direct.content


def test_while_the_app_is_away_clients_get_a_problem(tmp_path: Path, behind_proxy: Sandbox) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with running_tls_proxy(tmp_path, unused.getsockname()[1]) as proxy, proxy.client() as client:
            proxy.certify(f"{behind_proxy.tenant.slug}.localhost")
            response = msgspec.structs.replace(behind_proxy, http=client).get(JSON, **MAY)
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert int(response.headers["retry-after"]) > 0
    assert response.json()["requestId"] == response.headers["x-request-id"]
