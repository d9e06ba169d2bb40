"""How it is kept what marks stand for: sealed, within a thread, until a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from jitsuri.guardrails.shapes import SealedPseudonym
from jitsuri.store.door import Connection

_COLUMNS = "thread_id, mark, sealed, key_name, type, expires_on"


def insert_many(tx: Connection, rows: Sequence[SealedPseudonym]) -> None:
    """Write what is new; a mark that a thread has already stays as it is. In one order, so that writers never wait in a ring."""
    if not rows:
        return
    ordered = sorted(rows, key=lambda row: (row.thread_id, row.mark))
    tx.execute(
        f"INSERT INTO guard_pseudonyms ({_COLUMNS}) SELECT * FROM unnest("  # noqa: S608
        "%s::uuid[], %s::text[], %s::bytea[], %s::text[], %s::text[], %s::date[]) ON CONFLICT (thread_id, mark) DO NOTHING",
        [
            [row.thread_id for row in ordered], [row.mark for row in ordered], [row.sealed for row in ordered],
            [row.key_name for row in ordered], [row.type for row in ordered], [row.expires_on for row in ordered],
        ],
    )  # fmt: skip


def of_thread(tx: Connection, thread_id: UUID) -> list[SealedPseudonym]:
    """Everything that a thread's marks stand for, by mark."""
    rows = tx.execute(f"SELECT {_COLUMNS} FROM guard_pseudonyms WHERE thread_id = %s ORDER BY mark", (thread_id,))  # noqa: S608
    return [SealedPseudonym(row[0], row[1], bytes(row[2]), row[3], row[4], row[5]) for row in rows]


def delete_due(tx: Connection, today: date, limit: int) -> int:
    """Delete up to ``limit`` of those whose last day has passed; returns how many."""
    return tx.execute(
        "DELETE FROM guard_pseudonyms WHERE ctid = ANY(ARRAY("
        "SELECT ctid FROM guard_pseudonyms WHERE expires_on < %s LIMIT %s FOR UPDATE SKIP LOCKED))",
        (today, limit),
    ).rowcount
