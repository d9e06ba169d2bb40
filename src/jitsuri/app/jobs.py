"""Which work there is in the background: jobs by name, and chores that ask for one now and then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from importlib.metadata import entry_points
from typing import Any
from zoneinfo import ZoneInfo

from jitsuri.app import trialling
from jitsuri.app.job_tools import JobWork

EXTENSIONS = "jitsuri.jobs"
"""Group of entry points: each is a function ``(Registry) -> None`` of an installed package that adds jobs of its own."""


@dataclass(frozen=True, slots=True)
class Chore:
    """A job that is asked for again and again: every so many seconds, or daily at a time of the company's day.

    ``at`` is that time; ``every_s`` counts from 1970, so all machines mean the same moments. What fell due while nothing
    ran is done once, at the next start.
    """

    job: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    every_s: int = 0
    at: time | None = None

    def due(self, now: datetime, zone: ZoneInfo) -> datetime:
        """The latest moment, not after now, at which it was due."""
        if self.at is not None:
            today = datetime.combine(now.astimezone(zone).date(), self.at, zone)
            return (today if today <= now else today - timedelta(days=1)).astimezone(UTC)
        seconds = int(now.timestamp()) // self.every_s * self.every_s
        return datetime.fromtimestamp(seconds, UTC)


@dataclass
class Registry:
    """Jobs and chores by name."""

    jobs: dict[str, JobWork] = field(default_factory=dict)
    chores: dict[str, Chore] = field(default_factory=dict)

    def add(self, name: str, work: JobWork) -> None:
        """Add a job. Raises ValueError for a name that is taken."""
        if name in self.jobs:
            raise ValueError(f"the job {name} is registered twice")
        self.jobs[name] = work

    def add_chore(self, name: str, chore: Chore) -> None:
        """Add a chore. Raises ValueError for a name that is taken, or one that says not when."""
        if name in self.chores or (chore.at is None) == (chore.every_s <= 0):
            raise ValueError(f"the chore {name} is registered twice, or does not say when")
        self.chores[name] = chore


JOBS: Mapping[str, JobWork] = {"trial": trialling.run}
"""The product's own jobs."""

CHORES: Mapping[str, Chore] = {}
"""The product's own chores."""


def registered() -> Registry:
    """All jobs and chores: the product's own, and those of installed packages."""
    registry = Registry()
    for name, work in JOBS.items():
        registry.add(name, work)
    for name, chore in CHORES.items():
        registry.add_chore(name, chore)
    for point in entry_points(group=EXTENSIONS):
        point.load()(registry)
    return registry
