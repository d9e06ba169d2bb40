"""Asking (お願いしたいこと): what only a person can do, so that the numbers become whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from jitsuri.calls.records import runs as run_rows
from jitsuri.flows.cold.keeping_costs import month_costs
from jitsuri.flows.cold.viewing.basing import Basis
from jitsuri.flows.cold.viewing.opening_lives import notices
from jitsuri.ledger.records import books as book_rows
from jitsuri.ledger.records.totals import totals
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.store.door import Connection
from jitsuri.terms.ids import UNASSIGNED
from jitsuri.terms.period import Month, company_day

STALE_DAYS = 60
"""A price book whose newest verified price is older asks for a newer one (decision 0011)."""

RECENT = timedelta(days=31)
"""How long a failed import is spoken of."""

STUCK = timedelta(hours=2)
"""After so long without an end an import counts as broken off: a million lines take minutes."""

_YEAR_OF_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Wish:
    """One thing to do; ``words`` holds ``ask.<code>`` and ``ask.<code>.do``."""

    code: str
    facts: Mapping[str, object] = field(default_factory=dict)


def wishes(tx: Connection, basis: Basis, month: Month, kind: RateKind) -> list[Wish]:
    """Everything open, what moves most yen first: prices, rates, names, then what may wait."""
    return [
        *_lives(tx, basis.now), *_gaps(tx, basis), *_rates(tx, basis, month, kind), *_imports(tx, basis.now),
        *_books(tx, basis),
    ]  # fmt: skip


def _lives(tx: Connection, now: datetime) -> list[Wish]:
    """Certificates that were voided: those whose owner is to decide first."""
    found = notices(tx, now)
    asks = [Wish("certificate_void_asks", {"notice": one}) for one in found if one.life.asks]
    return asks + [Wish("certificate_voided", {"notice": one}) for one in found if not one.life.asks]


def _gaps(tx: Connection, basis: Basis) -> list[Wish]:
    """Calls of the last twelve months without price, without yen, without task."""
    if basis.months is None:
        return []
    last = basis.months[1]
    first = last
    for _ in range(_YEAR_OF_MONTHS - 1):
        first = first.previous
    found: list[Wish] = []
    rows = totals(tx, "month", first.first, last.first, ("provider", "model"))
    unpriced = [row for row in rows if row.unpriced]
    if unpriced:
        most = max(unpriced, key=lambda row: row.unpriced).model or "?"
        calls = sum(row.unpriced for row in unpriced)
        code = "unpriced" if len(unpriced) > 1 else "unpriced_model"
        found.append(Wish(code, {"calls": calls, "models": len(unpriced), "first": most}))
    unconverted = sum(row.unconverted for row in rows)
    if unconverted:
        found.append(Wish("unconverted", {"calls": unconverted}))
    [unassigned] = totals(tx, "month", first.first, last.first, task=UNASSIGNED)
    if unassigned.calls:
        found.append(Wish("unassigned", {"calls": unassigned.calls, "cost_jpy": unassigned.cost_jpy}))
    return found


def _rates(tx: Connection, basis: Basis, month: Month, kind: RateKind) -> list[Wish]:
    found: list[Wish] = []
    if basis.rate is None:
        found.append(Wish("no_rate"))
    elif basis.assumed_days:
        found.append(Wish("assumed_rate", {"rate": basis.rate.rate, "days": basis.assumed_days}))
    lines = month_costs(tx, month, kind).unconverted
    return found + [Wish("cost_without_rate", {"name": one.name, "currency": one.currency}) for one in lines]


def _imports(tx: Connection, now: datetime) -> list[Wish]:
    runs = [run for run in run_rows.recent(tx) if now - run.started_at < RECENT]
    done = {(run.file_name, run.format) for run in runs if run.state == "done"}
    failed = [
        run
        for run in runs
        if (run.state == "failed" or (run.state == "running" and now - run.started_at > STUCK))
        and (run.file_name, run.format) not in done
    ]
    return [Wish("import_failed", {"file": run.file_name, "run_id": run.run_id}) for run in failed[:3]]


def _books(tx: Connection, basis: Basis) -> list[Wish]:
    info = book_rows.info(tx, basis.book_id)
    if info is None:
        return [Wish("no_book")]
    if info.published_on is None:
        return []
    age = (company_day(basis.now) - info.published_on).days
    return [Wish("book_stale", {"days": age})] if age > STALE_DAYS else []
