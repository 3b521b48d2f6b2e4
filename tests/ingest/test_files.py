"""gokart import: all formats are equivalent, repeating changes nothing, and unreadable files are reported."""

import csv
import gzip
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
import zstandard
from click.testing import Result

from ingest.files import FileFormat, RecordFile, RecordKind, UnreadableFileError
from tests.support.cli import COMMAND, gokart
from tests.support.database import uncommitted
from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record
from tests.support.wait import wait_until

Records = list[dict[str, Any]]
CLI = [*COMMAND, "import"]


@pytest.fixture
def offer(sandbox: Sandbox) -> str:
    """An offer of the owner."""
    record = offer_record(sandbox)
    sandbox.send("offers", [record])
    id_: str = record["id"]
    return id_


def import_files(sandbox: Sandbox, kind: RecordKind, *files: Path) -> Result:
    return gokart("import", sandbox.tenant.slug, kind, *map(str, files))


def some_events(offer: str, count: int) -> Records:
    return [event_record(offer, "click" if n % 3 else "view", id=str(UUID(int=n + 1))) for n in range(count)]


def a_file(folder: Path, name: str, text: str | bytes) -> Path:
    """Writes a file that is compressed according to the suffix of its name."""
    content = text.encode() if isinstance(text, str) else text
    if name.endswith(".gz"):
        content = gzip.compress(content)
    if name.endswith(".zst"):
        content = zstandard.compress(content)
    path = folder / name
    path.write_bytes(content)
    return path


def as_json(records: Records) -> str:
    return msgspec.json.format(msgspec.json.encode(records), indent=2).decode()


def as_ndjson(records: Records) -> str:
    return "".join(f"{msgspec.json.encode(record).decode()}\n" for record in records)


def as_csv(records: Records) -> str:
    rows = [{"id": r["id"], "sentAt": r["sentAt"], **r["conversion"]} if "conversion" in r else r for r in records]
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_pascal_csv(records: Records) -> str:
    header, _, rest = as_csv(records).partition("\r\n")
    return ",".join(name[:1].upper() + name[1:] for name in header.split(",")) + "\r\n" + rest


FORMATS: dict[str, Callable[[Records], str]] = {
    "all.json": as_json,
    "one-line.json": lambda records: msgspec.json.encode(records).decode(),
    "one-after-the-other.json": lambda records: "\n".join(as_json([record])[1:-1] for record in records),
    "lines.json": as_ndjson,
    "lines.ndjson": as_ndjson,
    "lines.jsonl": as_ndjson,
    "table.csv": as_csv,
    "pascal.csv": as_pascal_csv,
    "with-bom.csv": lambda records: "\ufeff" + as_csv(records),
    "unnamed-array": as_json,
    "unnamed-lines": as_ndjson,
    "unnamed-table": as_csv,
}


def read(path: Path, kind: RecordKind, format_: FileFormat | None = None) -> list[Any]:
    with RecordFile(path, kind, format_) as source:
        return [msgspec.json.decode(text) for text, wrong in source.records() if not wrong]


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return value


@pytest.mark.parametrize("compression", ["", ".gz", ".zst"])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_the_same_records(tmp_path: Path, name: str, compression: str) -> None:
    records = [
        event_record(str(UUID(int=7))),
        event_record(
            str(UUID(int=8)), "view", partnerId=str(UUID(int=9)), note='a "quoted", comma\nand a {[line]} ünïcode'
        ),
    ]
    records[0]["note"] = "null"
    path = a_file(tmp_path, name + compression, FORMATS[name](records))
    assert [without_nulls(record) for record in read(path, "events")] == [without_nulls(record) for record in records]


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.ndjson"])
def test_an_empty_file_has_no_records(tmp_path: Path, name: str) -> None:
    assert read(a_file(tmp_path, name, "[]" if name == "a.json" else ""), "events", "json") == []


def test_a_record_may_span_many_chunks(tmp_path: Path) -> None:
    records: Records = [{"id": n, "note": "x" * 100_000} for n in range(20)]
    assert read(a_file(tmp_path, "a.json", as_json(records)), "events") == records


def test_the_format_can_be_given(tmp_path: Path, sandbox: Sandbox, offer: str) -> None:
    path = a_file(tmp_path, "export.json", as_csv(some_events(offer, 3)))
    result = gokart("import", sandbox.tenant.slug, "events", str(path), "--format", "csv")
    assert result.stdout == f"{path}: 3 accepted, 0 duplicates, 0 rejected\n"


