"""Snapshot tokens: what a response showed, as opaque text."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting.changes.cursor import PAYLOAD, ChangeCursor
from reporting.changes.cursor import PREFIX as CURSOR_PREFIX
from reporting.changes.opaque import seal
from reporting.changes.snapshot_token import PREFIX, Snapshot, is_snapshot_token, read_snapshot_token
from settings import PROJECT
from tests.support.database import execute
from tests.support.sandbox import Sandbox

TENANT = uuid4()
MILLENNIUM = datetime(2000, 1, 1, tzinfo=UTC)
TIMES = st.timedeltas(timedelta(0), timedelta(days=100_000)).map(lambda age: MILLENNIUM + age)
XIDS = st.integers(0, 2**63 - 1)
SNAPSHOTS = st.builds(
    lambda low, high, running: f"{low}:{high}:{','.join(map(str, running))}", XIDS, XIDS, st.lists(XIDS, max_size=50)
)


@given(TIMES, TIMES, SNAPSHOTS)
def test_a_token_is_url_safe_and_is_read_as_it_was_made(began: datetime, taken: datetime, transactions: str) -> None:
    snapshot = Snapshot(began, taken, transactions)
    token = snapshot.token(TENANT)
    assert token.isascii()
    assert token.replace("-", "").replace("_", "").isalnum()
    assert is_snapshot_token(token)
    assert read_snapshot_token(token, TENANT) == snapshot


@given(TIMES, SNAPSHOTS, st.data())
def test_a_changed_token_is_refused(time: datetime, transactions: str, data: st.DataObject) -> None:
    token = Snapshot(time, time, transactions).token(TENANT)
    position = data.draw(st.integers(1, len(token) - 2))
    changed = token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :]
    for text in changed, token[:position]:
        with pytest.raises(ValueError, match="is not a snapshot token"):
            read_snapshot_token(text, TENANT)


@pytest.mark.parametrize("text", ["s", "s!", "sÄ", "s" + "A" * 5_000, "sAAAAAAAA=", "snapshot", "s\x00"])
def test_garbage_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a snapshot token"):
        read_snapshot_token(text, TENANT)


def test_the_content_of_a_sealed_token_is_checked() -> None:
    """Anyone who knows the tenant's id can seal any content."""
    forged = seal(PREFIX, TENANT.bytes, b"1 1 garbage")
    with pytest.raises(ValueError, match="is not a snapshot token"):
        read_snapshot_token(forged, TENANT)
    payload = PAYLOAD.pack(bytes(8), 1, 1, 2**31 - 1, 1)
    with pytest.raises(ValueError, match="is not a cursor"):
        ChangeCursor.read(seal(CURSOR_PREFIX, TENANT.bytes + TENANT.bytes, payload), TENANT, TENANT)


def test_a_token_of_another_tenant_is_refused() -> None:
    token = Snapshot(datetime.now(UTC), datetime.now(UTC), "5:9:6,7").token(TENANT)
    with pytest.raises(ValueError, match="of this tenant"):
        read_snapshot_token(token, UUID(int=1))


def test_a_token_is_made_of_what_the_database_saw(module_sandbox: Sandbox) -> None:
    columns = (PROJECT / "reporting" / "sql" / "snapshot_columns.sql").read_text()
    (row,) = execute(f"SELECT\n{columns}\nFROM {{s}}.record_state", schema=module_sandbox.tenant.schema)
    snapshot = Snapshot.of_row(row)
    assert snapshot.began <= snapshot.taken
    assert read_snapshot_token(snapshot.token(module_sandbox.tenant.id), module_sandbox.tenant.id) == snapshot
