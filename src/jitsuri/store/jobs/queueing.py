"""Jobs as rows: asked for in the transaction of the act that needs them, taken and ended by whoever runs them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from jitsuri.store.door import Connection, without_nul
from jitsuri.store.jobs.shapes import DoneStep, Job, Taken
from jitsuri.terms.ids import derived_id

LIVING = "('waiting', 'running')"
CHANNEL = "jitsuri_jobs"
"""Channel of PostgreSQL's NOTIFY: a job waits. Workers look now and then all the same."""
_HERE_LOCK = 5_410
"""First of the two numbers of the advisory lock of a job that runs in the process of a command."""
_COLUMNS = (
    "job_id, name, arguments, key, asked_by, asked_at, state, run, worker, done, total, is_cancel_asked, started_at, "
    "moved_at, ended_at, error_code, error_facts, "
    "(SELECT count(*) FROM store_jobs_steps s WHERE s.job_id = store_jobs.job_id)"
)


def enqueue(
    tx: Connection,
    now: datetime,
    by: str,
    name: str,
    arguments: Mapping[str, Any],
    key: str,
    *,
    job_id: UUID | None = None,
) -> UUID:
    """Ask for a job, in the transaction of what needs it: it is there if, and only if, that is. Returns its id.

    ``arguments`` are plain JSON: ids and names, never texts of callers, because jobs are read by administrators. ``key``
    names what it is about (``trial:…``): where a living job of that key is there already, nothing is added and that
    job's id is returned. The id is derived from name, key and ``now``, or handed in: the same id is the same job.
    """
    made = job_id or derived_id("job", name, key, now.isoformat())
    while True:
        added = tx.execute(
            "INSERT INTO store_jobs (job_id, name, arguments, key, asked_by, asked_at, state) "
            "VALUES (%s, %s, %s::jsonb, %s, %s, %s, 'waiting') ON CONFLICT DO NOTHING RETURNING job_id",
            (made, name, plain_json(dict(arguments)), key, by, now),
        ).fetchone()
        if added is not None:
            _ring(tx)
            return made
        found = tx.execute(
            f"SELECT job_id FROM store_jobs WHERE job_id = %s OR (key = %s AND state IN {LIVING}) "  # noqa: S608
            "ORDER BY job_id = %s LIMIT 1",
            (made, key, made),
        ).fetchone()
        if found is not None:  # else it ended just now
            there: UUID = found[0]
            return there


def _ring(tx: Connection) -> None:
    tx.execute("SELECT pg_notify(%s, '')", (CHANNEL,))


def hear(connection: Connection) -> None:
    """Let this connection (in autocommit) hear that a job waits."""
    connection.execute(f"LISTEN {CHANNEL}")


def plain_json(value: object) -> str:
    """A value as JSON that PostgreSQL can hold, keys in order. Raises TypeError for what has no plain form."""
    text = msgspec.json.encode(value, order="deterministic").decode()
    if "\\u0000" in text:
        text = msgspec.json.encode(_without_nul(msgspec.json.decode(text)), order="deterministic").decode()
    return text


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return without_nul(value)
    if isinstance(value, list):
        return [_without_nul(one) for one in value]
    if isinstance(value, dict):
        return {without_nul(name): _without_nul(one) for name, one in value.items()}
    return value


# -- for whoever carries jobs to workers


def hand_over(tx: Connection, give: Callable[[UUID], int], limit: int = 100) -> int:
    """Give jobs that wait to the library, in this transaction; ``give`` returns its number for each. Returns how many."""
    waiting = tx.execute(
        "SELECT job_id FROM store_jobs WHERE state = 'waiting' AND queue_number IS NULL "
        "ORDER BY asked_at, job_id LIMIT %s FOR UPDATE SKIP LOCKED",
        (limit,),
    ).fetchall()
    for (job_id,) in waiting:
        tx.execute("UPDATE store_jobs SET queue_number = %s WHERE job_id = %s", (give(job_id), job_id))
    return len(waiting)


