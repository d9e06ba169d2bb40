"""Cascades: a score learned from one part of the labels, and thresholds certified on the rest.

Two promises. 平均上限 ``mean``: on average over calibrations, the loss stays within the allowance. 95 %信頼上限
``confident``: in 95 of 100 calibrations it does. Both hold for any score, good or bad, as long as requests come as the
calibration's did; a bad score only earns a smaller share. Two losses: ``harm`` per **all** requests, and ``net``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from jitsuri.evaluation.rules.ordering import drawn_order
from jitsuri.rightsizing.rules.featuring import (
    BEFORE,
    GROUPS,
    Features,
    Flags,
    Floats,
    Kinship,
    kinship,
    learned,
    matrix,
    related,
    related_among,
    widened,
)
from jitsuri.rightsizing.shapes.cascades import Bound, Cascade, CascadeRow, Loss, Threshold, Untried

ALPHA = 0.05
"""One-sided error of the ``confident`` bound: its name says 95 %."""
ALLOWANCES = (0.01, 0.05)
"""1 and 5 points: the two that the reference was measured at (``reference/rightsizing.md``, gates)."""
LEAST_TRAINING = 50
"""Rows: below, a linear model on text ranks hardly better than the sub-task alone."""
LEAST_CALIBRATION = 100
"""Labels: at 1 point the mean bound needs 99 to route anything, for (0 + 1) / (n + 1) ≤ 0.01."""
CONFIDENT_CALIBRATION = 300
"""Labels wanted before training gets more: at 1 point the confident bound needs 299."""
MOST_TRAINING = 5_000
MOST_CALIBRATION = 5_000
"""Rows read at most on each side: seconds of work, and the bounds are then within half a point of their limit."""
INVERSE_PENALTY = 0.3
"""scikit-learn's ``C``. Of 0.3, 1 and 10 the smallest was the best or equal on four pairs (jfinqa with two cheap models,
with and without templates held back; MMLU), and the only one to keep unseen templates from certain scores."""
DIGITS = 6
STEP = 1e-6
"""Scores live on a grid of millionths, so that they are the same wherever they are read back."""
TINY = 1e-300
"""Stands for a capital of nothing, so that its logarithm exists."""
LOWEST = STEP
"""Threshold that lets every known template through: scores are never below it."""


@dataclass(frozen=True, slots=True)
class Router:
    """A trained score and the templates it may be used on."""

    features: Features
    weights: Floats
    intercept: float
    kin: Kinship
    trained_on: int


def train(rows: Sequence[CascadeRow], groups: Sequence[str] = GROUPS) -> Router | Untried:
    """Learn P(the cheap answer is not worse) by logistic regression, harms weighing by their size.

    At most ``MOST_TRAINING`` rows are read: hand them over in an order that carries no meaning (``cascade`` does).
    Untried with a reason where nothing can be learned.
    """
    rows = rows[:MOST_TRAINING]
    if len(rows) < LEAST_TRAINING:
        return Untried("too_few_rows", {"rows": len(rows), "needed": LEAST_TRAINING})
    difference = np.array([row.cheap - row.strong for row in rows], dtype=np.float64)
    if not np.isfinite(difference).all():
        return Untried("not_finite")
    fine = difference >= 0
    if fine.all() or not fine.any():
        return Untried("one_class", {"worse": int((~fine).sum()), "rows": len(rows)})
    features = learned(rows, groups)
    if not features.groups:
        return Untried("no_features")
    weights, intercept = _fitted(matrix(features, rows), fine, difference)
    return Router(features, weights, intercept, kinship(rows), len(rows))


def _fitted(columns: Any, fine: Flags, difference: Floats) -> tuple[Floats, float]:
    """Weights: a harm counts by its size against the mean harm, so that for 0/1 scores every row counts 1."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    sizes = np.where(fine, 1.0, -difference / -difference[~fine].mean())
    model = LogisticRegression(C=INVERSE_PENALTY, max_iter=1_000).fit(columns, fine.astype(int), sample_weight=sizes)
    return np.asarray(model.coef_[0], dtype=np.float64), float(model.intercept_[0])


