"""What was used of a budget, period by period: read for people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from jitsuri.store.door import Connection


@dataclass(frozen=True, slots=True)
class PeriodUse:
    """One period of a budget, with the limit that held at its end."""

    period_start: date
    limit_micro_jpy: int
    used_micro_jpy: int
    leased_micro_jpy: int


def periods(tx: Connection, budget_id: UUID, limit: int) -> list[PeriodUse]:
    """The newest periods of a budget that were opened, newest first."""
    rows = tx.execute(
        "SELECT period_start, limit_micro_jpy, used_micro_jpy, leased_micro_jpy FROM ledger_budget_uses "
        "WHERE budget_id = %s ORDER BY period_start DESC LIMIT %s",
        (budget_id, limit),
    )
    return [PeriodUse(*row) for row in rows]
