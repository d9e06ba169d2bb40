"""Labels that were spent more on some strata than on others, weighted back to all pairs.

Within a stratum labels are a random sample, so the mean of each, weighted by the stratum's share of all pairs, is right
whatever was expected of it (Cochran, Sampling Techniques, 3rd ed. (1977), §5; post-stratified on how many each happened to
get). Strata with too few labels for a variance of their own are taken together with weights. A stratum in which not one loss
was seen has no spread at all, and would say that nothing can be lost where most of the traffic is: the losses that its
labels leave possible are added to the bound in quadrature (Zou and Donner, Statistics in Medicine 27 (2008) 1693–1702).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, sqrt

import numpy as np
from numpy.typing import NDArray

from jitsuri.evaluation.rules.estimating import FEWEST_PER_STRATUM, Sample
from jitsuri.evaluation.rules.tilting import SMALL, Part, lower_bound, mean_of

Floats = NDArray[np.float64]


JOINT = "\u001f"
"""Between a task and a name of its own where tasks are pooled (ASCII unit separator)."""

IDENTICAL = "identical"
"""The stratum whose two answers are the same: neither can be better, so no unseen loss is held against it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Strata that stand together: their share of all pairs, and the labels in them, each with its weight (mean 1)."""

    names: tuple[str, ...]
    size: int
    share: float
    places: NDArray[np.int64]
    weights: Floats
    sure: int
    """Labels that an unseen loss is held against: those of the stratum that was looked at least."""


@dataclass(frozen=True, slots=True)
class Bare:
    """A cell in which nothing of a kind was seen: its share of all pairs, and how many labels looked for it."""

    share: float
    labels: int

    def possible(self, alpha: float) -> float:
        """What may still be there: each whole, as frequent as ``labels`` looks without one allow."""
        return float(self.share * (1 - alpha ** (1 / max(1, self.labels))))


def cells_of(strata: Sequence[str], places: NDArray[np.int64], sizes: Mapping[str, int]) -> list[Cell]:
    """The cells of labelled pairs (``places`` into ``strata``). Strata without any label are the caller's question."""
    whole = sum(sizes.values())
    held = {name: places[np.array([strata[at] == name for at in places], dtype=bool)] for name in sorted(sizes)}
    ordered = sorted((name for name in held if len(held[name])), key=lambda name: (len(held[name]), name))
    thin = [name for name in ordered if len(held[name]) < FEWEST_PER_STRATUM]
    thick = [name for name in ordered if len(held[name]) >= FEWEST_PER_STRATUM]
    if thin and thick and sum(len(held[name]) for name in thin) < FEWEST_PER_STRATUM:
        thin.append(thick.pop(0))
    groups = [[name] for name in thick] + ([thin] if thin else [])
    return [_cell(names, held, sizes, whole) for names in groups]


def unlabelled(strata: Sequence[str], places: NDArray[np.int64], sizes: Mapping[str, int]) -> int:
    """Pairs in strata that not one label looked at: nothing can be said of them."""
    seen = {strata[at] for at in places}
    return sum(size for name, size in sizes.items() if name not in seen)


def parts_of(cells: Sequence[Cell], values: Floats) -> tuple[Part, ...]:
    """The parts of an estimate from ``values``, one for each pair (NaN where there is none)."""
    return tuple(Part(values[cell.places] * cell.weights, cell.share) for cell in cells)


def mean_over(cells: Sequence[Cell], values: Floats) -> float:
    """The mean over all pairs of what was seen on some."""
    return float(sum(cell.share * (values[cell.places] * cell.weights).mean() for cell in cells)) if cells else 0.0


def bare_of(cells: Sequence[Cell], values: Floats, sign: int) -> tuple[Bare, ...]:
    """The cells in which no label has this sign."""
    return tuple(
        Bare(cell.share, cell.sure)
        for cell in cells
        if not (sign * values[cell.places] > SMALL).any()
        and any(name.rpartition(JOINT)[2] != IDENTICAL for name in cell.names)
    )


def lower_of(parts: Sequence[Part], bare: Sequence[Bare], alpha: float) -> float:
    """One-sided lower bound on the weighted sum: how far each part's own bound lies below its mean, in quadrature.

    One bound over all parts at once passes 6–7 % at the boundary, where small strata hold much of the spread.
    """
    gaps = [mean_of([part]) - lower_bound([part], alpha) for part in parts]
    return mean_of(parts) - sqrt(sum(gap**2 for gap in gaps) + sum(one.possible(alpha) ** 2 for one in bare))


def upper_of_parts(parts: Sequence[Part], bare: Sequence[Bare], alpha: float) -> float:
    """The same from above."""
    return -lower_of([Part(-part.values, part.weight, part.span) for part in parts], bare, alpha)


def samples_of(
    cells: Sequence[Cell], people: Floats, judge: Floats, strata: Sequence[str], folds: NDArray[np.int64]
) -> list[Sample]:
    """The cells for PPI++; where the judge did not see every label, or nothing besides, it has no part.

    ``folds``: of each pair; −1 where it has none.
    """
    names = np.array(strata)
    found = []
    for cell in cells:
        values = people[cell.places] * cell.weights
        alone = np.zeros(0)
        told = np.zeros(len(values))
        if len(cell.names) == 1 and not np.isnan(judge[cell.places]).any():
            others = (names == cell.names[0]) & ~np.isnan(judge) & np.isnan(people)
            alone, told = judge[others], judge[cell.places]
        if not len(alone):
            told = np.zeros(len(values))
        found.append(Sample(values, told, alone, folds[cell.places], cell.size))
    return found


def _cell(names: Sequence[str], held: Mapping[str, NDArray[np.int64]], sizes: Mapping[str, int], whole: int) -> Cell:
    size, labels = sum(sizes[name] for name in names), sum(len(held[name]) for name in names)
    even = size / labels
    weights = [np.full(len(held[name]), sizes[name] / len(held[name]) / even) for name in names]
    sure = min(floor(len(held[name]) * size / sizes[name] + 1e-9) for name in names)
    places = np.concatenate([held[name] for name in names])
    return Cell(tuple(names), size, size / whole, places, np.concatenate(weights), sure)
