"""How runs of checks are kept: rows that are only added, and counts per day in the same transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from jitsuri.guardrails.shapes import CheckRan, Counted, CountedRuns, CountedStates, GuardRun, KeptFinding, Outcome
from jitsuri.store.batching import Batch
from jitsuri.store.copying import rows_json
from jitsuri.store.door import Connection

_COLUMNS = (
    "run_id, call_id, at, day, task, direction, policy_version, outcome, is_outside, checks, findings, found, latency_us, "
    "characters"
)
_TYPED = (
    "run_id uuid, call_id uuid, at timestamptz, day date, task text, direction text, policy_version integer, outcome text, "
    "is_outside boolean, checks jsonb, findings jsonb, found integer, latency_us bigint, characters bigint"
)


def _rollup(table: str, keys: str, typed: str, sums: Sequence[str], place: int) -> str:
    """Add to what a table holds, in the order of its keys, so that writers never wait for each other in a ring."""
    names = f"{keys}, {', '.join(sums)}"
    added = ", ".join(f"{name} = {table}.{name} + EXCLUDED.{name}" for name in sums)
    return (
        f"INSERT INTO {table} ({names}) SELECT {names} FROM jsonb_to_recordset(${place}::jsonb) AS r ({typed}, "  # noqa: S608
        f"{', '.join(f'{name} bigint' for name in sums)}) ORDER BY {keys} ON CONFLICT ({keys}) DO UPDATE SET {added}"
    )


_KEEP = f"INSERT INTO guard_runs ({_COLUMNS}) SELECT {_COLUMNS} FROM jsonb_to_recordset($1::jsonb) AS r ({_TYPED})"  # noqa: S608
_DAYS = _rollup(
    "guard_days", "task, day, direction, type, action", "task text, day date, direction text, type text, action text",
    ("findings",), 1,
)  # fmt: skip
_RUN_DAYS = _rollup(
    "guard_run_days", "task, day, direction, outcome", "task text, day date, direction text, outcome text",
    ("runs", "found", "characters", "latency_us"), 1,
)  # fmt: skip
_CHECK_DAYS = _rollup(
    "guard_check_days", "task, day, check_name, state", "task text, day date, check_name text, state text", ("runs",), 1
)


def keep_many(batch: Batch, rows: Sequence[GuardRun]) -> None:
    """Write runs and count them, on the path of calls: nothing waits for the database."""
    for statement, document in _statements(rows):
        batch.run(statement, document)


def insert_many(tx: Connection, rows: Sequence[GuardRun]) -> None:
    """Write runs and count them. A run that is there already is a unique violation: nothing is counted twice."""
    for statement, document in _statements(rows):
        tx.execute(statement.replace("$1", "%s"), (document.decode(),))


def of_call(tx: Connection, call_id: UUID) -> list[GuardRun]:
    """The runs of one call in order."""
    rows = tx.execute(f"SELECT {_COLUMNS} FROM guard_runs WHERE call_id = %s ORDER BY at, run_id", (call_id,))  # noqa: S608
    return [_run(row) for row in rows]


def newest(
    tx: Connection, *, task: str | None = None, outcome: Outcome | None = None, type_: str | None = None,
    first: date | None = None, before: UUID | None = None, limit: int = 50,
) -> list[GuardRun]:  # fmt: skip
    """Runs that found something or could not tell, newest first; ``before``: older than this run (for the next page)."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM guard_runs WHERE (found > 0 OR outcome = 'failed') "  # noqa: S608
        "AND (%(task)s::text IS NULL OR task = %(task)s) AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s) "
        "AND (%(type)s::text IS NULL OR findings @> jsonb_build_array(jsonb_build_object('type', %(type)s::text))) "
        "AND (%(first)s::date IS NULL OR day >= %(first)s) AND (%(before)s::uuid IS NULL OR (at, run_id) < "
        "(SELECT at, run_id FROM guard_runs WHERE run_id = %(before)s)) ORDER BY at DESC, run_id DESC LIMIT %(limit)s",
        {"task": task, "outcome": outcome, "type": type_, "first": first, "before": before, "limit": limit},
    )
    return [_run(row) for row in rows]


