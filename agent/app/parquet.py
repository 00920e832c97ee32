"""Tables as Parquet files: typed columns with their meaning in the file, a row group at a time.

pyarrow is an extra (`pip install 'lineside[parquet]'`): a gateway that binds units has no use for
its hundred megabytes. Without it the export says so; CSV needs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.app.event_sources import SourceError
from agent.app.placing import placed
from agent.formats.tables import Column, Row, Sort, Table

if TYPE_CHECKING:
    from types import ModuleType

GROUP_ROWS = 50_000
"""Rows held in memory, and in one row group."""
MISSING = "pyarrow is not installed; run pip install 'lineside[parquet]', or export to .csv"


def write_parquet(path: Path, table: Table, rows: Iterable[Row]) -> int:
    """Write a table; return how many rows it has.

    Raises:
        SourceError: pyarrow is not there, or the file cannot be written.
    """
    arrow, parquet = _library()
    schema = arrow.schema([_field(arrow, column) for column in table.columns])
    left, n = iter(rows), 0
    with (  # the file is ours: the library leaves its own to its threads on an error
        placed(path) as file,
        parquet.ParquetWriter(file, schema, compression="zstd") as writer,
    ):
        while group := list(islice(left, GROUP_ROWS)):
            n += len(group)
            writer.write_batch(_batch(arrow, schema, table, group))
    return n


def _library() -> tuple[ModuleType, ModuleType]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra, and large: only who writes Parquet pays
        from pyarrow import parquet  # noqa: PLC0415 - as above
    except ImportError as error:
        raise SourceError(MISSING) from error
    return pa, parquet


def _field(arrow: Any, column: Column) -> Any:  # noqa: ANN401 - the library is not typed
    kinds = {
        Sort.TEXT: arrow.string,
        Sort.WHOLE: arrow.int64,
        Sort.NUMBER: arrow.float64,
        Sort.FLAG: arrow.bool_,
        Sort.MOMENT: lambda: arrow.timestamp("ms", tz="UTC"),
    }
    about = {"description": column.meaning} | ({"unit": column.unit} if column.unit else {})
    return arrow.field(column.name, kinds[column.sort](), metadata=about)


def _batch(arrow: Any, schema: Any, table: Table, group: list[Row]) -> Any:  # noqa: ANN401 - as above
    columns = []
    for place, column in enumerate(table.columns):
        values: list[Any] = [row[place] for row in group]
        if column.sort is Sort.MOMENT:
            values = [None if value is None else datetime.fromisoformat(value) for value in values]
        columns.append(arrow.array(values, type=schema.field(place).type))
    return arrow.record_batch(columns, schema=schema)
