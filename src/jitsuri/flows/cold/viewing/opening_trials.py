"""Trials as people look at them: a list, and one with how far each way has come."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from jitsuri.rightsizing.records import trials as trial_rows
from jitsuri.rightsizing.rules.trying import progress_of, spent_of, standing_of
from jitsuri.rightsizing.shapes.trials import Score, Trial, WayProgress
from jitsuri.routing import records as routing_rows
from jitsuri.routing.shapes import Task
from jitsuri.store.door import Connection


@dataclass(frozen=True, slots=True)
class ScorerMean:
    """What one scorer makes of one way: the mean of the answers it scored. ``baseline``: of today's answers beside them, where
    it looks at pairs."""

    scorer: str
    way: int
    scored: int
    mean: float | None
    baseline: float | None = None


@dataclass(frozen=True, slots=True)
class TrialView:
    """A trial with its task, how far it has come and what it has spent."""

    trial: Trial
    task: Task | None
    requests: int
    ways: tuple[WayProgress, ...]
    spent_jpy: Decimal
    means: tuple[ScorerMean, ...] = ()

    @property
    def asked(self) -> int:
        """Answers that came or failed, of the ways that are asked."""
        numbers = {way.number for way in self.trial.plan.asked}
        return sum(one.answered + one.failed + one.lost for one in self.ways if one.way.number in numbers)

    @property
    def wanted(self) -> int:
        """Answers that there will be, if no way is given up."""
        return self.requests * len(self.trial.plan.asked)


def trial_view(tx: Connection, trial_id: UUID) -> TrialView | None:
    """One trial as it stands; None where there is none."""
    trial = trial_rows.trial(tx, trial_id)
    if trial is None:
        return None
    return _view(tx, trial, routing_rows.tasks(tx).get(trial.task), _means(trial_rows.scores_of(tx, trial_id)))


def trial_list(tx: Connection, task: str | None = None) -> list[TrialView]:
    """Trials, newest first."""
    tasks = routing_rows.tasks(tx)
    return [_view(tx, one, tasks.get(one.task), ()) for one in trial_rows.trials(tx, task)]


def trials_named(tx: Connection, beginning: str) -> list[UUID]:
    """The trials whose id begins so."""
    return trial_rows.ids_beginning(tx, beginning) if beginning.replace("-", "") else []


def _view(tx: Connection, trial: Trial, task: Task | None, means: tuple[ScorerMean, ...]) -> TrialView:
    answers = trial_rows.answers_of(tx, trial.trial_id)
    requests = sum(trial.plan.drawn.strata.values())
    ways = tuple(progress_of(trial.plan, requests, standing_of(answers)))
    return TrialView(trial, task, requests, ways, spent_of(trial.plan, answers), means)


def _means(scores: list[Score]) -> tuple[ScorerMean, ...]:
    held: dict[tuple[str, int], list[Score]] = {}
    for one in scores:
        held.setdefault((one.scorer, one.way), []).append(one)
    found = []
    for (scorer, way), rows in held.items():
        mine = [one.score for one in rows if one.score is not None]
        other = [one.baseline_score for one in rows if one.baseline_score is not None]
        found.append(
            ScorerMean(
                scorer, way, len(mine), sum(mine) / len(mine) if mine else None,
                sum(other) / len(other) if other else None,
            )
        )  # fmt: skip
    return tuple(found)
