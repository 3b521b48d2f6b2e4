"""What a form sends."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from litestar import Request
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType

from core.errors import GokartError
from web.problems import Problem

MAX_FORM_BYTES = 65_536  # bytes, of every form but those that take a file
MAX_FORM_FIELDS = 1_000


class Form:
    """Text fields by name; one that is missing reads as empty, one given more than once as its last."""

    def __init__(self, pairs: Iterable[tuple[str, Any]]) -> None:
        self._pairs = [(name, value) for name, value in pairs if isinstance(value, str)]

    def __getitem__(self, name: str) -> str:
        return dict(self._pairs).get(name, "")

    def all(self, name: str) -> list[str]:
        """All values of a field, for checkboxes and lists."""
        return [value for key, value in self._pairs if key == name]

    def has(self, name: str) -> bool:
        """Whether a checkbox is ticked."""
        return any(key == name for key, _ in self._pairs)


async def read_form(request: Request[Any, Any, Any]) -> Form:
    """Raises Problem 400 if the body is not UTF-8 text, and Litestar's own exception if it is too large.

    Litestar would cache the last thousand bodies in memory, including passwords.
    """
    try:
        if request.content_type[0] == RequestEncodingType.MULTI_PART:
            pairs: list[tuple[str, Any]] = list((await request.form()).multi_items())
        else:
            body = (await request.body()).decode()
            pairs = parse_qsl(body, keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
    except (ValueError, LookupError) as error:
        raise Problem(400, "The form is not encoded in UTF-8.", title="Bad Request") from error
    if any(isinstance(value, str) and "\0" in value for _, value in pairs):
        raise Problem(400, "Text cannot contain NUL characters.", title="Bad Request")
    return Form(pairs)


async def read_upload(request: Request[Any, Any, Any], name: str, most: int) -> bytes:
    """The first `most` bytes of an uploaded file. Empty if there is none."""
    upload = (await request.form()).get(name)
    return await upload.read(most) if isinstance(upload, UploadFile) else b""


def parse_number(text: str, most: int) -> int | None:
    """The non-negative integer in `text`; None if it is not one or is larger than `most`."""
    return int(text) if text.isdecimal() and len(text) <= len(str(most)) and int(text) <= most else None


def split_field_error(error: GokartError) -> tuple[str, str]:
    """Splits “email: …” into the field and the message; the field is empty if there is none."""
    field, colon, text = str(error).partition(": ")
    return (field, text) if colon and field.isidentifier() else ("", str(error))
