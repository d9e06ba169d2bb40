"""Settling: what the group commit does beyond writing rows when attempts begin and end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from jitsuri.access.records import keys as key_rows
from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.rules import record_of
from jitsuri.ledger.records import intents as intent_rows
from jitsuri.ledger.records import leases as lease_rows
from jitsuri.ledger.shapes.budgets import Settlement
from jitsuri.ledger.shapes.intents import Intent
from jitsuri.store.batching import Batch
from jitsuri.store.door import Connection

GATEWAY = "gateway"
"""Who acts where no person does."""


def begin(batch: Batch, intents: Sequence[Intent]) -> None:
    """Write intents, while their workers stand. The batch raises CallerError ``worker_replaced``."""
    lease_rows.fence(batch, {intent.worker_id for intent in intents})
    intent_rows.begin_many(batch, intents)


def counted(batch: Batch, settlements: Sequence[Settlement]) -> None:
    """Count what attempts cost against their budgets, in a transaction of the group commit."""
    if batch.is_careful:
        settle(batch.connection, settlements)
    else:
        lease_rows.settle_in_batch(batch, settlements)


def touch(tx: Connection, touched: Sequence[tuple[UUID, date]]) -> None:
    """Note on which day keys were last used."""
    key_rows.touch_many(tx, dict(touched))


def settle(tx: Connection, settlements: Sequence[Settlement]) -> None:
    """Count what attempts cost against their budgets; what passed a hard limit is kept as evidence."""
    settled = lease_rows.settle_many(tx, settlements)
    records = [
        record_of(
            one.at, GATEWAY, "budget_overrun", f"budget:{one.place.budget_id}",
            {
                "period_start": one.place.period_start, "used_micro_jpy": one.used_micro_jpy,
                "limit_micro_jpy": one.limit_micro_jpy, "beyond_micro_jpy": one.beyond_micro_jpy,
                "attempts": [str(attempt) for attempt in one.attempts],
            },
        )
        for one in settled.overruns
    ]  # fmt: skip
    records += [
        record_of(
            one.at, GATEWAY, "budget_notice", f"budget:{one.place.budget_id}",
            {
                "period_start": one.place.period_start, "share": one.share, "used_micro_jpy": one.used_micro_jpy,
                "limit_micro_jpy": one.limit_micro_jpy,
            },
        )
        for one in settled.notices
    ]  # fmt: skip
    if records:
        evidence_rows.append_many(tx, records)
