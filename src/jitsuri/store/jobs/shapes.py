"""What a job is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

JobState = Literal["waiting", "running", "done", "failed", "cancelled"]
JOB_STATES: tuple[JobState, ...] = ("waiting", "running", "done", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Job:
    """仕事: one piece of work in the background, as it stands."""

    job_id: UUID
    name: str
    """Which work, as registered: ``words`` holds ``job.<name>``."""
    arguments: Mapping[str, Any]
    key: str
    """What it is about; there is one living job of a key at a time."""
    asked_by: str
    asked_at: datetime
    state: JobState
    run: int
    """How often a worker has taken it; what an earlier one still does no longer counts."""
    worker: str
    done: int | None
    total: int | None
    """How far it is, of how much, in whatever it counts; None where it does not say."""
    is_cancel_asked: bool
    started_at: datetime | None
    moved_at: datetime | None
    """When it last began, or ended a step, or told how far it is."""
    ended_at: datetime | None
    error_code: str
    error_facts: Mapping[str, Any]
    steps: int
    """Steps that are done."""

    @property
    def is_living(self) -> bool:
        return self.state in ("waiting", "running")


@dataclass(frozen=True, slots=True)
class DoneStep:
    """One step of a job that is done."""

    name: str
    run: int
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """A job in the hands of the one who runs it: what it writes counts while no other has taken it."""

    job_id: UUID
    name: str
    arguments: dict[str, Any]
    run: int
