"""Processes of the gateway as the ledger knows them: read for people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from jitsuri.store.door import Connection


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """A process that takes calls, or took them until it died."""

    worker_id: UUID
    started_at: datetime
    silent_s: int
    """Seconds since it was last heard of, by the database's clock."""
    leased_micro_jpy: int
    """What it may spend of hard budgets without asking."""
    under_way: int
    """Attempts that it has begun and not booked yet."""


def seen(tx: Connection) -> list[WorkerSeen]:
    """All workers that nobody has buried, the oldest first."""
    rows = tx.execute(
        "SELECT worker_id, started_at, extract(epoch FROM clock_timestamp() - seen_at)::bigint, "
        "(SELECT coalesce(sum(amount_micro_jpy), 0)::bigint FROM ledger_leases l WHERE l.worker_id = w.worker_id), "
        "(SELECT count(*) FROM ledger_intents i WHERE i.worker_id = w.worker_id) "
        "FROM ledger_workers w ORDER BY started_at, worker_id"
    )
    return [WorkerSeen(row[0], row[1], max(0, row[2]), row[3], row[4]) for row in rows]