def handed_over(tx: Connection) -> dict[UUID, int]:
    """Living jobs that the library has, with its numbers."""
    return dict(
        tx.execute(
            f"SELECT job_id, queue_number FROM store_jobs WHERE state IN {LIVING} AND queue_number IS NOT NULL"  # noqa: S608
        ).fetchall()
    )


def hand_back(tx: Connection, job_id: UUID, number: int) -> bool:
    """A living job whose delivery came to nothing waits to be handed over again; False where it has moved on."""
    done = tx.execute(
        "UPDATE store_jobs SET state = 'waiting', queue_number = NULL, worker = '' "
        "WHERE job_id = %s AND queue_number = %s AND state IN ('waiting', 'running')",
        (job_id, number),
    )
    return done.rowcount == 1


def hand_back_left(tx: Connection) -> int:
    """Jobs that a command ran in its own process, which has gone, wait for a worker. Returns how many."""
    left = 0
    rows = tx.execute("SELECT job_id FROM store_jobs WHERE is_here AND state = 'running'").fetchall()
    for (job_id,) in rows:
        [(is_left,)] = tx.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", here_lock(job_id)).fetchall()
        if is_left:
            left += tx.execute(
                "UPDATE store_jobs SET state = 'waiting', queue_number = NULL, is_here = false, worker = '' "
                "WHERE job_id = %s AND is_here AND state = 'running'",
                (job_id,),
            ).rowcount
    return left


def here_lock(job_id: UUID) -> tuple[int, int]:
    """The advisory lock that a command holds on a session of its own while it runs a job itself."""
    return _HERE_LOCK, int.from_bytes(job_id.bytes[-4:], "big", signed=True)


def forget_ended(tx: Connection, before: datetime) -> int:
    """Delete jobs, with their steps, that ended well or were cancelled before then; failed ones stay."""
    return tx.execute(
        "DELETE FROM store_jobs WHERE state IN ('done', 'cancelled') AND ended_at < %s", (before,)
    ).rowcount


# -- for whoever runs a job


def take(tx: Connection, now: datetime, job_id: UUID, worker: str, number: int | None) -> Taken | None:
    """Take a job to run it: the delivery of that number, or (None) in the process of a command.

    A delivery may take a job that is running: its worker was found dead, and what that one still writes no longer counts.
    None where the job has ended, is held by another delivery, or was cancelled while it waited.
    """
    allowed = "queue_number = %s AND NOT is_here" if number is not None else "%s::bigint IS NULL AND state = 'waiting'"
    found = tx.execute(
        "UPDATE store_jobs SET state = 'running', run = run + 1, worker = %s, is_here = %s, queue_number = %s, "  # noqa: S608
        "started_at = coalesce(started_at, %s), moved_at = %s, error_code = '', error_facts = '{}' "
        f"WHERE job_id = %s AND state IN {LIVING} AND {allowed} RETURNING name, arguments, run",
        (worker, number is None, number, now, now, job_id, number),
    ).fetchone()
    return Taken(job_id, *found) if found else None


def end(
    tx: Connection, now: datetime, taken: Taken, state: str, code: str = "", facts: Mapping[str, Any] | None = None
) -> bool:
    """A run is over: ``done``, ``failed`` or ``cancelled``. False where another has taken the job since."""
    done = tx.execute(
        "UPDATE store_jobs SET state = %s, ended_at = %s, moved_at = %s, error_code = %s, error_facts = %s::jsonb, "
        "is_here = false, worker = '' WHERE job_id = %s AND run = %s AND state = 'running'",
        (state, now, now, code, plain_json(dict(facts or {})), taken.job_id, taken.run),
    )
    return done.rowcount == 1


