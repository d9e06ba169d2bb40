"""How each worker of the gateway stands, told by itself, so that any of them can tell for all."""

from __future__ import annotations

import json
from datetime import datetime

from jitsuri.calls.shapes import Gauges
from jitsuri.store.door import Connection


def tell(tx: Connection, gauges: Gauges) -> None:
    """Say how a worker stands; what it said before is replaced."""
    tx.execute(
        "INSERT INTO calls_gauges (worker, seen_at, commit_queue, outage, breakers, untold) "
        "VALUES (%s, %s, %s, %s, %s::jsonb, %s) ON CONFLICT (worker) DO UPDATE SET seen_at = EXCLUDED.seen_at, "
        "commit_queue = EXCLUDED.commit_queue, outage = EXCLUDED.outage, breakers = EXCLUDED.breakers, "
        "untold = EXCLUDED.untold",
        (
            gauges.worker, gauges.seen_at, gauges.commit_queue, gauges.outage, json.dumps(dict(gauges.breakers)),
            gauges.untold,
        ),
    )  # fmt: skip


def told_since(tx: Connection, first: datetime) -> list[Gauges]:
    """Workers that said something from then on; what others said is dropped."""
    tx.execute("DELETE FROM calls_gauges WHERE seen_at < %s", (first,))
    rows = tx.execute(
        "SELECT worker, seen_at, commit_queue, outage, breakers, untold FROM calls_gauges ORDER BY worker"
    )
    return [Gauges(*row) for row in rows]
