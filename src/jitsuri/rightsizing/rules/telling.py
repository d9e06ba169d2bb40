"""A verdict for a script: one flat object per task and candidate, with plain names and plain numbers."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal, localcontext
from typing import Any

from jitsuri.rightsizing.rules.offering import offers_of
from jitsuri.rightsizing.shapes.verdicts import BAR_JA, BAR_OF, DECISION_JA, BarResult, Span, Verdict
from jitsuri.terms.money import EXACT_DIGITS

POOLED = "*"
"""The task's name where all tasks of the table were taken together."""


def verdict_word(verdict: Verdict) -> str:
    """合格・不合格・証拠不足; without a baseline 基準達成・基準未達・証拠不足."""
    if verdict.baseline or not verdict.bars:
        return DECISION_JA[verdict.decision]
    return BAR_JA[BAR_OF[verdict.decision]]


def told(verdict: Verdict) -> dict[str, Any]:
    """Shares are fractions (0.05 is five points), amounts yen per 1,000 calls; None where nothing is known."""
    costs = verdict.costs
    return {
        "task": verdict.task or POOLED,
        "baseline": verdict.baseline or None,
        "candidate": verdict.candidate,
        "verdict": verdict_word(verdict),
        "decision": verdict.decision,
        "reasons": [{"code": reason.code, **reason.facts} for reason in verdict.reasons],
        "difference": verdict.difference,
        "interval": _ends(verdict.span),
        "interval_level": verdict.span.level if verdict.span else None,
        "interval_95": _ends(verdict.span_95),
        "significance": verdict.significance,
        "n": verdict.n,
        "margin": verdict.margin,
        "p_value": verdict.p_value,
        "alpha": verdict.alpha,
        "family": {"size": verdict.family, "rank": verdict.rank},
        "method": verdict.method,
        "source": verdict.source,
        "labels": {"people": verdict.people, "judgements": verdict.judged,
                   "both": verdict.agreement.n if verdict.agreement else 0,
                   "human": verdict.human or None, "judge": verdict.judge or None},
        "labels_planned": verdict.labels_planned,
        "scores": {"baseline": verdict.mean_baseline if verdict.baseline else None, "candidate": verdict.mean_candidate},
        "missing": {**asdict(verdict.missing), "share": round(verdict.missing.share, 6)},
        "null_rate": round(verdict.missing.share, 6),
        "anytime": None if verdict.anytime is None else {
            "verdict": DECISION_JA[verdict.anytime.decision], **asdict(verdict.anytime)},
        "agreement": None if verdict.agreement is None else asdict(verdict.agreement),
        "judging": asdict(verdict.judging) if verdict.judging else None,
        "critical": None if verdict.critical is None else asdict(verdict.critical),
        "slices": [{**asdict(one), "span": _ends(one.span)} for one in verdict.slices],
        "split": None if verdict.split is None else {**asdict(verdict.split), "span": _ends(verdict.split.span)},
        "cost_jpy_per_1000": {"baseline": costs.baseline_jpy, "candidate": costs.candidate_jpy},
        "cost_basis": {"source": costs.basis, "reason": costs.reason or None, "usd_jpy": costs.usd_jpy,
                       "is_rate_assumed": costs.is_rate_assumed, "are_tokens_estimated": costs.tokens_estimated},
        "saving": costs.saving_jpy,
        "saving_jpy_per_1000": costs.saving_jpy,
        "saving_share": _share(costs.saving_jpy, costs.baseline_jpy),
        "dropped": None if verdict.dropped is None else {"code": verdict.dropped.code, **verdict.dropped.facts},
        "bar": [_bar(bar) for bar in verdict.bars] or None,
        "cascade": _cascade(verdict),
        "thresholds": dict(verdict.thresholds),
        "seed": verdict.seed,
        "data_hash": verdict.data_hash,
        "code_version": verdict.code_version,
    }  # fmt: skip


def _ends(span: Span | None) -> list[float] | None:
    return None if span is None else [span.low, span.high]


def _share(saving: Decimal | None, baseline: Decimal | None) -> Decimal | None:
    if saving is None or not baseline:
        return None
    with localcontext(prec=EXACT_DIGITS):
        return (saving / baseline).quantize(Decimal("0.0001"))


def _bar(bar: BarResult) -> dict[str, Any]:
    return {**asdict(bar), "share": round(bar.share, 6), "verdict": BAR_JA[bar.decision]}


def _cascade(verdict: Verdict) -> dict[str, Any] | None:
    if verdict.cascade is None:
        return None
    kept = asdict(verdict.cascade)
    for name in ("scores", "unseen"):  # one per request: they stand in the export
        del kept[name]
    kept["offers"] = [asdict(offer) for offer in offers_of(verdict)]
    return kept
