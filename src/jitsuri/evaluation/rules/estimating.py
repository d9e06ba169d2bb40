"""Few labels of people joined with many judgements: stratified PPI++ for a paired difference.

estimate = Σ over strata of weight · [ mean(people − λ·judge) on labelled pairs + λ · mean(judge) on judged-only pairs ].
λ is tuned to the data on other folds than the one it is used on (cross-fitting), so that tuning does not make the interval
too short; with a judge that knows nothing λ is 0 and people alone decide.

Sources: Angelopoulos, Duchi, Zrnic: PPI++ (arXiv 2311.01453); Fisch et al.: Stratified prediction-powered inference
(arXiv 2406.04291); Zrnic and Candès: Cross-prediction-powered inference (PNAS 121, 2024).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jitsuri.evaluation.rules.tilting import Part, span_of

Floats = NDArray[np.float64]

FOLDS = 5
"""Folds of the cross-fit: λ is estimated on four fifths of the labels (the usual choice; results do not hang on it)."""

FEWEST_PER_STRATUM = 10
"""Labels a stratum needs to stand alone; smaller ones are taken together (a variance from fewer says little)."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Paired differences in one stratum. ``people`` and ``judge_on_people`` belong to the same pairs, in order."""

    people: Floats
    judge_on_people: Floats
    judge_alone: Floats
    """The judge's differences on pairs that no person labelled."""
    folds: NDArray[np.int64]
    """Fold of each labelled pair."""
    whole: int = 0
    """Pairs of the stratum, where that is known besides those that anybody saw; 0: these are all."""

    @property
    def size(self) -> int:
        return self.whole or len(self.people) + len(self.judge_alone)


def gathered(samples: Sequence[Sample]) -> list[Sample]:
    """The strata with those that hold too few labels taken together (with the smallest other one if still too few)."""
    ordered = sorted(samples, key=lambda s: len(s.people))
    small = [s for s in ordered if len(s.people) < FEWEST_PER_STRATUM]
    large = [s for s in ordered if len(s.people) >= FEWEST_PER_STRATUM]
    if small and sum(len(s.people) for s in small) < FEWEST_PER_STRATUM and large:
        small.append(large.pop(0))
    return [*([_together(small)] if small else []), *large]


def ppi_parts(samples: Sequence[Sample]) -> tuple[list[Part], float]:
    """Independent parts whose weighted means sum to the PPI++ estimate, and the mean λ (0: the judge did not help)."""
    whole = sum(sample.size for sample in samples)
    parts: list[Part] = []
    lambdas: list[tuple[float, int]] = []
    span = span_of(np.unique(np.concatenate([sample.people for sample in samples]))) if samples else 0.0
    for sample in samples:
        weight = sample.size / whole
        per_pair = _lambdas(samples, sample)
        mean_lambda = float(per_pair.mean()) if len(per_pair) else 0.0
        lambdas.append((mean_lambda, len(per_pair)))
        parts.append(Part(sample.people - per_pair * sample.judge_on_people, weight, span))
        if mean_lambda > 0 and len(sample.judge_alone):
            parts.append(Part(sample.judge_alone, weight * mean_lambda))
    labelled = sum(n for _, n in lambdas)
    return parts, sum(value * n for value, n in lambdas) / labelled if labelled else 0.0


def _lambdas(samples: Sequence[Sample], sample: Sample) -> Floats:
    """λ for each labelled pair of a stratum, from all strata's labels in other folds."""
    found = np.zeros(len(sample.people))
    if not len(sample.judge_alone):
        return found
    for fold in range(FOLDS):
        here = sample.folds == fold
        if here.any():
            found[here] = _best_lambda(samples, fold)
    return found


def _best_lambda(samples: Sequence[Sample], fold: int) -> float:
    """λ with the smallest variance: cov(people, judge) / ((1 + n/N) · var(judge)), within strata, in [0, 1]."""
    covariance = variance = 0.0
    labelled = alone = 0
    for sample in samples:
        there = sample.folds != fold
        people, judge = sample.people[there], sample.judge_on_people[there]
        labelled, alone = labelled + len(sample.people), alone + len(sample.judge_alone)
        if len(people) < 2:
            continue
        covariance += float(((people - people.mean()) * (judge - judge.mean())).sum())
        every = np.concatenate([judge, sample.judge_alone])
        variance += float(((every - every.mean()) ** 2).mean()) * len(people)
    if variance <= 0 or covariance <= 0 or not alone:
        return 0.0
    return min(1.0, covariance / variance / (1.0 + labelled / alone))


def _together(samples: Sequence[Sample]) -> Sample:
    return Sample(
        np.concatenate([s.people for s in samples]),
        np.concatenate([s.judge_on_people for s in samples]),
        np.concatenate([s.judge_alone for s in samples]),
        np.concatenate([s.folds for s in samples]),
    )
