"""How long month × department × task × model takes over five million entries, read from the rollups and from the lines.

    python bench/rollups.py [--entries 5000000] [--home DIR]

Entries are made by PostgreSQL itself: 12 months, 60 departments, 40 tasks (each used by 12 departments), 8 models (each task
uses 3), weekdays heavier. The rollups are filled by the same sums that an import keeps, and compared with the lines.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from jitsuri.ledger.records.rollups import SUMS
from jitsuri.ledger.records.totals import costs, totals
from jitsuri.store.door import Store
from jitsuri.store.opening import open_store

KEYS = ("task", "department", "model", "provider", "purpose", "tier")


def fill(store: Store, entries: int) -> None:
    """Make the entries in portions, then the rollups."""
    portion = 250_000
    for start in range(0, entries, portion):
        with store.transaction() as tx:
            tx.execute(
                """
                INSERT INTO ledger_entries (entry_id, attempt_id, call_id, thread_id, kind, corrects, at, day, booked_at,
                    task, department, provider, model, model_asked, model_answered, region, tier, purpose, status,
                    http_status, error_code, calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
                    cache_write_1h_tokens, reasoning_tokens, input_audio_tokens, output_audio_tokens,
                    cache_audio_read_tokens, input_image_tokens, output_image_tokens, web_searches, usage_raw, latency_ms,
                    first_token_ms, state, reason, currency, cost, price_block, price_book, rate_id, rate, cost_jpy,
                    reported_cost, reported_currency, source, run_id)
                SELECT id, id, id, id, 'attempt', NULL, at, at::date, at, 'task-' || t,
                    'dept-' || (t * 7 + (n / 40) %% 12) %% 60, 'openai', 'model-' || (t + (n / 480) %% 3) %% 8, 'm', 'm', '',
                    '', '', 'ok', 200, '', 1, 800 + n %% 700, 100 + n %% 90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, 700, NULL,
                    'priced', '', 'USD', 0.001 + (n %% 100) * 0.00001, '', 'book', NULL, 154.20,
                    round((0.001 + (n %% 100) * 0.00001) * 154.20, 6), NULL, '', 'bench', NULL
                FROM (SELECT n, n %% 40 AS t, md5(n::text)::uuid AS id,
                        timestamptz '2025-12-01 00:00+00' + (n * 1.0 / %(all)s) * interval '364 days' AS at
                      FROM generate_series(%(first)s, %(last)s) n) made
                """,
                {"all": entries, "first": start, "last": min(entries, start + portion) - 1},
            )
        print(f"\r  {min(entries, start + portion):,} entries", end="", flush=True)
    print()
    sums = {
        "calls": "sum(calls)", "failed": "0", "unpriced": "0", "unconverted": "0", "latency_ms_sum": "sum(latency_ms)",
        "latency_known": "sum(calls)", "cost_usd": "sum(cost)",
    }  # fmt: skip
    with store.transaction() as tx:
        for table, period, of in (
            ("ledger_days", "day", "day"),
            ("ledger_months", "month", "date_trunc('month', day)::date"),
        ):
            tx.execute(
                f"INSERT INTO {table} ({period}, {', '.join(KEYS)}, {', '.join(SUMS)}) SELECT {of}, {', '.join(KEYS)}, "
                f"{', '.join(sums.get(name, f'sum({name})') for name in SUMS)} FROM ledger_entries "
                f"GROUP BY {of}, {', '.join(KEYS)}"
            )


def timed(
    store: Store, label: str, period: str, first: date, last: date, by: list[str], read: Callable[..., list[object]]
) -> None:
    """Eleven runs on fresh transactions; the median and the slowest."""
    took = []
    rows = 0
    for _ in range(11):
        with store.reading() as tx:
            started = time.perf_counter()
            rows = len(read(tx, period, first, last, by))
            took.append((time.perf_counter() - started) * 1000)
    print(f"  {label:58} {rows:>7,} rows  median {statistics.median(took):7.1f} ms  slowest {max(took):7.1f} ms")


def main() -> None:
    """Fill once, then time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=5_000_000)
    parser.add_argument("--home", type=Path, default=None)
    asked = parser.parse_args()
    home = asked.home or Path(tempfile.mkdtemp(prefix="jitsuri-bench-"))
    store = open_store(home, None)
    with store.reading() as tx:
        version = tx.execute("SHOW server_version").fetchone()
        standing = tx.execute("SELECT count(*) FROM ledger_entries").fetchone()
    assert version is not None
    assert standing is not None
    if standing[0] == 0:
        started = time.perf_counter()
        fill(store, asked.entries)
        print(f"  filled in {time.perf_counter() - started:.0f} s")
    print(f"PostgreSQL {version[0]}, {asked.entries:,} entries")
    by = ["period", "department", "task", "model"]
    year, month = (date(2025, 12, 1), date(2026, 11, 1)), (date(2026, 10, 1), date(2026, 10, 1))
    timed(store, "month × department × task × model, one month", "month", *month, by, costs)
    timed(store, "month × department × task × model, twelve months", "month", *year, by, costs)
    timed(store, "the same with all thirteen sums, one month", "month", *month, by, totals)
    timed(store, "the same with all thirteen sums, twelve months", "month", *year, by, totals)
    timed(store, "day × task, one month", "day", date(2026, 10, 1), date(2026, 10, 31), ["period", "task"], totals)
    timed(store, "month × task, twelve months", "month", *year, ["period", "task"], totals)
    with store.reading() as tx:
        started = time.perf_counter()
        tx.execute(
            "SELECT date_trunc('month', day), department, task, model, sum(cost_jpy) FROM ledger_entries GROUP BY 1, 2, 3, 4"
        ).fetchall()
        print(f"  the same twelve months from the lines themselves: {time.perf_counter() - started:.2f} s")
    store.close()


if __name__ == "__main__":
    main()
