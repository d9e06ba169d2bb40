"""予算: how much of each is used, held and left, until when, and who set it?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from jitsuri.access.records import keys as key_rows
from jitsuri.access.rules.keying import is_living, standing_of
from jitsuri.ledger.records import budget_uses
from jitsuri.ledger.records import budgets as budget_rows
from jitsuri.ledger.rules.budgeting import next_start, to_jpy
from jitsuri.ledger.shapes.budgets import Budget, BudgetNotice, BudgetStanding, BudgetVersion
from jitsuri.store.door import Connection

MOST_NOTICES = 50
MOST_PERIODS = 24


@dataclass(frozen=True, slots=True)
class Amounts:
    """A budget in one period, in yen. ``held`` is what calls under way hold, and what gateways may hold without asking."""

    first: date
    last: date
    used: Decimal
    held: Decimal
    limit: Decimal

    @property
    def left(self) -> Decimal:
        """What is neither used nor held; below zero where the limit was passed."""
        return self.limit - self.used - self.held

    @property
    def share(self) -> Decimal | None:
        """Used, as a share of the limit; None where nothing is allowed."""
        return self.used / self.limit if self.limit else None


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """A standing budget in its running period."""

    budget: Budget
    amounts: Amounts
    resets_on: date
    days_left: int
    """Days that are left of the period, today included."""


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """That a share of a budget was passed."""

    notice: BudgetNotice
    budget: Budget


@dataclass(frozen=True, slots=True)
class BudgetList:
    """All standing budgets, the fullest first, and the newest notices."""

    rows: tuple[BudgetRow, ...]
    notices: tuple[NoticeRow, ...]


@dataclass(frozen=True, slots=True)
class BudgetView:
    """One budget, opened."""

    budget: Budget
    row: BudgetRow | None
    """None for one that has ended."""
    versions: tuple[BudgetVersion, ...]
    """Newest first."""
    periods: tuple[Amounts, ...]
    """Newest first."""
    notices: tuple[BudgetNotice, ...]


def budget_list(tx: Connection, today: date) -> BudgetList:
    """Every standing budget as it is on the company's day."""
    rows = [_row(one, today) for one in budget_rows.standings(tx, today)]
    rows.sort(key=lambda row: (-_fullness(row.amounts), row.budget.name))
    known: dict[UUID, Budget | None] = {row.budget.budget_id: row.budget for row in rows}
    return BudgetList(tuple(rows), tuple(_notices(tx, known)))


def budget_view(tx: Connection, today: date, budget_id: UUID) -> BudgetView | None:
    """One budget, also one that has ended; None for an unknown one."""
    budget = budget_rows.newest(tx, budget_id)
    if budget is None:
        return None
    standing = next((s for s in budget_rows.standings(tx, today) if s.budget.budget_id == budget_id), None)
    periods = tuple(
        _amounts(budget, use.period_start, use.used_micro_jpy, use.leased_micro_jpy, use.limit_micro_jpy)
        for use in budget_uses.periods(tx, budget_id, MOST_PERIODS)
    )
    notices = tuple(n for n in budget_rows.notices(tx, 1_000) if n.place.budget_id == budget_id)
    return BudgetView(
        budget=budget,
        row=_row(standing, today) if standing is not None else None,
        versions=tuple(reversed(budget_rows.versions(tx, budget_id))),
        periods=periods,
        notices=notices[:MOST_NOTICES],
    )


def key_names(tx: Connection, now: datetime) -> list[str]:
    """Names of the keys that are not over: what a budget may be set for."""
    return sorted({kept.scope.name for kept in key_rows.everything(tx) if is_living(standing_of(kept, now))})


def _row(standing: BudgetStanding, today: date) -> BudgetRow:
    budget = standing.budget
    amounts = _amounts(
        budget, standing.period_start, standing.used_micro_jpy, standing.leased_micro_jpy, budget.limit_micro_jpy
    )
    return BudgetRow(budget, amounts, standing.resets_on, (standing.resets_on - today).days)


def _amounts(budget: Budget, first: date, used: int, held: int, limit: int) -> Amounts:
    last = next_start(budget.period, first) - timedelta(days=1)
    return Amounts(first, last, to_jpy(used), to_jpy(held), to_jpy(limit))


def _fullness(amounts: Amounts) -> Decimal:
    """How full a budget is; one that allows nothing is full."""
    return (amounts.used + amounts.held) / amounts.limit if amounts.limit else Decimal(1)


def _notices(tx: Connection, known: Mapping[UUID, Budget | None]) -> list[NoticeRow]:
    held = dict(known)
    found = []
    for notice in budget_rows.notices(tx, MOST_NOTICES):
        its_id = notice.place.budget_id
        if its_id not in held:
            held[its_id] = budget_rows.newest(tx, its_id)
        budget = held[its_id]
        if budget is not None:
            found.append(NoticeRow(notice, budget))
    return found
