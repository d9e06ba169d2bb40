"""Exporting the ledger: one row per entry, for other programs; amounts as exact decimal texts."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from arro3.core import Array, DataType, RecordBatch, RecordBatchReader, Schema
from arro3.core import Field as ArrowField
from arro3.io import write_parquet

from jitsuri.ledger.records import entries as entry_rows
from jitsuri.ledger.shapes.entries import Entry
from jitsuri.store.door import Connection
from jitsuri.terms.period import COMPANY_ZONE, Month
from jitsuri.terms.usage import USAGE_KINDS

EXPORT_FORMATS = ("csv", "jsonl", "parquet")
_BATCH = 10_000

COLUMNS: tuple[str, ...] = (
    "time", "day", "task", "department", "thread", "call", "attempt", "entry", "kind", "provider", "model",
    "model_asked", "model_answered", "region", "tier", "purpose", "status", "http_status", "error_code", "calls",
    *USAGE_KINDS, "latency_ms", "first_token_ms", "state", "reason", "currency", "cost", "cost_usd", "cost_jpy",
    "rate_id", "rate", "price_book", "price_block", "reported_cost", "reported_currency", "source", "booked_at",
)  # fmt: skip
"""The columns of an export, in order; ``cost`` is in ``currency``, ``cost_usd`` only where that is USD."""

_NUMBERS = frozenset({"http_status", "calls", *USAGE_KINDS, "latency_ms", "first_token_ms"})


def export_entries(
    tx: Connection, format_: str, out: Path | IO[bytes], first: Month | None, last: Month | None, task: str | None
) -> int:
    """Write every entry of the span to ``out``; returns how many rows. Constant memory.

    CSV begins with a byte-order mark, so that Excel reads the Japanese.
    """
    since = _midnight(first.first) if first else None
    until = _midnight(last.next.first) if last else None
    rows = (_row(entry) for entry in entry_rows.stream(tx, since, until, task))
    writers: dict[str, Callable[[Iterator[dict[str, Any]], IO[bytes]], int]] = {
        "csv": _csv, "jsonl": _jsonl, "parquet": _parquet
    }  # fmt: skip
    if isinstance(out, Path):
        partial = out.with_name(out.name + ".part")
        with partial.open("wb") as file:
            count = writers[format_](rows, file)
        partial.replace(out)
        return count
    return writers[format_](rows, out)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), COMPANY_ZONE)


def _row(entry: Entry) -> dict[str, Any]:
    renamed = {
        "time": entry.at, "thread": entry.thread_id, "call": entry.call_id, "attempt": entry.attempt_id,
        "entry": entry.entry_id, "cost_usd": entry.cost if entry.currency == "USD" else None,
    }  # fmt: skip
    row: dict[str, Any] = {}
    for name in COLUMNS:
        if name in renamed:
            row[name] = renamed[name]
        elif name in USAGE_KINDS:
            row[name] = getattr(entry.usage, name)
        else:
            row[name] = getattr(entry, name)
    return row


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    return value


def _csv(rows: Iterable[dict[str, Any]], out: IO[bytes]) -> int:
    text = io.TextIOWrapper(out, "utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    count = 0
    for row in rows:
        writer.writerow(["" if row[name] is None else _plain(row[name]) for name in COLUMNS])
        count += 1
    text.flush()
    text.detach()
    return count


def _jsonl(rows: Iterable[dict[str, Any]], out: IO[bytes]) -> int:
    count = 0
    for row in rows:
        out.write(json.dumps({k: _plain(v) for k, v in row.items()}, ensure_ascii=False).encode() + b"\n")
        count += 1
    return count


_UTC = DataType.timestamp("us", tz="UTC")
_TYPES: dict[str, DataType] = {
    **{name: DataType.int64() for name in _NUMBERS},
    "time": _UTC,
    "booked_at": _UTC,
    "day": DataType.date32(),
    **{name: DataType.decimal128(38, 18) for name in ("cost", "cost_usd", "rate", "reported_cost")},
    "cost_jpy": DataType.decimal128(24, 6),
}
"""Parquet types; every other column is text."""


def _parquet(rows: Iterator[dict[str, Any]], out: IO[bytes]) -> int:
    count = 0

    def batches() -> Iterator[RecordBatch]:
        nonlocal count
        while held := list(islice(rows, _BATCH)):
            count += len(held)
            yield RecordBatch.from_arrays([_array(held, name) for name in COLUMNS], schema=schema)

    schema = Schema([ArrowField(name, _TYPES.get(name, DataType.string())) for name in COLUMNS])
    write_parquet(RecordBatchReader.from_batches(schema, batches()), out, compression="zstd(3)")
    return count


def _array(held: list[dict[str, Any]], name: str) -> Array:
    """One column; times, days and decimals are cast from whole numbers and texts, exactly."""
    wanted = _TYPES.get(name, DataType.string())
    values = [row[name] for row in held]
    if name in _NUMBERS:
        return Array(values, DataType.int64())
    if wanted == _UTC:
        return Array([(v - _EPOCH) // _MICROSECOND for v in values], DataType.int64()).cast(wanted)
    if name == "day":
        return Array([(v - _EPOCH.date()).days for v in values], DataType.int32()).cast(wanted)
    texts = Array([None if v is None else _plain(v) for v in values], DataType.string())
    return texts.cast(wanted) if name in _TYPES else texts


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
