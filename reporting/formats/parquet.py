"""Writes the rows of a query as Parquet, one row group after the other, in constant memory."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from anyio.to_thread import run_sync

from reporting.formats.sink import Sink
from reporting.query.columns import ID, ColumnKind, QueryColumn, QueryRows, SendChunk

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_GROUP = 32_768  # more take more memory: some 1 MB for 1,000 rows
META = "gokart"  # the key of `meta`, as JSON, in the metadata of the file


async def write_parquet(rows: QueryRows, send_chunk: SendChunk) -> None:
    """Sends each row group as soon as it is full. If it raises, the file has no footer, and no reader accepts it."""
    file = await run_sync(ParquetFile, rows.columns)
    async for batch in rows.batches():
        await run_sync(file.add, batch)
        if chunk := file.sink.take():
            await send_chunk(chunk)
    await run_sync(file.finish, rows.meta)
    await send_chunk(file.sink.take())


class ParquetFile:
    """Imports pyarrow when it is created: it takes some 50 MB, which processes do without until they need it."""

    def __init__(self, columns: Sequence[QueryColumn]) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        self.schema: pa.Schema = pa.schema(
            [pa.field(column.name, arrow_type(column.kind), column.nullable) for column in columns]
        )
        self.sink = Sink()
        repeated = [column.name for column in columns if column.kind in {"text", "uuid"} and column != ID]
        self._writer = parquet.ParquetWriter(self.sink, self.schema, compression="zstd", use_dictionary=repeated)
        self._batches: list[pa.RecordBatch] = []
        self._uuids = [index for index, column in enumerate(columns) if column.kind == "uuid"]
        self._rows = 0

    def add(self, rows: list[tuple[Any, ...]]) -> None:
        import pyarrow as pa

        if not rows:
            return
        values = list(zip(*rows, strict=True))
        for index in self._uuids:
            values[index] = tuple(value and str(value) for value in values[index])
        arrays = [pa.array(column, field.type) for column, field in zip(values, self.schema, strict=True)]
        self._batches.append(pa.record_batch(arrays, schema=self.schema))
        self._rows += len(rows)
        if self._rows >= ROWS_PER_GROUP:
            self._write_group()

    def _write_group(self) -> None:
        import pyarrow as pa

        self._writer.write_table(pa.Table.from_batches(self._batches, self.schema), row_group_size=self._rows)
        self._batches.clear()
        self._rows = 0
        pa.default_memory_pool().release_unused()

    def finish(self, meta: dict[str, Any]) -> None:
        if self._rows:
            self._write_group()
        self._writer.add_key_value_metadata({META: json.dumps(meta)})
        self._writer.close()


def arrow_type(kind: ColumnKind) -> "pa.DataType":
    """Ids are text: readers differ in what they make of Parquet's UUIDs. Instants are in UTC."""
    import pyarrow as pa

    types: dict[ColumnKind, pa.DataType] = {
        "text": pa.string(),
        "uuid": pa.string(),
        "integer": pa.int64(),
        "decimal": pa.decimal128(38, 6),
        "ratio": pa.decimal128(38, 6),
        "date": pa.date32(),
        "datetime": pa.timestamp("us", "UTC"),
    }
    return types[kind]
