"""Which pairs people are asked about: a uniform share over all, the rest where a label teaches most; every chance known.

The uniform share is a simple random sample of all pairs: what may be looked at every day, and what counts errors, rests on it
alone. The rest is shared out over strata in the manner of Neyman (J. R. Stat. Soc. 97 (1934) 558–625): size × expected spread.
Within a stratum nothing but a hash decides, so an estimate that weights strata by their size is right whatever the spreads
were expected to be; those only decide how narrow it gets. Source of the constants: decision 0034.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, exp, floor, lgamma, sqrt
from types import MappingProxyType

from jitsuri.evaluation.rules.ordering import chance_of, drawn_order

UNIFORM_SHARE = 0.3
"""Share of the labels that is drawn from all pairs alike."""

FEWEST = 10
"""Labels for each stratum, or all of its pairs: with fewer it has no variance of its own (``rules.estimating``)."""

DOUBLE_SHARE = 0.1
"""Share of the drawn pairs that two people judge, so that it can be told how far people agree."""

_FOCUS, _RANK, _DOUBLE = 1, 2, 3
"""Offsets of the seed: each question has an order of its own."""


@dataclass(frozen=True, slots=True)
class Stratum:
    """Pairs that looked alike before people saw them. ``spread``: the variance of the difference that is expected there."""

    size: int
    spread: float


@dataclass(frozen=True, slots=True)
class Allocation:
    """How many are drawn: ``uniform`` from all, then ``focused`` of what is left of each stratum (or all that is left).

    ``inclusion`` is each pair's exact probability of being drawn, by stratum.
    """

    uniform: int
    focused: Mapping[str, int]
    inclusion: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Drawn:
    """One pair that was drawn. ``rank`` is its place in the order in which pairs are shown."""

    name: str
    stratum: str
    is_uniform: bool
    rank: int
    inclusion: float
    people: int


def allocate(
    strata: Mapping[str, Stratum],
    budget: int,
    uniform_share: float = UNIFORM_SHARE,
    before: Mapping[str, int] = MappingProxyType({}),
) -> Allocation:
    """Share a budget of labels out. Where a stratum is taken whole the number drawn may miss the budget by a few.

    ``before``: what earlier, smaller draws with the same seed took besides the uniform share; none of it is given back.

    Raises ValueError for a budget below 1 or a share outside of (0, 1].
    """
    if budget < 1 or not 0 < uniform_share <= 1:
        raise ValueError(f"a budget is at least 1 and a share lies in (0, 1], not {budget} and {uniform_share}")
    known = {name: one for name, one in sorted(strata.items()) if one.size}
    whole = sum(one.size for one in known.values())
    if budget >= whole or len(known) < 2:
        drawn = min(budget, whole)
        return Allocation(drawn, dict.fromkeys(known, 0), dict.fromkeys(known, drawn / whole if whole else 1.0))
    uniform = ceil(uniform_share * budget)
    expected = {name: uniform * one.size / whole for name, one in known.items()}
    least = {
        name: min(float(one.size), expected[name] + _floor(one.size, uniform, whole)) for name, one in known.items()
    }
    if sum(least.values()) > budget:  # too few labels for the floors: the uniform share is what there is
        least = expected
    wanted = _filled(known, least, budget)
    focused = {
        name: one.size
        if wanted[name] >= one.size - 0.5
        else max(before.get(name, 0), round(wanted[name] - expected[name]))
        for name, one in known.items()
    }
    return Allocation(
        uniform, focused, {name: _inclusion(one.size, focused[name], uniform, whole) for name, one in known.items()}
    )


def draw(strata: Mapping[str, str], allocation: Allocation, seed: int) -> list[Drawn]:
    """The pairs by name (``strata``: name → stratum) that are drawn, in the order in which they are shown.

    A larger allocation with the same seed holds everything that a smaller one drew, as long as no stratum's part shrinks.
    """
    names = sorted(strata)
    uniform = {names[at] for at in drawn_order(names, seed)[: allocation.uniform]}
    left = dict(allocation.focused)
    focused: set[str] = set()
    for at in drawn_order(names, seed + _FOCUS):
        name = names[at]
        if name not in uniform and left.get(strata[name], 0) > 0:
            left[strata[name]] -= 1
            focused.add(name)
    return [
        Drawn(
            names[at], strata[names[at]], names[at] in uniform, rank, allocation.inclusion[strata[names[at]]],
            2 if chance_of(names[at], seed + _DOUBLE) < DOUBLE_SHARE else 1,
        )
        for rank, at in enumerate(drawn_order(names, seed + _RANK))
        if names[at] in uniform or names[at] in focused
    ]  # fmt: skip


def _floor(size: int, uniform: int, whole: int) -> int:
    """What a stratum needs besides the uniform share, so that it has its fewest even when that brings few (3 σ)."""
    share = size / whole
    mean = uniform * share
    low = floor(mean - 3 * sqrt(mean * (1 - share) * (whole - uniform) / max(1, whole - 1)))
    return max(0, min(FEWEST, size) - max(0, low))


def _filled(strata: Mapping[str, Stratum], least: Mapping[str, float], budget: int) -> dict[str, float]:
    """Labels per stratum ∝ size × √spread, between ``least`` and the stratum's size, together the budget."""
    weights = {name: one.size * sqrt(max(one.spread, 1e-6)) for name, one in strata.items()}

    def at(scale: float) -> dict[str, float]:
        return {name: min(float(strata[name].size), max(least[name], scale * weights[name])) for name in strata}

    low, high = 0.0, max(strata[name].size / weights[name] for name in strata)
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(at(middle).values()) < budget else (low, middle)
    return at(high)


def _inclusion(size: int, focused: int, uniform: int, whole: int) -> float:
    """E[min(size, U + focused)] / size, where U of the uniform share fall into the stratum (hypergeometric)."""
    if focused >= size:
        return 1.0
    first, last = max(0, uniform - (whole - size)), min(size, uniform)
    every = _log_ways(whole, uniform)
    found = sum(
        min(size, hits + focused) * exp(_log_ways(size, hits) + _log_ways(whole - size, uniform - hits) - every)
        for hits in range(first, last + 1)
    )
    return min(1.0, found / size)


def _log_ways(of: int, taken: int) -> float:
    return lgamma(of + 1) - lgamma(taken + 1) - lgamma(of - taken + 1)
