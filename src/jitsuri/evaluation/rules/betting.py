"""Evidence that may be looked at every day: betting e-processes on a bounded mean.

Capital starts at 1 and is bet, label by label, against "the mean is ``limit`` or worse". If that is true the capital
exceeds 1/α with probability ≤ α, however often one looks (Ville's inequality). The bets are a fixed mixture over
fractions of the largest allowed one, so nothing has to be tuned to the data.
Source: Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, J. R. Stat. Soc. B 86 (2024).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FRACTIONS = (0.015, 0.03, 0.06, 0.12, 0.2, 0.3, 0.45, 0.6, 0.8)
"""Shares of the largest bet: a grid in which every effect between one and forty points has a neighbour within a factor of two
(measured: stopping times within 15 % of the best single bet; ``bench/verdicts.py``)."""


def capital_above(values: Floats, limit: float, low: float = -1.0, high: float = 1.0) -> Floats:
    """Evidence, after each value, that the mean lies above ``limit``; values lie in [low, high], in their drawn order.

    Empty for no values. Refuses (ValueError) values outside, for which the promise would not hold.
    """
    if not low < limit < high:
        raise ValueError(f"the limit lies strictly between {low} and {high}, not {limit}")
    if len(values) and (values.min() < low - 1e-9 or values.max() > high + 1e-9):
        raise ValueError(f"values lie in [{low}, {high}], not [{values.min()}, {values.max()}]")
    largest = 1.0 / (limit - low)
    logs = np.stack([np.cumsum(np.log1p(share * largest * (values - limit))) for share in FRACTIONS])
    top = logs.max(axis=0, initial=0.0)
    capital: Floats = np.exp(np.minimum(top + np.log(np.exp(logs - top).mean(axis=0)), 700.0))
    return capital


def capital_below(values: Floats, limit: float, low: float = -1.0, high: float = 1.0) -> Floats:
    """Evidence, after each value, that the mean lies below ``limit``."""
    return capital_above(-values, -limit, -high, -low)


def bounds_anytime(values: Floats, alpha: float, low: float = -1.0, high: float = 1.0) -> tuple[float, float]:
    """Where the mean lies by evidence that may be looked at after every label: each end is wrong with probability ≤ alpha.

    The ends are the means that the capital against them has not reached 1/alpha for; (low, high) before anything was seen.
    """
    return _reached(values, alpha, low, high), -_reached(-values, alpha, -high, -low)


def _reached(values: Floats, alpha: float, low: float, high: float) -> float:
    """The largest limit that is shown to lie below the mean: capital falls as the limit rises, so halving finds it."""
    if not len(values):
        return low
    reached, beyond = low, high
    for _ in range(_HALVINGS):
        middle = (reached + beyond) / 2
        if capital_above(values, middle, low, high).max(initial=1.0) >= 1.0 / alpha:
            reached = middle
        else:
            beyond = middle
    return reached


_HALVINGS = 20
"""Ends to two millionths of a point."""


def first_reaching(capital: Floats, alpha: float) -> int | None:
    """After how many values the capital first was ≥ 1/alpha; None where it never was."""
    reached = np.flatnonzero(capital >= 1.0 / alpha)
    return int(reached[0]) + 1 if len(reached) else None
