"""Kept texts: sealed rows with a last day, and the dated policies that allow them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from jitsuri.calls.shapes import TextPolicy
from jitsuri.store.announcing import announce
from jitsuri.store.door import Connection


def insert_many(tx: Connection, texts: Sequence[tuple[UUID, str, bytes, str, date]]) -> None:
    """Write ``(call id, part, sealed bytes, key name, delete on)``."""
    if not texts:
        return
    with (
        tx.cursor() as cursor,
        cursor.copy("COPY calls_texts (call_id, part, sealed, key_name, delete_on) FROM STDIN") as copy,
    ):
        copy.set_types(["uuid", "text", "bytea", "text", "date"])
        for row in texts:
            copy.write_row(row)


def of_call(tx: Connection, call_id: UUID) -> dict[str, tuple[bytes, str, date]]:
    """``part → (sealed bytes, key name, delete on)`` of a call."""
    rows = tx.execute("SELECT part, sealed, key_name, delete_on FROM calls_texts WHERE call_id = %s", (call_id,))
    return {row[0]: (bytes(row[1]), row[2], row[3]) for row in rows}


def parts_of_calls(tx: Connection, call_ids: Sequence[UUID]) -> dict[UUID, set[str]]:
    """Which parts of these calls are kept."""
    found: dict[UUID, set[str]] = {}
    for call_id, part in tx.execute("SELECT call_id, part FROM calls_texts WHERE call_id = ANY(%s)", (list(call_ids),)):
        found.setdefault(call_id, set()).add(part)
    return found


def newest_whole(tx: Connection, task: str, limit: int) -> list[tuple[UUID, datetime]]:
    """Calls of a task whose request and answer are kept, newest first: ``(call id, when)``."""
    rows = tx.execute(
        "SELECT call_id, at FROM calls_calls AS c WHERE task = %s AND status = 'ok' AND 2 = (SELECT count(*) FROM calls_texts "
        "AS t WHERE t.call_id = c.call_id AND t.part IN ('request', 'response')) ORDER BY at DESC, call_id LIMIT %s",
        (task, limit),
    )
    return [(row[0], row[1]) for row in rows]


def newest_requests(tx: Connection, task: str, limit: int) -> list[tuple[UUID, datetime, bytes, str]]:
    """The kept requests of a task, newest first: ``(call id, when, sealed bytes, key name)``."""
    rows = tx.execute(
        "SELECT call_id, at, sealed, t.key_name FROM calls_calls JOIN calls_texts AS t USING (call_id) "
        "WHERE task = %s AND part = 'request' ORDER BY at DESC, call_id LIMIT %s",
        (task, limit),
    )
    return [(row[0], row[1], bytes(row[2]), row[3]) for row in rows]


def newest_request_times(tx: Connection, task: str, since: datetime, limit: int) -> list[tuple[UUID, datetime]]:
    """Calls of a task since then whose request is kept, newest first: ``(call id, when)``."""
    rows = tx.execute(
        "SELECT call_id, at FROM calls_calls JOIN calls_texts AS t USING (call_id) "
        "WHERE task = %s AND at >= %s AND part = 'request' ORDER BY at DESC, call_id LIMIT %s",
        (task, since, limit),
    )
    return [(row[0], row[1]) for row in rows]


def is_of(tx: Connection, call_id: UUID, task: str) -> bool:
    """Whether a call belongs to a task."""
    row = tx.execute("SELECT true FROM calls_calls WHERE call_id = %s AND task = %s", (call_id, task)).fetchone()
    return row is not None


def times_of(tx: Connection, task: str, call_ids: Sequence[UUID]) -> list[tuple[UUID, datetime]]:
    """Those of these calls that are the task's and have their request kept, with when they were."""
    rows = tx.execute(
        "SELECT call_id, at FROM calls_calls JOIN calls_texts USING (call_id) "
        "WHERE task = %s AND call_id = ANY(%s) AND part = 'request'",
        (task, list(call_ids)),
    )
    return [(row[0], row[1]) for row in rows]


def delete_due(tx: Connection, today: date) -> int:
    """Delete the texts whose last day has passed; returns how many."""
    return tx.execute("DELETE FROM calls_texts WHERE delete_on < %s", (today,)).rowcount


def policies(tx: Connection) -> dict[str, TextPolicy]:
    """The policy in force per task: the latest row."""
    rows = tx.execute(
        "SELECT DISTINCT ON (task) task, keep, retention_days, key_name, reason FROM calls_text_policies "
        "ORDER BY task, set_at DESC"
    )
    return {row[0]: TextPolicy(*row) for row in rows}


def save_policy(tx: Connection, policy: TextPolicy, author: str, now: datetime) -> None:
    """Write a new row; earlier ones stay, as a record of what held when."""
    tx.execute(
        "INSERT INTO calls_text_policies (task, keep, retention_days, key_name, reason, author, set_at) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (policy.task, policy.keep, policy.retention_days, policy.key_name, policy.reason, author, now),
    )
    announce(tx, "texts")


@dataclass(frozen=True, slots=True)
class KeptThread:
    """The last call of a thread whose request is kept; ``has_answer``: its response is kept too."""

    call_id: UUID
    thread_id: UUID
    at: datetime
    provider: str
    model: str
    source: str
    metadata: Mapping[str, str]
    has_answer: bool


def last_of_threads(tx: Connection, task: str, since: datetime, limit: int) -> list[KeptThread]:
    """Of every thread of a task its last call since then that was answered and whose request is kept, newest first.

    Threads go under the name they have now. A later request carries the earlier ones of its thread.
    """
    rows = tx.execute(
        "SELECT call_id, thread_id, at, provider, model, source, metadata, "
        "EXISTS (SELECT FROM calls_texts a WHERE a.call_id = last.call_id AND a.part = 'response') FROM ("
        "SELECT DISTINCT ON (coalesce(l.root_id, c.thread_id)) c.call_id, coalesce(l.root_id, c.thread_id) AS thread_id, "
        "c.at, c.provider, c.model, c.source, c.metadata FROM calls_calls c "
        "JOIN calls_texts t ON t.call_id = c.call_id AND t.part = 'request' "
        "LEFT JOIN calls_thread_links l ON l.thread_id = c.thread_id "
        "WHERE c.task = %s AND c.at >= %s AND c.status = 'ok' "
        "ORDER BY coalesce(l.root_id, c.thread_id), c.at DESC, c.call_id) AS last "
        "ORDER BY at DESC, call_id LIMIT %s",
        (task, since, limit),
    )
    return [KeptThread(*row) for row in rows]


def of_calls(tx: Connection, call_ids: Sequence[UUID]) -> dict[UUID, dict[str, tuple[bytes, str, date]]]:
    """What ``of_call`` gives, for several calls at once."""
    rows = tx.execute(
        "SELECT call_id, part, sealed, key_name, delete_on FROM calls_texts WHERE call_id = ANY(%s)", (list(call_ids),)
    )
    found: dict[UUID, dict[str, tuple[bytes, str, date]]] = {}
    for call_id, part, sealed, key_name, delete_on in rows:
        found.setdefault(call_id, {})[part] = (bytes(sealed), key_name, delete_on)
    return found
