"""Costs that are not calls in the database: lines are added, never changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from jitsuri.ledger.shapes.costs import CostLine
from jitsuri.store.door import Connection

_COLUMNS = (
    "cost_id, kind, name, amount, currency, rhythm, valid_from, valid_to, department, task, provider, spread, "
    "unused_share, shares, replaces, note"
)


def everything(tx: Connection) -> list[CostLine]:
    """All lines, also those that others replace, in the order they were set."""
    rows = tx.execute(f"SELECT {_COLUMNS} FROM ledger_costs ORDER BY set_at, valid_from, cost_id")  # noqa: S608
    return [_line(row) for row in rows]


def lock(tx: Connection) -> None:
    """Wait for any other transaction that adds lines: what was compared must be what is written."""
    tx.execute("LOCK TABLE ledger_costs IN SHARE ROW EXCLUSIVE MODE")


def insert_many(tx: Connection, lines: Sequence[CostLine], author: str, set_at: datetime) -> None:
    """Add lines."""
    with tx.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO ledger_costs ({_COLUMNS}, author, set_at) VALUES "  # noqa: S608
            "(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s, %s, %s)",
            [(*_row(line), author, set_at) for line in lines],
        )


def _row(line: CostLine) -> tuple[Any, ...]:
    shares = json.dumps([[department, task, str(share)] for department, task, share in line.shares])
    return (
        line.cost_id, line.kind, line.name, line.amount, line.currency, line.rhythm, line.valid_from, line.valid_to,
        line.department, line.task, line.provider, line.spread, line.unused_share, shares, line.replaces, line.note,
    )  # fmt: skip


def _line(row: tuple[Any, ...]) -> CostLine:
    *start, shares, replaces, note = row
    given = tuple((department, task, Decimal(share)) for department, task, share in shares)
    values = [*start, given, replaces, note]
    return CostLine(*values)
