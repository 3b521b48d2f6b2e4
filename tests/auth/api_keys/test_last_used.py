"""When and from where a token was last used: known to the minute."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from tests.auth.api_keys.cast import change, id_of
from tests.places import JSON, MAY, Place
from tests.servers import serving
from tests.tenants.database import execute


def test_it_is_written_at_most_once_a_minute(place: Place, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    fresh, just_used, used_before = (place.make_key("cost-report") for _ in range(3))
    refused = place.make_key("singular")
    change(place, just_used, last_used_at=now - timedelta(seconds=30))
    change(place, used_before, last_used_at=now - timedelta(seconds=61))
    with serving(tmp_path) as stopping, stopping.client() as client:  # it writes when it ends, too
        there = Place(place.tenant, client, place.owner, *[""] * 4)  # type: ignore[arg-type]
        for token in (fresh, fresh, just_used, used_before):
            assert there.get(JSON, token=token, **MAY).status_code == 200
        assert there.get(JSON, token=refused, **MAY).status_code == 403
    for token in fresh, used_before:
        at, address = last_used(place, token)
        assert at is not None
        assert now < at < datetime.now(UTC)
        assert address == ip_address("127.0.0.1")
    assert last_used(place, just_used) == (now - timedelta(seconds=30), None)
    assert last_used(place, refused) == (None, None)


def test_it_is_written_while_the_server_runs(place: Place) -> None:
    token = place.make_key("cost-report")
    deadline = datetime.now(UTC) + timedelta(seconds=10)
    assert place.get(JSON, token=token, **MAY).status_code == 200
    while last_used(place, token)[0] is None:
        assert datetime.now(UTC) < deadline


def last_used(place: Place, token: str) -> tuple[datetime | None, object]:
    (row,) = execute(
        "SELECT last_used_at, last_used_from FROM {s}.api_token WHERE id = $1",
        id_of(place, token),
        schema=place.tenant.schema,
    )
    return row["last_used_at"], row["last_used_from"]
