"""Bounds on a share of events, and the correction for several tests of one family."""

from __future__ import annotations

from collections.abc import Sequence

from scipy import special


def share_upper(events: int, n: int, alpha: float) -> float:
    """Clopper–Pearson: the largest share that is not excluded at ``alpha`` (one-sided). 1.0 without observations.

    Source: Clopper and Pearson, Biometrika 26 (1934) 404–413. 0 of 59 bounds a share at 5 %, 0 of 299 at 1 % (α = 0.05).
    """
    if events >= n:
        return 1.0
    return float(special.betaincinv(events + 1, n - events, 1 - alpha))


def share_lower(events: int, n: int, alpha: float) -> float:
    """Clopper–Pearson: the smallest share that is not excluded at ``alpha`` (one-sided). 0.0 without observations."""
    return 0.0 if events <= 0 else float(special.betaincinv(events, n - events + 1, alpha))


def holm_levels(p_values: Sequence[float | None], alpha: float) -> list[tuple[float, int]]:
    """Per test the level it is held to and its rank (1 = smallest p), in the order given.

    The k-th smallest p is compared with ``alpha / (m − k + 1)``; once one is above its level, all after it are held to
    that same level, and so fail too. A test without a p-value (None) counts in the family and comes last: leaving it out
    because of what was seen would loosen the others. Source: Holm, Scand. J. of Statistics 6 (1979) 65–70.
    """
    size = len(p_values)
    ordered = sorted(range(size), key=lambda at: (_last_if_none(p_values[at]), at))
    found: list[tuple[float, int]] = [(alpha, 1)] * size
    stopped: float | None = None
    for rank, at in enumerate(ordered, start=1):
        level = stopped if stopped is not None else alpha / (size - rank + 1)
        found[at] = (level, rank)
        if stopped is None and _last_if_none(p_values[at]) > level:
            stopped = level
    return found


def _last_if_none(p_value: float | None) -> float:
    return 2.0 if p_value is None else p_value
