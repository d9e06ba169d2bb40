"""年度: twelve months from the company's first one, in halves, with both kinds of cost, by task."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from jitsuri.flows.cold.keeping_costs import month_costs
from jitsuri.flows.cold.viewing.basing import Basis, basis_of, rates_kept
from jitsuri.flows.cold.viewing.counting import ZERO, Figures, figures
from jitsuri.ledger.records.totals import totals
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.ledger.shapes.totals import Total
from jitsuri.store.door import Connection
from jitsuri.terms.period import Month, company_day, fiscal_months, month_of


@dataclass(frozen=True, slots=True)
class Year:
    """A fiscal year. ``months`` pairs each month with its figures; ``tasks`` holds cost of calls per month, dearest
    task first."""

    year: int
    basis: Basis
    months: tuple[tuple[Month, Figures], ...]
    tasks: tuple[tuple[str, tuple[Decimal, ...]], ...]

    @property
    def halves(self) -> tuple[tuple[tuple[Month, Figures], ...], tuple[tuple[Month, Figures], ...]]:
        """上期 and 下期."""
        return self.months[:6], self.months[6:]


def fiscal_year(tx: Connection, now: datetime, year: int, starts_in: int, kind: RateKind) -> Year:
    """The year as it stands now; months to come are empty, also of costs that are known beforehand."""
    months = fiscal_months(year, starts_in)
    basis = basis_of(tx, now, months[0].first, months[-1].last, rates_kept(tx, kind))
    by_month: dict[Month, list[Total]] = defaultdict(list)
    by_task: dict[str, dict[Month, Decimal]] = defaultdict(dict)
    for row in totals(tx, "month", months[0].first, months[-1].first, ("period", "task")):
        if row.period is not None:
            month = month_of(row.period)
            by_month[month].append(row)
            by_task[row.task or ""][month] = row.cost_jpy
    this_month = month_of(company_day(now))
    shown = [
        (month, figures(by_month[month], month_costs(tx, month, kind).amounts if month <= this_month else ()))
        for month in months
    ]
    tasks = [(task, tuple(costs.get(month, ZERO) for month in months)) for task, costs in by_task.items()]
    tasks = [row for row in tasks if any(row[1])]
    return Year(year, basis, tuple(shown), tuple(sorted(tasks, key=lambda row: (-sum(row[1]), row[0]))))
