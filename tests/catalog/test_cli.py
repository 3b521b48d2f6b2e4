"""The commands `gokart advertisers`."""

from uuid import UUID, uuid4

import pytest

from tests.support.cli import cli_error, gokart
from tests.support.database import execute
from tests.support.sandbox import JSON, MAY, SINGULAR, Sandbox
from tests.support.wait import wait_until


def advertisers(sandbox: Sandbox) -> dict[str, str]:
    """The lines of the list by id, with white space collapsed."""
    found = [line.split() for line in gokart("advertisers", "list", sandbox.tenant.slug).stdout.splitlines()[1:]]
    return {line[0]: " ".join(line[1:]) for line in found}


def test_one_is_made_and_listed(sandbox: Sandbox) -> None:
    made = gokart("advertisers", "create", sandbox.tenant.slug, "--name", " Brown Boots ").stdout.strip()
    assert advertisers(sandbox)[str(UUID(made))] == "Brown Boots active off"


def test_it_may_have_the_id_that_it_has_elsewhere(sandbox: Sandbox) -> None:
    id_ = str(uuid4())
    command = "advertisers", "create", sandbox.tenant.slug, "--name", "Brown Boots", "--id", id_
    assert gokart(*command).stdout == f"{id_}\n"
    assert cli_error(*command) == f"Error: There is an advertiser {id_} already."


def test_it_has_the_time_zone_of_the_tenant_unless_another_is_given(sandbox: Sandbox) -> None:
    execute("UPDATE {s}.setting SET time_zone = 'Asia/Tokyo'", schema=sandbox.tenant.schema)
    command = "advertisers", "create", sandbox.tenant.slug, "--name"
    gokart(*command, "A")
    gokart(*command, "B", "--time-zone", "europe/berlin")
    rows = execute("SELECT name, time_zone FROM {s}.advertiser WHERE name < 'C'", schema=sandbox.tenant.schema)
    assert {row["name"]: row["time_zone"] for row in rows} == {"A": "Asia/Tokyo", "B": "Europe/Berlin"}


def test_a_tenant_lists_its_own(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    for each in sandbox, other_sandbox:
        assert set(advertisers(each)) == {str(each.owner), str(each.rival)}


@pytest.mark.parametrize(
    ("option", "shown", "report", "singular"),
    [("--no-singular", "Owner active off", 200, 403), ("--paused", "Owner paused on", 403, 403)],
)
def test_its_state_is_changed_and_changed_back(
    sandbox: Sandbox, option: str, shown: str, report: int, singular: int
) -> None:
    def statuses() -> tuple[int, int]:
        return sandbox.get(JSON, **MAY).status_code, sandbox.get(SINGULAR, **MAY).status_code

    assert gokart("advertisers", "set", sandbox.tenant.slug, str(sandbox.owner), option).stdout == "Changed.\n"
    assert advertisers(sandbox)[str(sandbox.owner)] == shown
    wait_until(lambda: statuses() == (report, singular))

    back = {"--no-singular": "--singular", "--paused": "--active"}[option]
    assert gokart("advertisers", "set", sandbox.tenant.slug, str(sandbox.owner), back).stdout == "Changed.\n"
    assert advertisers(sandbox)[str(sandbox.owner)] == "Owner active on"
    wait_until(lambda: statuses() == (200, 200))


def test_no_name_breaks_the_list_or_commands_the_terminal(sandbox: Sandbox) -> None:
    sandbox.set_advertiser(sandbox.owner, name="[/x] [bold]A\x1b[2J\n\u202eB[/]")
    assert advertisers(sandbox)[str(sandbox.owner)] == "[/x] [bold]A�[2J��B[/] active on"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["create", "{}", "--name", " "], "An advertiser's name has 1 to 500 characters."),
        (["create", "{}", "--name", "x" * 501], "An advertiser's name has 1 to 500 characters."),
        (["create", "nobody", "--name", "X"], "There is no tenant 'nobody'."),
        (["create", "{}", "--name", "X", "--time-zone", "Mars"], "--time-zone: Enter the IANA name of a time zone"),
        (["create", "{}", "--name", "X", "--id", "7"], "'7' is not a valid UUID"),
        (["set", "{}", "{owner}"], "Give --singular, --no-singular, --paused or --active."),
        (["set", "{}", "00000000-0000-0000-0000-000000000001", "--paused"], "There is no advertiser 0000"),
    ],
)
def test_invalid_arguments_give_a_one_line_error(module_sandbox: Sandbox, arguments: list[str], says: str) -> None:
    filled = [
        text.replace("{}", module_sandbox.tenant.slug).replace("{owner}", str(module_sandbox.owner))
        for text in arguments
    ]
    assert says in cli_error("advertisers", *filled)
