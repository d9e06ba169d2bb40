"""概況: how are we doing? One month: both kinds of cost, its course, its end, its tasks, what is coming, what to do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from jitsuri.flows.cold.keeping_costs import month_costs
from jitsuri.flows.cold.opportunities import Opportunities, Proof, opportunities
from jitsuri.flows.cold.renewing_prices import book_in_use
from jitsuri.flows.cold.viewing.asking import Wish, wishes
from jitsuri.flows.cold.viewing.basing import Basis, basis_of, rates_kept
from jitsuri.flows.cold.viewing.counting import (
    ZERO,
    Change,
    Figures,
    by_month,
    change_to_before,
    course,
    figures,
    known_to,
    last_months,
    summed,
)
from jitsuri.flows.cold.viewing.foreseeing import Announced
from jitsuri.flows.cold.viewing.scouting import Coming, radar_kept, soon
from jitsuri.ledger.records import costs as cost_rows
from jitsuri.ledger.records.totals import totals
from jitsuri.ledger.rules.forecasting import WEEKS, month_end, weekday_means
from jitsuri.ledger.rules.spreading import standing_lines
from jitsuri.ledger.shapes.costs import CostLine, MonthCosts
from jitsuri.ledger.shapes.forecasts import MonthEnd
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.ledger.shapes.totals import Total
from jitsuri.routing.shapes import Site
from jitsuri.store.door import Connection
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import Month, company_day, month_of

MOST_SERIES = 5
"""Tasks that a chart tells apart; the others are one part: five shades can be told from each other (paper.inking)."""

COURSE_MONTHS = 6


@dataclass(frozen=True, slots=True)
class DayCosts:
    """Cost of calls by day of the month and task. ``tasks`` are the dearest; ``rest`` sums the others, None if none.

    From index ``estimated_from`` on the days are estimates (None: none is).
    """

    days: tuple[date, ...]
    tasks: tuple[str, ...]
    series: tuple[tuple[Decimal, ...], ...]
    rest: tuple[Decimal, ...] | None
    estimated_from: int | None


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One task in one month. ``course`` is its cost of the last months, oldest first."""

    task: str
    models: tuple[tuple[str, str], ...]
    """(provider, model), dearest first."""
    figures: Figures
    course: tuple[Decimal | None, ...]


@dataclass(frozen=True, slots=True)
class OtherLine:
    """A cost that is not calls, in one month."""

    line: CostLine
    amount_jpy: Decimal
    unused_jpy: Decimal


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything the first page shows."""

    month: Month
    basis: Basis
    figures: Figures
    change: Change | None
    month_end: MonthEnd | Refusal | None
    """None for a month that is over or to come; else the estimate, or why there is none."""
    days: DayCosts
    course_months: tuple[Month, ...]
    tasks: tuple[TaskRow, ...]
    other: tuple[OtherLine, ...]
    announced: tuple[Announced, ...]
    soon: tuple[Coming, ...]
    """What is near and dear enough to be said on top (see ``scouting.soon``)."""
    opportunities: Opportunities | None
    wishes: tuple[Wish, ...]
    evaluation_jpy: Decimal = ZERO
    """Of the month's calls so much was spent on evaluating: trials and judges."""


def overview(
    tx: Connection, now: datetime, month: Month, kind: RateKind, proof: Proof, sites: Mapping[str, Site] | None = None
) -> Overview:
    """The month as it stands now. Of the ledger it reads rollups only."""
    rates = rates_kept(tx, kind)
    basis = basis_of(tx, now, month.first, month.last, rates)
    rows = totals(tx, "month", month.first, month.first, ("task", "provider", "model"))
    other = month_costs(tx, month, kind)
    estimate = estimated_end(tx, month, basis)
    rows_by_task = task_rows(tx, month, rows, basis)
    kept = book_in_use(tx)
    ahead = radar_kept(tx, now, kind, sites or {})
    return Overview(
        month=month,
        basis=basis,
        figures=figures(rows, other.amounts),
        change=change_to_before(tx, month, basis),
        month_end=estimate,
        days=day_costs(tx, month, [row.task for row in rows_by_task], estimate, basis),
        course_months=last_months(month, COURSE_MONTHS),
        tasks=rows_by_task,
        other=other_lines(tx, other),
        announced=ahead.announced,
        soon=soon(ahead),
        opportunities=opportunities(tx, now, kept[0], rates, proof) if kept else None,
        wishes=tuple(wishes(tx, basis, month, kind)),
        evaluation_jpy=evaluation_cost(tx, month),
    )