def lay_down(tx: Connection, taken: Taken) -> bool:
    """A run stops before its end, and the job waits for the next worker."""
    done = tx.execute(
        "UPDATE store_jobs SET state = 'waiting', queue_number = NULL, is_here = false, worker = '' "
        "WHERE job_id = %s AND run = %s AND state = 'running'",
        (taken.job_id, taken.run),
    )
    if done.rowcount:
        _ring(tx)
    return done.rowcount == 1


def hold_here(session: Connection, job_id: UUID) -> bool:
    """Say, for as long as this session lasts, that a command runs the job in its own process. False where another does."""
    [(is_ours,)] = session.execute("SELECT pg_try_advisory_lock(%s, %s)", here_lock(job_id)).fetchall()
    return bool(is_ours)


def leave_here(tx: Connection, job_id: UUID) -> None:
    """The command goes; the job that it ran waits for a worker."""
    tx.execute(
        "UPDATE store_jobs SET state = 'waiting', queue_number = NULL, is_here = false, worker = '' "
        "WHERE job_id = %s AND is_here AND state = 'running'",
        (job_id,),
    )
    _ring(tx)


# -- for people


def one(tx: Connection, job_id: UUID) -> Job | None:
    """A job as it stands."""
    found = tx.execute(f"SELECT {_COLUMNS} FROM store_jobs WHERE job_id = %s", (job_id,)).fetchone()  # noqa: S608
    return Job(*found) if found else None


def newest(tx: Connection, states: Collection[str], limit: int) -> list[Job]:
    """Jobs in these states, the one asked for last first."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM store_jobs WHERE state = ANY(%s) ORDER BY asked_at DESC, job_id LIMIT %s",  # noqa: S608
        (list(states), limit),
    ).fetchall()
    return [Job(*row) for row in rows]


def living(tx: Connection, key: str) -> Job | None:
    """The living job of a key: what a page says about the work that it shows."""
    found = tx.execute(
        f"SELECT {_COLUMNS} FROM store_jobs WHERE key = %s AND state IN {LIVING}",  # noqa: S608
        (key,),
    ).fetchone()
    return Job(*found) if found else None


def latest(tx: Connection, key: str) -> Job | None:
    """The job of a key that was asked for last, whatever became of it."""
    found = tx.execute(
        f"SELECT {_COLUMNS} FROM store_jobs WHERE key = %s ORDER BY asked_at DESC, job_id LIMIT 1",  # noqa: S608
        (key,),
    ).fetchone()
    return Job(*found) if found else None


def steps_of(tx: Connection, job_id: UUID) -> list[DoneStep]:
    """The steps of a job that are done, in the order in which they ended."""
    rows = tx.execute(
        "SELECT step, run, ended_at FROM store_jobs_steps WHERE job_id = %s ORDER BY ended_at, step", (job_id,)
    ).fetchall()
    return [DoneStep(*row) for row in rows]


def for_change(tx: Connection, job_id: UUID) -> Job | None:
    """A job, held against others until the end of the transaction."""
    tx.execute("SELECT 1 FROM store_jobs WHERE job_id = %s FOR UPDATE", (job_id,))
    return one(tx, job_id)


def set_waiting(tx: Connection, job_id: UUID) -> None:
    """A failed or cancelled job waits again; its finished steps stay finished."""
    tx.execute(
        "UPDATE store_jobs SET state = 'waiting', queue_number = NULL, ended_at = NULL, is_cancel_asked = false, "
        "error_code = '', error_facts = '{}' WHERE job_id = %s AND state IN ('failed', 'cancelled')",
        (job_id,),
    )
    _ring(tx)


def ask_cancel(tx: Connection, now: datetime, job_id: UUID) -> None:
    """A job that waits is cancelled; one that runs is, before its next step."""
    tx.execute(
        "UPDATE store_jobs SET is_cancel_asked = true, state = CASE state WHEN 'waiting' THEN 'cancelled' ELSE state END, "
        "ended_at = CASE state WHEN 'waiting' THEN %s END "
        "WHERE job_id = %s AND state IN ('waiting', 'running')",
        (now, job_id),
    )