def scores(router: Router, rows: Sequence[CascadeRow]) -> Floats:
    """The score of each row in [``LOWEST``, 1], on the grid; higher is safer. It does not know strangers: ``routed`` does."""
    if not rows:
        return np.zeros(0)
    chance = special.expit(np.asarray(matrix(router.features, rows) @ router.weights) + router.intercept)
    return np.maximum(np.round(chance, DIGITS), LOWEST)


def acquainted(router: Router, calibration: Sequence[CascadeRow]) -> Router:
    """The router as it is used after calibration: templates that the calibration covered are known to it."""
    return replace(router, kin=widened(router.kin, calibration))


def routed(router: Router, threshold: Threshold, rows: Sequence[CascadeRow]) -> Flags:
    """Which rows the cheap model answers: score at or above the threshold, and the template is known."""
    if threshold.threshold is None or not rows:
        return np.zeros(len(rows), dtype=np.bool_)
    return (scores(router, rows) >= threshold.threshold) & related(router.kin, rows)


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
    if not _is_sound(scores, strong, cheap):
        return replace(none, reason="not_finite")
    if n < least_labels(allowance, bound):
        return replace(none, reason="too_few_labels")
    score = np.maximum(np.round(np.asarray(scores, dtype=np.float64), DIGITS), LOWEST)
    if score.min() == score.max():
        return replace(none, reason="constant_scores")
    return _loosest(score, np.asarray(strong - cheap, dtype=np.float64), known, _is_binary(strong, cheap), none)


