"""The life of certificates in the database: events and counted days, added and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from psycopg.types.json import Jsonb

from jitsuri.rightsizing.rules.living import life_of
from jitsuri.rightsizing.shapes.lives import IN_FORCE, Force, Life, MixDay
from jitsuri.store.door import Connection

_COLUMNS = "number, sequence, task, event, at, author, door, code, reason, facts"


def life(tx: Connection, number: str, task: str = "") -> Life:
    """A certificate's life; ``state`` is ``none`` where it was never put in force."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM rightsizing_forces WHERE number = %s ORDER BY sequence",  # noqa: S608
        (number,),
    )
    events = [_force(row) for row in rows]
    return life_of(number, events[0].task if events else task, events)


def lives(tx: Connection, task: str | None = None) -> list[Life]:
    """Every certificate that was ever put in force (of one task where it is named), the one with the latest event first."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM rightsizing_forces WHERE %(task)s::text IS NULL OR task = %(task)s "  # noqa: S608
        "ORDER BY number, sequence",
        {"task": task},
    )
    held: dict[str, list[Force]] = {}
    for row in rows:
        held.setdefault(row[0], []).append(_force(row))
    found = [life_of(number, events[0].task, events) for number, events in held.items()]
    return sorted(found, key=lambda one: (one.events[-1].at, one.number), reverse=True)


def in_force(tx: Connection, task: str | None = None) -> list[Life]:
    """Certificates in force now; of one task there is at most one."""
    return [one for one in lives(tx, task) if one.state in IN_FORCE]


def append(tx: Connection, force: Force) -> bool:
    """Write an event. False where this sequence is taken: somebody was faster, and nothing is written."""
    done = tx.execute(
        f"INSERT INTO rightsizing_forces ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "  # noqa: S608
        "ON CONFLICT DO NOTHING",
        (
            force.number, force.sequence, force.task, force.event, force.at, force.author, force.door, force.code,
            force.reason, Jsonb(dict(force.facts)),
        ),
    )  # fmt: skip
    return done.rowcount == 1


def mix_days(tx: Connection, number: str) -> tuple[MixDay, ...]:
    """The counted days of a certificate, oldest first."""
    rows = tx.execute("SELECT day, counts FROM rightsizing_mix_days WHERE number = %s ORDER BY day", (number,))
    return tuple(MixDay(row[0], row[1]) for row in rows)


def keep_mix_days(tx: Connection, number: str, days: Sequence[MixDay]) -> int:
    """Keep days that are not kept yet; returns how many were new. A day is counted once, whatever is booked later."""
    with tx.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO rightsizing_mix_days (number, day, counts) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [(number, one.day, Jsonb({name: dict(counts) for name, counts in one.counts.items()})) for one in days],
        )
        return max(0, cursor.rowcount)


def last_mix_day(tx: Connection, number: str) -> date | None:
    row = tx.execute("SELECT max(day) FROM rightsizing_mix_days WHERE number = %s", (number,)).fetchone()
    return row[0] if row else None


def _force(row: tuple[Any, ...]) -> Force:
    return Force(*row)
