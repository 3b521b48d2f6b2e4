"""API keys: their format, what is stored of them, and which requests they authenticate."""

import re
import zlib
from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from auth.api_keys import service as api_keys
from auth.api_keys.format import BASE62, MintedKey, hint, is_well_formed, mint_api_key
from core.errors import GokartError
from tests.support.api_key_cast import id_of, revoke, set_columns
from tests.support.app_calls import run_in_tenant
from tests.support.database import execute
from tests.support.raw_http import raw
from tests.support.sandbox import JSON, MAY, SINGULAR, Sandbox, create_sandbox
from tests.support.servers import Server

REPORT = f"{JSON}?date_from=2025-05-01&date_to=2025-05-31"


@pytest.fixture(scope="module")
def sandbox(http: httpx.Client) -> Sandbox:
    return create_sandbox(http)


def status(sandbox: Sandbox, token: str) -> int:
    return sandbox.get(JSON, token=token, **MAY).status_code


def rotate(sandbox: Sandbox, token: str, grace: timedelta = api_keys.DEFAULT_GRACE) -> MintedKey:
    old = id_of(sandbox, token)
    return run_in_tenant(sandbox.tenant.slug, lambda: api_keys.rotate_api_key(old, created_by="test", grace=grace))


# --- format ---


def test_a_key_matches_secret_scanners_and_has_192_random_bits() -> None:
    token = mint_api_key().token
    assert re.fullmatch(r"gokart_[0-9A-Za-z]{39}", token)
    assert len(BASE62) ** 33 > 2**192


def test_every_random_digit_is_equally_likely() -> None:
    counts = Counter("".join(mint_api_key().token[7:40] for _ in range(2_000)))
    expected = 2_000 * 33 / 62
    assert set(counts) == set(BASE62)
    assert all(0.8 < count / expected < 1.2 for count in counts.values())


def test_a_key_ends_in_a_crc32_checksum() -> None:
    token = mint_api_key().token
    number = 0
    for digit in token[-6:]:
        number = number * 62 + BASE62.index(digit)
    assert number == zlib.crc32(token[:-6].encode())


def test_every_typo_is_detected() -> None:
    token = mint_api_key().token
    assert is_well_formed(token)
    for position in range(len(token)):
        for other in "0aZ":
            typo = token[:position] + other + token[position + 1 :]
            assert is_well_formed(typo) == (typo == token)
        assert not is_well_formed(token[:position] + token[position + 1 :])
        swapped = token[:position] + token[position : position + 2][::-1] + token[position + 2 :]
        assert is_well_formed(swapped) == (swapped == token)
    assert not is_well_formed(token + "\n")


# --- storage ---


def test_keys_are_not_stored_in_the_database(sandbox: Sandbox) -> None:
    token = sandbox.create_api_key("cost-report")
    assert status(sandbox, token) == 200
    columns = execute(
        """
        SELECT format('%I.%I', table_schema, table_name) AS name, column_name FROM information_schema.columns
        WHERE table_schema IN ($1, 'public') AND data_type IN ('text', 'character varying', 'bytea', 'ARRAY')
        """,
        sandbox.tenant.schema,
    )
    assert {"digest", "hint", "name", "scopes"} <= {column["column_name"] for column in columns}
    random = token[7:40]
    for column in columns:
        found = execute(
            f"""SELECT FROM {column["name"]} WHERE strpos("{column["column_name"]}"::text, $1) > 0
                OR strpos("{column["column_name"]}"::text, $2) > 0""",
            random,
            random.encode().hex(),
        )
        assert found == [], column


def test_the_hint_shows_only_the_ends(sandbox: Sandbox) -> None:
    token = sandbox.create_api_key("cost-report")
    (row,) = execute(
        "SELECT hint FROM {s}.api_token WHERE id = $1", id_of(sandbox, token), schema=sandbox.tenant.schema
    )
    assert row["hint"] == hint(token) == f"{token[:11]}…{token[-4:]}"


# --- the header ---


@pytest.mark.parametrize("form", ["ApiToken {}", "apitoken {}", "APITOKEN {}", "aPiToKeN    {}", "ApiToken {} "])
def test_the_scheme_is_case_insensitive(server: Server, sandbox: Sandbox, form: str) -> None:
    headers = ("Host", sandbox.host), ("Authorization", form.format(sandbox.owner_key))
    assert raw(server, REPORT, headers).status == 200


