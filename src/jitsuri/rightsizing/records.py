"""What right-sizing reads of calls and ledger, through their views: costs of prompt groups, the use of a task."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

from jitsuri.rightsizing.shapes import TaskUse
from jitsuri.store.door import Connection
from jitsuri.terms.usage import USAGE_KINDS, Usage


def unassigned_groups(tx: Connection) -> list[tuple[UUID, int, Decimal, tuple[str, ...]]]:
    """Prompt groups of calls that belong to no task: ``(group, calls, cost in yen, models)``, dearest first."""
    rows = tx.execute(
        "SELECT g.group_id, count(DISTINCT g.call_id), coalesce(sum(a.cost_jpy), 0), array_agg(DISTINCT g.model) "
        "FROM calls_v_groups g LEFT JOIN ledger_v_amounts a USING (call_id) WHERE g.task = '' "
        "GROUP BY g.group_id ORDER BY 3 DESC, 2 DESC, g.group_id"
    )
    return [(row[0], row[1], row[2], tuple(row[3])) for row in rows]


def uses_of_tasks(tx: Connection, first: date, last: date) -> list[TaskUse]:
    """What each task used of each model between two days (both included), dearest first; business calls only."""
    sums = ", ".join(f"sum({kind})::bigint" for kind in USAGE_KINDS)
    rows = tx.execute(
        f"SELECT task, provider, model, tier, sum(calls)::bigint, coalesce(sum(cost_jpy), 0), {sums} "  # noqa: S608
        "FROM ledger_v_amounts WHERE day BETWEEN %s AND %s GROUP BY task, provider, model, tier "
        "HAVING sum(calls) > 0 ORDER BY 6 DESC, task, provider, model, tier",
        (first, last),
    )
    return [TaskUse(r[0], r[1], r[2], r[3], r[4], Usage(*r[6:]), r[5]) for r in rows]
