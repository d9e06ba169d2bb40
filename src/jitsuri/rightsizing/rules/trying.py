"""How a trial goes on: who is asked next, when a candidate is given up, what has been spent, what is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from jitsuri.evaluation.rules.counting import share_lower
from jitsuri.rightsizing.shapes.outcomes import Thresholds
from jitsuri.rightsizing.shapes.trials import Answer, TrialPlan, Way, WayProgress
from jitsuri.terms.ids import derived_id

BATCH = 10
"""Requests of one step: what a process that dies leaves unknown, at most (decision 0031)."""

GIVEN_UP_RISK = 0.01
"""One-sided error of giving a candidate up for its failures: smaller than 5 %, since it is looked at after every step."""

FEWEST_FAILED = 10
"""Failures below which nobody is given up: one step of a moment in which an upstream was away says nothing."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of the answers of a trial, without their texts: by way and position."""

    answers: Mapping[tuple[int, int], Answer]

    def of_way(self, way: int) -> list[Answer]:
        return [one for (number, _), one in self.answers.items() if number == way]


def standing_of(answers: Sequence[Answer]) -> Standing:
    return Standing({(one.way, one.position): one for one in answers})


def attempt_id_of(trial_id: UUID, way: int, position: int, asked: int) -> UUID:
    """The id of one attempt. ``asked`` is how often it was asked before: the same attempt is never sent twice."""
    return derived_id("trial_attempt", trial_id.bytes, str(way), str(position), str(asked))


def thread_id_of(trial_id: UUID, way: int, position: int) -> UUID:
    """The thread that a trial's request is booked under: its own, never the thread it was taken from."""
    return derived_id("trial_thread", trial_id.bytes, str(way), str(position))


def spent_jpy(answer: Answer) -> Decimal:
    """What one answer counts against the cap: its cost, or the most it can have cost where that is unknown."""
    return answer.lost_jpy + (answer.cost_jpy if answer.cost_jpy is not None else answer.most_jpy)


def spent_of(plan: TrialPlan, answers: Sequence[Answer]) -> Decimal:
    """What a trial has spent from its cap: of the ways that it asks. Stored answers of today cost nothing again."""
    asked = {way.number for way in plan.asked}
    return sum((spent_jpy(one) for one in answers if one.way in asked), Decimal(0))


def is_clearly_failing(failed: int, asked: int) -> bool:
    """Does a candidate fail on more than a third of what it is asked, beyond doubt?

    The lower Clopper–Pearson bound of its share of failures lies above the share of missing pairs at which no verdict is
    given (``Thresholds.most_missing``): whatever the rest of the sample would say, the verdict stays 証拠不足.
    """
    return failed >= FEWEST_FAILED and share_lower(failed, asked, GIVEN_UP_RISK) > Thresholds().most_missing


def progress_of(plan: TrialPlan, requests: int, standing: Standing) -> list[WayProgress]:
    """How far every way has come, today's first."""
    return [_progress(way, requests, standing.of_way(way.number)) for way in plan.ways]


def _progress(way: Way, requests: int, answers: Sequence[Answer]) -> WayProgress:
    states = Counter(one.state for one in answers)
    failed, came = states["failed"], states["failed"] + states["answered"]
    return WayProgress(
        way, requests, states["answered"], failed, states["lost"], states["asked"],
        sum(one.is_same is True for one in answers), sum((spent_jpy(one) for one in answers), Decimal(0)),
        bool(way.number) and is_clearly_failing(failed, came),
        dict(Counter(one.error_code for one in answers if one.state == "failed").most_common()),
    )  # fmt: skip


def open_batches(plan: TrialPlan, requests: int, standing: Standing) -> list[tuple[Way, tuple[int, ...]]]:
    """Steps that are left, in the order in which they are taken: the ways take turns, so that all come equally far.

    Positions that have an answer row are not in it, whatever became of them.
    """
    found: list[tuple[int, int, Way, tuple[int, ...]]] = []
    for order, way in enumerate(plan.asked):
        if _progress(way, requests, standing.of_way(way.number)).is_given_up:
            continue
        left = [at for at in range(requests) if (way.number, at) not in standing.answers]
        parts = [tuple(left[at : at + BATCH]) for at in range(0, len(left), BATCH)]
        found += [(part[0] // BATCH, order, way, part) for part in parts]
    return [(way, part) for _, _, way, part in sorted(found, key=lambda one: one[:2])]


def affordable(most: Sequence[Decimal], left: Decimal) -> int:
    """How many of these worst cases, in their order, fit into what is left."""
    for count, worst in enumerate(most):
        left -= worst
        if left < 0:
            return count
    return len(most)
