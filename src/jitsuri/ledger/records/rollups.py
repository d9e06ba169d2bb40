"""Rollups: the sums per day and per month, moved by every line in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal, localcontext
from typing import Any

from jitsuri.ledger.shapes.entries import Entry
from jitsuri.store.door import Connection
from jitsuri.terms.money import EXACT_DIGITS

SUMS: tuple[str, ...] = (
    "calls", "failed", "unpriced", "unconverted", "input_tokens", "output_tokens", "cache_read_tokens",
    "cache_write_tokens", "reasoning_tokens", "latency_ms_sum", "latency_known", "cost_usd", "cost_jpy",
)  # fmt: skip
"""The summed columns of ``ledger_days`` and ``ledger_months``."""

KEYS: tuple[str, ...] = ("task", "department", "model", "provider", "purpose", "tier")
ROLLUP_LOCK = 5_410_002
"""Advisory lock that orders writers, so that two batches never wait for each other in a circle."""


def add(tx: Connection, entries: Iterable[Entry]) -> None:
    """Add these lines to the day and month rows they belong to."""
    days: dict[tuple[Any, ...], list[Any]] = {}
    with localcontext(prec=EXACT_DIGITS):
        for entry in entries:
            key = (entry.day, entry.task, entry.department, entry.model, entry.provider, entry.purpose, entry.tier)
            held = days.get(key)
            if held is None:
                days[key] = _contribution(entry)
            else:
                for at, value in enumerate(_contribution(entry)):
                    held[at] += value
        months: dict[tuple[Any, ...], list[Any]] = {}
        for (day, *rest), sums in days.items():
            key = (date(day.year, day.month, 1), *rest)
            held = months.get(key)
            if held is None:
                months[key] = list(sums)
            else:
                for at, value in enumerate(sums):
                    held[at] += value
    lock(tx)
    _upsert(tx, "ledger_days", "day", days)
    _upsert(tx, "ledger_months", "month", months)


def lock(tx: Connection) -> None:
    """Wait for other writers of rollups; held until the transaction ends."""
    tx.execute("SELECT pg_advisory_xact_lock(%s)", (ROLLUP_LOCK,))


def _contribution(entry: Entry) -> list[Any]:
    latency = entry.latency_ms if entry.latency_ms is not None and entry.calls else None
    usage = entry.usage
    return [
        entry.calls,
        entry.calls if entry.status != "ok" else 0,
        entry.calls if entry.state == "unpriced" else 0,
        entry.calls if entry.state == "unconverted" else 0,
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
        0 if latency is None else latency * entry.calls,
        0 if latency is None else entry.calls,
        entry.cost if entry.cost is not None and entry.currency == "USD" else Decimal(0),
        entry.cost_jpy if entry.cost_jpy is not None else Decimal(0),
    ]


_ARRAYS = {"cost_usd": "numeric[]", "cost_jpy": "numeric[]", "day": "date[]", "month": "date[]"}


def _upsert(tx: Connection, table: str, period: str, rows: dict[tuple[Any, ...], list[Any]]) -> None:
    if not rows:
        return
    columns = (period, *KEYS, *SUMS)
    added = ", ".join(f"{name} = {table}.{name} + EXCLUDED.{name}" for name in SUMS)
    arrays = ", ".join(f"%s::{_ARRAYS.get(name, 'text[]' if name in KEYS else 'bigint[]')}" for name in columns)
    tx.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM unnest({arrays}) "  # noqa: S608
        f"ON CONFLICT ({period}, {', '.join(KEYS)}) DO UPDATE SET {added}",
        [list(column) for column in zip(*((*key, *sums) for key, sums in sorted(rows.items())), strict=True)],
    )
