"""Worlds with a known truth, in which a verdict can be right or wrong: for ``bench/verdicts.py`` and the tests.

Every world gives pairs whose true mean difference is known. At the boundary (−margin) any pass is a false one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jitsuri.rightsizing.shapes.outcomes import Pairs
from jitsuri.rightsizing.shapes.verdicts import Missing

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]

MARGIN = 0.05


@dataclass(frozen=True)
class World:
    """A distribution of paired differences with its true mean."""

    name: str
    mean: float
    draw: Draw


def three_valued(losses: float, gains: float) -> World:
    """Right-or-wrong answers: worse on this share, better on that, else alike."""
    return World(
        f"{losses * 100:g} % losses, {gains * 100:g} % gains",
        gains - losses,
        lambda rng, n: rng.choice([-1.0, 0.0, 1.0], n, p=[losses, 1 - losses - gains, gains]),
    )


def graded(name: str, values: list[float], shares: list[float], mean: float | None = None) -> World:
    """Marks in tenths; moved to ``mean`` by changing the share of the worst value against the middle one."""
    weights = np.array(shares)
    if mean is not None:
        middle = values.index(0.0)
        moved = (mean - float(np.dot(values, weights))) / values[0]
        weights[0] += moved
        weights[middle] -= moved
    weights = np.maximum(weights, 0) / np.maximum(weights, 0).sum()
    return World(name, float(np.dot(values, weights)), lambda rng, n: rng.choice(values, n, p=weights))


BOUNDARY = (
    three_valued(0.05, 0.0),
    three_valued(0.06, 0.01),
    three_valued(0.07, 0.02),
    three_valued(0.10, 0.05),
    three_valued(0.15, 0.10),
    three_valued(0.25, 0.20),
    graded(
        "marks, skewed", [-0.5, -0.3, -0.2, -0.1, 0.0, 0.1, 0.2], [0.04, 0.06, 0.10, 0.15, 0.45, 0.15, 0.05], -MARGIN
    ),
    graded("marks, rare whole losses", [-1.0, -0.1, 0.0, 0.1], [0.05, 0.10, 0.75, 0.10], -MARGIN),
    graded("marks, mostly ties", [-0.5, 0.0, 0.1], [0.11, 0.84, 0.05], -MARGIN),
)
"""True difference −5 points: ties, skew to both sides, coarse and fine marks."""


@dataclass(frozen=True)
class Judge:
    """An LLM judge: sees the truth on this share, and else errs with a lean (0: evenly, 1: always for the candidate)."""

    name: str
    right: float
    lean: float

    def sees(self, rng: np.random.Generator, truth: Floats) -> Floats:
        errs = rng.random(len(truth)) >= self.right
        wrong = np.where(rng.random(len(truth)) < (1 + self.lean) / 2, 1.0, -1.0)
        return np.where(errs, wrong * np.where(rng.random(len(truth)) < 0.5, 1.0, 0.0), truth)


JUDGES = (
    Judge("95 %, even", 0.95, 0.0),
    Judge("90 %, leans to the candidate", 0.90, 1.0),
    Judge("80 %, leans to the candidate", 0.80, 1.0),
    Judge("knows nothing", 0.0, 0.3),
)


def pairs_from(
    people: Floats,
    judge: Floats | None = None,
    *,
    strata: list[str] | None = None,
    slices: dict[str, list[str]] | None = None,
) -> Pairs:
    """Pairs with these differences; NaN where a scorer did not look. Baselines are right where they must be."""
    n = len(people)
    has_judge = judge is not None
    seen = judge if judge is not None else np.full(n, np.nan)
    return Pairs(
        task="t", baseline="today", candidate="cheap", human="people", judge="judge" if has_judge else "",
        prompt_ids=tuple(f"p{at:06d}" for at in range(n)),
        strata=tuple(strata or [""] * n),
        people_baseline=_base(people), people_candidate=_other(people),
        judge_baseline=_base(seen), judge_candidate=_other(seen),
        critical_baseline=(None,) * n, critical_candidate=(None,) * n,
        slices={name: tuple(values) for name, values in (slices or {}).items()},
        missing=Missing(n, n, 0, 0),
    )  # fmt: skip


def _base(differences: Floats) -> tuple[float | None, ...]:
    """Scores of the baseline that leave room for the difference."""
    return tuple(None if np.isnan(d) else 1.0 if d <= 0 else float(1 - d) for d in differences)


def _other(differences: Floats) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(d) else float(1 + d) if d <= 0 else 1.0 for d in differences)
