"""docs/keep-a-copy.md: its examples, run while figures change, keep a copy that equals the reports."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pytest

from settings import PROJECT
from tests.support.connectors import run_tool
from tests.support.database import wait_for_older_transactions
from tests.support.doc_examples import DocExample, doc_examples, for_sandbox, run_example
from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record

OFFER = "7df30136-ff83-4551-b877-fa0f0d8b8f72"
OTHER_OFFER = "4bbd29ab-c88e-432f-94c8-610790333d32"
PARTNER = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
EXAMPLES = doc_examples("keep-a-copy")


def example(containing: str) -> DocExample:
    (found,) = [one for one in EXAMPLES if containing in one.code]
    return found


def days_ago(days: int) -> str:
    return f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d}T12:00:00Z"


class Copy:
    """The reader's folder, and the sandbox that they copy."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox, self.folder = sandbox, folder

    def run(self, containing: str, **changed: str) -> str:
        return run_example(example(containing), self.sandbox, self.folder, **changed)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.folder / "gokart.duckdb")) as db:
            return db.execute(sql).fetchall()

    def differences(self, table: str = "daily") -> list[Any]:
        """Between the copy and the report by day, offer and partner."""
        answer = self.sandbox.get(
            "/api/v1/reports/query",
            date_from="2025-01-01", date_to=f"{datetime.now(UTC).date()}",
            group_by="day,offer,partner", time_zone="UTC", decimals="string",
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        reported = {
            (row["id"], row["day"], Decimal(row["cost"]), row["conversions"], row["clicks"], row["views"])
            for row in answer.json()["data"]
        }
        copied = set(self.query(f"SELECT id, day::VARCHAR, cost, conversions, clicks, views FROM {table}"))
        return sorted(reported ^ copied, key=str)


@pytest.fixture
def copied(sandbox: Sandbox, tmp_path: Path) -> Copy:
    sandbox.send("partners", [{"id": PARTNER, "name": "Limestone Digital"}])
    sandbox.send("offers", [offer_record(sandbox, id=OFFER, name="Advertised Test")])
    sandbox.send("offers", [offer_record(sandbox, id=OTHER_OFFER, name="Spin Royale")])
    sandbox.send("events", [event_record(OFFER, kind) for kind in ("view", "view", "click")])
    sandbox.send("events", [event_record(OTHER_OFFER, "click", occurredAt=days_ago(0))])
    return Copy(sandbox, tmp_path)


def callback(copied: Copy, offer: str, **fields: Any) -> dict[str, Any]:
    return conversion_callback(copied.sandbox, offer, partnerId=PARTNER, **fields)


def send(copied: Copy, callback: dict[str, Any], **conversion: Any) -> None:
    """Sends the callback, or a later one of the same conversion. Returns when the change feed has it."""
    changed = callback | {"sentAt": datetime.now(UTC).isoformat(), "conversion": callback["conversion"] | conversion}
    assert copied.sandbox.send("conversions", [changed])["accepted"] == 1
    wait_for_older_transactions()


def test_the_copy_follows_every_change(copied: Copy) -> None:
    first, second = callback(copied, OFFER, revenue="0.000001"), callback(copied, OTHER_OFFER, revenue="12345678.9")
    send(copied, first)
    copied.run("# sync.py")
    assert copied.differences() == []
    send(copied, second, userCompletedAt=days_ago(50))
    send(copied, first, status="Rejected")
    assert copied.differences() != []
    copied.run("# sync.py")
    assert copied.differences() == []
    checked = copied.run("# check.py").split(maxsplit=2)
    assert checked[:2] == ["12345678.900000", "1"]
    assert json.loads(checked[2], parse_float=Decimal)["totals"]["cost"] == Decimal("12345678.9")
    copied.sandbox.move_offer(OTHER_OFFER, copied.sandbox.rival)
    wait_for_older_transactions()
    copied.run("# sync.py")
    assert copied.differences() == []
    assert copied.query("SELECT count(*) FROM daily") == [(1,)]


def test_pages_are_applied_until_there_are_no_more(copied: Copy) -> None:
    send(copied, callback(copied, OFFER))
    printed = copied.run("# sync.py", **{'params={"decimals"': 'params={"limit": 1, "decimals"'})
    assert printed == "1 rows\n" * 3
    assert copied.differences() == []


def test_names_are_joined(copied: Copy) -> None:
    send(copied, callback(copied, OFFER, revenue="69.5"))
    copied.run("# sync.py")
    copied.run("# names.py")
    assert copied.query(example("JOIN offers").code)[0] == ("Advertised Test", "Limestone Digital", Decimal("69.5"))


def test_late_changes_are_found_and_explained(copied: Copy) -> None:
    send(copied, callback(copied, OFFER, revenue="69.5"))
    copied.run("# sync.py")
    late = example("WHERE late").code.replace(", changedAt FROM", " FROM")  # reading the time needs another package
    assert (UUID(OFFER), UUID(PARTNER), Decimal("69.5")) in [row[1:] for row in copied.query(late)]
    (explained,) = json.loads(copied.run("/changes/explain"))["conversions"]
    assert (explained["oldStatus"], explained["newStatus"], explained["newCost"]) == (None, "Success", 69.5)
    assert json.loads(copied.run("period=today"))["meta"]["finalThrough"] > "2025-05-19"


def test_a_saved_report_is_reproduced(copied: Copy) -> None:
    first = callback(copied, OFFER, revenue="69.5")
    send(copied, first)
    copied.run("-o may.json")
    send(copied, first, status="Rejected")
    assert copied.run('"as_of": saved') == "True\n"
    copied.run("-o may.json")
    assert json.loads((copied.folder / "may.json").read_text())["totals"]["cost"] == 0


def test_the_last_days_are_read_again(copied: Copy) -> None:
    send(copied, callback(copied, OTHER_OFFER, revenue="1.25"), userCompletedAt=days_ago(3))
    printed = copied.run("recommendedLookbackDays")
    assert f"{days_ago(3)[:10]}    1.250000" in printed


def test_the_dlt_pipeline_keeps_the_same_copy(copied: Copy) -> None:
    first = callback(copied, OFFER, revenue="69.5")
    (copied.folder / "pipeline.py").write_text(for_sandbox(example("# pipeline.py"), copied.sandbox))
    for status in "Success", "Rejected":
        send(copied, first, status=status)
        in_folder = "import os, runpy, sys; os.chdir(sys.argv[1]); runpy.run_path('pipeline.py')"
        source = PROJECT / "connectors" / "dlt"
        run_tool("python", "-c", in_folder, copied.folder, path=(source,), DLT_DATA_DIR=str(copied.folder))
        assert copied.differences("figures.daily") == []
