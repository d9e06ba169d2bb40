"""Import reports: one run per file, with every line that did not go in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from uuid import UUID

from jitsuri.calls.shapes import Fault, Run
from jitsuri.store.door import Connection

_COLUMNS = tuple(f.name for f in fields(Run))
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM calls_runs"  # noqa: S608  # our own column names


def save(tx: Connection, run: Run) -> None:
    """Write the run as it stands now."""
    changed = ", ".join(f"{name} = EXCLUDED.{name}" for name in _COLUMNS if name != "run_id")
    tx.execute(
        f"INSERT INTO calls_runs ({', '.join(_COLUMNS)}) VALUES ({', '.join(['%s'] * len(_COLUMNS))}) "  # noqa: S608
        f"ON CONFLICT (run_id) DO UPDATE SET {changed}",
        tuple(getattr(run, name) for name in _COLUMNS),
    )


def save_faults(tx: Connection, run_id: UUID, faults: Sequence[Fault]) -> None:
    """Write lines that did not go in; a line is written once."""
    with tx.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO calls_faults VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [(run_id, f.line, f.code, json.dumps(dict(f.facts), ensure_ascii=False, default=str)) for f in faults],
        )


def recent(tx: Connection, limit: int = 50) -> list[Run]:
    """The latest runs, newest first."""
    return [Run(*row) for row in tx.execute(f"{_SELECT} ORDER BY started_at DESC LIMIT %s", (limit,))]


def one(tx: Connection, run_id: UUID) -> Run | None:
    """The run with this id."""
    row = tx.execute(f"{_SELECT} WHERE run_id = %s", (run_id,)).fetchone()
    return Run(*row) if row else None


def faults_of(tx: Connection, run_id: UUID, after_line: int = 0, limit: int = 200) -> list[Fault]:
    """Lines that did not go in, by number, after ``after_line``."""
    rows = tx.execute(
        "SELECT line, code, facts FROM calls_faults WHERE run_id = %s AND line > %s ORDER BY line LIMIT %s",
        (run_id, after_line, limit),
    )
    return [Fault(*row) for row in rows]


def fault_counts(tx: Connection, run_id: UUID) -> dict[str, int]:
    """How many lines did not go in, by reason."""
    rows = tx.execute(
        "SELECT code, count(*) FROM calls_faults WHERE run_id = %s GROUP BY code ORDER BY 2 DESC", (run_id,)
    )
    return dict(rows.fetchall())
