"""The login throttle stops password guessing across all workers, and does not lock other addresses out."""

from collections.abc import Iterator

import httpx
import pyotp
import pytest

from tests.support.database import execute
from tests.support.people import PASSWORD, create_advertiser_user, create_staff_user
from tests.support.sandbox import Sandbox
from tests.support.servers import Server, running_server

GUESSES = 10


@pytest.fixture(scope="module")
def behind_proxy(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Server]:  # noqa: ARG001  # makes the database
    """Two workers that trust the tests' X-Forwarded-For header."""
    folder = tmp_path_factory.mktemp("attempts")
    with running_server(folder, workers=2, GOKART_TRUSTED_PROXIES="127.0.0.0/8") as running:
        yield running


def attempt(
    server: Server, sandbox: Sandbox, email: str, password: str, address: str, *, root: str = "", device: str = ""
) -> httpx.Response:
    """Tries to sign in on a new connection, so that either worker may accept it."""
    host = f"app.{sandbox.tenant.slug}.localhost"
    headers = {"Host": host, "Origin": f"http://{host}", "X-Forwarded-For": address, "Cookie": device}
    data = {"email": email, "password": password}
    with server.client() as client:
        return client.post(f"{root}/sign-in", headers=headers, data=data)


@pytest.mark.parametrize("root", ["", "/staff"])
def test_guesses_are_limited_across_workers(behind_proxy: Server, sandbox: Sandbox, root: str) -> None:
    email = create_staff_user(sandbox) if root else create_advertiser_user(sandbox)
    statuses = [
        attempt(behind_proxy, sandbox, email, f"guess {n}", "192.0.2.1", root=root).status_code
        for n in range(GUESSES + 3)
    ]
    assert statuses == [403] * GUESSES + [429] * 3
    stopped = attempt(behind_proxy, sandbox, email, PASSWORD, "192.0.2.1", root=root)
    assert stopped.status_code == 429, "not even the right one, or guessing would go on"
    assert 1 <= int(stopped.headers["retry-after"]) <= 15 * 60
    elsewhere = attempt(behind_proxy, sandbox, email, PASSWORD, "198.51.100.7", root=root)
    assert elsewhere.status_code == 303, "its owner gets in from anywhere else"


def test_addresses_of_one_ipv6_network_count_as_one(behind_proxy: Server, sandbox: Sandbox) -> None:
    email = create_advertiser_user(sandbox)
    for n in range(GUESSES):
        attempt(behind_proxy, sandbox, email, "a guess", f"2001:db8::{n}")
    assert attempt(behind_proxy, sandbox, email, PASSWORD, "2001:db8::ffff").status_code == 429
    assert attempt(behind_proxy, sandbox, email, PASSWORD, "2001:db8:0:1::1").status_code == 303


def test_guesses_for_an_unknown_address_count_too(behind_proxy: Server, sandbox: Sandbox) -> None:
    statuses = [
        attempt(behind_proxy, sandbox, "nobody@example.com", "a guess", "192.0.2.2").status_code
        for _ in range(GUESSES + 1)
    ]
    assert statuses == [403] * GUESSES + [429]


def test_email_addresses_are_counted_case_insensitively(behind_proxy: Server, sandbox: Sandbox) -> None:
    email = create_advertiser_user(sandbox)
    for n in range(GUESSES):
        attempt(behind_proxy, sandbox, f" {email.upper() if n % 2 else email} ", "a guess", "192.0.2.3")
    assert attempt(behind_proxy, sandbox, email, PASSWORD, "192.0.2.3").status_code == 429


def test_a_successful_login_resets_the_count(behind_proxy: Server, sandbox: Sandbox) -> None:
    email = create_advertiser_user(sandbox)
    for _ in range(2):
        for _ in range(GUESSES - 1):
            assert attempt(behind_proxy, sandbox, email, "a guess", "192.0.2.4").status_code == 403
        assert attempt(behind_proxy, sandbox, email, PASSWORD, "192.0.2.4").status_code == 303


