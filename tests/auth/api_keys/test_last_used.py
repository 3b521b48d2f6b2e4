"""When and from which address an API key was last used, to the minute."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from tests.support.api_key_cast import id_of, set_columns
from tests.support.database import execute
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


def last_used(sandbox: Sandbox, token: str) -> tuple[datetime | None, object]:
    (row,) = execute(
        "SELECT last_used_at, last_used_from FROM {s}.api_token WHERE id = $1",
        id_of(sandbox, token),
        schema=sandbox.tenant.schema,
    )
    return row["last_used_at"], row["last_used_from"]
