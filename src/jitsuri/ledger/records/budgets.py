"""Budgets in the database: versions are added, never changed; what is used of them; what was told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from jitsuri.ledger.records import rollups
from jitsuri.ledger.rules.budgeting import next_start, notices_due, place_of
from jitsuri.ledger.shapes.budgets import (
    Budget,
    BudgetNotice,
    BudgetSnapshot,
    BudgetStanding,
    BudgetVersion,
    Place,
)
from jitsuri.store.door import Connection

_BUDGET_LOCK = 5_410_003
"""Advisory lock between those who change budgets (alone) and those who open a period of one (together)."""
_COLUMNS = tuple(f.name for f in fields(Budget))
_NEWEST = f"SELECT DISTINCT ON (budget_id) {', '.join(_COLUMNS)} FROM ledger_budgets ORDER BY budget_id, version DESC"  # noqa: S608


def lock(tx: Connection) -> None:
    """Wait for every other transaction that changes budgets, opens a period, or writes entries.

    Entries wait too, so that what the ledger holds when a budget begins and what is settled afterwards is everything,
    and nothing is in both.
    """
    rollups.lock(tx)
    tx.execute("SELECT pg_advisory_xact_lock(%s)", (_BUDGET_LOCK,))


def snapshot(tx: Connection) -> BudgetSnapshot:
    """All standing budgets. Belongs in one transaction of its own (``store.reading``) or under ``lock``."""
    row = tx.execute("SELECT coalesce(max(sequence), 0) FROM ledger_budgets").fetchone()
    return BudgetSnapshot(int(row[0]) if row else 0, tuple(by_name(tx)))


def by_name(tx: Connection) -> list[Budget]:
    """The newest version of every budget that has not ended, by name."""
    rows = tx.execute(f"SELECT * FROM ({_NEWEST}) newest WHERE NOT is_ended ORDER BY name, budget_id")  # noqa: S608
    return [Budget(*row) for row in rows]


def made_since(tx: Connection, sequence: int) -> list[Budget]:
    """Standing budgets that did not exist at this point of the sequence: hardly ever any, so that is asked first."""
    made = tx.execute(
        "SELECT 1 FROM ledger_budgets WHERE sequence > %s AND version = 1 LIMIT 1", (sequence,)
    ).fetchone()  # fmt: skip
    if made is None:
        return []
    rows = tx.execute(
        f"SELECT * FROM ({_NEWEST}) newest WHERE NOT is_ended AND budget_id IN "  # noqa: S608
        "(SELECT budget_id FROM ledger_budgets WHERE version = 1 AND sequence > %s)",
        (sequence,),
    )
    return [Budget(*row) for row in rows]


def newest(tx: Connection, budget_id: UUID) -> Budget | None:
    """A budget's newest version, also where it has ended."""
    row = tx.execute(f"SELECT * FROM ({_NEWEST}) newest WHERE budget_id = %s", (budget_id,)).fetchone()  # noqa: S608
    return Budget(*row) if row else None


def versions(tx: Connection, budget_id: UUID) -> list[BudgetVersion]:
    """All versions of a budget, first to last."""
    rows = tx.execute(
        f"SELECT {', '.join(_COLUMNS)}, author, reason, set_at FROM ledger_budgets WHERE budget_id = %s "  # noqa: S608
        "ORDER BY version",
        (budget_id,),
    )
    return [BudgetVersion(Budget(*row[:-3]), *row[-3:]) for row in rows]


def insert(tx: Connection, budget: Budget, author: str, reason: str, set_at: datetime) -> None:
    """Add a version, under ``lock``; periods that are open from its own on get its limit in the same transaction."""
    tx.execute(
        f"INSERT INTO ledger_budgets (sequence, {', '.join(_COLUMNS)}, author, reason, set_at) "  # noqa: S608
        f"SELECT coalesce(max(sequence), 0) + 1, {', '.join(['%s'] * (len(_COLUMNS) + 3))} FROM ledger_budgets",
        (*(getattr(budget, name) for name in _COLUMNS), author, reason, set_at),
    )


def set_limit(tx: Connection, budget: Budget, day: date) -> None:
    """Give the running period and all later ones that are open a version's limit: it holds from this commit on."""
    tx.execute(
        "UPDATE ledger_budget_uses SET limit_micro_jpy = %s, notice_micro_jpy = %s "
        "WHERE budget_id = %s AND period_start >= %s",
        (budget.limit_micro_jpy, _first_notice(budget), *place_of(budget, day)),
    )


def begin(tx: Connection, budget: Budget, day: date, used_micro_jpy: int) -> None:
    """Open a new budget's first period with what the ledger already holds of it."""
    tx.execute(
        "INSERT INTO ledger_budget_uses (budget_id, period_start, limit_micro_jpy, used_micro_jpy, leased_micro_jpy, "
        "notice_micro_jpy) VALUES (%s, %s, %s, %s, 0, %s)",
        (*place_of(budget, day), budget.limit_micro_jpy, used_micro_jpy, _first_notice(budget)),
    )


