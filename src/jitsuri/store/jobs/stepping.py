"""The steps of a job that runs: each at least once, and never again once its result is recorded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from jitsuri.store.door import Connection, Store
from jitsuri.store.jobs.queueing import plain_json
from jitsuri.store.jobs.shapes import Taken
from jitsuri.terms.errors import OperatorError

RECORD_SECONDS = 120.0
"""How long the result of a step that is done waits for a database that is away: it may have been paid for (decision 0032)."""


class Stopped(Exception):  # noqa: N818 - nothing went wrong
    """A run ends before its next step; the job goes on elsewhere, or was cancelled."""


class LaidDown(Stopped):
    """The worker is to stop: the job waits for the next one."""


class TakenOver(Stopped):
    """Another worker has the job: nothing that this run does counts any more."""


class Cancelled(Stopped):
    """Somebody asked for its end."""


class Steps:
    """``step(name, work, *arguments)`` for one run of a job.

    Returns what is recorded where the step was done before; else does ``work(*arguments)`` and records what it returns,
    which is plain JSON and comes back as such (a tuple as a list). A worker may die between the two: the work happens at
    least once, so its effects need ids or keys of their own with which a second time changes nothing.

    Raises OperatorError ``step_changed`` where the name stands for other arguments, and ``Stopped``, which whoever runs
    the job understands. For one thread.
    """

    def __init__(
        self, store: Store, taken: Taken, now: Callable[[], datetime], is_stopping: Callable[[], bool] = lambda: False
    ) -> None:
        self._store = store
        self._taken = taken
        self._now = now
        self._is_stopping = is_stopping

    def __call__(self, name: str, work: Callable[..., Any], /, *arguments: Any) -> Any:
        digest = hashlib.sha256(plain_json(arguments).encode()).digest()
        with self._store.reading() as tx:
            found = tx.execute(
                "SELECT arguments_hash, result FROM store_jobs_steps WHERE job_id = %s AND step = %s",
                (self._taken.job_id, name),
            ).fetchone()
        if found is not None:
            if bytes(found[0]) != digest:
                raise OperatorError("step_changed", job=str(self._taken.job_id), name=self._taken.name, step=name)
            return found[1]
        self.look()
        told = plain_json(work(*arguments))
        self._store.retrying(lambda tx: self._record(tx, name, digest, told), seconds=RECORD_SECONDS)
        return msgspec.json.decode(told)

    def look(self) -> None:
        """Raise ``Stopped`` where this run should end now; a long step may ask in between."""
        if self._is_stopping():
            raise LaidDown
        with self._store.reading() as tx:
            found = tx.execute(
                "SELECT run, state, is_cancel_asked FROM store_jobs WHERE job_id = %s", (self._taken.job_id,)
            ).fetchone()
        if found is None or found[:2] != (self._taken.run, "running"):
            raise TakenOver
        if found[2]:
            raise Cancelled

    def progress(self, done: int, total: int | None = None) -> None:
        """Say how far the job is, in whatever it counts: for pages."""
        with self._store.transaction() as tx:
            tx.execute(
                "UPDATE store_jobs SET done = %s, total = %s, moved_at = %s WHERE job_id = %s AND run = %s",
                (done, total, self._now(), self._taken.job_id, self._taken.run),
            )

    def _record(self, tx: Connection, name: str, digest: bytes, result: str) -> None:
        now = self._now()
        held = tx.execute(
            "UPDATE store_jobs SET moved_at = %s WHERE job_id = %s AND run = %s AND state = 'running'",
            (now, self._taken.job_id, self._taken.run),
        )
        if not held.rowcount:
            raise TakenOver
        tx.execute(
            "INSERT INTO store_jobs_steps (job_id, step, arguments_hash, result, run, ended_at) "
            "VALUES (%s, %s, %s, %s::jsonb, %s, %s) ON CONFLICT DO NOTHING",
            (self._taken.job_id, name, digest, result, self._taken.run, now),
        )
