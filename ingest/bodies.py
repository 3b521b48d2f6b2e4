"""A request body → its records, as JSON texts."""

from collections.abc import Sequence
from io import BytesIO, StringIO

import msgspec

from ingest.decompress import DAMAGED, inflating
from ingest.files import Broken, Scanner
from ingest.records import NO_JSON
from settings import settings
from web.clients import read_body
from web.problems import FieldError, Problem
from web.requests import Call, header

JSON_TYPES = {
    "application/json",
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/json-lines",
    "application/x-jsonlines",
}


async def read_records(request: Call) -> tuple[bytes, str]:
    """The body as sent and its content encoding. Raises Problem 413 or 415."""
    types = header(request.scope, b"content-type")
    if types and types[0].partition(";")[0].strip().lower() not in JSON_TYPES:
        raise Problem(415, "Send application/json (one object or an array) or application/x-ndjson (an object a line).")
    encodings = header(request.scope, b"content-encoding")
    encoding = encodings[0].strip().lower() if encodings else "identity"
    if len(encodings) > 1 or encoding not in {"identity", "gzip", "zstd"}:
        raise Problem(415, "Content-Encoding: send gzip, zstd or none.", headers={"Accept-Encoding": "gzip, zstd"})
    return await read_body(request), encoding


def records_of(body: bytes, encoding: str) -> Sequence[bytes]:
    """Of one object, an array, or NDJSON. Work for a thread: a body may be many megabytes. Raises Problem 400, 413."""
    text = inflate(body, encoding).removeprefix(b"\xef\xbb\xbf").strip()
    try:
        records = array_of(text) if text.startswith(b"[") else objects_of(text)
    except NO_JSON as error:
        raise not_json(str(error)) from error
    if len(records) > settings.intake_records:
        raise Problem(413, f"The body has more than {settings.intake_records} records; send it in parts.")
    return records


def array_of(text: bytes) -> Sequence[bytes]:
    """Where msgspec finds something wrong in one record, a slower reader may still tell the records apart."""
    try:
        return [bytes(item) for item in msgspec.json.decode(text, type=list[msgspec.Raw])]
    except msgspec.DecodeError:
        try:
            return [record for record, _ in Scanner("", StringIO(text.decode())).records()]
        except (Broken, UnicodeDecodeError, RecursionError):
            pass
        raise


def objects_of(text: bytes) -> Sequence[bytes]:
    """One object, which may span lines, or an object a line, of which a broken one is a record to reject."""
    if not text.startswith(b"{"):
        raise not_json("it is neither an object nor an array, nor objects in lines")
    if is_json(text):
        return [text]
    lines = [line for line in text.split(b"\n", settings.intake_records + 1) if line and not line.isspace()]
    if len(lines) < 2 or not any(is_json(line) for line in lines):
        raise not_json("it ends or breaks off in the middle")
    return lines


def is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except NO_JSON:
        return False
    return True


def not_json(reason: str) -> Problem:
    return bad_body(f"is not JSON: {reason}")


def bad_body(message: str) -> Problem:
    return Problem(400, f"The body {message}", errors=[FieldError("body", message)], title="Bad Request")


def inflate(body: bytes, encoding: str) -> bytes:
    """Raises Problem 413 as soon as more than `intake_inflated` bytes would come out."""
    try:
        text = inflating(BytesIO(body), encoding).read(settings.intake_inflated + 1)
    except DAMAGED as error:
        raise bad_body(f"is not {encoding}, as Content-Encoding says: {error}") from error
    if len(text) > settings.intake_inflated:
        raise Problem(413, f"The body inflates to more than {settings.intake_inflated} bytes; send it in parts.")
    return text
