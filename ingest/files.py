"""Files of records → JSON texts, one record at a time, in constant memory."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from json import JSONDecodeError, JSONDecoder
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self, TextIO

import msgspec
import zstandard

from core.errors import GokartError
from ingest.decompress import DECOMPRESS_ERRORS, decompress
from ingest.records import ConversionRecord, Event, OfferRecord, PartnerRecord, RecordError

RecordKind = Literal["conversions", "events", "offers", "partners"]
FileFormat = Literal["json", "ndjson", "csv"]
SourceRecord = tuple[bytes, RecordError | None]  # a JSON text, and why the record is malformed, if it is

MAX_RECORD_LENGTH = 2**20  # characters
CHUNK_LENGTH = 2**18  # characters
ENDINGS: dict[str, FileFormat] = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "json"}
WHITE = re.compile(r"[ \t\r\n]*")


class UnreadableFileError(GokartError):
    """The rest of the file cannot be read."""


class RecordFile:
    """A file of records. `done` and `size` are bytes of the file on disk, compressed or not."""

    def __init__(self, path: Path, kind: RecordKind, format_: FileFormat | None = None) -> None:
        self.path = path
        self.kind = kind
        self.format = format_

    def __enter__(self) -> Self:
        self.raw = self.path.open("rb")
        self.text = io.TextIOWrapper(open_compressed(self.raw), "utf-8-sig", newline="\n")
        return self

    def __exit__(self, *_: object) -> None:
        self.text.close()
        self.raw.close()

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    @property
    def done(self) -> int:
        return self.raw.tell()

    def records(self) -> Iterator[SourceRecord]:
        """Raises UnreadableFileError."""
        try:
            yield from self.records_of(self.text)
        except UnicodeDecodeError as error:
            raise UnreadableFileError(f"it is not UTF-8 text: byte {error.object[error.start]:#04x}") from error
        except DECOMPRESS_ERRORS as error:
            raise UnreadableFileError(f"the compressed file is damaged or truncated: {error}") from error
        except csv.Error as error:
            raise UnreadableFileError(f"it is not valid CSV: {error}") from error
        except RecursionError as error:
            raise UnreadableFileError("the JSON is nested too deeply") from error

    def records_of(self, text: TextIO) -> Iterator[SourceRecord]:
        first = next((line for line in iter(lambda: text.readline(MAX_RECORD_LENGTH), "") if not line.isspace()), "")
        match self.format or format_of(self.path, first):
            case "csv":
                return csv_records(lines_of(first, text), self.kind)
            case "json" if not is_object(first):
                return JsonScanner(first, text).records()
            case _:
                return line_records(lines_of(first, text))


def format_of(path: Path, first: str) -> FileFormat:
    """From the name without `.gz` or `.zst`, otherwise from the first line."""
    named = [ENDINGS[suffix.lower()] for suffix in path.suffixes if suffix.lower() in ENDINGS]
    return named[-1] if named else "json" if first.lstrip().startswith(("[", "{")) else "csv"


def lines_of(first: str, rest: TextIO) -> Iterator[str]:
    line = first
    while line:
        if len(line) == MAX_RECORD_LENGTH and not line.endswith("\n"):
            raise UnreadableFileError(f"a line has more than {MAX_RECORD_LENGTH} characters")
        yield line
        line = rest.readline(MAX_RECORD_LENGTH)


def open_compressed(raw: BinaryIO) -> BinaryIO:
    """Detects compression by the content, not the name."""
    magic = raw.read(4)
    raw.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return decompress(raw, "gzip")
    return decompress(raw, "zstd" if magic == zstandard.FRAME_HEADER else "identity")


# JSON


def line_records(lines: Iterable[str]) -> Iterator[SourceRecord]:
    """A malformed line becomes a record that is rejected later."""
    for line in lines:
        if not line.isspace():
            yield line.strip().encode(), None


class JsonScanner:
    """Splits a JSON array, or consecutive objects, into records without changing their text."""

    # Finds the end of each record only. Parsing and validating the values is up to intake.
    decoder = JSONDecoder(parse_int=str, parse_float=str, strict=False)

    def __init__(self, start: str, rest: TextIO) -> None:
        self.buffer = start
        self.at = 0
        self.rest = rest

    def records(self) -> Iterator[SourceRecord]:
        if self.next() == "[":
            yield from self.array()
        while self.next():
            yield self.value(), None

    def array(self) -> Iterator[SourceRecord]:
        self.at += 1
        more = self.next() != "]"
        while more:
            yield self.value(), None
            more = self.next() == ","
            self.at += more
        if self.next() != "]":
            raise UnreadableFileError("the JSON is truncated or malformed: the array has no end")
        self.at += 1

    def value(self) -> bytes:
        self.next()
        while True:
            try:
                _, end = self.decoder.raw_decode(self.buffer, self.at)
            except JSONDecodeError as error:
                if not self.more():
                    raise UnreadableFileError(f"the JSON is truncated or malformed: {error.msg}") from error
                continue
            if end == len(self.buffer) and self.more():
                continue  # a number may continue in the next chunk
            text = self.buffer[self.at : end]
            self.at = end
            return text.encode()

    def next(self) -> str:
        """The next character that is not white space, or an empty string at the end."""
        while True:
            self.at = WHITE.match(self.buffer, self.at).end()  # type: ignore[union-attr]
            if self.at < len(self.buffer) or not self.more():
                return self.buffer[self.at : self.at + 1]

    def more(self) -> bool:
        if len(self.buffer) - self.at > MAX_RECORD_LENGTH:
            raise UnreadableFileError(
                f"the JSON is malformed, or a record has more than {MAX_RECORD_LENGTH} characters"
            )
        chunk = self.rest.read(CHUNK_LENGTH)
        if chunk:
            self.buffer, self.at = self.buffer[self.at :] + chunk, 0
        return bool(chunk)


def is_object(text: str) -> bool:
    """Whether the line is a complete object: then the file is NDJSON."""
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except msgspec.DecodeError:
        return False


# CSV

RECORD_TYPES: dict[RecordKind, type[msgspec.Struct]] = {
    "conversions": ConversionRecord,
    "events": Event,
    "offers": OfferRecord,
    "partners": PartnerRecord,
}
CALLBACK_COLUMNS = ("id", "sentAt")


def csv_records(lines: Iterable[str], kind: RecordKind) -> Iterator[SourceRecord]:
    rows = csv.reader(lines, strict=True)
    header = parse_header(next(rows, []), kind)
    for row in rows:
        if not row:
            continue
        if len(row) != len(header):
            wrong = RecordError("", f"has {len(row)} cells, the header has {len(header)}")
            yield msgspec.json.encode(row), wrong
        else:
            filled = {name: cell for name, cell in zip(header, row, strict=True) if cell}
            yield msgspec.json.encode(to_callback(filled) if kind == "conversions" else filled), None


def parse_header(names: list[str], kind: RecordKind) -> list[str]:
    """The names in camelCase. Raises UnreadableFileError if a required column is missing."""
    header = [name.strip()[:1].lower() + name.strip()[1:] for name in names]
    required = [field.encode_name for field in msgspec.structs.fields(RECORD_TYPES[kind]) if field.required]
    if kind == "conversions":
        required.append("sentAt")
    if missing := [name for name in required if name not in header]:
        raise UnreadableFileError(f"the first line must name the columns of {kind}; missing: {', '.join(missing)}")
    if len(set(header)) < len(header):
        raise UnreadableFileError("the first line repeats a column")
    return header


def to_callback(row: dict[str, str]) -> dict[str, Any]:
    outer = {name: row.pop(name) for name in CALLBACK_COLUMNS if name in row}
    return {**outer, "conversion": row}
