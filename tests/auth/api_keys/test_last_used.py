"""When and from which address an API key was last used, to the minute."""

from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import pytest

from auth.api_keys import authenticate
from auth.api_keys.authenticate import record_use, write_last_used
from tests.support.api_key_cast import id_of, set_columns
from tests.support.app_calls import run
from tests.support.database import execute, locked
from tests.support.sandbox import JSON, MAY, Sandbox
from tests.support.servers import running_server


def test_it_is_written_at_most_once_a_minute(sandbox: Sandbox, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    fresh, just_used, used_before = (sandbox.create_api_key("cost-report") for _ in range(3))
    refused = sandbox.create_api_key("singular")
    set_columns(sandbox, just_used, last_used_at=now - timedelta(seconds=30))
    set_columns(sandbox, used_before, last_used_at=now - timedelta(seconds=61))
    with running_server(tmp_path) as stopping, stopping.client() as client:  # the server also writes when it stops
        there = Sandbox(sandbox.tenant, client, sandbox.owner, *[""] * 4)  # type: ignore[arg-type]
        for token in (fresh, fresh, just_used, used_before):
            assert there.get(JSON, token=token, **MAY).status_code == 200
        assert there.get(JSON, token=refused, **MAY).status_code == 403
    for token in fresh, used_before:
        at, address = last_used(sandbox, token)
        assert at is not None
        assert now < at < datetime.now(UTC)
        assert address == ip_address("127.0.0.1")
    assert last_used(sandbox, just_used) == (now - timedelta(seconds=30), None)
    assert last_used(sandbox, refused) == (None, None)


def test_it_is_written_while_the_server_runs(sandbox: Sandbox) -> None:
    token = sandbox.create_api_key("cost-report")
    deadline = datetime.now(UTC) + timedelta(seconds=10)
    assert sandbox.get(JSON, token=token, **MAY).status_code == 200
    while last_used(sandbox, token)[0] is None:
        assert datetime.now(UTC) < deadline


def test_a_process_that_has_just_written_it_does_not_try_again(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = sandbox.create_api_key("cost-report")
    before = datetime.now(UTC) - timedelta(hours=1)

    def use() -> bool:
        """Whether a use after `before` was written."""
        set_columns(sandbox, token, last_used_at=before)
        record_use(sandbox.tenant, id_of(sandbox, token), ip_address("192.0.2.1"))
        run(write_last_used)
        at, address = last_used(sandbox, token)
        assert at is not None
        assert (at > before) == (address == ip_address("192.0.2.1"))
        set_columns(sandbox, token, last_used_from=None)
        return at > before

    monkeypatch.setattr(authenticate, "AT_MOST_EVERY", timedelta(0))
    assert [use() for _ in range(2)] == [True, True]
    monkeypatch.setattr(authenticate, "AT_MOST_EVERY", timedelta(minutes=1))
    assert [use() for _ in range(2)] == [True, False]


class Clock:
    """A datetime whose now is some seconds later."""

    seconds = 0

    def now(self, tz: tzinfo) -> datetime:
        return datetime.now(tz) + timedelta(seconds=self.seconds)


@pytest.mark.parametrize("stops", [True, False])
def test_a_use_is_written_a_minute_after_that_at_another_process(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, stops: bool
) -> None:
    """Or when this process stops."""
    monkeypatch.setattr(authenticate, "datetime", clock := Clock())
    token = sandbox.create_api_key("cost-report")
    elsewhere = datetime.now(UTC) + timedelta(seconds=30)
    set_columns(sandbox, token, last_used_at=elsewhere)
    for clock.seconds in 60, 105:
        record_use(sandbox.tenant, id_of(sandbox, token), None)
        run(write_last_used)
    assert last_used(sandbox, token)[0] == elsewhere
    if not stops:
        clock.seconds = 121
    run(partial(write_last_used, at_end=stops))
    at, _ = last_used(sandbox, token)
    assert at is not None
    assert timedelta(seconds=70) < at - elsewhere < timedelta(seconds=90)


def test_the_use_of_a_key_is_not_that_of_a_later_one_with_its_number(sandbox: Sandbox) -> None:
    """As in a new tenant with the name of a deleted one."""
    token = sandbox.create_api_key("cost-report")
    record_use(sandbox.tenant, id_of(sandbox, token), None)
    set_columns(sandbox, token, created_at=datetime.now(UTC) + timedelta(seconds=1))
    run(write_last_used)
    assert last_used(sandbox, token)[0] is None


def test_it_is_written_later_if_the_database_is_unavailable(sandbox: Sandbox) -> None:
    token = sandbox.create_api_key("cost-report")
    record_use(sandbox.tenant, id_of(sandbox, token), None)
    with locked(f"{sandbox.tenant.schema}.api_token"):
        run(write_last_used)
    run(write_last_used)
    assert last_used(sandbox, token)[0] is not None


def last_used(sandbox: Sandbox, token: str) -> tuple[datetime | None, object]:
    (row,) = execute(
        "SELECT last_used_at, last_used_from FROM {s}.api_token WHERE id = $1",
        id_of(sandbox, token),
        schema=sandbox.tenant.schema,
    )
    return row["last_used_at"], row["last_used_from"]
