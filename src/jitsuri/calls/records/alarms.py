"""Alarms in the database: a row from when one opens; what closes it is added."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from jitsuri.calls.shapes import Alarm
from jitsuri.store.door import Connection

_COLUMNS = "alarm_id, kind, subject, opened_at, closed_at, facts"


def standing(tx: Connection) -> list[Alarm]:
    """The alarms that are open, the oldest first."""
    rows = tx.execute(f"SELECT {_COLUMNS} FROM calls_alarms WHERE closed_at IS NULL ORDER BY opened_at, kind, subject")  # noqa: S608
    return [Alarm(*row) for row in rows]


def newest(tx: Connection, limit: int) -> list[Alarm]:
    """The newest alarms, open or over."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM calls_alarms ORDER BY opened_at DESC, kind, subject LIMIT %s",  # noqa: S608
        (limit,),
    )
    return [Alarm(*row) for row in rows]


def ended(tx: Connection, first: datetime) -> dict[tuple[str, str], datetime]:
    """When the last alarm of each kind and subject was over, as far as that was since then."""
    rows = tx.execute(
        "SELECT kind, subject, max(closed_at) FROM calls_alarms WHERE closed_at >= %s GROUP BY kind, subject", (first,)
    )
    return {(kind, subject): at for kind, subject, at in rows}


def open_counts(tx: Connection) -> dict[str, int]:
    """How many are open, by kind."""
    return dict(tx.execute("SELECT kind, count(*) FROM calls_alarms WHERE closed_at IS NULL GROUP BY kind").fetchall())


def begin(tx: Connection, alarm: Alarm) -> bool:
    """Open an alarm; False where one of its kind and subject is open already, and nothing happened."""
    return _is_one(
        tx,
        "INSERT INTO calls_alarms (alarm_id, kind, subject, opened_at, facts) VALUES (%s, %s, %s, %s, %s::jsonb) "
        "ON CONFLICT DO NOTHING",
        (alarm.alarm_id, alarm.kind, alarm.subject, alarm.opened_at, json.dumps(dict(alarm.facts))),
    )


def end(tx: Connection, alarm: Alarm) -> bool:
    """Close an alarm with its ``closed_at`` and facts; False where it is over already, and nothing happened."""
    return _is_one(
        tx,
        "UPDATE calls_alarms SET closed_at = %s, facts = %s::jsonb WHERE alarm_id = %s AND closed_at IS NULL",
        (alarm.closed_at, json.dumps(dict(alarm.facts)), alarm.alarm_id),
    )


def _is_one(tx: Connection, statement: str, values: tuple[Any, ...]) -> bool:
    return tx.execute(statement, values).rowcount == 1
