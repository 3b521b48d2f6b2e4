"""The commands `gokart api-keys`."""

import re
from datetime import UTC, datetime

import pytest

from auth.api_keys.format import hint
from tests.support.api_key_cast import id_of, set_columns
from tests.support.cli import cli_error, gokart, spawn
from tests.support.sandbox import JSON, MAY, SINGULAR, Sandbox
from tests.support.wait import wait_until


def lines(sandbox: Sandbox) -> dict[str, str]:
    """The lines of the list by hint, with white space collapsed."""
    found = [line.split() for line in gokart("api-keys", "list", sandbox.tenant.slug).stdout.splitlines()]
    return {line[1]: " ".join(line) for line in found}


def status(sandbox: Sandbox, token: str, path: str = JSON) -> int:
    return sandbox.get(path, token=token, **MAY).status_code


def test_a_key_is_created_rotated_and_revoked(sandbox: Sandbox) -> None:
    slug, owner = sandbox.tenant.slug, str(sandbox.owner)
    made = spawn("api-keys", "create", slug, "--advertiser", owner, "--name", "Finance")
    assert made.stderr == "Copy the key now. It is not shown again.\n"
    token = made.stdout.removesuffix("\n")
    assert re.fullmatch(r"gokart_[0-9A-Za-z]{39}", token)
    assert (status(sandbox, token), status(sandbox, token, SINGULAR)) == (200, 200)
    number = str(id_of(sandbox, token))
    assert lines(sandbox)[hint(token)].startswith(
        f"{number} {hint(token)} Finance Owner cost-report, singular any active "
    )

    rotated = gokart("api-keys", "rotate", slug, number, "--grace-days", "0.5")
    second = rotated.stdout.removesuffix("\n")
    assert (status(sandbox, token), status(sandbox, second)) == (200, 200)
    assert re.search(r"any active until \d{4}-\d\d-\d\d \d\d:\d\d ", lines(sandbox)[hint(token)])
    assert f"Rotate its successor, {id_of(sandbox, second)}" in cli_error("api-keys", "rotate", slug, number)

    assert gokart("api-keys", "revoke", slug, number).stdout == f"Revoked API key {number}.\n"
    wait_until(lambda: status(sandbox, token) == 401)
    assert status(sandbox, second) == 200
    assert f"any revoked {datetime.now(UTC):%Y-}" in lines(sandbox)[hint(token)]
    assert "does not exist or is not active" in cli_error("api-keys", "rotate", slug, number)


def test_no_command_shows_a_key_again(sandbox: Sandbox) -> None:
    token = sandbox.create_api_key("cost-report")
    for command in ["api-keys", "list"], ["api-keys", "revoke"]:
        number = [str(id_of(sandbox, token))] if "revoke" in command else []
        assert token not in gokart(*command, sandbox.tenant.slug, *number).output


def test_an_ingest_key_sends_data(sandbox: Sandbox) -> None:
    token = gokart("api-keys", "create", sandbox.tenant.slug, "--ingest", "--name", "Sender").stdout.strip()
    assert sandbox.send("partners", [], token=token)["accepted"] == 0
    assert status(sandbox, token) == 403
    assert "Sender (the tenant) ingest any active never" in lines(sandbox)[hint(token)]


def test_scope_network_and_expiry_can_be_given(sandbox: Sandbox) -> None:
    options = ["--advertiser", str(sandbox.owner), "--scope", "singular", "--network", "192.0.2.0/24", "--days", "3"]
    token = gokart("api-keys", "create", sandbox.tenant.slug, "--name", "Singular", *options).stdout.strip()
    assert status(sandbox, token, SINGULAR) == 403
    assert " singular 192.0.2.0/24 active until " in lines(sandbox)[hint(token)]


def test_the_list_shows_expired_keys(sandbox: Sandbox) -> None:
    set_columns(sandbox, sandbox.owner_key, expires_at=datetime.now(UTC))
    assert "any expired " in lines(sandbox)[hint(sandbox.owner_key)]


def test_the_list_contains_the_keys_of_one_tenant(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    assert hint(sandbox.owner_key) in lines(sandbox)
    assert hint(other_sandbox.owner_key) not in lines(sandbox)


def test_piped_output_is_never_truncated(sandbox: Sandbox) -> None:
    sandbox.set_advertiser(sandbox.owner, name="[/] long " + "x" * 300)
    assert "[/] long " + "x" * 300 in lines(sandbox)[hint(sandbox.owner_key)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["create", "{}", "--name", "X"], "Give either --advertiser ID (and its scopes), or --ingest."),
        (["create", "{}", "--name", "X", "--ingest", "--advertiser", "{owner}"], "Give either --advertiser ID"),
        (["create", "{}", "--name", "X", "--ingest", "--scope", "singular"], "Give either --advertiser ID"),
        (["create", "{}", "--name", "X", "--advertiser", "Owner"], "'Owner' is not a valid UUID"),
        (
            ["create", "{}", "--name", "X", "--advertiser", "00000000-0000-0000-0000-000000000001"],
            "000000000001 does not exist.",
        ),
        (["create", "{}", "--name", "", "--ingest"], "name: Enter a name of 1 to 200"),
        (["create", "{}", "--name", "X", "--ingest", "--network", "10.0.0.1/8"], "is not a valid IP range."),
        (["create", "{}", "--name", "X", "--ingest", "--days", "0"], "0 is not in the range"),
        (["rotate", "{}", "999999"], "API key 999999 of {} does not exist or is not active."),
        (["rotate", "{}", "1", "--grace-days", "-1"], "-1.0 is not in the range"),
        (["revoke", "{}", "999999"], "API key 999999 of {} does not exist."),
        (["revoke", "{}", "99999999999"], "is not in the range"),
        (["revoke", "nobody", "1"], "There is no tenant 'nobody'."),
    ],
)  # fmt: skip
def test_invalid_arguments_print_one_line(module_sandbox: Sandbox, arguments: list[str], says: str) -> None:
    def fill(text: str) -> str:
        return text.replace("{}", module_sandbox.tenant.slug).replace("{owner}", str(module_sandbox.owner))

    assert fill(says) in cli_error("api-keys", *map(fill, arguments))
