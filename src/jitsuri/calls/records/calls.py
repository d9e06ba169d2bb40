"""Calls as rows: known ones are looked up first, so that a repeated import adds nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from jitsuri.calls.shapes import Call
from jitsuri.store.batching import Batch
from jitsuri.store.copying import NULL, copy_lines, json, rows_json, text
from jitsuri.store.door import Connection

_IMPORT_LOCK = 5_410_010
"""Advisory lock: batches of two imports at once go one after the other, so that "known" stays true."""

_COLUMNS = (
    "call_id", "content_hash", "at", "thread_id", "task", "department", "group_id", "provider", "model", "status",
    "key_name", "source", "run_id", "line", "metadata", "answer_id",
)  # fmt: skip
_TYPES = {
    "call_id": "uuid", "at": "timestamptz", "thread_id": "uuid", "group_id": "uuid", "run_id": "uuid", "line": "int8",
    "metadata": "jsonb", "answer_id": "uuid",
}  # fmt: skip
_TEXT = "text"
_KEEP = (
    f"INSERT INTO calls_calls ({', '.join(_COLUMNS)}) SELECT "  # noqa: S608  # our own column names
    + ", ".join("decode(content_hash, 'base64')" if name == "content_hash" else name for name in _COLUMNS)
    + " FROM json_to_recordset($1) AS c ("
    + ", ".join(f"{name} {_TYPES.get(name, _TEXT)}" for name in _COLUMNS)
    + ")"
)
_COPY = f"COPY calls_calls ({', '.join(_COLUMNS)}) FROM STDIN"
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM calls_calls"  # noqa: S608  # our own column names


def lock_import(tx: Connection) -> None:
    """Hold the import lock until the transaction ends."""
    tx.execute("SELECT pg_advisory_xact_lock(%s)", (_IMPORT_LOCK,))


def known(tx: Connection, call_ids: Sequence[UUID]) -> dict[UUID, tuple[str, bytes]]:
    """Source and content hash of those calls that are kept already, also under the id of their upstream's answer."""
    wanted = list(call_ids)
    rows = tx.execute(
        "SELECT call_id, source, content_hash FROM calls_calls WHERE call_id = ANY(%(ids)s) "
        "UNION ALL SELECT answer_id, source, content_hash FROM calls_calls WHERE answer_id = ANY(%(ids)s)",
        {"ids": wanted},
    )
    return {row[0]: (row[1], bytes(row[2])) for row in rows}


def insert_many(tx: Connection, calls: Sequence[Call]) -> None:
    """Write calls; an id that exists already is a UniqueViolation."""
    copy_lines(tx, _COPY, map(_line, calls))


def _line(c: Call) -> str:
    """A call as a line of COPY, in the order of ``_COLUMNS``."""
    metadata = json(c.metadata) if c.metadata else "{}"
    return (
        f"{c.call_id}\t\\\\x{c.content_hash.hex()}\t{c.at}\t{c.thread_id}\t{text(c.task)}\t{text(c.department)}\t"
        f"{c.group_id}\t{text(c.provider)}\t{text(c.model)}\t{c.status}\t{text(c.key_name)}\t{text(c.source)}\t"
        f"{c.run_id}\t{c.line}\t{metadata}\t{NULL if c.answer_id is None else c.answer_id}\n"
    )


def keep_many(batch: Batch, calls: Sequence[Call]) -> None:
    """Write calls, on the path of calls."""
    batch.run(_KEEP, rows_json(calls))


def replace_many(tx: Connection, calls: Sequence[tuple[Call, bytes]]) -> set[UUID]:
    """Put calls as they were in the place of those that stand in for them, by the stand-in's content hash; returns whose.

    Task, department and prompt group stay as they are: somebody may have given the call to another task since.
    """
    replaced = set()
    for call, stand_in in calls:
        done = tx.execute(
            "UPDATE calls_calls SET content_hash = %s, provider = %s, model = %s, status = %s, answer_id = %s "
            "WHERE call_id = %s AND content_hash = %s",
            (call.content_hash, call.provider, call.model, call.status, call.answer_id, call.call_id, stand_in),
        )
        if done.rowcount:
            replaced.add(call.call_id)
    return replaced


def one(tx: Connection, call_id: UUID) -> Call | None:
    """The call with this id."""
    row = tx.execute(f"{_SELECT} WHERE call_id = %s", (call_id,)).fetchone()
    return Call(*row) if row else None


def of_group(tx: Connection, group_ids: Sequence[UUID], limit: int) -> list[UUID]:
    """Ids of at most ``limit`` calls of these prompt groups that belong to no task yet."""
    rows = tx.execute(
        "SELECT call_id FROM calls_calls WHERE task = '' AND group_id = ANY(%s) LIMIT %s", (list(group_ids), limit)
    )
    return [row[0] for row in rows]


def set_task(tx: Connection, call_ids: Sequence[UUID], task: str, department: str) -> None:
    """Give calls to a task; '' as department leaves each call's own."""
    tx.execute(
        "UPDATE calls_calls SET task = %(task)s, "
        "department = CASE WHEN %(department)s = '' THEN department ELSE %(department)s END "
        "WHERE call_id = ANY(%(ids)s)",
        {"task": task, "department": department, "ids": list(call_ids)},
    )


def set_models(tx: Connection, models: Sequence[tuple[UUID, str, str]]) -> None:
    """Write ``(call id, provider, model)`` where a later price knows the model by another name."""
    if models:
        ids, providers, names = zip(*models, strict=True)
        tx.execute(
            "UPDATE calls_calls c SET provider = n.provider, model = n.model FROM "
            "unnest(%s::uuid[], %s::text[], %s::text[]) AS n(call_id, provider, model) WHERE c.call_id = n.call_id",
            (list(ids), list(providers), list(names)),
        )


def thread_of_answers(tx: Connection, answer_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Which thread these answers belong to, as far as they came in."""
    rows = tx.execute("SELECT answer_id, thread_id FROM calls_answers WHERE answer_id = ANY(%s)", (list(answer_ids),))
    return dict(rows.fetchall())


def insert_answers(tx: Connection, threads: Mapping[UUID, UUID]) -> None:
    """Remember to which thread each answer belongs."""
    with tx.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO calls_answers VALUES (%s, %s) ON CONFLICT (answer_id) DO NOTHING", sorted(threads.items())
        )


def link_threads(tx: Connection, links: Mapping[UUID, UUID]) -> None:
    """Say that a thread is the later-found name of another (root) thread."""
    with tx.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO calls_thread_links VALUES (%s, %s) "
            "ON CONFLICT (thread_id) DO UPDATE SET root_id = EXCLUDED.root_id",
            sorted(links.items()),
        )
        cursor.executemany(
            "UPDATE calls_thread_links SET root_id = %s WHERE root_id = %s",
            [(root, thread) for thread, root in sorted(links.items())],
        )


def of_thread(tx: Connection, thread_id: UUID) -> list[Call]:
    """All calls of the thread, later-found names included, by time."""
    rows = tx.execute(
        "WITH root AS (SELECT coalesce((SELECT root_id FROM calls_thread_links "  # noqa: S608  # our own column names
        "WHERE thread_id = %(id)s), %(id)s) AS id) "
        f"{_SELECT} WHERE thread_id IN (SELECT id FROM root UNION "
        "SELECT thread_id FROM calls_thread_links WHERE root_id = (SELECT id FROM root)) ORDER BY at, call_id",
        {"id": thread_id},
    )
    return [Call(*row) for row in rows]
