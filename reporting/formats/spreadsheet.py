"""Writes the rows of a query as CSV for people, who open it in a spreadsheet."""

from codecs import BOM_UTF8

from core.spreadsheets import spreadsheet_rows
from reporting.query.columns import QueryRows, SendChunk


async def write_spreadsheet(rows: QueryRows, send_chunk: SendChunk) -> None:
    """The columns of the API's CSV. Text that a spreadsheet would evaluate as a formula has an apostrophe before it."""
    start = BOM_UTF8 + spreadsheet_rows([[column.name for column in rows.columns]])
    async for batch in rows.batches():
        await send_chunk(start + spreadsheet_rows(batch))
        start = b""
    if start:
        await send_chunk(start)
