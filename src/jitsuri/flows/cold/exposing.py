"""What /metrics shows, gathered by any worker for all of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from jitsuri.calls.records import alarms as alarm_rows
from jitsuri.calls.records import gauges as gauge_rows
from jitsuri.calls.records import minutes as minute_rows
from jitsuri.calls.rules.exposing import BudgetShare, Standing
from jitsuri.calls.shapes import ALARM_KINDS, Gauges
from jitsuri.ledger.records import budgets as budget_rows
from jitsuri.store.door import Store
from jitsuri.terms.period import company_day

GONE: Final = timedelta(seconds=60)
"""A worker that has said nothing for so long is no longer shown: twelve times its pace (decision 0023)."""
MOST_BUDGETS: Final = 500


def gather(store: Store, own: Gauges, version: str) -> Standing:
    """Say how this worker stands, and read how everything does. Raises OperatorError where the database is away."""
    now: datetime = own.seen_at
    with store.transaction() as tx:
        gauge_rows.tell(tx, own)
        gauges = gauge_rows.told_since(tx, now - GONE)
    with store.reading() as tx:
        totals = minute_rows.totals(tx)
        budgets = budget_rows.standings(tx, company_day(now))
        alarms = alarm_rows.open_counts(tx)
    shares = [
        BudgetShare(one.budget.name, one.budget.scope, one.used_micro_jpy, one.budget.limit_micro_jpy)
        for one in budgets[:MOST_BUDGETS]
    ]
    return Standing(totals, gauges, shares, {kind: alarms.get(kind, 0) for kind in ALARM_KINDS}, now, version)
