"""How each worker of the gateway stands, told by itself, so that any of them can tell for all."""

from __future__ import annotations

import json
from datetime import datetime

from jitsuri.calls.shapes import Gauges, LoopLate
from jitsuri.store.door import Connection


def tell(tx: Connection, gauges: Gauges) -> None:
    """Say how a worker stands; what it said before is replaced."""
    late = gauges.late
    tx.execute(
        "INSERT INTO calls_gauges (worker, seen_at, commit_queue, outage, breakers, untold, late_us_sum, late_us_worst, "
        "late_buckets, faults) VALUES (%s, %s, %s, %s, %s::jsonb, %s, %s, %s, %s, %s::jsonb) ON CONFLICT (worker) DO UPDATE SET "
        "seen_at = EXCLUDED.seen_at, commit_queue = EXCLUDED.commit_queue, outage = EXCLUDED.outage, "
        "breakers = EXCLUDED.breakers, untold = EXCLUDED.untold, late_us_sum = EXCLUDED.late_us_sum, "
        "late_us_worst = EXCLUDED.late_us_worst, late_buckets = EXCLUDED.late_buckets, "
        "faults = EXCLUDED.faults",
        (
            gauges.worker, gauges.seen_at, gauges.commit_queue, gauges.outage, json.dumps(dict(gauges.breakers)),
            gauges.untold, late.us_sum, late.us_worst, list(late.buckets), json.dumps(dict(gauges.faults)),
        ),
    )  # fmt: skip


def told_since(tx: Connection, first: datetime) -> list[Gauges]:
    """Workers that said something from then on; what others said is dropped."""
    tx.execute("DELETE FROM calls_gauges WHERE seen_at < %s", (first,))
    rows = tx.execute(
        "SELECT worker, seen_at, commit_queue, outage, breakers, untold, late_us_sum, late_us_worst, late_buckets, "
        "faults FROM calls_gauges ORDER BY worker"
    )
    return [
        Gauges(worker, seen_at, queue, outage, breakers, untold, LoopLate(us_sum, us_worst, tuple(buckets)), faults)
        for worker, seen_at, queue, outage, breakers, untold, us_sum, us_worst, buckets, faults in rows
    ]