def counted(tx: Connection, first: date, last: date, task: str | None = None) -> list[Counted]:
    """Findings per day, direction, type and action, both days included; of one task or all."""
    rows = tx.execute(
        "SELECT task, day, direction, type, action, findings FROM guard_days WHERE day BETWEEN %(first)s AND %(last)s "
        "AND (%(task)s::text IS NULL OR task = %(task)s) ORDER BY task, day, direction, type, action",
        {"first": first, "last": last, "task": task},
    )
    return [Counted(*row) for row in rows]


def counted_runs(tx: Connection, first: date, last: date, task: str | None = None) -> list[CountedRuns]:
    """Runs per day, direction and outcome, both days included; of one task or all."""
    rows = tx.execute(
        "SELECT task, day, direction, outcome, runs, found, characters, latency_us FROM guard_run_days "
        "WHERE day BETWEEN %(first)s AND %(last)s AND (%(task)s::text IS NULL OR task = %(task)s) "
        "ORDER BY task, day, direction, outcome",
        {"first": first, "last": last, "task": task},
    )
    return [CountedRuns(*row) for row in rows]


def counted_states(tx: Connection, first: date, last: date, task: str | None = None) -> list[CountedStates]:
    """Runs per day in which a check failed, took too long or could not run, both days included; of one task or all."""
    rows = tx.execute(
        "SELECT task, day, check_name, state, runs FROM guard_check_days WHERE day BETWEEN %(first)s AND %(last)s "
        "AND (%(task)s::text IS NULL OR task = %(task)s) ORDER BY task, day, check_name, state",
        {"first": first, "last": last, "task": task},
    )
    return [CountedStates(*row) for row in rows]


def _statements(rows: Sequence[GuardRun]) -> list[tuple[str, bytes]]:
    """What is to be run, each with its one document."""
    if not rows:
        return []
    days: Counter[tuple[str, ...]] = Counter()
    runs: dict[tuple[str, ...], list[int]] = {}
    states: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        day = row.day.isoformat()
        for finding in row.findings:
            action = "exempt" if finding.is_exempt else finding.action
            days[row.task, day, row.direction, finding.type, action] += 1
        if row.found > len(row.findings):
            days[row.task, day, row.direction, "", ""] += row.found - len(row.findings)
        sums = runs.setdefault((row.task, day, row.direction, row.outcome), [0, 0, 0, 0])
        for at, more in enumerate((1, row.found, row.characters, row.latency_us)):
            sums[at] += more
        for check in row.checks:
            if check.state != "ran":
                states[row.task, day, check.check, check.state] += 1
    made = [
        (_KEEP, rows_json(rows)),
        (_RUN_DAYS, rows_json([_named(_RUN_KEYS, key, sums) for key, sums in runs.items()])),
    ]
    if days:
        made.append((_DAYS, rows_json([_named(_DAY_KEYS, key, (count,)) for key, count in days.items()])))
    if states:
        made.append((_CHECK_DAYS, rows_json([_named(_STATE_KEYS, key, (count,)) for key, count in states.items()])))
    return made


_DAY_KEYS = ("task", "day", "direction", "type", "action", "findings")
_RUN_KEYS = ("task", "day", "direction", "outcome", "runs", "found", "characters", "latency_us")
_STATE_KEYS = ("task", "day", "check_name", "state", "runs")


def _named(names: Sequence[str], key: tuple[str, ...], sums: Sequence[int]) -> dict[str, object]:
    return dict(zip(names, (*key, *sums), strict=True))


def _run(row: tuple[Any, ...]) -> GuardRun:
    values: list[Any] = list(row)
    values[9] = tuple(msgspec.convert(one, CheckRan) for one in row[9])
    values[10] = tuple(msgspec.convert(one, KeptFinding) for one in row[10])
    return GuardRun(*values)
