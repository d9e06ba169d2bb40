"""Certified thresholds: from scores and outcomes of the same requests to the loosest threshold that keeps a promise.

Both promises hold for any score, good or bad, as long as requests come as the calibration's did; a bad score only earns
a smaller share.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

from jitsuri.rightsizing.rules.featuring import Flags, Floats
from jitsuri.rightsizing.shapes.cascades import Bound, Loss, Threshold

ALPHA = 0.05
"""One-sided error of the ``confident`` bound: its name says 95 %."""
LEAST_CALIBRATION = 100
"""Labels: at 1 point the mean bound needs 99 to route anything, for (0 + 1) / (n + 1) ≤ 0.01."""
DIGITS = 6
"""Decimal places of a score: the same as of every figure in a record (``packing.DIGITS``)."""
STEP = 1e-6
"""Scores live on a grid of millionths, so that they are the same wherever they are read back."""
TINY = 1e-300
"""Stands for a capital of nothing, so that its logarithm exists."""
LOWEST = STEP
"""Threshold that lets every known template through: scores are never below it."""


def least_labels(allowance: float, bound: Bound = "confident") -> int:
    """Labels below which no threshold can be certified, even without a single harm: 299 at 1 point, 59 at 5 points.

    ``confident``: the smallest n with (1 − ε)ⁿ ≤ 0.05. ``mean``: ``LEAST_CALIBRATION``, or more where 1/(n + 1) ≤ ε asks.
    """
    if allowance <= 0:
        return 2**62
    if allowance >= 1:
        return LEAST_CALIBRATION if bound == "mean" else 1
    if bound == "mean":
        return max(LEAST_CALIBRATION, math.ceil(1 / allowance - 1 - 1e-9))
    return math.ceil(math.log(ALPHA) / math.log1p(-allowance) - 1e-9)


def calibrate(
    scores: Floats,
    strong: Floats,
    cheap: Floats,
    *,
    bound: Bound,
    loss: Loss,
    allowance: float,
    seen: Flags | None = None,
) -> Threshold:
    """The loosest threshold whose loss per all requests is bounded by ``allowance`` (a share).

    ``seen`` marks rows whose template is known (default: all). A stranger's harm is counted although it will not be
    routed, and its gain is not: so refusing strangers can only make use safer than calibration.

    *mean, harm*: conformal risk control (Angelopoulos, Bates, Fisch, Lei, Schuster 2022): (Σ loss + 1) / (n + 1) ≤ ε.
    *mean, net*: the same from the strictest threshold down to the first failure, i.e. on the running supremum of the
    empirical loss, with B = 1; the finite-sample proof needs a loss monotone per request, so here it holds up to
    P(a gain between two neighbouring thresholds), which is of order 1/n (docs/explanation/cascade.md measures it).
    *confident, harm of 0/1 scores*: Clopper–Pearson on the count of harms per all requests; monotone in the threshold,
    so the loosest passing one needs no correction (Bates et al. 2021, risk-controlling prediction sets).
    *confident, otherwise*: a betting bound with one bet fixed in advance (Waudby-Smith and Ramdas 2024), tested from the
    strictest threshold down to the first failure (fixed-sequence testing, Angelopoulos et al. 2021, Learn then Test).

    Raises ValueError where the arrays differ in length. Everything else is a Threshold with a reason.
    """
    known = np.ones(len(scores), dtype=np.bool_) if seen is None else np.asarray(seen, dtype=np.bool_)
    if not len(scores) == len(strong) == len(cheap) == len(known):
        raise ValueError("scores, strong, cheap and seen must be of one length")
    n = len(scores)
    none = Threshold(bound, loss, allowance, None, 0.0, 0.0, 0.0, 0.0, 0.0, n)
    if not is_sound(scores, strong, cheap):
        return replace(none, reason="not_finite")
    if n < least_labels(allowance, bound):
        return replace(none, reason="too_few_labels")
    score = np.maximum(np.round(np.asarray(scores, dtype=np.float64), DIGITS), LOWEST)
    if score.min() == score.max():
        return replace(none, reason="constant_scores")
    return _loosest(score, np.asarray(strong - cheap, dtype=np.float64), known, _is_binary(strong, cheap), none)


def is_sound(scores: Floats, strong: Floats, cheap: Floats) -> bool:
    """Are all of them numbers in [0, 1]?"""
    return all(bool(np.isfinite(v).all() and (v >= 0).all() and (v <= 1).all()) for v in (scores, strong, cheap))


def _is_binary(strong: Floats, cheap: Floats) -> bool:
    return bool(np.isin(strong, (0.0, 1.0)).all() and np.isin(cheap, (0.0, 1.0)).all())


def _loosest(score: Floats, worse: Floats, known: Flags, is_binary: bool, none: Threshold) -> Threshold:
    """Walk down the scores, one block of equal scores at a time, to the first at which the bound is above ε."""
    n = len(score)
    harm = np.maximum(worse, 0.0)
    counted = harm if none.loss == "harm" else np.where(known, worse, harm)
    order = np.argsort(-score, kind="stable")
    down = score[order]
    ends = np.flatnonzero(np.append(down[1:] != down[:-1], True))
    upper = _uppers(counted[order], ends, n, none, is_binary)
    failed = np.flatnonzero(upper > none.allowance + 1e-12)
    if len(failed) and failed[0] == 0:
        return replace(none, reason="none_certified", upper=round(float(upper[0]), DIGITS))
    last = int(failed[0]) - 1 if len(failed) else len(ends) - 1
    threshold = round(float(down[ends[last + 1]]) + STEP, DIGITS) if len(failed) else LOWEST
    taken = (score >= threshold) & known
    harm_at, net_at = (round(float(np.where(taken, v, 0.0).mean()), DIGITS) + 0.0 for v in (harm, worse))
    return replace(
        none,
        threshold=threshold,
        share_cheap=round(float(taken.mean()), DIGITS),
        loss_at=harm_at if none.loss == "harm" else net_at,
        upper=round(float(upper[last]), DIGITS),
        harm_at=harm_at,
        net_at=net_at,
    )


def _uppers(losses: Floats, ends: NDArray[np.int64], n: int, asked: Threshold, is_binary: bool) -> Floats:
    """The bound on the loss after each block, losses in the order of falling scores."""
    total = np.cumsum(losses)[ends]
    if asked.bound == "mean":
        return np.asarray((total + 1.0) / (n + 1))
    if asked.loss == "harm" and is_binary:
        events = np.minimum(np.round(total), n - 1)
        found = special.betaincinv(events + 1, n - events, 1 - ALPHA)
        return np.asarray(np.where(np.round(total) >= n, 1.0, found))
    return _betting_uppers(losses, ends, n, asked.allowance)


@lru_cache(maxsize=64)
def fixed_bet(n: int, allowance: float) -> float:
    """The bet against "mean loss ≥ ε" that wins most at the harm count where a bound just passes; it knows no label.

    Where r solves n·KL(r, ε) = ln 20, it is (ε − r) / (ε (1 − ε)). For losses in [0, 1] the test then passes whenever
    Hoeffding's KL bound does (log is concave), and more often the less the losses vary; with gains more often still.
    """
    low, high = 0.0, allowance
    for _ in range(60):
        middle = (low + high) / 2
        kl = special.rel_entr(middle, allowance) + special.rel_entr(1 - middle, 1 - allowance)
        low, high = (middle, high) if n * kl > -math.log(ALPHA) else (low, middle)
    return float((allowance - low) / (allowance * (1 - allowance)))


def _betting_uppers(losses: Floats, ends: NDArray[np.int64], n: int, allowance: float) -> Floats:
    """After each block, the mean loss at which the capital Π(1 + bet·(mean − lossᵢ)) reaches 20 (Ville, Markov).

    Solved where it is shown: at the last block that passes, else the first; elsewhere only the side of ε is told.
    """
    if allowance >= 1:
        return np.ones(len(ends))  # no loss is larger
    bet = fixed_bet(n, allowance)
    wanted = -math.log(ALPHA)
    capital = np.cumsum(np.log(np.maximum(1 + bet * (allowance - losses), TINY)))[ends]
    capital += (n - 1 - ends) * math.log1p(bet * allowance)
    passed = capital >= wanted
    stop = len(ends) if passed.all() else int(np.argmin(passed))
    found = np.where(passed, allowance, 1.0)
    shown = max(stop - 1, 0)
    solved = _where_capital_reaches(losses[: ends[shown] + 1], n, bet, wanted)
    found[shown] = min(solved, allowance) if passed[shown] else max(solved, allowance + 1e-9)
    return found


def _where_capital_reaches(losses: Floats, n: int, bet: float, wanted: float) -> float:
    low, high = max(-1.0, 1 - 1 / bet), 1.0
    for _ in range(50):
        middle = (low + high) / 2
        capital = float(np.log(np.maximum(1 + bet * (middle - losses), TINY)).sum())
        capital += (n - len(losses)) * math.log(max(1 + bet * middle, TINY))
        low, high = (low, middle) if capital >= wanted else (middle, high)
    return high


def separation(score: Floats, fine: Flags) -> float:
    """AUC (Mann–Whitney, ties count half): 0.5 is chance, and what is said where only one class is there."""
    above, below = score[fine], np.sort(score[~fine])
    if not len(above) or not len(below):
        return 0.5
    wins = np.searchsorted(below, above, side="left") + np.searchsorted(below, above, side="right")
    return float(wins.sum() / 2 / (len(above) * len(below)))
