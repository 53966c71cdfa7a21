"""Candle files: CSV and Parquet with the columns ts, open, high, low, close, volume."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from tradewind_engine.candles import COLUMNS, CandleError, Candles, check_candles

MAX_FILE_BYTES = 256 * 1024 * 1024
PARQUET_MAGIC = b"PAR1"


def read_candle_file(path: Path) -> Candles:
    """Return the candles in a file, checked. Raises CandleError (also for a file that is missing or too large)."""
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise CandleError(f"{path.name} has {size} bytes, at most {MAX_FILE_BYTES} are read: split it by time")
        return parse_candles(path.read_bytes())
    except OSError as exc:
        raise CandleError(f"cannot read {path}: {exc.strerror}") from None


def parse_candles(content: bytes) -> Candles:
    """Return the candles in the bytes of a CSV or Parquet file, checked. Raises CandleError."""
    candles = _from_parquet(content) if content[:4] == PARQUET_MAGIC else _from_csv(content)
    check_candles(candles)
    return candles


def _from_parquet(content: bytes) -> Candles:
    import pyarrow as pa  # noqa: PLC0415 - a tenth of a second that only Parquet needs
    from pyarrow import parquet  # noqa: PLC0415

    try:
        # `read_table` imports pandas. And a thread of Arrow's that lets go of our bytes while Python ends aborts the process
        # (apache/arrow issue 34314), so none is made: 130,000 candles take 4 ms longer.
        table = parquet.ParquetFile(pa.BufferReader(content)).read(use_threads=False)
    except (pa.ArrowException, OSError) as exc:
        raise CandleError(f"this is not a readable Parquet file: {exc}") from None
    _check_header(table.column_names)
    columns = []
    for name in COLUMNS:
        column = table.column(name)
        if column.null_count:
            raise CandleError(f"column {name} has {column.null_count} empty values: remove these rows")
        if name == "ts" and pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("ms")).cast(pa.int64())
        if not (pa.types.is_integer(column.type) or (name != "ts" and pa.types.is_floating(column.type))):
            wanted = "UTC milliseconds as int64" if name == "ts" else "numbers"
            raise CandleError(f"column {name} is of type {column.type}, {wanted} are wanted")
        kind = pa.int64() if name == "ts" else pa.float64()
        try:
            whole = column if column.type == kind else column.cast(kind, safe=name == "ts")
        except pa.ArrowException as exc:
            raise CandleError(f"column {name} does not fit: {exc}") from None
        columns.append(_values(whole, np.int64 if name == "ts" else np.float64))
    return Candles(*columns)


def _values(column: Any, kind: type[np.generic]) -> Any:
    """Return a column without empty values as an array of ours. Arrow's own way there imports pandas, half a second."""
    parts = [np.frombuffer(part.buffers()[1], kind, len(part), part.offset * 8) for part in column.chunks if len(part)]
    return np.concatenate(parts) if parts else np.empty(0, kind)


def _from_csv(content: bytes) -> Candles:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CandleError("this is neither Parquet nor a CSV file in UTF-8") from None
    rows = csv.reader(io.StringIO(text))
    header = [name.strip().lower() for name in next(rows, [])]
    _check_header(header)
    places = [header.index(name) for name in COLUMNS]
    values: list[list[float]] = [[] for _ in COLUMNS]
    times: list[int] = []
    for number, row in enumerate(rows, start=1):
        if not row:
            continue
        if len(row) != len(header):
            raise CandleError(f"row {number}: {len(row)} fields, the header has {len(header)}")
        for column, place in enumerate(places):
            try:
                if column == 0:
                    times.append(int(row[place]))
                else:
                    values[column].append(float(row[place]))
            except ValueError:
                wanted = "UTC milliseconds" if column == 0 else "a number"
                raise CandleError(f"row {number}, column {COLUMNS[column]}: {row[place]!r} is not {wanted}") from None
    try:
        ts = np.array(times, dtype=np.int64)
    except OverflowError:
        raise CandleError("column ts holds numbers beyond 64 bits: UTC milliseconds are wanted") from None
    return Candles(ts, *(np.array(column, dtype=np.float64) for column in values[1:]))


def _check_header(names: list[str]) -> None:
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise CandleError(f"missing column {', '.join(missing)}: wanted are {', '.join(COLUMNS)}, found {', '.join(names)}")
