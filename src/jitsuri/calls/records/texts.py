"""Kept texts: sealed rows with a last day, and the dated policies that allow them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from jitsuri.store.door import Connection


def insert_many(tx: Connection, texts: Sequence[tuple[UUID, str, bytes, str, date]]) -> None:
    """Write ``(call id, part, sealed bytes, key name, delete on)``."""
    if not texts:
        return
    with tx.cursor() as cursor, cursor.copy(
        "COPY calls_texts (call_id, part, sealed, key_name, delete_on) FROM STDIN"
    ) as copy:
        copy.set_types(["uuid", "text", "bytea", "text", "date"])
        for row in texts:
            copy.write_row(row)


def of_call(tx: Connection, call_id: UUID) -> dict[str, tuple[bytes, str, date]]:
    """``part → (sealed bytes, key name, delete on)`` of a call."""
    rows = tx.execute("SELECT part, sealed, key_name, delete_on FROM calls_texts WHERE call_id = %s", (call_id,))
    return {row[0]: (bytes(row[1]), row[2], row[3]) for row in rows}


def delete_due(tx: Connection, today: date) -> int:
    """Delete the texts whose last day has passed; returns how many."""
    return tx.execute("DELETE FROM calls_texts WHERE delete_on < %s", (today,)).rowcount
