"""Moving attempts to another task: the same amounts taken out of one and put into the other, as new lines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from jitsuri.ledger.records.entries import COLUMNS
from jitsuri.ledger.records.rollups import SUMS, lock
from jitsuri.store.door import Connection
from jitsuri.terms.usage import USAGE_KINDS

_NEGATED = frozenset({"calls", "cost", "cost_jpy", *USAGE_KINDS})
_MONTH = "date_trunc('month', day)::date"
_CLEARED = {"usage_raw": "NULL::jsonb", "reported_cost": "NULL::numeric"}


def move(tx: Connection, call_ids: Sequence[UUID], task: str, department: str, now: datetime) -> int:
    """Give all amounts of these calls to ``task``; '' as department leaves each line's own.

    What stands elsewhere is mirrored line by line, by a ``moved_out`` and a ``moved_in`` line; what has left a task
    already is not moved again, so doing it twice adds nothing. Returns how many lines were mirrored.
    """
    lock(tx)
    facts = {"ids": list(call_ids), "task": task, "department": department, "now": now}
    target = "CASE WHEN %(department)s = '' THEN department ELSE %(department)s END"
    standing = (
        "SELECT e.* FROM ledger_entries e JOIN (SELECT attempt_id, task, department FROM ledger_entries "  # noqa: S608
        f"WHERE call_id = ANY(%(ids)s) AND (task <> %(task)s OR department <> {target}) "
        "GROUP BY attempt_id, task, department HAVING sum(calls) <> 0 OR coalesce(sum(cost_jpy), 0) <> 0 "
        "OR coalesce(sum(cost), 0) <> 0) s USING (attempt_id, task, department) WHERE e.call_id = ANY(%(ids)s)"
    )
    out = ", ".join(_out(name) for name in COLUMNS)
    into = ", ".join(_into(name, target) for name in COLUMNS)
    moved = tx.execute(
        f"WITH standing AS MATERIALIZED ({standing}), moved AS ("  # noqa: S608
        f"INSERT INTO ledger_entries ({', '.join(COLUMNS)}) "
        f"SELECT {out} FROM standing UNION ALL SELECT {into} FROM standing RETURNING *), "
        f"days AS ({_rollup('ledger_days', 'day', 'day')} RETURNING 1), "
        f"months AS ({_rollup('ledger_months', 'month', _MONTH)} RETURNING 1) "
        "SELECT count(*) FROM moved",
        facts,
    ).fetchone()
    assert moved is not None
    return int(moved[0]) // 2


def _out(name: str) -> str:
    if name == "entry_id":
        return "md5(entry_id::text || 'moved_out' || %(now)s::timestamptz::text)::uuid"
    return _mirrored(name, "moved_out", name if name not in _NEGATED else f"-{name}")


def _into(name: str, target: str) -> str:
    if name == "entry_id":
        return "md5(entry_id::text || 'moved_in' || %(now)s::timestamptz::text)::uuid"
    if name == "task":
        return "%(task)s"
    if name == "department":
        return target
    return _mirrored(name, "moved_in", name)


def _mirrored(name: str, kind: str, plain: str) -> str:
    if name == "kind":
        return f"'{kind}'"
    if name == "corrects":
        return "entry_id"
    if name == "booked_at":
        return "%(now)s::timestamptz"
    if name in _CLEARED:
        return _CLEARED[name]
    return plain


def _rollup(table: str, period: str, of: str) -> str:
    keys = ("task", "department", "model", "provider", "purpose", "tier")
    timed = "CASE WHEN latency_ms IS NULL THEN 0 ELSE calls END"
    sums = {
        "calls": "sum(calls)",
        "failed": "sum(CASE WHEN status <> 'ok' THEN calls ELSE 0 END)",
        "unpriced": "sum(CASE WHEN state = 'unpriced' THEN calls ELSE 0 END)",
        "unconverted": "sum(CASE WHEN state = 'unconverted' THEN calls ELSE 0 END)",
        "latency_ms_sum": f"sum(coalesce(latency_ms, 0)::bigint * {timed})",
        "latency_known": f"sum({timed})",
        "cost_usd": "sum(CASE WHEN currency = 'USD' THEN coalesce(cost, 0) ELSE 0 END)",
        "cost_jpy": "sum(coalesce(cost_jpy, 0))",
    }
    added = ", ".join(f"{name} = {table}.{name} + EXCLUDED.{name}" for name in SUMS)
    return (
        f"INSERT INTO {table} ({period}, {', '.join(keys)}, {', '.join(SUMS)}) "  # noqa: S608
        f"SELECT {of}, {', '.join(keys)}, {', '.join(sums.get(name, f'sum({name})') for name in SUMS)} "
        f"FROM moved GROUP BY {of}, {', '.join(keys)} "
        f"ON CONFLICT ({period}, {', '.join(keys)}) DO UPDATE SET {added}"
    )
