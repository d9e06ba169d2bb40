"""Entries in the database: written once, never changed; every line also moves the rollups it belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from jitsuri.ledger.records import rollups
from jitsuri.ledger.shapes.entries import Entry
from jitsuri.store.copying import NULL, copy_lines, json, text
from jitsuri.store.door import Connection
from jitsuri.terms.usage import USAGE_KINDS, Usage

_USAGE = "usage"
_PLAIN = tuple(f.name for f in fields(Entry) if f.name != _USAGE)
COLUMNS: tuple[str, ...] = (*_PLAIN, *USAGE_KINDS)
"""All columns, in the order in which rows are written and read here; ``_line`` writes them one by one."""

_COPY = f"COPY ledger_entries ({', '.join(COLUMNS)}) FROM STDIN"
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM ledger_entries"  # noqa: S608  # our own column names


def insert_many(tx: Connection, entries: Sequence[Entry]) -> None:
    """Write entries and add them to the rollups, in the caller's transaction.

    An entry id that exists already is a UniqueViolation: the caller looks up what is known first (``known_ids``).
    """
    if not entries:
        return
    copy_lines(tx, _COPY, map(_line, entries))
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


def _line(e: Entry) -> str:
    """An entry as a line of COPY: one case per column, in the order of ``COLUMNS`` (a test holds them together)."""
    u = e.usage
    return (
        f"{e.entry_id}\t{e.attempt_id}\t{e.call_id}\t{e.thread_id}\t{e.kind}\t{_or_null(e.corrects)}\t{e.at}\t{e.day}\t"
        f"{e.booked_at}\t{text(e.task)}\t{text(e.department)}\t{text(e.provider)}\t{text(e.model)}\t"
        f"{text(e.model_asked)}\t{text(e.model_answered)}\t{text(e.region)}\t{text(e.tier)}\t{text(e.purpose)}\t{e.status}\t"
        f"{_or_null(e.http_status)}\t{text(e.error_code)}\t{e.calls}\t{json(e.usage_raw)}\t{_or_null(e.latency_ms)}\t"
        f"{_or_null(e.first_token_ms)}\t{e.state}\t{text(e.reason)}\t{text(e.currency)}\t{_or_null(e.cost)}\t"
        f"{text(e.price_block)}\t{text(e.price_book)}\t{_or_null(e.rate_id)}\t{_or_null(e.rate)}\t{_or_null(e.cost_jpy)}\t"
        f"{_or_null(e.reported_cost)}\t{text(e.reported_currency)}\t{text(e.source)}\t{_or_null(e.run_id)}\t"
        f"{u.input_tokens}\t{u.output_tokens}\t{u.cache_read_tokens}\t{u.cache_write_tokens}\t"
        f"{u.cache_write_1h_tokens}\t{u.reasoning_tokens}\t{u.input_audio_tokens}\t{u.output_audio_tokens}\t"
        f"{u.cache_audio_read_tokens}\t{u.input_image_tokens}\t{u.output_image_tokens}\t{u.web_searches}\n"
    )


def _or_null(value: object) -> object:
    return NULL if value is None else value


def _entry(row: tuple[Any, ...]) -> Entry:
    plain = dict(zip(_PLAIN, row, strict=False))
    return Entry(usage=Usage(*row[len(_PLAIN) :]), **plain)