def open_periods(tx: Connection, places: Sequence[Place]) -> None:
    """Begin periods of standing budgets at zero; those that are open stay as they are."""
    with tx.transaction():
        tx.execute("SELECT pg_advisory_xact_lock_shared(%s)", (_BUDGET_LOCK,))
        found = {budget.budget_id: budget for budget in by_name(tx)}
        opened = [(place, found[place.budget_id]) for place in sorted(places) if place.budget_id in found]
        with tx.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO ledger_budget_uses (budget_id, period_start, limit_micro_jpy, used_micro_jpy, "
                "leased_micro_jpy, notice_micro_jpy) VALUES (%s, %s, %s, 0, 0, %s) ON CONFLICT DO NOTHING",
                [(*place, budget.limit_micro_jpy, _first_notice(budget)) for place, budget in opened],
            )


def open_among(tx: Connection, places: Sequence[Place]) -> set[Place]:
    """Those of the places that are open."""
    rows = tx.execute(
        "SELECT budget_id, period_start FROM ledger_budget_uses "
        "JOIN unnest(%s::uuid[], %s::date[]) AS asked (budget_id, period_start) USING (budget_id, period_start)",
        ([place.budget_id for place in places], [place.period_start for place in places]),
    )
    return {Place(row[0], row[1]) for row in rows}


def standings(tx: Connection, day: date) -> list[BudgetStanding]:
    """How every standing budget stands in the period of this day, by name."""
    budgets = by_name(tx)
    places = [place_of(budget, day) for budget in budgets]
    rows = tx.execute(
        "SELECT budget_id, period_start, used_micro_jpy, leased_micro_jpy FROM ledger_budget_uses "
        "JOIN unnest(%s::uuid[], %s::date[]) AS asked (budget_id, period_start) USING (budget_id, period_start)",
        ([place.budget_id for place in places], [place.period_start for place in places]),
    )
    uses = {Place(row[0], row[1]): (row[2], row[3]) for row in rows}
    return [
        BudgetStanding(
            budget, place.period_start, next_start(budget.period, place.period_start), *uses.get(place, (0, 0))
        )
        for budget, place in zip(budgets, places, strict=True)
    ]


def notices(tx: Connection, limit: int) -> list[BudgetNotice]:
    """The newest notices first."""
    rows = tx.execute(
        "SELECT budget_id, period_start, share, used_micro_jpy, limit_micro_jpy, at FROM ledger_budget_notices "
        "ORDER BY at DESC, budget_id, share DESC LIMIT %s",
        (limit,),
    )
    return [_notice(row) for row in rows]


def note(tx: Connection, reached: Sequence[tuple[Place, int, int]]) -> list[BudgetNotice]:
    """Write the notices that are due and not yet written; ``reached`` holds place, use and limit. Returns the new ones."""
    if not reached:
        return []
    rows = tx.execute(
        "SELECT DISTINCT ON (budget_id) budget_id, notice_share FROM ledger_budgets WHERE budget_id = ANY(%s) "
        "ORDER BY budget_id, version DESC",
        ([place.budget_id for place, _, _ in reached],),
    )
    share_of: dict[UUID, Decimal] = dict(rows.fetchall())
    due = []
    for place, used, limit in reached:
        reached_shares, next_notice = notices_due(used, limit, share_of[place.budget_id])
        due += [(*place, share, used, limit) for share in reached_shares]
        tx.execute(
            "UPDATE ledger_budget_uses SET notice_micro_jpy = %s WHERE budget_id = %s AND period_start = %s",
            (next_notice, *place),
        )
    if not due:
        return []
    rows = tx.execute(
        "INSERT INTO ledger_budget_notices (budget_id, period_start, share, used_micro_jpy, limit_micro_jpy, at) "
        "SELECT d.*, clock_timestamp() FROM unnest(%s::uuid[], %s::date[], %s::numeric[], %s::int8[], %s::int8[]) d "
        "ON CONFLICT DO NOTHING RETURNING budget_id, period_start, share, used_micro_jpy, limit_micro_jpy, at",
        [list(column) for column in zip(*due, strict=True)],
    )
    return [_notice(row) for row in rows]


def note_standing(tx: Connection, place: Place) -> list[BudgetNotice]:
    """Write the notices that are due for a period as it stands; one that is not open has none."""
    rows = tx.execute(
        "SELECT used_micro_jpy, limit_micro_jpy FROM ledger_budget_uses WHERE budget_id = %s AND period_start = %s",
        place,
    )
    return note(tx, [(place, *row) for row in rows])


def _first_notice(budget: Budget) -> int:
    return notices_due(0, budget.limit_micro_jpy, budget.notice_share)[1]


def _notice(row: tuple[Any, ...]) -> BudgetNotice:
    return BudgetNotice(Place(row[0], row[1]), *row[2:])
