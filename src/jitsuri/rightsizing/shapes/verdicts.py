"""What a verdict (結論) is: outcomes of the same requests, and what was decided from them, with everything it rests on.

Scores lie in [0, 1]; differences are candidate minus baseline, as shares (−0.05 is five points worse).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from msgspec import UNSET, UnsetType

from jitsuri.evaluation.shapes import JudgeReport
from jitsuri.rightsizing.shapes.cascades import Cascade
from jitsuri.terms.outcomes import Dropped

Decision = Literal["pass", "fail", "undecided"]
DECISION_JA: Mapping[Decision, str] = {"pass": "合格", "fail": "不合格", "undecided": "証拠不足"}
BarDecision = Literal["met", "missed", "undecided"]
BAR_JA: Mapping[BarDecision, str] = {"met": "基準達成", "missed": "基準未達", "undecided": "証拠不足"}
BAR_OF: Mapping[Decision, BarDecision] = {"pass": "met", "fail": "missed", "undecided": "undecided"}
"""The word without a baseline, by the decision and not by the share alone: critical errors can miss a bar that it meets."""
DECISION_OF: Mapping[BarDecision, Decision] = {bar: decision for decision, bar in BAR_OF.items()}
Significance = Literal["better", "worse", "none"]
"""Does the 95 % interval of the difference leave zero out? ``worse`` may stand beside a pass: worse within the margin."""
SliceState = Literal["fine", "blocks", "unconfirmed"]
"""``blocks``: its upper bound lies below −margin (Holm). ``unconfirmed`` 未確認: too small to say."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why it was decided so; ``words`` holds ``verdict.reason.<code>``."""

    code: str
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span:
    """An interval with its two-sided level; each end is a one-sided bound at ``(1 + level) / 2``."""

    low: float
    high: float
    level: float


@dataclass(frozen=True, slots=True)
class Missing:
    """What of the requests could not be paired."""

    requests: int
    """Requests that the baseline or the candidate was asked."""
    paired: int
    baseline_missing: int
    candidate_missing: int

    @property
    def share(self) -> float:
        return 1 - self.paired / self.requests if self.requests else 1.0


@dataclass(frozen=True, slots=True)
class Agreement:
    """Judge against people on requests that both saw.

    ``confusion[i][j]``: people said i, the judge said j, with 0 worse, 1 same, 2 better (candidate against baseline).
    """

    n: int
    confusion: tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]
    kappa: float | None
    """Cohen's κ; None where one of the two never varied."""
    kappa_span: Span | None
    correlation: float | None
    bias: float
    """Mean of (judge − people) of the difference: what a judge-only mean would be wrong by."""
    bias_span: Span
    is_used: bool
    set_aside: str = ""
    """Why the judge is not used: ``misleading``, ``no_information``, ``too_few``, or a fault of its report."""


@dataclass(frozen=True, slots=True)
class Anytime:
    """The betting e-process over the labels in their drawn order: may be looked at every day."""

    decision: Decision
    e_pass: float
    """Largest evidence against "worse by the margin or more" (≥ 20 shows it wrong at 5 %)."""
    e_fail: float
    decided_at: int | None
    """After how many labels it was decided; None while it is not."""
    labels: int


@dataclass(frozen=True, slots=True)
class Critical:
    """Errors that the owner calls critical, of the candidate, with a Clopper–Pearson upper bound (95 %, one-sided)."""

    errors: int
    n: int
    upper: float
    limit: float
    baseline_errors: int
    decision: Decision


@dataclass(frozen=True, slots=True)
class Slice:
    """One part of the task: ``field`` = ``value``."""

    field: str
    value: str
    n: int
    difference: float
    span: Span | None
    state: SliceState


@dataclass(frozen=True, slots=True)
class Split:
    """The task without the slices that block: a suggestion that needs a verdict of its own."""

    without: tuple[str, ...]
    n: int
    difference: float
    span: Span


@dataclass(frozen=True, slots=True)
class UnitCosts:
    """What 1,000 calls of the paired requests cost with each of the two, in yen; None with a reason where unknown."""

    baseline_jpy: Decimal | None
    candidate_jpy: Decimal | None
    reason: str = ""
    """Why a side is unknown: ``no_price``, ``no_tokens``, ``rate_missing``."""
    basis: str = ""
    """Where the prices come from: the price book's source, or ``own`` for prices given by hand, ``table`` for a cost column."""
    usd_jpy: Decimal | None = None
    is_rate_assumed: bool = False
    """The exchange rate is 想定: nobody set one."""
    tokens_estimated: bool = False
    """Token counts were estimated on visible text: hidden reasoning tokens are missing."""

    @property
    def saving_jpy(self) -> Decimal | None:
        if self.baseline_jpy is None or self.candidate_jpy is None:
            return None
        return self.baseline_jpy - self.candidate_jpy


@dataclass(frozen=True, slots=True)
class BarResult:
    """One variant against the owner's bar: share of accepted answers with Clopper–Pearson bounds (95 %, one-sided)."""

    model: str
    accepted: int
    n: int
    lower: float
    upper: float
    bar: float
    decision: BarDecision

    @property
    def share(self) -> float:
        return self.accepted / self.n if self.n else 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided for one task and candidate, and everything that it rests on."""

    task: str
    baseline: str
    """'' where the task has no baseline: then only the bar decides."""
    candidate: str
    decision: Decision
    reasons: tuple[Reason, ...]
    margin: float
    n: int
    """Pairs behind the difference: people's labels, or judgements where there are no people."""
    people: int
    """Pairs that people labelled."""
    judged: int
    """Pairs that the judge saw."""
    method: Literal["paired", "ppi", "none"]
    source: Literal["people", "judge", "table"]
    """Whose eyes decide. ``table``: one unnamed scorer (exact match, rule)."""
    judge: str
    human: str
    mean_baseline: float
    mean_candidate: float
    difference: float | None
    span: Span | None
    """At the level that decides: its lower end above −margin is a pass (where nothing else stands against it)."""
    span_95: Span | None
    significance: Significance
    p_value: float | None
    alpha: float
    """After family-wise adjustment (Holm)."""
    family: int
    rank: int
    missing: Missing
    anytime: Anytime | None
    agreement: Agreement | None
    critical: Critical | None
    slices: tuple[Slice, ...]
    split: Split | None
    costs: UnitCosts
    dropped: Dropped | None
    bars: tuple[BarResult, ...]
    cascade: Cascade | None
    labels_planned: int
    """Labels that a verdict at this margin needs with the discordance seen here."""
    thresholds: Mapping[str, float]
    """Every constant that took part in the decision."""
    seed: int
    data_hash: str
    """``sha256:`` of the canonical rows that were used."""
    code_version: str
    judging: JudgeReport | UnsetType = UNSET
    """How the judge worked, whatever people say; not there where nobody looked, so that older records keep their bytes."""
