"""What a cascade (段階応答) is: cheap answers what it can, and a threshold on a score sends the rest to the strong model.

*harm*: share of **all** requests that were sent to the cheap model and answered worse than the strong one would have
(for graded scores: the mean loss). *net*: mean of strong minus mean of routed; gains offset harm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Bound = Literal["mean", "confident"]
"""``mean`` 平均上限 (conformal risk control: on average over calibrations), ``confident`` 95 %信頼上限."""
Loss = Literal["harm", "net"]
AFTER = ("answer", "signals")
"""Feature groups known only when the cheap model has answered: then what is sent on is paid twice."""


@dataclass(frozen=True, slots=True)
class CascadeRow:
    """One request of the table, as a cascade sees it; ``strong`` and ``cheap`` are scores in [0, 1]."""

    prompt_id: str
    prompt: str
    fields: Mapping[str, str]
    """The task's own fields known before any answer (sub-task, channel, …)."""
    strong: float
    cheap: float
    cheap_answer: str = ""
    """For features after the cheap answer (length, schema validity); '' where answers were not kept."""
    signals: Mapping[str, float] = field(default_factory=dict)
    """Numbers that came with the cheap answer (mean log-probability, self-reported confidence)."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """One certified threshold of one bound at one allowance.

    A request goes to the cheap model when its score is ≥ ``threshold``. None: no threshold was certified, everything
    stays with the strong model; ``reason`` then names why.
    """

    bound: Bound
    loss: Loss
    allowance: float
    """ε: the most loss allowed, as a share (0.01 is 1 point)."""
    threshold: float | None
    share_cheap: float
    """Share of the calibration requests that would be answered by the cheap model."""
    loss_at: float
    """Loss measured on the calibration set at this threshold (share of all requests); unseen templates cost nothing."""
    upper: float
    """The bound on the loss at this threshold; ≤ ``allowance`` when certified."""
    harm_at: float
    net_at: float
    labels: int
    reason: str = ""
    """``too_few_labels``, ``none_certified``, ``constant_scores`` or ``not_finite``; '' where one was certified."""


@dataclass(frozen=True, slots=True)
class Cascade:
    """A cascade tried on one task and candidate: how it was trained, and what it may be trusted with."""

    trained_on: int
    calibrated_on: int
    features: tuple[str, ...]
    """Names of the feature groups in use: ``fields``, ``prompt``, ``question``, ``length``, ``answer``, ``signals``."""
    separation: float
    """AUC of the score on the calibration set: 0.5 is chance."""
    unseen_share: float
    """Share of calibration requests whose template was not seen in training (they go to the strong model)."""
    thresholds: tuple[Threshold, ...]
    scores: Mapping[str, float]
    """Score of each calibration request by prompt id, rounded to 6 digits: what the thresholds can be recomputed from."""
    unseen: tuple[str, ...] = ()
    """Prompt ids of the calibration requests whose template was in no other row: the other half of a recomputation."""
    closeness: float = 0.0
    """Cosine below which a template counts as unseen, learned from the training rows (``featuring.kinship``)."""


@dataclass(frozen=True, slots=True)
class Untried:
    """No cascade could be tried on these rows; an expected outcome, never an exception.

    ``too_few_rows``: fewer than 150 (50 to train on, 100 to calibrate on); ``one_class``: in training the cheap answer
    is always, or never, worse; ``constant_scores``: the score does not tell requests apart; ``no_features``: nothing
    that varies is known before the answer; ``not_finite``: a score is no number in [0, 1]; ``duplicate_ids``.
    """

    reason: str
    facts: Mapping[str, object] = field(default_factory=dict)
