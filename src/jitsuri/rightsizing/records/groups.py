"""What right-sizing reads of calls and ledger, through their views: what prompt groups without a task cost."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from jitsuri.store.door import Connection


def unassigned_groups(tx: Connection) -> list[tuple[UUID, int, Decimal, tuple[str, ...]]]:
    """Prompt groups of calls that belong to no task: ``(group, calls, cost in yen, models)``, dearest first."""
    rows = tx.execute(
        "SELECT g.group_id, count(DISTINCT g.call_id), coalesce(sum(a.cost_jpy), 0), array_agg(DISTINCT g.model) "
        "FROM calls_v_groups g LEFT JOIN ledger_v_amounts a USING (call_id) WHERE g.task = '' "
        "GROUP BY g.group_id ORDER BY 3 DESC, 2 DESC, g.group_id"
    )
    return [(row[0], row[1], row[2], tuple(row[3])) for row in rows]