def test_conversions_from_every_format_count_once(tmp_path: Path, sandbox: Sandbox) -> None:
    offer = str(UUID(int=7))
    money = ["0.000001", 1e-06, 60, "123456789.123456", None, "0.1", 0.2]
    records = [
        conversion_callback(
            sandbox, offer, revenue=revenue, status=status, rejectionReason='said "no", twice\nand more'
        )
        for revenue in money
        for status in ("Success", "Pending")
    ]
    for index, name in enumerate(["all.json", "lines.ndjson", "table.csv", "pascal.csv"]):
        path = a_file(tmp_path, name, FORMATS[name](records))
        result = import_files(sandbox, "conversions", path)
        counts = "0 accepted, 14 duplicates" if index else "14 accepted, 0 duplicates"
        assert result.stdout == f"{path}: {counts}, 0 rejected\n", result.stderr
    response = sandbox.get(date_from="2025-05-19", date_to="2025-05-19")
    assert '"totalConversions":7,' in response.text
    assert '"revenue":123456849.423458,' in response.text


def test_the_catalogue_is_imported(tmp_path: Path, sandbox: Sandbox) -> None:
    offer = offer_record(sandbox, name="From a file", storeId="com.test", os="IOS")
    partner = {"id": str(UUID(int=9)), "name": "Null"}
    assert import_files(sandbox, "partners", a_file(tmp_path, "p.csv", as_csv([partner]))).exit_code == 0
    assert import_files(sandbox, "offers", a_file(tmp_path, "o.csv.gz", as_csv([offer]))).exit_code == 0
    sandbox.send("events", [event_record(offer["id"], partnerId=partner["id"])])
    (row,) = sandbox.report()
    assert (row["offerName"], row["publisherName"]) == ("From a file", "Null")


def test_rejected_records_are_written_with_their_index(tmp_path: Path, sandbox: Sandbox, offer: str) -> None:
    records = some_events(offer, 5_003)
    for index, field, value in [(2, "type", "glance"), (5_001, "offerId", str(UUID(int=7)))]:
        records[index] = {**records[index], field: value}
    path = a_file(tmp_path, "events.json", as_json(records))
    result = import_files(sandbox, "events", path)
    rejects = tmp_path / "events.json.rejects.ndjson"
    assert result.stdout == f"{path}: 5,001 accepted, 0 duplicates, 2 rejected, see {rejects}\n"
    assert result.exit_code == 3
    lines = [msgspec.json.decode(line) for line in rejects.read_bytes().splitlines()]
    assert [(line["index"], line["id"], line["field"]) for line in lines] == [
        (2, records[2]["id"], "type"),
        (5_001, records[5_001]["id"], "offerId"),
    ]
    assert [line["record"] for line in lines] == [records[2], records[5_001]]

    mended = [line["record"] | {"type": "click", "offerId": offer} for line in lines]
    again = import_files(sandbox, "events", a_file(tmp_path, "mended.ndjson", as_ndjson(mended)))
    assert "2 accepted, 0 duplicates, 0 rejected" in again.stdout


def test_an_import_without_rejections_leaves_no_file(tmp_path: Path, sandbox: Sandbox, offer: str) -> None:
    path = a_file(tmp_path, "events.ndjson", as_ndjson(some_events(offer, 2)) + "{broken\n")
    assert import_files(sandbox, "events", path).exit_code == 3
    assert '"record":"{broken"' in (tmp_path / "events.ndjson.rejects.ndjson").read_text()
    a_file(tmp_path, "events.ndjson", as_ndjson(some_events(offer, 2)))
    assert import_files(sandbox, "events", path).exit_code == 0
    assert [file.name for file in tmp_path.iterdir()] == ["events.ndjson"]


def test_a_rejected_csv_row_is_written_as_a_callback(tmp_path: Path, sandbox: Sandbox) -> None:
    record = conversion_callback(sandbox, str(UUID(int=7)), revenue="-1")
    path = a_file(tmp_path, "c.csv", as_csv([record]) + "one,cell,too few\r\n")
    import_files(sandbox, "conversions", path)
    first, second = [msgspec.json.decode(line) for line in Path(f"{path}.rejects.ndjson").read_bytes().splitlines()]
    assert (first["index"], first["field"], first["id"]) == (0, "conversion.revenue", record["id"])
    assert first["record"] == without_nulls(record)
    assert (second["index"], second["record"]) == (1, ["one", "cell", "too few"])
    assert second["message"].startswith("has 3 cells")


