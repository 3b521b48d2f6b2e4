"""Column types for Piccolo tables, beyond those that Piccolo has."""

from typing import Any

from piccolo.columns import Column, Varchar
from piccolo.querystring import QueryString


def select_expression(column: Column, sql: str, *, with_alias: bool) -> QueryString:
    """Selects `sql`, in which {} is the column, under the column's name."""
    expression = sql.format(column._meta.get_full_name(with_alias=False))
    return QueryString(f'{expression} AS "{column._meta.name}"' if with_alias else expression)


class Inet(Varchar):
    """An IP address, read as text."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"length": None, **options})

    @property
    def column_type(self) -> str:
        return "INET"

    def get_select_string(self, engine_type: str, with_alias: bool = True) -> QueryString:
        return select_expression(self, "host({})", with_alias=with_alias)
