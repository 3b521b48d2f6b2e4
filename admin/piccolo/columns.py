"""How Piccolo Admin shows the columns that the features' tables declare."""

from collections.abc import Callable
from enum import Enum
from typing import Any, TypeVar

from piccolo.columns import Array, Column, ForeignKey, Numeric, Timestamptz
from piccolo.columns.readable import Readable
from piccolo.querystring import QueryString
from piccolo.table import Table

from database.columns import select_expression

C = TypeVar("C", bound=Column)


class Money(Numeric):
    """An amount without trailing zeros."""

    def get_select_string(self, engine_type: str, with_alias: bool = True) -> QueryString:
        return select_expression(self, "trim_scale({})", with_alias=with_alias)


class Seconds(Timestamptz):
    """A time to the second, because Piccolo's form sends no fractions."""

    @property
    def column_type(self) -> str:
        return "TIMESTAMPTZ"

    def get_select_string(self, engine_type: str, with_alias: bool = True) -> QueryString:
        return select_expression(self, "date_trunc('second', {})", with_alias=with_alias)

    def get_where_string(self, engine_type: str) -> QueryString:
        return select_expression(self, "{}", with_alias=False)  # the bare column, as the indexes have it


class ReadableByName:
    """A link to the row shows this column instead of the id."""

    readable_column = "name"

    @classmethod
    def get_readable(cls) -> Readable:
        assert issubclass(cls, Table)
        return Readable("%s", [cls._meta.get_column_by_name(cls.readable_column)])


class ReadableByEmail(ReadableByName):
    readable_column = "email"


def shown(
    column: C,
    help_text: str | None = None,
    *,
    choices: type[Enum] | None = None,
    references: type[Table] | None = None,
    default: Callable[[], str] | None = None,
) -> C:
    """A copy of a declared column for an admin table: of the same type, length and nullability, and by default of the
    same default.

    A time may be empty, because the form of a new row leaves it to the server. `references` is the admin table of the
    referenced rows.
    """
    params: dict[str, Any] = dict(column._meta.params)
    type_: type[Column] = type(column)
    if type_ is Timestamptz:
        type_ = Seconds
        params.update(null=True, default=None)
    if isinstance(column, Array):
        params["base_column"] = column.base_column.copy()
    if isinstance(column, ForeignKey) and references is not None:
        params["references"] = references
    if default is not None:
        params["default"] = default
    params.update(help_text=help_text or column._meta.help_text, choices=choices)
    return type_(**params)  # type: ignore[return-value]
