"""Budgets for tests: written straight, looked at straight."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

from jitsuri.ledger.records import budgets as kept
from jitsuri.ledger.shapes.budgets import Budget, Place
from jitsuri.store.door import Store
from jitsuri.terms.ids import derived_id

NOW = datetime(2026, 11, 27, 3, tzinfo=UTC)
TODAY = date(2026, 11, 27)
MONTH = date(2026, 11, 1)
YEN = 1_000_000
"""Millionths."""


def budget(name: str = "everything", limit_yen: int = 100, **changes: object) -> Budget:
    """A hard monthly budget of the whole company."""
    plain = Budget(
        budget_id=derived_id("budget", name), version=1, name=name, scope="company", subject="", period="month",
        limit_micro_jpy=limit_yen * YEN, kind="hard", notice_share=Decimal("0.8"), fiscal_year_starts_in=4,
        begins_on=TODAY, is_pinned=False,
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]


def made(store: Store, *budgets: Budget, used_yen: int = 0) -> None:
    """Begin these budgets as a flow does."""
    with store.transaction() as tx:
        kept.lock(tx)
        for one in budgets:
            kept.insert(tx, one, "aoki", "test", NOW)
            kept.begin(tx, one, one.begins_on, used_yen * YEN)


def limited(store: Store, one: Budget, limit_yen: int) -> Budget:
    """The same budget with another limit, written as a flow does."""
    after = replace(one, version=one.version + 1, limit_micro_jpy=limit_yen * YEN)
    with store.transaction() as tx:
        kept.lock(tx)
        kept.insert(tx, after, "aoki", "test", NOW)
        kept.set_limit(tx, after, TODAY)
    return after


@dataclass(frozen=True, slots=True)
class Books:
    """What stands for a period, in millionths of a yen."""

    limit: int
    used: int
    leased: int
    leases: dict[UUID, int]


def books(store: Store, budget_id: UUID, start: date = MONTH) -> Books:
    """One look, on one snapshot; the leases of workers must add up to what is leased."""
    with store.reading() as tx:
        [(limit, used, leased)] = tx.execute(
            "SELECT limit_micro_jpy, used_micro_jpy, leased_micro_jpy FROM ledger_budget_uses "
            "WHERE budget_id = %s AND period_start = %s",
            (budget_id, start),
        ).fetchall()
        leases = dict(
            tx.execute(
                "SELECT worker_id, amount_micro_jpy FROM ledger_leases WHERE budget_id = %s AND period_start = %s",
                (budget_id, start),
            ).fetchall()
        )
    assert sum(leases.values()) == leased
    return Books(limit, used, leased, leases)


def month_place(one: Budget) -> Place:
    return Place(one.budget_id, MONTH)