@pytest.mark.parametrize(
    "form",
    [
        "", "{}", "Bearer {}", "Token {}", "ApiToken", "ApiToken ", "ApiToken{}", "ApiToken:{}", "ApiToken={}",
        'ApiToken "{}"', "ApiToken token={}", "ApiToken {0} {0}", "ApiToken {0},{0}", "ApiToken {0}, ApiToken {0}",
        "ApiToken\t{}",
        "Basic Og==", "ApiToken \x00{}", "ApiToken é{}", "ApiToken ' OR 1=1 --", "ApiToken " + "x" * 10_000,
    ],
)  # fmt: skip
def test_any_other_header_is_401(server: Server, sandbox: Sandbox, form: str) -> None:
    response = raw(server, REPORT, [("Host", sandbox.host), ("Authorization", form.format(sandbox.owner_key))])
    assert response.status in ({400} if "\x00" in form else {401})


def test_there_is_exactly_one_header(server: Server, sandbox: Sandbox) -> None:
    good = ("Authorization", f"ApiToken {sandbox.owner_key}")
    for second in good, ("Authorization", "ApiToken nonsense"), ("authorization", "Basic Og=="):
        assert raw(server, REPORT, [("Host", sandbox.host), good, second]).status == 401
        assert raw(server, REPORT, [("Host", sandbox.host), second, good]).status == 401


@pytest.mark.parametrize("name", ["token", "apiToken", "api_token", "access_token", "Authorization"])
def test_a_key_in_the_url_or_a_cookie_is_ignored(sandbox: Sandbox, name: str) -> None:
    host = {"Host": sandbox.host}
    assert sandbox.http.get(JSON, params={**MAY, name: sandbox.owner_key}, headers=host).status_code == 401
    cookie = {**host, "Cookie": f"{name}={sandbox.owner_key}"}
    assert sandbox.http.get(JSON, params=MAY, headers=cookie).status_code == 401
    assert sandbox.http.get(JSON, params=MAY, headers={**host, "X-Api-Token": sandbox.owner_key}).status_code == 401


# --- expiry ---


def test_a_cached_key_expires(sandbox: Sandbox) -> None:
    token = sandbox.create_api_key("cost-report", expires_at=datetime.now(UTC) + timedelta(seconds=0.3))
    assert status(sandbox, token) == 200
    deadline = datetime.now(UTC) + timedelta(seconds=5)
    while status(sandbox, token) == 200:
        assert datetime.now(UTC) < deadline


def test_a_rotated_key_works_during_the_grace_period(sandbox: Sandbox) -> None:
    old = sandbox.create_api_key("cost-report", networks=["127.0.0.0/8"])
    new = rotate(sandbox, old, timedelta(hours=1)).token
    assert (status(sandbox, old), status(sandbox, new)) == (200, 200)
    set_columns(sandbox, old, expires_at=datetime.now(UTC))
    assert (status_after_change(sandbox, old), status(sandbox, new)) == (401, 200)


def status_after_change(sandbox: Sandbox, token: str) -> int:
    """The status as soon as the server has received the notification of the test's change."""
    deadline = datetime.now(UTC) + timedelta(seconds=1)
    while (code := status(sandbox, token)) == 200 and datetime.now(UTC) < deadline:
        pass
    return code


def test_without_grace_period_the_old_key_stops_immediately(sandbox: Sandbox) -> None:
    old = sandbox.create_api_key("cost-report")
    new = rotate(sandbox, old, timedelta(0)).token
    assert (status_after_change(sandbox, old), status(sandbox, new)) == (401, 200)


def test_the_default_grace_period_is_seven_days(sandbox: Sandbox) -> None:
    old = sandbox.create_api_key("cost-report")
    rotate(sandbox, old)
    rest = expiry(sandbox, old) - datetime.now(UTC)
    assert timedelta(days=7, minutes=-1) < rest <= timedelta(days=7)


def expiry(sandbox: Sandbox, token: str) -> datetime:
    found = execute(
        "SELECT expires_at FROM {s}.api_token WHERE id = $1", id_of(sandbox, token), schema=sandbox.tenant.schema
    )
    at: datetime = found[0]["expires_at"]
    return at


def test_the_successor_copies_the_old_key(sandbox: Sandbox) -> None:
    until = datetime.now(UTC) + timedelta(days=2)
    old = sandbox.create_api_key("singular", networks=["127.0.0.0/8"], expires_at=until)
    set_columns(sandbox, old, rate=3.0, burst=7, concurrency=2)
    new = rotate(sandbox, old).token
    same = "advertiser, name, scopes, networks, rate, burst, concurrency, expires_at"
    rows = [
        execute(f"SELECT {same} FROM {{s}}.api_token WHERE id = $1", id_of(sandbox, t), schema=sandbox.tenant.schema)
        for t in (old, new)
    ]
    assert rows[0] == rows[1]
    assert sandbox.get(SINGULAR, token=new, **MAY).status_code == 200
    assert expiry(sandbox, old) == until  # before the end of the grace period


