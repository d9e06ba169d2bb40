"""Meters in the database: counts per minute, added up over all workers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from jitsuri.calls.shapes import Minute
from jitsuri.store.door import Connection

_KEYS = ("minute", "task", "upstream", "model", "outcome")
_SUMS = (
    "count", "empty", "fell_back", "input_tokens", "output_tokens", "cost_micro_jpy", "latency_ms_sum",
    "first_token_ms_sum", "first_token_count",
)  # fmt: skip
_ARRAYS = ("latency_buckets", "first_token_buckets")
_COLUMNS = (*_KEYS, *_SUMS, *_ARRAYS)
_SELECT = f"SELECT {', '.join(Minute.__struct_fields__)} FROM calls_minutes"  # noqa: S608  # our own column names


def add_many(tx: Connection, minutes: Sequence[Minute]) -> None:
    """Add counts to what is kept of their minutes."""
    added = [f"{name} = calls_minutes.{name} + EXCLUDED.{name}" for name in _SUMS]
    added += [  # our own column names
        f"{name} = (SELECT array_agg(a + b ORDER BY n) FROM "  # noqa: S608
        f"unnest(calls_minutes.{name}, EXCLUDED.{name}) WITH ORDINALITY AS pairs(a, b, n))"
        for name in _ARRAYS
    ]
    rows = sorted(minutes, key=lambda m: (m.minute, m.task, m.upstream, m.model, m.outcome))
    with tx.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO calls_minutes ({', '.join(_COLUMNS)}) VALUES ({', '.join(['%s'] * len(_COLUMNS))}) "  # noqa: S608
            f"ON CONFLICT ({', '.join(_KEYS)}) DO UPDATE SET {', '.join(added)}",
            [tuple(_value(getattr(m, name)) for name in _COLUMNS) for m in rows],
        )


def since(tx: Connection, first: datetime) -> list[Minute]:
    """Everything from a minute on, by time."""
    rows = tx.execute(f"{_SELECT} WHERE minute >= %s ORDER BY minute, task, upstream, model, outcome", (first,))
    return [_minute(row) for row in rows]


def forget(tx: Connection, before: datetime) -> int:
    """Drop minutes older than this; returns how many rows."""
    return tx.execute("DELETE FROM calls_minutes WHERE minute < %s", (before,)).rowcount


def _value(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _minute(row: tuple[Any, ...]) -> Minute:
    values: list[Any] = [tuple(value) if isinstance(value, list) else value for value in row]
    return Minute(*values)
