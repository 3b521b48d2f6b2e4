"""Parameters of a query string, the only place for them; some are lists: repeated, or separated by commas."""

import csv
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from reporting.filters import MAX_ERRORS, printable, query_pairs, read_uuid
from web.problems import FieldError, invalid_parameters
from web.requests import AnyRequest, has_body, read_body

MAX_BODY_BYTES = 1_024  # of a body that is refused


async def read_query(request: AnyRequest) -> list[tuple[str, Any]]:
    """The pairs of the query string. Raises Problem 400, also for a body: a filter in it would be ignored."""
    if has_body(request.scope) and (await read_body(request)).strip():
        raise invalid_parameters(FieldError("body", "is not used: parameters are in the query"))
    return query_pairs(request.scope["query_string"])


class ParameterReader:
    """Reads the values of parameters, and collects in `errors` what is wrong with them."""

    def __init__(self, pairs: Iterable[tuple[str, str]], names: Sequence[str], lists: Sequence[str]) -> None:
        """`names` are all valid parameters, and `lists` those of them that may be repeated."""
        self.given, self.errors = collect_lists(pairs, names, lists)

    def read(self, name: str, reader: Callable[[list[str]], Any], default: Any = None) -> Any:
        """What `reader`, which may raise ValueError, makes of the values; `default` without the parameter."""
        try:
            return reader(self.given[name]) if name in self.given else default
        except ValueError as error:
            self.errors.append(FieldError(name, str(error)))
            return default

    def one_of(self, name: str, valid: Sequence[str], default: str | None = None) -> Any:
        return self.read(name, lambda values: choice(values[0], valid), default)

    def check(self) -> None:
        """Raises Problem 400, which names each invalid parameter."""
        if self.errors:
            raise invalid_parameters(*self.errors[:MAX_ERRORS])


def collect_lists(
    pairs: Iterable[tuple[str, str]], names: Sequence[str], lists: Sequence[str]
) -> tuple[dict[str, list[str]], list[FieldError]]:
    """The values by the documented spelling of the names. Parameters that are lists may be repeated."""
    given: dict[str, list[str]] = {}
    errors = []
    for asked, text in pairs:
        name, value = asked.lower(), text.strip()
        if name not in names:
            errors.append(
                FieldError(printable(asked), f"is not a parameter of this report; valid parameters: {', '.join(names)}")
            )
        elif not value:
            errors.append(FieldError(name, "is empty"))
        elif name in given and name not in lists:
            errors.append(FieldError(name, "is given twice"))
        elif "\0" in value:
            errors.append(FieldError(name, "contains a null character"))
        else:
            given.setdefault(name, []).append(value)
    return given, errors


def first_of(values: list[str]) -> str:
    return values[0]


def choice(text: str, valid: Sequence[str]) -> str:
    """The value as it is documented; upper and lower case are the same."""
    for each in valid:
        if each.lower() == text.lower():
            return each
    raise ValueError(f"{text!r} is not valid; valid values: {', '.join(valid)}")


def choices(values: list[str], valid: Sequence[str]) -> tuple[str, ...]:
    chosen = [choice(item.strip(), valid) for value in values for item in value.split(",")]
    if repeated := next((each for each in chosen if chosen.count(each) > 1), None):
        raise ValueError(f"names {repeated} twice")
    return tuple(chosen)


def read_texts(values: list[str]) -> tuple[str, ...]:
    """Separated by commas. A text with commas is put in double quotes, which are doubled within it, as in CSV."""
    try:
        texts = [text.strip() for row in csv.reader(values, strict=True, skipinitialspace=True) for text in row]
    except csv.Error as error:
        raise ValueError(f"is not a comma-separated list: {error}") from error
    if not all(texts):
        raise ValueError("has an empty value")
    return tuple(dict.fromkeys(texts))


def read_uuids(values: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(read_uuid(text)) for text in read_texts(values)))


def errors_at_fields(errors: Iterable[FieldError], fields: Collection[str]) -> dict[str, Any]:
    """For a page's template: `errors` by field, for those of `fields`, and `other_errors` with their fields' names."""
    return {
        "errors": {error.field: error_sentence(error.message) for error in errors if error.field in fields},
        "other_errors": [f"{error.field}: {error.message}" for error in errors if error.field not in fields],
    }


def error_sentence(message: str) -> str:
    """The API's error message as a sentence below the field."""
    text = message
    for name, words in ("date_from", "the start date"), ("date_to", "the end date"), ("compare_to", "the end date"):
        text = text.replace(name, words)
    return f"{text[:1].upper()}{text[1:]}."
