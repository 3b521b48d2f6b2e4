"""Writes the rows of a query as CSV for people, who open it in a spreadsheet."""

import csv
import io
from decimal import Decimal
from typing import Any

from core.spreadsheets import escape_formula
from reporting.query.columns import QueryRows, SendChunk

BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"  # without it Excel does not read UTF-8


async def write_spreadsheet(rows: QueryRows, send_chunk: SendChunk) -> None:
    """The columns of the API's CSV. Text that a spreadsheet would evaluate as a formula has an apostrophe before it."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    file.write(BOM)
    writer.writerow([column.name for column in rows.columns])
    async for batch in rows.batches():
        writer.writerows([cell(value) for value in row] for row in batch)
        await send_chunk(file.getvalue().encode())
        file.seek(0)
        file.truncate()
    if rest := file.getvalue():
        await send_chunk(rest.encode())


def cell(value: Any) -> Any:
    """Decimals without an exponent."""
    if isinstance(value, str):
        return escape_formula(value)
    return f"{value:f}" if isinstance(value, Decimal) else value
