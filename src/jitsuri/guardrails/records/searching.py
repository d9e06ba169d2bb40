"""How runs of checks are searched: newest first, page by page, with the counts of days saying where to look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from jitsuri.guardrails.shapes import CheckRan, GuardRun, KeptFinding
from jitsuri.store.door import Connection

EXEMPT = "exempt"
"""An action of the counts: an exemption let the finding through."""

_COLUMNS = (
    "run_id, call_id, at, day, task, direction, policy_version, outcome, is_outside, checks, findings, found, latency_us, "
    "characters"
)


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs are looked for; '' and None are any. ``task`` None is any, '' is 未割当."""

    task: str | None = None
    type: str = ""
    action: str = ""
    direction: str = ""
    outcome: str = ""
    day: date | None = None


def search(
    tx: Connection, wanted: RunFilter, before: tuple[datetime, UUID] | None = None, limit: int = 50
) -> list[GuardRun]:
    """Runs that found something or could not tell, newest first; ``before``: older than this run."""
    asked: dict[str, object] = {"limit": limit}
    parts = ["(found > 0 OR outcome = 'failed')"]
    for name in ("direction", "outcome"):
        if getattr(wanted, name):
            parts.append(f"{name} = %({name})s")
            asked[name] = getattr(wanted, name)
    for name in ("task", "day"):
        if getattr(wanted, name) is not None:
            parts.append(f"{name} = %({name})s")
            asked[name] = getattr(wanted, name)
    if wanted.type or wanted.action:
        parts.append("findings @> %(finding)s")
        parts.append("day = ANY(%(days)s)")
        asked |= {"finding": Jsonb([_finding(wanted)]), "days": _days(tx, wanted)}
    if before is not None:
        parts.append("(at, run_id) < (%(at)s, %(run)s)")
        asked |= {"at": before[0], "run": before[1]}
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM guard_runs WHERE {' AND '.join(parts)} "  # noqa: S608  # parts are written above
        "ORDER BY at DESC, run_id DESC LIMIT %(limit)s",
        asked,
    )
    return [_run(row) for row in rows]


def _finding(wanted: RunFilter) -> Mapping[str, object]:
    """What a kept finding has in it."""
    kind: dict[str, object] = {"type": wanted.type} if wanted.type else {}
    if wanted.action == EXEMPT:
        return {**kind, "is_exempt": True}
    return {**kind, "action": wanted.action, "is_exempt": False} if wanted.action else kind


def _days(tx: Connection, wanted: RunFilter) -> list[date]:
    """The days on which there is such a finding: a rare type is found without reading every run."""
    rows = tx.execute(
        "SELECT DISTINCT day FROM guard_days WHERE (%(task)s::text IS NULL OR task = %(task)s) "
        "AND (%(type)s = '' OR type = %(type)s) AND (%(action)s = '' OR action = %(action)s) "
        "AND (%(direction)s = '' OR direction = %(direction)s)",
        {"task": wanted.task, "type": wanted.type, "action": wanted.action, "direction": wanted.direction},
    )
    return [row[0] for row in rows]


def types_found(tx: Connection) -> list[str]:
    """Every type that was ever counted."""
    return [row[0] for row in tx.execute("SELECT DISTINCT type FROM guard_days WHERE type <> '' ORDER BY type")]


def _run(row: tuple[Any, ...]) -> GuardRun:
    values: list[Any] = list(row)
    values[9] = tuple(msgspec.convert(one, CheckRan) for one in row[9])
    values[10] = tuple(msgspec.convert(one, KeptFinding) for one in row[10])
    return GuardRun(*values)
