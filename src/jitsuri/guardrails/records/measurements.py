"""How measurements are kept: results only, never the lines."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from psycopg.types.json import Jsonb

from jitsuri.guardrails.shapes import Measured, Measurement
from jitsuri.store.door import Connection

_COLUMNS = "measured_at, measured_by, task, policy_version, lines, characters, types, versions"


def add(tx: Connection, measurement: Measurement) -> None:
    """Write one."""
    one = measurement
    tx.execute(
        f"INSERT INTO guard_measurements ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",  # noqa: S608
        (
            one.measured_at, one.measured_by, one.task, one.policy_version, one.lines, one.characters,
            Jsonb([asdict(measured) for measured in one.types]), Jsonb(dict(one.versions)),
        ),
    )  # fmt: skip


def newest(tx: Connection, task: str | None = None, limit: int = 50) -> list[Measurement]:
    """Those of a task, or all, newest first."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM guard_measurements WHERE %(task)s::text IS NULL OR task = %(task)s "  # noqa: S608
        "ORDER BY number DESC LIMIT %(limit)s",
        {"task": task, "limit": limit},
    )
    return [_measurement(list(row)) for row in rows]


def _measurement(values: list[Any]) -> Measurement:
    values[6] = tuple(Measured(**one) for one in values[6])
    return Measurement(*values)