def cut(content: bytes) -> bytes:
    return content[: len(content) * 2 // 3]


@pytest.mark.parametrize(
    ("name", "damage", "reason"),
    [
        ("a.ndjson.gz", lambda text: cut(gzip.compress(text)), "damaged or truncated"),
        ("a.ndjson.zst", lambda text: cut(zstandard.compress(text)), "damaged or truncated"),
        ("a.csv.gz", lambda text: gzip.compress(text)[:-6] + b"wrong!", "damaged or truncated"),
        ("a.json", cut, "the JSON is truncated or malformed"),
        ("a.json", lambda text: text.replace(b"}", b"!", 1), "the JSON is truncated or malformed"),
        ("a.json", lambda text: text[: text.rindex(b",\n  {")], "the array has no end"),
        ("a.json", lambda _: b"[" * 200_000, "nested too deeply"),
        ("a.json", lambda _: b'["' + b"x" * 2_000_000, "more than 1048576 characters"),
        ("a.ndjson", lambda text: text + b"x" * 2_000_000, "more than 1048576 characters"),
        ("a.csv", lambda text: text + "é".encode("latin-1"), "not UTF-8 text: byte 0xe9"),
        ("a.csv", lambda text: text.decode().encode("utf-16"), "not UTF-8 text: byte 0xff"),
        ("a.csv", lambda text: text + b'"never closed', "it is not valid CSV: unexpected end of data"),
        ("a.csv", lambda text: text.replace(b"offerId", b"offer"), "missing: offerId"),
        ("a.csv", lambda text: text.replace(b"partnerId", b"OfferId"), "repeats a column"),
        ("a.csv", lambda text: text.partition(b"\n")[2], "must name the columns of events"),
    ],
)
def test_a_damaged_file_is_reported(tmp_path: Path, name: str, damage: Callable[[bytes], bytes], reason: str) -> None:
    write = as_ndjson if "ndjson" in name else as_json if "json" in name else as_csv
    whole = write([event_record(str(UUID(int=7))) for _ in range(100)]).encode()
    path = tmp_path / name
    path.write_bytes(damage(whole))
    with pytest.raises(UnreadableFileError) as caught:
        read(path, "events")
    assert reason in str(caught.value)


def test_records_before_the_damage_are_imported_and_repeating_is_safe(
    tmp_path: Path, sandbox: Sandbox, offer: str
) -> None:
    whole = gzip.compress(as_ndjson(some_events(offer, 6_000)).encode())
    path = tmp_path / "events.ndjson.gz"
    path.write_bytes(cut(whole))
    result = import_files(sandbox, "events", path)
    assert result.exit_code == 1
    taken = sum(row["totalClicks"] + row["totalViews"] for row in sandbox.report())
    assert 0 < taken < 6_000
    assert result.stderr.startswith(f"Error: {path}, after record {taken}: the compressed file is damaged or truncated")
    assert f"The records before it are imported: {taken:,} accepted" in result.stderr
    path.write_bytes(whole)
    again = import_files(sandbox, "events", path)
    assert again.stdout == f"{path}: {6_000 - taken:,} accepted, {taken:,} duplicates, 0 rejected\n"


def test_figures_are_exact_after_a_killed_and_repeated_import(tmp_path: Path, sandbox: Sandbox, offer: str) -> None:
    count = 60_000
    events = some_events(offer, count)
    path = a_file(tmp_path, "events.ndjson", as_ndjson(events))
    sandbox.send("events", events[:1])  # creates the month's partition
    last = f"""
        INSERT INTO {sandbox.tenant.schema}.event (id, occurred_at, offer, partner, is_click)
        SELECT '{events[-1]["id"]}', '{events[-1]["occurredAt"]}', o.key, p.key, true
        FROM {sandbox.tenant.schema}.offer o, {sandbox.tenant.schema}.partner p WHERE o.id = '{offer}' LIMIT 1
    """

    def total() -> int:
        (row,) = sandbox.report()
        views_and_clicks: int = row["totalClicks"] + row["totalViews"]
        return views_and_clicks

    with uncommitted(last):  # the last batch waits for it
        with subprocess.Popen([*CLI, sandbox.tenant.slug, "events", str(path)]) as importing:
            wait_until(lambda: total() > 1)
            importing.send_signal(signal.SIGKILL)
        assert total() < count
    assert import_files(sandbox, "events", path).exit_code == 0
    (row,) = sandbox.report()
    assert (row["totalClicks"], row["totalViews"]) == (count * 2 // 3, count // 3)


def peak_memory(sandbox: Sandbox, path: Path) -> int:
    """Peak memory of an import, in MiB."""
    process = os.posix_spawn(CLI[0], [*CLI, sandbox.tenant.slug, "events", str(path)], os.environ)
    _, status, usage = os.wait4(process, 0)
    assert status == 0
    return usage.ru_maxrss // (2**20 if sys.platform == "darwin" else 2**10)


@pytest.mark.parametrize("name", ["all.json", "table.csv", "lines.ndjson.gz"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, sandbox: Sandbox, offer: str, name: str) -> None:
    def of(count: int) -> Path:
        event = event_record(offer)
        return a_file(tmp_path, f"{count}-{name}", FORMATS[name.removesuffix(".gz")]([event] * count))

    assert peak_memory(sandbox, of(100_000)) < peak_memory(sandbox, of(10_000)) + 10


@pytest.mark.usefixtures("server")
def test_an_import_for_an_unknown_tenant_fails(tmp_path: Path) -> None:
    path = a_file(tmp_path, "a.json", "[]")
    result = gokart("import", "nobody", "events", str(path))
    assert result.exit_code == 1
    assert result.stderr == "Error: There is no tenant 'nobody'.\n"
