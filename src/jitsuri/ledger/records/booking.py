"""Entries of the gateway: written and rolled up by one statement per batch, from two JSON documents: entries, and usage.

Usage stands beside the entries, in the same order, with counts that are 0 left out: most are, and the database pays for
every value that it reads.

The same columns and sums as ``entries.insert_many`` and ``rollups.add``, made by the database itself: a call pays for
them on the database's processor and not on its writer's (a test holds both ways together).
"""

from __future__ import annotations

from collections.abc import Sequence

from jitsuri.ledger.records import entries, rollups
from jitsuri.ledger.shapes.entries import Entry, GatewayEntry
from jitsuri.store.batching import Batch
from jitsuri.store.copying import rows_json
from jitsuri.terms.usage import USAGE_KINDS

_TYPES = {
    "entry_id": "uuid", "attempt_id": "uuid", "call_id": "uuid", "thread_id": "uuid", "corrects": "uuid",
    "at": "timestamptz", "day": "date", "booked_at": "timestamptz", "http_status": "int4", "calls": "int2",
    "usage_raw": "jsonb", "latency_ms": "int4", "first_token_ms": "int4", "cost": "numeric", "rate_id": "uuid",
    "rate": "numeric", "cost_jpy": "numeric", "reported_cost": "numeric", "run_id": "uuid",
}  # fmt: skip
_PLAIN = [name for name in entries.COLUMNS if name not in USAGE_KINDS]
_GIVEN = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in _PLAIN)
_COUNTS = ", ".join(f"{kind} int8" for kind in USAGE_KINDS)
_SUMMED = {
    "calls": "sum(calls)",
    "failed": "coalesce(sum(calls) FILTER (WHERE status <> 'ok'), 0)",
    "unpriced": "coalesce(sum(calls) FILTER (WHERE state = 'unpriced'), 0)",
    "unconverted": "coalesce(sum(calls) FILTER (WHERE state = 'unconverted'), 0)",
    **{
        kind: f"sum({kind})"
        for kind in ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
    },
    "latency_ms_sum": "coalesce(sum(latency_ms::int8 * calls), 0)",
    "latency_known": "coalesce(sum(calls) FILTER (WHERE latency_ms IS NOT NULL), 0)",
    "cost_usd": "coalesce(sum(cost) FILTER (WHERE currency = 'USD'), 0)",
    "cost_jpy": "coalesce(sum(cost_jpy), 0)",
}


def _rolled_up(table: str, period: str, value: str) -> str:
    keys = ", ".join(rollups.KEYS)
    sums = ", ".join(_SUMMED[name] for name in rollups.SUMS)
    added = ", ".join(f"{name} = {table}.{name} + EXCLUDED.{name}" for name in rollups.SUMS)
    return (
        f"INSERT INTO {table} ({period}, {keys}, {', '.join(rollups.SUMS)}) "  # noqa: S608  # our own column names
        f"SELECT {value}, {keys}, {sums} FROM given, locked GROUP BY {value}, {keys} ORDER BY {value}, {keys} "
        f"ON CONFLICT ({period}, {keys}) DO UPDATE SET {added}"
    )


_MONTH = "date_trunc('month', day)::date"
_BOOK = (
    "WITH given AS MATERIALIZED (SELECT "  # noqa: S608  # our own column names
    f"{', '.join(_PLAIN)}, {', '.join(f'coalesce({kind}, 0) AS {kind}' for kind in USAGE_KINDS)} "
    f"FROM ROWS FROM (json_to_recordset($1) AS ({_GIVEN}), json_to_recordset($2) AS ({_COUNTS})) AS e), "
    f"added AS (INSERT INTO ledger_entries ({', '.join(entries.COLUMNS)}) "
    f"SELECT {', '.join(entries.COLUMNS)} FROM given), "
    f"locked AS MATERIALIZED (SELECT pg_advisory_xact_lock({rollups.ROLLUP_LOCK})), "
    f"days AS ({_rolled_up('ledger_days', 'day', 'day')}) "
    f"{_rolled_up('ledger_months', 'month', _MONTH)}"
)


def book_many(batch: Batch, booked: Sequence[GatewayEntry] | Sequence[Entry]) -> None:
    """Write entries and add them to the rollups; the rollups' lock is held from here to the end of the transaction."""
    batch.run(_BOOK, rows_json(booked), rows_json([entry.usage for entry in booked]))
