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
from scipy import special

from jitsuri.evaluation.rules.ordering import drawn_order
from jitsuri.rightsizing.rules.calibrating import (
    DIGITS,
    LEAST_CALIBRATION,
    LOWEST,
    calibrate,
    is_sound,
    separation,
)
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

ALLOWANCES = (0.01, 0.05)
"""1 and 5 points: what an owner of a careful and of an ordinary task asks for (decision 0013)."""
LEAST_TRAINING = 50
"""Rows: below, a linear model on text ranks hardly better than the sub-task alone."""
CONFIDENT_CALIBRATION = 300
"""Labels wanted before training gets more: at 1 point the confident bound needs 299."""
MOST_TRAINING = 5_000
MOST_CALIBRATION = 5_000
"""Rows read at most on each side: seconds of work, and the bounds are then within half a point of their limit."""
INVERSE_PENALTY = 0.3
"""scikit-learn's ``C``. Of 0.3, 1 and 10 the smallest was the best or equal on four pairs (jfinqa with two cheap models,
with and without templates held back; MMLU), and the only one to keep unseen templates from certain scores."""


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
    if not is_sound(score, strong, cheap):
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
