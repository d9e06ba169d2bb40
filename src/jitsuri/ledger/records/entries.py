"""Entries in the database: written once, never changed; every line also moves the rollups it belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from jitsuri.ledger.records import rollups
from jitsuri.ledger.shapes.entries import Entry
from jitsuri.store.door import Connection
from jitsuri.terms.usage import USAGE_KINDS, Usage

_USAGE = "usage"
_PLAIN = tuple(f.name for f in fields(Entry) if f.name != _USAGE)
COLUMNS: tuple[str, ...] = (*_PLAIN, *USAGE_KINDS)
"""All columns, in the order in which rows are written and read here."""

_TYPES = {
    "entry_id": "uuid", "attempt_id": "uuid", "call_id": "uuid", "thread_id": "uuid", "corrects": "uuid",
    "at": "timestamptz", "day": "date", "booked_at": "timestamptz", "http_status": "int4", "calls": "int2",
    "usage_raw": "jsonb", "latency_ms": "int4", "first_token_ms": "int4", "cost": "numeric", "rate_id": "uuid",
    "rate": "numeric", "cost_jpy": "numeric", "reported_cost": "numeric", "run_id": "uuid",
    **dict.fromkeys(USAGE_KINDS, "int8"),
}  # fmt: skip
_COPY = f"COPY ledger_entries ({', '.join(COLUMNS)}) FROM STDIN"
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM ledger_entries"  # noqa: S608  # our own column names


def insert_many(tx: Connection, entries: Sequence[Entry]) -> None:
    """Write entries and add them to the rollups, in the caller's transaction.

    An entry id that exists already is a UniqueViolation: the caller looks up what is known first (``known_ids``).
    """
    if not entries:
        return
    with tx.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types([_TYPES.get(name, "text") for name in COLUMNS])
        for entry in entries:
            copy.write_row(_row(entry))
    rollups.add(tx, entries)


def known_ids(tx: Connection, entry_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the ids that are in the ledger."""
    rows = tx.execute("SELECT entry_id FROM ledger_entries WHERE entry_id = ANY(%s)", (list(entry_ids),))
    return {row[0] for row in rows}


def of_calls(tx: Connection, call_ids: Sequence[UUID]) -> list[Entry]:
    """All lines of these calls, in the order they were booked."""
    rows = tx.execute(f"{_SELECT} WHERE call_id = ANY(%s) ORDER BY booked_at, kind, entry_id", (list(call_ids),))
    return [_entry(row) for row in rows]


def attempts_since(tx: Connection, since: datetime | None, batch: int) -> Iterator[list[Entry]]:
    """All lines of every attempt asked at or after ``since`` (None: ever), in batches of attempts, by time.

    Lines of one attempt always come in one batch.
    """
    with tx.cursor("attempts_since") as cursor:
        cursor.itersize = batch
        cursor.execute(
            f"{_SELECT} WHERE %(since)s::timestamptz IS NULL OR at >= %(since)s "
            "ORDER BY at, attempt_id, booked_at, entry_id",
            {"since": since},
        )
        held: list[Entry] = []
        for row in cursor:
            entry = _entry(row)
            if len(held) >= batch and held[-1].attempt_id != entry.attempt_id:
                yield held
                held = []
            held.append(entry)
        if held:
            yield held


def stream(
    tx: Connection, first: datetime | None = None, last: datetime | None = None, task: str | None = None
) -> Iterator[Entry]:
    """Every line in the span (``first`` included, ``last`` not), by time; constant memory."""
    with tx.cursor("entries_stream") as cursor:
        cursor.itersize = 5000
        cursor.execute(
            f"{_SELECT} WHERE (%(first)s::timestamptz IS NULL OR at >= %(first)s) "
            "AND (%(last)s::timestamptz IS NULL OR at < %(last)s) AND (%(task)s::text IS NULL OR task = %(task)s) "
            "ORDER BY at, entry_id",
            {"first": first, "last": last, "task": task},
        )
        for row in cursor:
            yield _entry(row)


def _row(entry: Entry) -> tuple[Any, ...]:
    return (*_plain(entry), *_counts(entry.usage))


_plain = attrgetter(*_PLAIN)
_counts = attrgetter(*USAGE_KINDS)


def _entry(row: tuple[Any, ...]) -> Entry:
    plain = dict(zip(_PLAIN, row, strict=False))
    return Entry(usage=Usage(*row[len(_PLAIN) :]), **plain)
