"""Counting: the sums that several pages show alike: both kinds of cost, the change to the month before, courses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from jitsuri.flows.cold.viewing.basing import Basis
from jitsuri.ledger.records.totals import totals
from jitsuri.ledger.rules.converting import EXACT
from jitsuri.ledger.shapes.costs import SpreadAmount
from jitsuri.ledger.shapes.totals import Total
from jitsuri.store.door import Connection
from jitsuri.terms.period import Month, company_day, month_of, months_between

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a span cost, both kinds apart. Attempts without price or yen are *not* in it: then it is a lower bound."""

    calls: int
    failed: int
    unpriced: int
    unconverted: int
    input_tokens: int
    output_tokens: int
    calls_jpy: Decimal
    other_jpy: Decimal
    """Costs that are not calls, the unused part included."""
    unused_jpy: Decimal
    """The part of ``other_jpy`` that nobody used."""

    @property
    def whole_jpy(self) -> Decimal:
        return EXACT.add(self.calls_jpy, self.other_jpy)

    @property
    def gaps(self) -> int:
        """Attempts that are not in the yen."""
        return self.unpriced + self.unconverted

    @property
    def cost_per_call_jpy(self) -> Decimal | None:
        """Yen per attempt that has yen; None where none has."""
        counted = self.calls - self.gaps
        return self.calls_jpy / counted if counted > 0 else None


@dataclass(frozen=True, slots=True)
class Change:
    """Cost of calls against the month before, over the same days of both: 1 to ``day``, or both months whole."""

    now_jpy: Decimal
    before_jpy: Decimal
    day: int | None
    """None: whole months."""

    @property
    def share(self) -> Decimal | None:
        """The change as a share of before; None where there was nothing."""
        return (self.now_jpy - self.before_jpy) / self.before_jpy if self.before_jpy else None


def figures(rows: Iterable[Total], other: Iterable[SpreadAmount] = ()) -> Figures:
    """The sum of these rows and amounts."""
    held, amounts = list(rows), list(other)
    return Figures(
        calls=sum(r.calls for r in held),
        failed=sum(r.failed for r in held),
        unpriced=sum(r.unpriced for r in held),
        unconverted=sum(r.unconverted for r in held),
        input_tokens=sum(r.input_tokens for r in held),
        output_tokens=sum(r.output_tokens for r in held),
        calls_jpy=summed(r.cost_jpy for r in held),
        other_jpy=summed(a.amount_jpy for a in amounts),
        unused_jpy=summed(a.amount_jpy for a in amounts if a.is_unused),
    )


def summed(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum."""
    total = ZERO
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total


def known_to(basis: Basis) -> date | None:
    """The last day that is over and inside the ledger; None for an empty one. Today may still grow."""
    if basis.ledger is None:
        return None
    return min(basis.ledger[1], company_day(basis.now) - timedelta(days=1))


def change_to_before(
    tx: Connection, month: Month, basis: Basis, *, task: str | None = None, departments: Sequence[str] | None = None
) -> Change | None:
    """The month against the one before, by complete days only; None where no day of it is complete yet."""
    known, today = known_to(basis), company_day(basis.now)
    if known is None:
        return None
    if month < month_of(today):
        return Change(
            _of_days(tx, month.first, month.last, task, departments),
            _of_days(tx, month.previous.first, month.previous.last, task, departments),
            None,
        )
    if month_of(known) != month:
        return None
    before_last = month.previous.first + timedelta(days=min(known.day, month.previous.days) - 1)
    return Change(
        _of_days(tx, month.first, known, task, departments),
        _of_days(tx, month.previous.first, before_last, task, departments),
        known.day,
    )


def _of_days(tx: Connection, first: date, last: date, task: str | None, departments: Sequence[str] | None) -> Decimal:
    [row] = totals(tx, "day", first, last, task=task, department=departments)
    return row.cost_jpy


def last_months(until: Month, count: int) -> tuple[Month, ...]:
    """``count`` months up to this one, oldest first."""
    first = until
    for _ in range(count - 1):
        first = first.previous
    return tuple(months_between(first, until))


def course(
    months: Sequence[Month], amounts: Mapping[Month, Decimal], begun: Month | None
) -> tuple[Decimal | None, ...]:
    """One amount per month; None before the ledger began: nothing known is not zero."""
    return tuple(None if begun is None or m < begun else amounts.get(m, ZERO) for m in months)


def by_month(rows: Iterable[Total]) -> dict[Month, Decimal]:
    """Cost of calls per month."""
    found: dict[Month, Decimal] = {}
    for row in rows:
        if row.period is not None:
            month = month_of(row.period)
            found[month] = EXACT.add(found.get(month, ZERO), row.cost_jpy)
    return found