def evaluation_cost(tx: Connection, month: Month) -> Decimal:
    """What Jitsuri asked on its own behalf cost in a month; it is part of the month's cost, and no use of a task."""
    found = [totals(tx, "month", month.first, month.first, purpose=one) for one in ("evaluation", "judge")]
    return sum((row.cost_jpy for rows in found for row in rows), ZERO)


def estimated_end(tx: Connection, month: Month, basis: Basis) -> MonthEnd | Refusal | None:
    """The month's end; None for a month that is not the current one.

    Refuses ``forecast_history``, and ``forecast_stale`` where the log ends before the month's eve.
    """
    known = known_to(basis)
    if month != month_of(company_day(basis.now)) or known is None or basis.ledger is None:
        return None
    if known < month.first - timedelta(days=1):
        return Refusal("forecast_stale", {"day": basis.ledger[1]})
    if known == month.last:
        return None
    first = known - timedelta(days=7 * WEEKS - 1)
    rows = totals(tx, "day", min(first, month.first), known, ("period",))
    daily = {row.period: row.cost_jpy for row in rows if row.period is not None}
    return month_end(daily, basis.ledger[0], known)


def task_rows(tx: Connection, month: Month, rows: Sequence[Total], basis: Basis) -> tuple[TaskRow, ...]:
    """The tasks of a month, dearest first; ``rows`` are its totals by task, provider and model."""
    months = last_months(month, COURSE_MONTHS)
    begun = basis.months[0] if basis.months else None
    held: dict[str, list[Total]] = defaultdict(list)
    for row in rows:
        held[row.task or ""].append(row)
    courses: dict[str, list[Total]] = defaultdict(list)
    for row in totals(tx, "month", months[0].first, months[-1].first, ("period", "task")):
        courses[row.task or ""].append(row)
    found = [
        TaskRow(
            task,
            tuple((row.provider or "", row.model or "") for row in own if row.calls),
            figures(own),
            course(months, by_month(courses[task]), begun),
        )
        for task, own in held.items()
    ]
    with_calls = [row for row in found if row.figures.calls or row.figures.calls_jpy]
    return tuple(sorted(with_calls, key=lambda row: (-row.figures.calls_jpy, row.task)))


def day_costs(
    tx: Connection, month: Month, dearest: Sequence[str], estimate: MonthEnd | Refusal | None, basis: Basis
) -> DayCosts:
    """Days of the month by task, with the estimate's days after the known ones."""
    shown = tuple(dearest[:MOST_SERIES])
    end = estimate if isinstance(estimate, MonthEnd) else None
    daily: dict[str, dict[date, Decimal]] = defaultdict(dict)
    first = month.first
    if end is not None:
        first = min(first, end.known_to - timedelta(days=7 * WEEKS - 1))
    for row in totals(tx, "day", first, month.last, ("period", "task")):
        task = row.task if row.task in shown else None
        if row.period is not None:
            costs = daily["" if task is None else f"={task}"]
            costs[row.period] = costs.get(row.period, ZERO) + row.cost_jpy
    days = tuple(month.first + timedelta(days=n) for n in range(month.days))
    known = end.known_to if end is not None else month.last

    def values(costs: Mapping[date, Decimal]) -> tuple[Decimal, ...]:
        found = [costs.get(day, ZERO) for day in days if day <= known]
        if end is not None and basis.ledger is not None:
            means = weekday_means(costs, basis.ledger[0], known)
            found += [means[day.weekday()] for day in days if day > known]
        return tuple(found)

    rest = values(daily[""]) if daily[""] else None
    has_rest = rest is not None and any(rest)
    at = None if end is None else max(0, (known - month.first).days + 1)
    return DayCosts(days, shown, tuple(values(daily[f"={task}"]) for task in shown), rest if has_rest else None, at)


def other_lines(tx: Connection, costs: MonthCosts) -> tuple[OtherLine, ...]:
    """Each line of a month that is not calls, with its unused part, dearest first."""
    lines = {line.cost_id: line for line in standing_lines(cost_rows.everything(tx))}
    found = [
        OtherLine(
            lines[cost_id],
            summed(a.amount_jpy for a in costs.amounts if a.cost_id == cost_id),
            summed(a.amount_jpy for a in costs.amounts if a.cost_id == cost_id and a.is_unused),
        )
        for cost_id in dict.fromkeys(a.cost_id for a in costs.amounts)
    ]
    return tuple(sorted(found, key=lambda one: (-one.amount_jpy, one.line.name)))
