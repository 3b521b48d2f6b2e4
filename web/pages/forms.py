"""What a form sends."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from litestar import Request
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
        """Of checkboxes and lists."""
        return [value for key, value in self._pairs if key == name]

    def has(self, name: str) -> bool:
        """Whether a checkbox is ticked."""
        return any(key == name for key, _ in self._pairs)


async def read_form(request: Request[Any, Any, Any]) -> Form:
    """Raises Problem 400 for what is no text, and Litestar's own exception for a body that is too large.

    Litestar would keep the last thousand bodies in memory, passwords and all.
    """
    try:
        if request.content_type[0] == RequestEncodingType.MULTI_PART:
            pairs: list[tuple[str, Any]] = list((await request.form()).multi_items())
        else:
            body = (await request.body()).decode()
            pairs = parse_qsl(body, keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
    except (ValueError, LookupError) as error:
        raise Problem(400, "This is no form in UTF-8.", title="Bad Request") from error
    if any(isinstance(value, str) and "\0" in value for _, value in pairs):
        raise Problem(400, "Text cannot have a NUL character in it.", title="Bad Request")
    return Form(pairs)


def parse_number(text: str, most: int) -> int | None:
    """The number, from 0 on, that a text is; None for what is none, or more than `most`, however long it is."""
    return int(text) if text.isdecimal() and len(text) <= len(str(most)) and int(text) <= most else None


def split_field_error(error: GokartError) -> tuple[str, str]:
    """The field that an error's text names at its beginning, as in “email: …”, and the rest; else no field."""
    field, colon, text = str(error).partition(": ")
    return (field, text) if colon and field.isidentifier() else ("", str(error))