def _is_sound(scores: Floats, strong: Floats, cheap: Floats) -> bool:
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

    Solved where it is shown: at the first block and at the last that passes; elsewhere only its side of ε is told.
    """
    bet = fixed_bet(n, allowance)
    wanted = -math.log(ALPHA)
    capital = np.cumsum(np.log(np.maximum(1 + bet * (allowance - losses), TINY)))[ends]
    capital += (n - 1 - ends) * math.log1p(bet * allowance)
    passed = capital >= wanted
    stop = len(ends) if passed.all() else int(np.argmin(passed))
    found = np.where(passed, allowance, 1.0)
    for block in (0, max(stop - 1, 0)):
        solved = _where_capital_reaches(losses[: ends[block] + 1], n, bet, wanted)
        found[block] = min(solved, allowance) if passed[block] else max(solved, allowance + 1e-9)
    return found


def _where_capital_reaches(losses: Floats, n: int, bet: float, wanted: float) -> float:
    low, high = max(-1.0, 1 - 1 / bet), 1.0
    for _ in range(50):
        middle = (low + high) / 2
        capital = float(np.log(np.maximum(1 + bet * (middle - losses), TINY)).sum())
        capital += (n - len(losses)) * math.log(max(1 + bet * middle, TINY))
        low, high = (low, middle) if capital >= wanted else (middle, high)
    return high


def cascade(
    rows: Sequence[CascadeRow],
    *,
    seed: int,
    allowances: Sequence[float] = ALLOWANCES,
    groups: Sequence[str] = BEFORE,
) -> Cascade | Untried:
    """Split by a hash of seed and prompt id, train on one part, certify on the other.

    The order of ``rows`` does not matter. With ``groups`` = ``GROUPS`` the cheap answer is read too (it must then be asked
    for every request). Untried with a reason where there are fewer than 150 rows or nothing can be learned.
    """
    ids = [row.prompt_id for row in rows]
    if len(set(ids)) < len(ids):
        return Untried("duplicate_ids", {"rows": len(ids), "ids": len(set(ids))})
    if len(rows) < LEAST_TRAINING + LEAST_CALIBRATION:
        return Untried("too_few_rows", {"rows": len(rows), "needed": LEAST_TRAINING + LEAST_CALIBRATION})
    ordered = [rows[at] for at in drawn_order(ids, seed)]
    training = _training_size(len(ordered))
    calibration = ordered[training : training + MOST_CALIBRATION]
    return cascade_of(ordered[:training], calibration, allowances=allowances, groups=groups)


def _training_size(rows: int) -> int:
    """Half, but the calibration gets ``CONFIDENT_CALIBRATION`` first where that leaves 100 rows to train on."""
    calibration = max(LEAST_CALIBRATION, math.ceil(rows / 2), min(CONFIDENT_CALIBRATION, rows - LEAST_CALIBRATION))
    return min(MOST_TRAINING, rows - calibration)


def cascade_of(
    training: Sequence[CascadeRow],
    calibration: Sequence[CascadeRow],
    *,
    allowances: Sequence[float] = ALLOWANCES,
    groups: Sequence[str] = BEFORE,
) -> Cascade | Untried:
    """The same from training and calibration rows that the caller has split (they must not share requests)."""
    if len(calibration) < LEAST_CALIBRATION:
        return Untried("too_few_rows", {"rows": len(calibration), "needed": LEAST_CALIBRATION})
    router = train(training, groups)
    if isinstance(router, Untried):
        return router
    calibration = sorted(calibration, key=lambda row: row.prompt_id)
    score = scores(router, calibration)
    strong, cheap = _outcomes(calibration)
    if not _is_sound(score, strong, cheap):
        return Untried("not_finite")
    if score.min() == score.max():
        return Untried("constant_scores")
    seen = related_among(router.kin, calibration)
    return Cascade(
        trained_on=router.trained_on,
        calibrated_on=len(calibration),
        features=router.features.groups,
        separation=round(separation(score, cheap >= strong), DIGITS),
        unseen_share=round(float((~seen).mean()), DIGITS) + 0.0,
        thresholds=_thresholds(score, strong, cheap, seen, allowances),
        scores={row.prompt_id: float(value) for row, value in zip(calibration, score, strict=True)},
        unseen=tuple(row.prompt_id for row, is_seen in zip(calibration, seen, strict=True) if not is_seen),
        closeness=router.kin.level,
    )


def recalibrated(cascade: Cascade, strong: Floats, cheap: Floats) -> Cascade:
    """The thresholds recomputed from the cascade's own scores; outcomes in the order of ``cascade.scores``.

    With the outcomes it was made from, the result is equal: that is how a certificate is checked without any text.
    Raises ValueError where the outcomes are not as many as the scores.
    """
    score = np.array(list(cascade.scores.values()), dtype=np.float64)
    strangers = frozenset(cascade.unseen)
    seen = np.array([name not in strangers for name in cascade.scores], dtype=np.bool_)
    again = tuple(
        calibrate(score, strong, cheap, bound=old.bound, loss=old.loss, allowance=old.allowance, seen=seen)
        for old in cascade.thresholds
    )
    return replace(
        cascade,
        thresholds=again,
        calibrated_on=len(score),
        separation=round(separation(score, cheap >= strong), DIGITS),
    )


def recomputed(cascade: Cascade, outcomes: Mapping[str, tuple[float, float]]) -> tuple[Threshold, ...]:
    """The same by prompt id: (strong, cheap) of each scored request. Raises KeyError where one is missing."""
    pairs = np.array([outcomes[name] for name in cascade.scores], dtype=np.float64).reshape(-1, 2)
    return recalibrated(cascade, pairs[:, 0], pairs[:, 1]).thresholds


def separation(score: Floats, fine: Flags) -> float:
    """AUC (Mann–Whitney, ties count half): 0.5 is chance, and what is said where only one class is there."""
    above, below = score[fine], np.sort(score[~fine])
    if not len(above) or not len(below):
        return 0.5
    wins = np.searchsorted(below, above, side="left") + np.searchsorted(below, above, side="right")
    return float(wins.sum() / 2 / (len(above) * len(below)))


def _outcomes(rows: Sequence[CascadeRow]) -> tuple[Floats, Floats]:
    return (
        np.array([row.strong for row in rows], dtype=np.float64),
        np.array([row.cheap for row in rows], dtype=np.float64),
    )


def _thresholds(
    score: Floats, strong: Floats, cheap: Floats, seen: Flags, allowances: Sequence[float]
) -> tuple[Threshold, ...]:
    bounds: tuple[Bound, ...] = ("mean", "confident")
    losses: tuple[Loss, ...] = ("harm", "net")
    return tuple(
        calibrate(score, strong, cheap, bound=bound, loss=loss, allowance=allowance, seen=seen)
        for allowance in allowances
        for bound in bounds
        for loss in losses
    )
