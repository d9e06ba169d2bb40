"""業務: how is a task answered now, what does it cost, how does it grow, which rules give it its calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from jitsuri.access.records import departments as department_rows
from jitsuri.access.rules.arranging import tree_at
from jitsuri.access.shapes import Department
from jitsuri.calls.records import reading as call_reading
from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.shapes import TextPolicy
from jitsuri.flows.cold.keeping_costs import month_costs
from jitsuri.flows.cold.opportunities import Opportunities, Proof, opportunities
from jitsuri.flows.cold.renewing_prices import book_in_use
from jitsuri.flows.cold.viewing.basing import Basis, basis_of, rates_kept
from jitsuri.flows.cold.viewing.counting import ZERO, Change, Figures, change_to_before, figures, last_months
from jitsuri.flows.cold.viewing.opening_prices import past_changes
from jitsuri.flows.cold.viewing.overviewing import COURSE_MONTHS, TaskRow, task_rows
from jitsuri.flows.cold.viewing.scouting import Radar, radar_kept
from jitsuri.flows.cold.viewing.spanning import midnight
from jitsuri.ledger.records import reading
from jitsuri.ledger.records.totals import totals
from jitsuri.ledger.shapes.pricing import PriceChange
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.ledger.shapes.totals import Total
from jitsuri.rightsizing.shapes.opportunities import Opportunity
from jitsuri.routing import records as routing_rows
from jitsuri.routing.shapes import Site, Task, TaskRule
from jitsuri.store.door import Connection
from jitsuri.terms.ids import UNASSIGNED
from jitsuri.terms.period import Month, company_day, month_of

TASK_MONTHS = 12

THREADS_FROM = 2_000
"""Calls whose threads are looked at: the newest ones of the month, so that the page stays quick (decision 0012)."""

MOST_THREADS = 8
"""Threads that are listed, dearest first."""


@dataclass(frozen=True, slots=True)
class TaskList:
    """All tasks with calls in a month, and those known without any."""

    month: Month
    basis: Basis
    course_months: tuple[Month, ...]
    rows: tuple[TaskRow, ...]
    idle: tuple[Task, ...]
    """Known tasks without calls in this month."""
    figures: Figures


@dataclass(frozen=True, slots=True)
class ModelMonths:
    """Cost of one model over the months shown."""

    provider: str
    model: str
    costs: tuple[Decimal, ...]
    figures: Figures
    """Of the month shown."""


@dataclass(frozen=True, slots=True)
class Threads:
    """Pieces of business (一連) among the newest calls of the month. ``is_all``: those are all of its calls."""

    calls: int
    threads: int
    cost_jpy: Decimal
    is_all: bool
    dearest: tuple[tuple[UUID, int, Decimal], ...]
    """(thread, its calls here, yen)."""

    @property
    def cost_per_thread_jpy(self) -> Decimal | None:
        return self.cost_jpy / self.threads if self.threads else None


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task, as one month shows it."""

    name: str
    task: Task | None
    """None for 未割当 and for a name that the ledger has and nobody defined."""
    month: Month
    basis: Basis
    months: tuple[Month, ...]
    models: tuple[ModelMonths, ...]
    figures: Figures
    change: Change | None
    departments: tuple[tuple[str, Figures], ...]
    threads: Threads
    rules: tuple[TaskRule, ...]
    texts: TextPolicy | None
    opportunity: Opportunity | None
    opportunities: Opportunities | None
    ahead: Radar
    """What is known to come at its models and certificates."""
    past: tuple[tuple[PriceChange, ...], ...]
    """Price changes of the last year at the models it used in the months shown, latest first."""
    tree: Mapping[str, Department]
    """Departments of the month's last day."""


def task_list(tx: Connection, now: datetime, month: Month, kind: RateKind) -> TaskList:
    """All tasks of a month, dearest first."""
    basis = basis_of(tx, now, month.first, month.last, rates_kept(tx, kind))
    rows = totals(tx, "month", month.first, month.first, ("task", "provider", "model"))
    shown = task_rows(tx, month, rows, basis)
    busy = {row.task for row in shown}
    idle = tuple(task for task in routing_rows.tasks(tx).values() if task.name not in busy)
    other = month_costs(tx, month, kind).amounts
    return TaskList(month, basis, last_months(month, COURSE_MONTHS), shown, idle, figures(rows, other))


