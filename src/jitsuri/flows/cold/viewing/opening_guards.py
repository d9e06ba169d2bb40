"""安全確認 at a glance: which policy holds for which task, and what the checks of the last days came to.

Everything here is read from the counts per day, so it is as quick with a hundred thousand runs as with one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from jitsuri.guardrails.records import measurements as measurement_rows
from jitsuri.guardrails.records import policies as policy_rows
from jitsuri.guardrails.records import runs as run_rows
from jitsuri.guardrails.rules.policing import EVERY_TASK, runs_in
from jitsuri.guardrails.shapes import TYPES, Counted, CountedRuns, Measurement, StoredPolicy
from jitsuri.routing import records as routing_rows
from jitsuri.store.door import Connection
from jitsuri.terms.period import company_day

DAYS = 30
"""What pages show of the past (decision 0044)."""


@dataclass(frozen=True, slots=True)
class TaskGuard:
    """One task in the list. '' is calls of no task, ``*`` the common policy, which has no runs of its own."""

    task: str
    holds: StoredPolicy | None
    """The version that its calls are checked by."""
    is_common: bool
    """Whether that is the common one."""
    is_off: bool
    """Its own last version says that it is not checked."""
    runs: int
    found: int
    blocked: int
    failed: int
    course: tuple[int, ...]
    """Findings per day."""

    @property
    def inward(self) -> int:
        return len(runs_in(self.holds.policy, "in")) if self.holds is not None else 0

    @property
    def outward(self) -> int:
        return len(runs_in(self.holds.policy, "out")) if self.holds is not None else 0


@dataclass(frozen=True, slots=True)
class GuardsView:
    """All tasks, and the sums over them."""

    days: tuple[date, ...]
    by_type: tuple[tuple[str, tuple[int, ...]], ...]
    """Findings per type and day, most first; '' those that runs did not keep."""
    rows: tuple[TaskGuard, ...]
    runs: int
    found: int
    blocked: int
    failed: int
    untold: int
    """Checks that could not tell, run by run."""
    characters: int


@dataclass(frozen=True, slots=True)
class GuardView:
    """One task's policy with everything that stands around it."""

    task: str
    is_known: bool
    """Whether there is such a task; ``*`` is always."""
    own: StoredPolicy | None
    """Its own last version, off or not."""
    holds: StoredPolicy | None
    history: tuple[StoredPolicy, ...]
    measurement: Measurement | None
    """The latest one of this policy, else of the one that holds, else of all checks."""


def guards_view(tx: Connection, now: datetime) -> GuardsView:
    """What holds and what was found in the last ``DAYS`` days."""
    days = days_until(company_day(now))
    standing = policy_rows.standing(tx)
    runs = run_rows.counted_runs(tx, days[0], days[-1])
    states = run_rows.counted_states(tx, days[0], days[-1])
    names = dict.fromkeys([EVERY_TASK, *routing_rows.tasks(tx), *standing, *(one.task for one in runs)])
    by_task: dict[str, list[CountedRuns]] = {name: [] for name in names}
    for one in runs:
        by_task[one.task].append(one)
    rows = sorted((_row(name, standing, by_task[name], days) for name in names), key=_rank)
    return GuardsView(
        days=days, by_type=by_type(run_rows.counted(tx, days[0], days[-1]), days), rows=tuple(rows),
        runs=sum(one.runs for one in runs), found=sum(one.found for one in runs),
        blocked=_of(runs, "blocked"), failed=_of(runs, "failed"), untold=sum(one.runs for one in states),
        characters=sum(one.characters for one in runs),
    )  # fmt: skip


def guard_view(tx: Connection, task: str) -> GuardView:
    """A task's policy (``*``: the common one) with its versions and what was measured."""
    history = tuple(policy_rows.history(tx, task))
    own = history[0] if history else None
    holds = _holds(task, {task: own} if own else {}, policy_rows.standing_of(tx, EVERY_TASK))
    is_known = task == EVERY_TASK or task in routing_rows.tasks(tx)
    return GuardView(task, is_known or own is not None, own, holds, history, measured_of(tx, task, holds))


def measured_of(tx: Connection, task: str, holds: StoredPolicy | None) -> Measurement | None:
    """The latest measurement that says something about a task's checks: its own, that of the policy that holds, that of all."""
    asked = dict.fromkeys([task, *([holds.policy.task] if holds is not None else []), ""])
    for name in asked:
        found = measurement_rows.newest(tx, name, 1)
        if found:
            return found[0]
    return None


def days_until(last: date, many: int = DAYS) -> tuple[date, ...]:
    """So many days, the last of them included."""
    return tuple(last - timedelta(days=many - 1 - at) for at in range(many))


def by_type(counted: Iterable[Counted], days: Sequence[date]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Findings per type and day, types with most findings first."""
    place = {day: at for at, day in enumerate(days)}
    found: dict[str, list[int]] = {}
    for one in counted:
        if one.day in place:
            found.setdefault(one.type, [0] * len(days))[place[one.day]] += one.findings
    order = {name: at for at, name in enumerate(TYPES)}
    ranked = sorted(found.items(), key=lambda item: (-sum(item[1]), order.get(item[0], len(order)), item[0]))
    return tuple((name, tuple(values)) for name, values in ranked)


def _row(
    task: str, standing: Mapping[str, StoredPolicy], runs: Sequence[CountedRuns], days: Sequence[date]
) -> TaskGuard:
    own = standing.get(task) if task else None
    holds = _holds(task, standing, standing.get(EVERY_TASK))
    per_day: Counter[date] = Counter()
    for one in runs:
        per_day[one.day] += one.found
    return TaskGuard(
        task=task, holds=holds, is_common=holds is not None and holds.policy.task != task,
        is_off=own is not None and not own.is_active, runs=sum(one.runs for one in runs),
        found=sum(one.found for one in runs), blocked=_of(runs, "blocked"), failed=_of(runs, "failed"),
        course=tuple(per_day[day] for day in days),
    )  # fmt: skip


def _holds(
    task: str, standing: Mapping[str, StoredPolicy], common: StoredPolicy | None
) -> StoredPolicy | None:  # fmt: skip
    found = standing.get(task) if task else None
    found = found or common
    return found if found is not None and found.is_active else None


def _of(runs: Iterable[CountedRuns], outcome: str) -> int:
    return sum(one.runs for one in runs if one.outcome == outcome)


def _rank(row: TaskGuard) -> tuple[bool, int, str]:
    """The common policy first, then tasks with most findings."""
    return (row.task != EVERY_TASK, -row.found, row.task)
