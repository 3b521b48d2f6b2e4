"""A request body → its records, each a JSON text."""

from collections.abc import Sequence
from io import BytesIO, StringIO

import msgspec

from ingest.decompress import DECOMPRESS_ERRORS, decompress
from ingest.files import JsonScanner, UnreadableFileError
from ingest.records import INVALID_JSON
from settings import settings
from web.problems import FieldError, Problem
from web.requests import AnyRequest, header_values, read_body

JSON_TYPES = {
    "application/json",
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/json-lines",
    "application/x-jsonlines",
}


async def read_request(request: AnyRequest) -> tuple[bytes, str]:
    """The body as sent, and its content encoding. Raises Problem 413 or 415."""
    types = header_values(request.scope, b"content-type")
    if types and types[0].partition(";")[0].strip().lower() not in JSON_TYPES:
        raise Problem(
            415, "Send application/json (one object or an array) or application/x-ndjson (one object per line)."
        )
    encodings = header_values(request.scope, b"content-encoding")
    encoding = encodings[0].strip().lower() if encodings else "identity"
    if len(encodings) > 1 or encoding not in {"identity", "gzip", "zstd"}:
        raise Problem(415, "Content-Encoding must be gzip, zstd or absent.", headers={"Accept-Encoding": "gzip, zstd"})
    return await read_body(request), encoding


def split_records(body: bytes, encoding: str) -> Sequence[bytes]:
    """Splits one object, an array, or NDJSON. CPU-bound: call it in a thread. Raises Problem 400 or 413."""
    text = decompress_body(body, encoding).removeprefix(b"\xef\xbb\xbf").strip()
    try:
        records = split_array(text) if text.startswith(b"[") else split_lines(text)
    except INVALID_JSON as error:
        raise not_json(str(error)) from error
    if len(records) > settings.intake_records:
        raise Problem(413, f"The body has more than {settings.intake_records} records. Split it into several requests.")
    return records


def split_array(text: bytes) -> Sequence[bytes]:
    """If one record is invalid JSON, a slower scanner may still find where each record ends."""
    try:
        return [bytes(item) for item in msgspec.json.decode(text, type=list[msgspec.Raw])]
    except msgspec.DecodeError:
        try:
            return [record for record, _ in JsonScanner("", StringIO(text.decode())).records()]
        except (UnreadableFileError, UnicodeDecodeError, RecursionError):
            pass
        raise


def split_lines(text: bytes) -> Sequence[bytes]:
    """One object, which may span lines, or one object per line; an invalid line is a record that is rejected later."""
    if not text.startswith(b"{"):
        raise not_json("it is not an object, an array, or one object per line")
    if is_valid_json(text):
        return [text]
    lines = [line for line in text.split(b"\n", settings.intake_records + 1) if line and not line.isspace()]
    if len(lines) < 2 or not any(is_valid_json(line) for line in lines):
        raise not_json("it is truncated or malformed")
    return lines


def is_valid_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except INVALID_JSON:
        return False
    return True


def not_json(reason: str) -> Problem:
    return bad_body(f"is not JSON: {reason}")


def bad_body(message: str) -> Problem:
    return Problem(400, f"The body {message}", errors=[FieldError("body", message)], title="Bad Request")


def decompress_body(body: bytes, encoding: str) -> bytes:
    """Raises Problem 413 at the first byte beyond `intake_inflated`, and 400 for damaged data."""
    try:
        text = decompress(BytesIO(body), encoding).read(settings.intake_inflated + 1)
    except DECOMPRESS_ERRORS as error:
        raise bad_body(f"is not valid {encoding}: {error}") from error
    if len(text) > settings.intake_inflated:
        raise Problem(
            413,
            f"The decompressed body has more than {settings.intake_inflated} bytes. Split it into several requests.",
        )
    return text