def test_a_rotated_key_cannot_be_rotated_again(sandbox: Sandbox) -> None:
    """It expires with the grace period. A second successor would expire with it, unnoticed."""
    old = sandbox.create_api_key("cost-report")
    new = id_of(sandbox, rotate(sandbox, old).token)
    with pytest.raises(GokartError, match=f"already rotated. Rotate its successor, {new}"):
        rotate(sandbox, old)


@pytest.mark.parametrize("state", ["revoked", "expired"])
def test_an_inactive_key_cannot_be_rotated(sandbox: Sandbox, state: str) -> None:
    token = sandbox.create_api_key("cost-report")
    set_columns(sandbox, token, **{"revoked_at" if state == "revoked" else "expires_at": datetime.now(UTC)})
    with pytest.raises(GokartError, match="does not exist or is not active"):
        rotate(sandbox, token)


def test_revoking_again_keeps_the_first_time(sandbox: Sandbox) -> None:
    token = sandbox.create_api_key("cost-report")
    revoke(sandbox, token)
    first = execute(
        "SELECT revoked_at FROM {s}.api_token WHERE id = $1", id_of(sandbox, token), schema=sandbox.tenant.schema
    )
    revoke(sandbox, token)
    again = execute(
        "SELECT revoked_at FROM {s}.api_token WHERE id = $1", id_of(sandbox, token), schema=sandbox.tenant.schema
    )
    assert first == again


# --- allowed IPs ---


@pytest.mark.parametrize(
    ("networks", "code"),
    [
        (["127.0.0.0/8"], 200),
        (["127.0.0.1"], 200),
        (["192.0.2.0/24", "127.0.0.1/32"], 200),
        (["0.0.0.0/0"], 200),
        (["192.0.2.0/24"], 403),
        (["::/0"], 403),
        (["::ffff:0:0/96"], 403),
        ([], 200),
    ],
)
def test_a_key_works_only_from_its_allowed_ips(sandbox: Sandbox, networks: list[str], code: int) -> None:
    assert status(sandbox, sandbox.create_api_key("cost-report", networks=networks)) == code


# --- invalid keys are not created ---


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"scopes": []},
            "scopes: An advertiser's API key needs one or more of these scopes: cost-report, singular, conversions",
        ),
        ({"scopes": ["ingest"]}, "scopes: An advertiser's API key"),
        ({"scopes": ["cost-report", "admin"]}, "scopes: An advertiser's API key"),
        ({"advertiser": None}, "scopes: An ingest key needs one or more of these scopes: ingest"),
        ({"advertiser": None, "scopes": ["ingest", "cost-report"]}, "scopes: An ingest key"),
        ({"name": "  "}, "name: Enter a name of 1 to 200"),
        ({"name": "x" * 201}, "name: Enter a name of 1 to 200"),
        ({"networks": ["127.0.0.1/8"]}, "networks: “127.0.0.1/8” is not a valid IP range"),
        ({"networks": ["here"]}, "networks: “here” is not a valid IP range"),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "expires_at: The expiry date is in the past"),
    ],
)
def test_invalid_options_are_rejected(sandbox: Sandbox, options: dict[str, object], says: str) -> None:
    wanted = {"name": "test", "scopes": ["cost-report"], "advertiser": sandbox.owner, "created_by": "test"} | options
    with pytest.raises(GokartError, match=re.escape(says)):
        run_in_tenant(sandbox.tenant.slug, lambda: api_keys.create_api_key(**wanted))  # type: ignore[arg-type]


def test_an_advertiser_of_another_tenant_is_rejected(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    with pytest.raises(GokartError, match=r"Advertiser .* does not exist"):
        sandbox.create_api_key("cost-report", advertiser=other_sandbox.owner)


def test_a_key_of_another_tenant_cannot_be_rotated_or_revoked(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    unknown = id_of(sandbox, sandbox.create_api_key("cost-report")) + 1_000
    for work in (
        lambda: api_keys.rotate_api_key(unknown, created_by="test"),
        lambda: api_keys.revoke_api_key(unknown),
    ):
        with pytest.raises(GokartError, match=f"of {other_sandbox.tenant.slug}"):
            run_in_tenant(other_sandbox.tenant.slug, work)
