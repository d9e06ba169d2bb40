"""部門: what each part of the company costs, up the tree that stood in the month."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from jitsuri.access.records import departments as department_rows
from jitsuri.access.rules.arranging import below, path_of, roll_up, tree_at
from jitsuri.access.shapes import Department
from jitsuri.flows.cold.keeping_costs import month_costs
from jitsuri.flows.cold.viewing.basing import Basis, basis_of, rates_kept
from jitsuri.flows.cold.viewing.counting import ZERO, Change, Figures, change_to_before, figures, last_months, summed
from jitsuri.ledger.records.totals import totals
from jitsuri.ledger.shapes.costs import SpreadAmount
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.ledger.shapes.totals import Total
from jitsuri.store.door import Connection
from jitsuri.terms.period import Month

DEPARTMENT_MONTHS = 6


@dataclass(frozen=True, slots=True)
class DepartmentRow:
    """One department in one month, itself and with everything below it. ``depth`` 0 is the top."""

    code: str
    department: Department | None
    """None for 未割当 and for a code that the month's tree does not have."""
    depth: int
    calls: int
    """Of the department and everything below it, as all sums here but ``own_jpy``."""
    own_jpy: Decimal
    """Calls booked to the department itself."""
    calls_jpy: Decimal
    other_jpy: Decimal

    @property
    def whole_jpy(self) -> Decimal:
        return self.calls_jpy + self.other_jpy


@dataclass(frozen=True, slots=True)
class DepartmentTree:
    """The whole company in one month. The total is the sum of the rows of depth 0."""

    month: Month
    basis: Basis
    rows: tuple[DepartmentRow, ...]
    figures: Figures


@dataclass(frozen=True, slots=True)
class DepartmentMonth:
    """What one department and everything below it cost in a month, by the tree of that month."""

    month: Month
    codes: tuple[str, ...]
    figures: Figures


@dataclass(frozen=True, slots=True)
class DepartmentView:
    """One department in one month."""

    code: str
    department: Department | None
    month: Month
    basis: Basis
    path: tuple[tuple[str, Department | None], ...]
    """From the top down to it, itself excluded."""
    rows: tuple[DepartmentRow, ...]
    """The department and everything below it."""
    figures: Figures
    change: Change | None
    months: tuple[DepartmentMonth, ...]
    tasks: tuple[tuple[str, str, str, Figures], ...]
    """(task, provider, model, figures) of the month, dearest first."""
    other: tuple[SpreadAmount, ...]


def department_tree(tx: Connection, now: datetime, month: Month, kind: RateKind) -> DepartmentTree:
    """All departments of the month's last day, with what they cost, up the tree."""
    basis = basis_of(tx, now, month.first, month.last, rates_kept(tx, kind))
    rows = totals(tx, "month", month.first, month.first, ("department",))
    amounts = month_costs(tx, month, kind).amounts
    spans = department_rows.everything(tx)
    return DepartmentTree(month, basis, _rows(spans, rows, amounts, month), figures(rows, amounts))


def department_view(tx: Connection, now: datetime, code: str, month: Month, kind: RateKind) -> DepartmentView | None:
    """One department ('' is 未割当) and everything below it; None for a code that neither tree nor ledger has."""
    spans = department_rows.everything(tx)
    tree = tree_at(spans, month.last)
    codes = _codes(spans, code, month)
    months = last_months(month, DEPARTMENT_MONTHS)
    history = [_month(tx, spans, code, m, kind) for m in months]
    if code and code not in {span.code for span in spans} and not any(m.figures.calls for m in history):
        return None
    basis = basis_of(tx, now, month.first, month.last, rates_kept(tx, kind))
    amounts = month_costs(tx, month, kind).amounts
    whole = _rows(spans, totals(tx, "month", month.first, month.first, ("department",)), amounts, month)
    by_task = totals(tx, "month", month.first, month.first, ("task", "provider", "model"), department=codes)
    above = path_of(spans, code, month.last)[:-1]
    return DepartmentView(
        code=code,
        department=tree.get(code),
        month=month,
        basis=basis,
        path=tuple((held, tree.get(held)) for held in above),
        rows=tuple(row for row in whole if row.code in codes),
        figures=history[-1].figures,
        change=change_to_before(tx, month, basis, departments=codes),
        months=tuple(history),
        tasks=tuple(
            (row.task or "", row.provider or "", row.model or "", figures([row]))
            for row in by_task
            if row.calls or row.cost_jpy
        ),
        other=tuple(a for a in amounts if a.department in codes),
    )


def _codes(spans: Sequence[Department], code: str, month: Month) -> tuple[str, ...]:
    return below(spans, code, month.last) if code else ("",)


def _month(tx: Connection, spans: Sequence[Department], code: str, month: Month, kind: RateKind) -> DepartmentMonth:
    """A past month keeps the tree it had."""
    codes = _codes(spans, code, month)
    rows = totals(tx, "month", month.first, month.first, department=codes)
    amounts = [a for a in month_costs(tx, month, kind).amounts if a.department in codes]
    return DepartmentMonth(month, codes, figures(rows, amounts))


def _rows(
    spans: Sequence[Department], rows: Sequence[Total], amounts: Iterable[SpreadAmount], month: Month
) -> tuple[DepartmentRow, ...]:
    """The month's tree from the top down, then codes outside of it and 未割当."""
    day = month.last
    tree = tree_at(spans, day)
    own = {row.department or "": row for row in rows}
    other: dict[str, list[Decimal]] = defaultdict(list)
    for amount in amounts:
        other[amount.department].append(amount.amount_jpy)
    calls_jpy = roll_up(spans, {code: row.cost_jpy for code, row in own.items()}, day)
    other_jpy = roll_up(spans, {code: summed(parts) for code, parts in other.items()}, day)
    calls = roll_up(spans, {code: Decimal(row.calls) for code, row in own.items()}, day)

    def row_of(code: str) -> DepartmentRow:
        return DepartmentRow(
            code,
            tree.get(code),
            max(0, len(path_of(spans, code, day)) - 1),
            int(calls.get(code, ZERO)),
            own[code].cost_jpy if code in own else ZERO,
            calls_jpy.get(code, ZERO),
            other_jpy.get(code, ZERO),
        )

    outside = sorted((set(own) | set(other)) - set(tree))
    found = [row_of(code) for code in _in_order(tree)] + [row_of(code) for code in outside]
    return tuple(row for row in found if row.code in tree or row.calls or row.whole_jpy)


def _in_order(tree: Mapping[str, Department]) -> list[str]:
    """Codes with each department before those below it, by code."""
    children: dict[str, list[str]] = defaultdict(list)
    for code, department in tree.items():
        children[department.parent if department.parent in tree else ""].append(code)
    ordered: list[str] = []
    waiting = sorted(children[""], reverse=True)
    while waiting:
        code = waiting.pop()
        ordered.append(code)
        waiting += sorted(children[code], reverse=True)
    return ordered