def task_view(
    tx: Connection,
    now: datetime,
    name: str,
    month: Month,
    kind: RateKind,
    proof: Proof,
    sites: Mapping[str, Site] | None = None,
) -> TaskView | None:
    """One task; '' is 未割当. None for a name that neither a task nor the ledger has."""
    rates = rates_kept(tx, kind)
    task = routing_rows.tasks(tx).get(name)
    months = last_months(month, TASK_MONTHS)
    rows = totals(tx, "month", months[0].first, month.first, ("period", "provider", "model"), task=name)
    if task is None and name != UNASSIGNED and not rows and not reading.first_days(tx, [name]):
        return None
    basis = basis_of(tx, now, month.first, month.last, rates)
    own = [row for row in rows if row.period == month.first]
    other = [a for a in month_costs(tx, month, kind).amounts if a.task == name and name != UNASSIGNED]
    kept = book_in_use(tx)
    found = opportunities(tx, now, kept[0], rates, proof) if kept else None
    return TaskView(
        name=name,
        task=task,
        month=month,
        basis=basis,
        months=months,
        models=_models(rows, months, month),
        figures=figures(own, other),
        change=change_to_before(tx, month, basis, task=name),
        departments=_departments(tx, name, month),
        threads=_threads(tx, name, month, sum(row.calls for row in own)),
        rules=tuple(rule for rule in routing_rows.rules(tx) if rule.task == name),
        texts=text_rows.policies(tx).get(name),
        opportunity=next((row for row in found.rows if row.task == name), None) if found else None,
        opportunities=found,
        ahead=radar_kept(tx, now, kind, sites or {}).of_task(name),
        past=past_changes(kept[0], {(r.provider or "", r.model or "") for r in rows if r.calls}, company_day(now))
        if kept
        else (),
        tree=tree_at(department_rows.everything(tx), min(month.last, company_day(now))),
    )


def _models(rows: Sequence[Total], months: Sequence[Month], month: Month) -> tuple[ModelMonths, ...]:
    held: dict[tuple[str, str], list[Total]] = defaultdict(list)
    for row in rows:
        held[row.provider or "", row.model or ""].append(row)
    found = []
    for (provider, model), own in held.items():
        costs = {month_of(row.period): row.cost_jpy for row in own if row.period is not None}
        if any(row.calls or row.cost_jpy for row in own):
            here = figures(row for row in own if row.period == month.first)
            found.append(ModelMonths(provider, model, tuple(costs.get(m, ZERO) for m in months), here))
    return tuple(sorted(found, key=lambda m: (-m.figures.calls_jpy, -sum(m.costs), m.provider, m.model)))


def _departments(tx: Connection, name: str, month: Month) -> tuple[tuple[str, Figures], ...]:
    rows = totals(tx, "month", month.first, month.first, ("department",), task=name)
    return tuple((row.department or "", figures([row])) for row in rows if row.calls or row.cost_jpy)


def _threads(tx: Connection, name: str, month: Month, calls: int) -> Threads:
    since, until = midnight(month.first), midnight(month.next.first)
    newest = call_reading.latest_of_task(tx, name, since, until, THREADS_FROM)
    costs = reading.costs_of_calls(tx, [call_id for call_id, _ in newest])
    held: dict[UUID, list[Decimal]] = defaultdict(list)
    for call_id, thread_id in newest:
        held[thread_id].append(costs.get(call_id, ZERO))
    ordered = sorted(held.items(), key=lambda pair: (-sum(pair[1]), pair[0]))
    dearest = tuple((thread, len(parts), sum(parts, ZERO)) for thread, parts in ordered[:MOST_THREADS])
    whole = sum((sum(parts, ZERO) for parts in held.values()), ZERO)
    return Threads(len(newest), len(held), whole, len(newest) < THREADS_FROM or len(newest) >= calls, dearest)
