"""The decision records and their index."""

import re
from pathlib import Path

import pytest

from settings import PROJECT

DECISIONS = PROJECT / "docs" / "decisions"
RECORDS = sorted(DECISIONS.glob("[0-9]*.md"))
HEADER = re.compile(
    r"# (?P<number>\d{4})\. (?P<title>.+)\n\nDate: (?P<date>\d{4}-\d\d-\d\d)\n"
    r"Status: (?P<status>accepted|superseded by .+)\n\n## Context\n"
)


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.name)
def test_a_record_has_number_date_and_status_and_is_in_the_index(record: Path) -> None:
    header = HEADER.match(record.read_text())
    assert header is not None
    assert record.name.startswith(header["number"])
    status = re.sub(r"\[(\d{4})\]\([^)]*\)", r"\1", header["status"])
    row = f"| [{header['number']}]({record.name}) | {header['title']} | {header['date']} | {status} |"
    assert row in (DECISIONS / "README.md").read_text().splitlines()


def test_numbers_are_unique() -> None:
    assert len({record.name[:4] for record in RECORDS}) == len(RECORDS)