def test_counts_expire(behind_proxy: Server, sandbox: Sandbox) -> None:
    email = create_advertiser_user(sandbox)
    for _ in range(GUESSES + 1):
        attempt(behind_proxy, sandbox, email, "a guess", "192.0.2.5")
    execute("UPDATE {s}.sign_in_attempt SET since = now() - interval '15 minutes'", schema=sandbox.tenant.schema)
    assert attempt(behind_proxy, sandbox, email, PASSWORD, "192.0.2.5").status_code == 303


def test_counts_are_separate_for_each_tenant(behind_proxy: Server, sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    email = create_advertiser_user(sandbox)
    create_advertiser_user(other_sandbox, email=email)
    for _ in range(GUESSES + 1):
        attempt(behind_proxy, sandbox, email, "a guess", "192.0.2.6")
    assert attempt(behind_proxy, other_sandbox, email, PASSWORD, "192.0.2.6").status_code == 303


@pytest.mark.parametrize("root", ["", "/staff"])
def test_an_email_address_cannot_imitate_another_limits_key(behind_proxy: Server, sandbox: Sandbox, root: str) -> None:
    """The other limit is that of the second factor, or of one account from one address."""
    secret = pyotp.random_base32()
    email = (create_staff_user if root else create_advertiser_user)(sandbox, totp_secret=secret)
    people = "staff" if root else "advertiser_login"
    (row,) = execute(f"SELECT id FROM {{s}}.{people} WHERE email = $1", email, schema=sandbox.tenant.schema)
    for typed in f"code {row['id']}", f"{email} 198.51.100.8":
        for _ in range(GUESSES):
            assert attempt(behind_proxy, sandbox, typed, "a guess", "192.0.2.7", root=root).status_code == 403
    half = attempt(behind_proxy, sandbox, email, PASSWORD, "198.51.100.8", root=root)
    assert half.status_code == 303
    host = f"app.{sandbox.tenant.slug}.localhost"
    cookie = half.headers["set-cookie"].partition(";")[0]
    with behind_proxy.client() as client:
        whole = client.post(
            f"{root}/sign-in/code",
            headers={"Host": host, "Origin": f"http://{host}", "Cookie": cookie},
            data={"code": pyotp.TOTP(secret).now()},
        )
    assert whole.status_code == 303


# --- many addresses against one account ---

STRANGER, OWNER, SOMEBODY = "192.0.2.9", "198.51.100.9", "203.0.113.9"


def device_of(response: httpx.Response) -> str:
    """The cookie of the device on which a user has signed in."""
    (cookie,) = [one for one in response.headers.get_list("set-cookie") if "_device=" in one]
    assert "HttpOnly" in cookie
    return str(cookie.partition(";")[0])


def attack(sandbox: Sandbox, email: str, *, realm: str = "advertiser", turn: str = "1 minute") -> None:
    """As after a hundred wrong passwords from many addresses, and five whose turn began at now() + `turn`."""
    for key, attempts, since in (f"{realm}:{email}", 100, "0 s"), (f"turn {realm}:{email}", 5, turn):
        execute(
            """
            INSERT INTO {s}.sign_in_attempt VALUES ($1, $2, now() + $3::text::interval)
            ON CONFLICT (key) DO UPDATE SET attempts = excluded.attempts, since = excluded.since
            """,
            key,
            attempts,
            since,
            schema=sandbox.tenant.schema,
        )


@pytest.mark.parametrize("root", ["", "/staff"])
def test_strangers_cannot_keep_a_user_out_of_a_known_device(behind_proxy: Server, sandbox: Sandbox, root: str) -> None:
    email = create_staff_user(sandbox) if root else create_advertiser_user(sandbox)
    device = device_of(attempt(behind_proxy, sandbox, email, PASSWORD, OWNER, root=root))
    attack(sandbox, email, realm="staff" if root else "advertiser")
    stopped = attempt(behind_proxy, sandbox, email, PASSWORD, STRANGER, root=root)
    assert stopped.status_code == 429
    assert "sign in on a device that you have used before" in stopped.text
    entered = attempt(behind_proxy, sandbox, email, PASSWORD, OWNER, root=root, device=device)
    assert entered.status_code == 303
    assert device_of(entered) != device


def test_a_known_device_is_let_in_from_an_address_that_is_stopped(behind_proxy: Server, sandbox: Sandbox) -> None:
    email = create_advertiser_user(sandbox)
    device = device_of(attempt(behind_proxy, sandbox, email, PASSWORD, OWNER))
    while attempt(behind_proxy, sandbox, email, "a guess", OWNER).status_code != 429:
        pass
    assert attempt(behind_proxy, sandbox, email, PASSWORD, OWNER, device=device).status_code == 303


def test_an_attempt_on_a_new_device_waits_for_its_turn(behind_proxy: Server, sandbox: Sandbox) -> None:
    email = create_advertiser_user(sandbox)
    attack(sandbox, email, turn="-28 s")
    assert attempt(behind_proxy, sandbox, email, PASSWORD, SOMEBODY).status_code == 303


def test_guesses_from_many_addresses_have_few_turns(behind_proxy: Server, sandbox: Sandbox) -> None:
    email = create_advertiser_user(sandbox)
    attack(sandbox, email, turn="-1 hour")
    assert [attempt(behind_proxy, sandbox, email, "x", f"192.0.2.{n}").status_code for n in range(5)] == [403] * 5
    (row,) = execute(
        "SELECT attempts FROM {s}.sign_in_attempt WHERE key = $1",
        f"turn advertiser:{email}",
        schema=sandbox.tenant.schema,
    )
    assert row["attempts"] == 5


def test_a_device_is_known_for_one_user_of_one_tenant_until_the_password_changes(
    behind_proxy: Server, sandbox: Sandbox, other_sandbox: Sandbox
) -> None:
    email = create_advertiser_user(sandbox)
    colleague = create_advertiser_user(sandbox)
    create_advertiser_user(other_sandbox, email=email)
    device = device_of(attempt(behind_proxy, sandbox, email, PASSWORD, OWNER))
    name, _, value = device.partition("=")
    attack(sandbox, email)
    attack(sandbox, colleague)
    attack(other_sandbox, email)
    assert attempt(behind_proxy, sandbox, colleague, PASSWORD, OWNER, device=device).status_code == 429
    assert attempt(behind_proxy, other_sandbox, email, PASSWORD, OWNER, device=device).status_code == 429
    for invalid in ("", "x", "..", f"{value}0", f"0{value}", value.replace(".", ".9", 1), "%c3%bc.1.2"):
        response = attempt(behind_proxy, sandbox, email, PASSWORD, OWNER, device=f"{name}={invalid}")
        assert response.status_code == 429, invalid
    assert attempt(behind_proxy, sandbox, email, PASSWORD, OWNER, device=device).status_code == 303
    attack(sandbox, email)
    execute(
        "UPDATE {s}.advertiser_login SET password = password || '$' WHERE email = $1",
        email,
        schema=sandbox.tenant.schema,
    )
    assert attempt(behind_proxy, sandbox, email, PASSWORD, OWNER, device=device).status_code == 429


def test_guesses_on_a_known_device_are_limited(behind_proxy: Server, sandbox: Sandbox) -> None:
    email = create_advertiser_user(sandbox)
    device = device_of(attempt(behind_proxy, sandbox, email, PASSWORD, OWNER))
    statuses = [
        attempt(behind_proxy, sandbox, email, "a guess", f"192.0.2.{n}", device=device).status_code
        for n in range(GUESSES + 1)
    ]
    assert statuses == [403] * GUESSES + [429]


def test_rejected_attempts_are_not_stored(behind_proxy: Server, sandbox: Sandbox) -> None:
    """Invented email addresses therefore take no space."""
    execute("INSERT INTO {s}.sign_in_attempt VALUES ('192.0.2.8', 100, now())", schema=sandbox.tenant.schema)
    for n in range(5):
        assert attempt(behind_proxy, sandbox, f"{n}@example.com", "a guess", "192.0.2.8").status_code == 429
    kept = execute("SELECT key, attempts FROM {s}.sign_in_attempt", schema=sandbox.tenant.schema)
    assert [tuple(row.values()) for row in kept] == [("192.0.2.8", 100)]
