"""Tokens at the command line."""

import re
from datetime import UTC, datetime

import pytest

from auth.api_keys.format import hint
from tests.support.api_key_cast import change, id_of
from tests.support.cli import cli_error, gokart, spawn
from tests.support.sandbox import JSON, MAY, SINGULAR, Sandbox
from tests.support.workers import wait_until


def lines(sandbox: Sandbox) -> dict[str, str]:
    """The list's lines by hint, with single spaces."""
    found = [line.split() for line in gokart("tokens", "list", sandbox.tenant.slug).stdout.splitlines()]
    return {line[1]: " ".join(line) for line in found}


def status(sandbox: Sandbox, token: str, path: str = JSON) -> int:
    return sandbox.get(path, token=token, **MAY).status_code


def test_a_tokens_life(sandbox: Sandbox) -> None:
    slug, owner = sandbox.tenant.slug, str(sandbox.owner)
    made = spawn("tokens", "create", slug, "--advertiser", owner, "--name", "Finance")
    assert made.stderr == "Keep it now: it is not shown again.\n"
    token = made.stdout.removesuffix("\n")
    assert re.fullmatch(r"gokart_[0-9A-Za-z]{39}", token)
    assert (status(sandbox, token), status(sandbox, token, SINGULAR)) == (200, 200)
    number = str(id_of(sandbox, token))
    assert lines(sandbox)[hint(token)].startswith(
        f"{number} {hint(token)} Finance Owner cost-report, singular any live "
    )

    rotated = gokart("tokens", "rotate", slug, number, "--grace-days", "0.5")
    second = rotated.stdout.removesuffix("\n")
    assert (status(sandbox, token), status(sandbox, second)) == (200, 200)
    assert re.search(r"any live until \d{4}-\d\d-\d\d \d\d:\d\d ", lines(sandbox)[hint(token)])
    assert f"rotate its successor, {id_of(sandbox, second)}" in cli_error("tokens", "rotate", slug, number)

    assert gokart("tokens", "revoke", slug, number).stdout == f"Revoked {number}.\n"
    wait_until(lambda: status(sandbox, token) == 401)
    assert status(sandbox, second) == 200
    assert f"any revoked {datetime.now(UTC):%Y-}" in lines(sandbox)[hint(token)]
    assert "no live token" in cli_error("tokens", "rotate", slug, number)


def test_no_command_shows_a_token_again(sandbox: Sandbox) -> None:
    token = sandbox.create_api_key("cost-report")
    for command in ["tokens", "list"], ["tokens", "revoke"]:
        number = [str(id_of(sandbox, token))] if "revoke" in command else []
        assert token not in gokart(*command, sandbox.tenant.slug, *number).output


def test_an_ingest_token_brings_data_in(sandbox: Sandbox) -> None:
    token = gokart("tokens", "create", sandbox.tenant.slug, "--ingest", "--name", "Sender").stdout.strip()
    assert sandbox.send("partners", [], token=token)["accepted"] == 0
    assert status(sandbox, token) == 403
    assert "Sender (the tenant) ingest any live never" in lines(sandbox)[hint(token)]


def test_a_scope_network_and_end_may_be_given(sandbox: Sandbox) -> None:
    options = ["--advertiser", str(sandbox.owner), "--scope", "singular", "--network", "192.0.2.0/24", "--days", "3"]
    token = gokart("tokens", "create", sandbox.tenant.slug, "--name", "Singular", *options).stdout.strip()
    assert status(sandbox, token, SINGULAR) == 403
    assert " singular 192.0.2.0/24 live until " in lines(sandbox)[hint(token)]


def test_the_list_tells_expired_ones(sandbox: Sandbox) -> None:
    change(sandbox, sandbox.owner_key, expires_at=datetime.now(UTC))
    assert "any expired " in lines(sandbox)[hint(sandbox.owner_key)]


def test_the_list_is_of_one_tenant(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    assert hint(sandbox.owner_key) in lines(sandbox)
    assert hint(other_sandbox.owner_key) not in lines(sandbox)


def test_what_is_piped_on_is_never_cut(sandbox: Sandbox) -> None:
    sandbox.set_advertiser(sandbox.owner, name="[/] long " + "x" * 300)
    assert "[/] long " + "x" * 300 in lines(sandbox)[hint(sandbox.owner_key)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["create", "{}", "--name", "X"], "Give either --advertiser ID (and its scopes), or --ingest."),
        (["create", "{}", "--name", "X", "--ingest", "--advertiser", "{owner}"], "Give either --advertiser ID"),
        (["create", "{}", "--name", "X", "--ingest", "--scope", "singular"], "Give either --advertiser ID"),
        (["create", "{}", "--name", "X", "--advertiser", "Owner"], "'Owner' is not a valid UUID"),
        (["create", "{}", "--name", "X", "--advertiser", "00000000-0000-0000-0000-000000000001"], "There is no 0000"),
        (["create", "{}", "--name", "", "--ingest"], "name: 1 to 200 characters"),
        (["create", "{}", "--name", "X", "--ingest", "--network", "10.0.0.1/8"], "is no network such as 203.0.113"),
        (["create", "{}", "--name", "X", "--ingest", "--days", "0"], "0 is not in the range"),
        (["rotate", "{}", "999999"], "There is no live token 999999 at {}."),
        (["rotate", "{}", "1", "--grace-days", "-1"], "-1.0 is not in the range"),
        (["revoke", "{}", "999999"], "There is no token 999999 at {}."),
        (["revoke", "{}", "99999999999"], "is not in the range"),
        (["revoke", "nobody", "1"], "There is no tenant 'nobody'."),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_told_in_a_line(module_sandbox: Sandbox, arguments: list[str], says: str) -> None:
    def fill(text: str) -> str:
        return text.replace("{}", module_sandbox.tenant.slug).replace("{owner}", str(module_sandbox.owner))

    assert fill(says) in cli_error("tokens", *map(fill, arguments))
