"""Tables of months: what the command line shows of the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from jitsuri.flows.cold.keeping_costs import other_costs
from jitsuri.ledger.records.totals import totals
from jitsuri.ledger.shapes.totals import Total
from jitsuri.store.door import Connection
from jitsuri.terms.period import Month


@dataclass(frozen=True, slots=True)
class MonthTable:
    """Months by the named dimensions, with both kinds of cost in the sum."""

    rows: tuple[Total, ...]
    calls: int
    unpriced: int
    unconverted: int
    calls_jpy: Decimal
    other_jpy: Decimal

    def as_json(self) -> dict[str, Any]:
        """Plain values for a script."""
        return asdict(self)


def month_table(tx: Connection, first: Month, last: Month, by: Sequence[str], task: str | None) -> MonthTable:
    """Costs per month and dimension; ``other_jpy`` is what is not calls (for all tasks, or the named one)."""
    rows = totals(tx, "month", first.first, last.first, ("period", *by), task=task)  # type: ignore[arg-type]
    return MonthTable(
        tuple(rows),
        sum(r.calls for r in rows),
        sum(r.unpriced for r in rows),
        sum(r.unconverted for r in rows),
        sum((r.cost_jpy for r in rows), Decimal(0)),
        other_costs(tx, first, last, task),
    )
