"""Keeping jobs: what runs in the background, looked at, tried again, cancelled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from jitsuri.evidence import records as evidence
from jitsuri.evidence.rules import record_of
from jitsuri.store.door import Connection, Store
from jitsuri.store.jobs import queueing
from jitsuri.store.jobs.shapes import JOB_STATES, DoneStep, Job
from jitsuri.terms.outcomes import Refusal

SHOWN_JOBS = 200


@dataclass(frozen=True, slots=True)
class JobView:
    """A job with its finished steps."""

    job: Job
    steps: tuple[DoneStep, ...]


def job_list(tx: Connection, limit: int = SHOWN_JOBS) -> list[Job]:
    """The newest jobs, living ones first."""
    living = queueing.newest(tx, ("waiting", "running"), limit)
    ended = queueing.newest(tx, tuple(state for state in JOB_STATES if state not in ("waiting", "running")), limit)
    return (living + ended)[:limit]


def job_view(tx: Connection, job_id: UUID) -> JobView | None:
    """One job; None where there is none."""
    found = queueing.one(tx, job_id)
    return JobView(found, tuple(queueing.steps_of(tx, job_id))) if found is not None else None


def retry_job(store: Store, now: datetime, by: str, job_id: UUID) -> Job | Refusal:
    """Let a job that failed or was cancelled go on after its last finished step.

    Refuses ``job_absent``, ``job_not_ended``, and ``job_key_living`` where another job about the same is at work.
    """
    with store.transaction() as tx:
        found = queueing.for_change(tx, job_id)
        if found is None:
            return Refusal("job_absent", {"value": str(job_id)})
        if found.state not in ("failed", "cancelled"):
            return Refusal("job_not_ended", {"value": str(job_id), "state": found.state})
        other = queueing.living(tx, found.key)
        if other is not None:
            return Refusal("job_key_living", {"value": str(job_id), "other": str(other.job_id)})
        queueing.set_waiting(tx, job_id)
        return _noted(tx, now, by, "job_retried", found)


def cancel_job(store: Store, now: datetime, by: str, job_id: UUID) -> Job | Refusal:
    """Cancel a job: at once where it waits, before its next step where it runs.

    Refuses ``job_absent``, ``job_ended``.
    """
    with store.transaction() as tx:
        found = queueing.for_change(tx, job_id)
        if found is None:
            return Refusal("job_absent", {"value": str(job_id)})
        if not found.is_living:
            return Refusal("job_ended", {"value": str(job_id), "state": found.state})
        queueing.ask_cancel(tx, now, job_id)
        return _noted(tx, now, by, "job_cancelled", found)


def _noted(tx: Connection, now: datetime, by: str, act: str, job: Job) -> Job:
    facts = {"name": job.name, "key": job.key, "error_code": job.error_code, "steps": job.steps}
    evidence.append(tx, record_of(now, by, act, f"job:{job.job_id}", facts))
    after = queueing.one(tx, job.job_id)
    assert after is not None
    return after
