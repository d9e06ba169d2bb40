"""The verdict (結論): 合格, 不合格 or 証拠不足 for each candidate of a task, with everything that it rests on.

A pass says: with 95 % confidence the candidate is worse by less than the margin, on requests like the sample. Several
candidates of one task share the 5 % (Holm), since the cheapest that passes will be chosen. What stands against a verdict
(too few, too much missing, nothing but ties, a judge that knows nothing) makes it undecided, never a pass or a fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal

import numpy as np
from msgspec import UNSET

from jitsuri.evaluation.rules.betting import capital_above, capital_below, first_reaching
from jitsuri.evaluation.rules.counting import holm_levels, share_lower, share_upper
from jitsuri.evaluation.rules.ordering import drawn_order
from jitsuri.evaluation.rules.planning import labels_needed
from jitsuri.evaluation.rules.tilting import p_flipped
from jitsuri.rightsizing.rules.estimating import Estimate, array, estimate
from jitsuri.rightsizing.rules.packing import rounded
from jitsuri.rightsizing.rules.slicing import slices_of, split_of
from jitsuri.rightsizing.shapes.cascades import Cascade
from jitsuri.rightsizing.shapes.outcomes import Pairs, Scores, Thresholds
from jitsuri.rightsizing.shapes.verdicts import (
    DECISION_OF,
    Anytime,
    BarDecision,
    BarResult,
    Critical,
    Decision,
    Reason,
    Significance,
    Slice,
    Span,
    UnitCosts,
    Verdict,
)
from jitsuri.terms.outcomes import Dropped

LEAST_MARGIN_LEFT = 0.005
"""Below half a point between the difference seen and the margin no number of labels is named: it would be absurd."""

EDGE = 1e-9
"""A bound counts as beyond a limit only by more than what rounding in the last place could do."""


@dataclass(frozen=True, slots=True)
class Family:
    """The p-values of the other candidates of the same task; None for one that cannot pass."""

    others: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """What the record says of where a verdict comes from."""

    seed: int
    data_hash: str
    code_version: str


def p_value_of(pairs: Pairs, thresholds: Thresholds, seed: int) -> float | None:
    """The p-value against "worse by the margin or more"; None where no verdict may be given."""
    if not pairs.baseline:
        return None
    found = estimate(pairs, thresholds, seed)
    return None if found.problem else found.p_pass(thresholds.margin)


def decide(
    pairs: Pairs,
    thresholds: Thresholds,
    family: Family,
    costs: UnitCosts,
    origin: Origin,
    cascade: Cascade | None = None,
) -> Verdict:
    """One candidate's verdict. The same arguments give the same verdict on any machine (to the digits it keeps)."""
    bars = bars_of(pairs, thresholds)
    if not pairs.baseline:
        return _without_baseline(pairs, thresholds, costs, origin, bars)
    found = estimate(pairs, thresholds, origin.seed)
    p_value = None if found.problem else found.p_pass(thresholds.margin)
    level, rank = holm_levels([p_value, *family.others], thresholds.alpha)[0]
    size = 1 + len(family.others)
    span = _span(found, level) if found.n and not found.problem else None
    span_95 = _span(found, 0.025) if span else None
    even = found.evenly()
    slices = slices_of(even, pairs.slices, thresholds) if span else ()
    critical = critical_of(pairs, thresholds)
    decision, reasons = _decision(found, span, thresholds, slices, critical)
    significance = _significance(found, span_95)
    planned = _planned(found, thresholds)
    return Verdict(
        task=pairs.task,
        baseline=pairs.baseline,
        candidate=pairs.candidate,
        decision=decision,
        reasons=(
            *reasons,
            *_cautions(found, decision, significance, slices, bars, size, level, thresholds),
            *_outside(pairs),
        ),
        margin=thresholds.margin,
        n=found.n,
        people=found.people,
        judged=found.judged,
        method=found.method,
        source=found.source,
        judge=pairs.judge,
        human=pairs.human,
        mean_baseline=rounded(found.mean_baseline),
        mean_candidate=rounded(found.mean_candidate),
        difference=None if found.difference is None else rounded(found.difference),
        span=span,
        span_95=span_95,
        significance=significance,
        p_value=None if p_value is None else rounded(p_value),
        alpha=rounded(level),
        family=size,
        rank=rank,
        missing=pairs.missing,
        anytime=None if found.problem else anytime_of(found, pairs, thresholds, size, origin.seed),
        agreement=found.agreement,
        critical=critical,
        slices=slices,
        split=split_of(even, pairs.slices, slices, thresholds) if span else None,
        costs=costs,
        dropped=None,
        bars=bars,
        cascade=cascade,
        labels_planned=planned,
        thresholds={key: float(value) for key, value in asdict(thresholds).items() if value is not None},
        seed=origin.seed,
        data_hash=origin.data_hash,
        code_version=origin.code_version,
        judging=found.judging or UNSET,
    )


def with_dropped(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The candidates of one task, cheapest first, with a word at those that are no choice: dearer than today, or dearer and
    worse than another. Dropped ones stay in the family: leaving them out after looking would loosen the others."""
    known = [v for v in verdicts if v.costs.candidate_jpy is not None and v.difference is not None]
    marked: list[Verdict] = []
    for one in verdicts:
        cost, today = one.costs.candidate_jpy, one.costs.baseline_jpy
        dropped: Dropped | None = None
        if cost is not None and today is not None and cost >= today:
            dropped = Dropped(one.candidate, "not_cheaper")
        elif cost is not None and one.difference is not None:
            better = [
                other
                for other in known
                if other is not one
                and _cost(other) <= cost
                and _difference(other) >= one.difference
                and (_cost(other), -_difference(other)) != (cost, -one.difference)
            ]
            if better:
                best = min(better, key=lambda other: (_cost(other), -_difference(other), other.candidate))
                dropped = Dropped(one.candidate, "dominated", {"by": best.candidate})
        if dropped is not None:
            reason = Reason(dropped.code, dict(dropped.facts))
            marked.append(replace(one, dropped=dropped, reasons=(*one.reasons, reason)))
        else:
            marked.append(one)
    return sorted(marked, key=_by_cost)


def anytime_of(found: Estimate, pairs: Pairs, thresholds: Thresholds, size: int, seed: int) -> Anytime:
    """The e-process over the deciding labels in their drawn order; a family shares α evenly (sums of e-values).

    Where pairs were not drawn evenly, only the uniform share is bet on: the mean of the others is that of no traffic.
    """
    found = found.evenly()
    order = drawn_order([pairs.prompt_ids[at] for at in found.places], seed)
    values = found.differences[order]
    above, below = capital_above(values, -thresholds.margin), capital_below(values, -thresholds.margin)
    level = thresholds.alpha / size
    passed, failed = first_reaching(above, level), first_reaching(below, level)
    decision: Decision = "undecided"
    if passed is not None and (failed is None or passed <= failed):
        decision = "pass"
    elif failed is not None:
        decision = "fail"
    at = {"pass": passed, "fail": failed, "undecided": None}[decision]
    return Anytime(
        decision, _capital(float(above.max(initial=1.0))), _capital(float(below.max(initial=1.0))), at, len(values)
    )


def critical_of(pairs: Pairs, thresholds: Thresholds) -> Critical | None:
    """The candidate's critical errors with their bound; None where nobody looked for any."""
    held = _counted(pairs)
    looked = [said for at in held if (said := pairs.critical_candidate[at]) is not None]
    if not looked:
        return None
    errors, n = sum(looked), len(looked)
    upper, lower = share_upper(errors, n, thresholds.alpha), share_lower(errors, n, thresholds.alpha)
    decision: Decision = "undecided"
    if upper <= thresholds.critical_limit:
        decision = "pass"
    elif lower > thresholds.critical_limit:
        decision = "fail"
    before = sum(bool(pairs.critical_baseline[at]) for at in held)
    return Critical(errors, n, rounded(upper), thresholds.critical_limit, before, decision)


def bars_of(pairs: Pairs, thresholds: Thresholds) -> tuple[BarResult, ...]:
    """The candidate, and today's variant where there is one, against the owner's bar; empty where none is set."""
    if thresholds.bar is None:
        return ()
    mine = (
        (pairs.people_candidate, pairs.people_baseline)
        if pairs.human
        else (pairs.judge_candidate, pairs.judge_baseline)
    )
    held = _counted(pairs)
    found = [_bar(pairs.candidate, tuple(mine[0][at] for at in held), thresholds)]
    if pairs.baseline:
        found.append(_bar(pairs.baseline, tuple(mine[1][at] for at in held), thresholds))
    return tuple(found)


def _counted(pairs: Pairs) -> Sequence[int]:
    """The pairs that may be counted as they stand: all, or the uniform share where pairs were not drawn evenly."""
    if isinstance(pairs.shares, tuple):
        return [at for at, share in enumerate(pairs.shares) if share == "uniform"]
    return range(len(pairs))


def _outside(pairs: Pairs) -> list[Reason]:
    """Critical errors that were seen where labels were focused: they count for no share, and are never left untold."""
    if not isinstance(pairs.shares, tuple):
        return []
    count = sum(
        bool(said) for said, share in zip(pairs.critical_candidate, pairs.shares, strict=True) if share != "uniform"
    )
    return [Reason("critical_outside", {"count": count})] if count else []


def _bar(model: str, scores: Scores, thresholds: Thresholds) -> BarResult:
    values = array(scores)
    values = values[~np.isnan(values)]
    accepted, n = int((values >= thresholds.accept_at - EDGE).sum()), len(values)
    lower, upper = share_lower(accepted, n, thresholds.alpha), share_upper(accepted, n, thresholds.alpha)
    bar = thresholds.bar if thresholds.bar is not None else 1.0
    decision: BarDecision = "undecided"
    if n >= thresholds.fewest_pairs:
        decision = "met" if lower >= bar else "missed" if upper < bar else "undecided"
    return BarResult(model, accepted, n, rounded(lower), rounded(upper), bar, decision)


def _decision(
    found: Estimate, span: Span | None, thresholds: Thresholds, slices: Sequence[Slice], critical: Critical | None
) -> tuple[Decision, tuple[Reason, ...]]:
    if found.problem is not None or span is None:
        return "undecided", (found.problem,) if found.problem else ()
    decision, reason = _of_span(found, span, thresholds)
    reasons = [reason]
    blocking = [f"{one.field}={one.value}" for one in slices if one.state == "blocks"]
    if blocking:  # whatever the whole says: more labels would not make this part good
        decision = "fail"
        reasons.insert(0, Reason("slice_blocks", {"slices": ", ".join(blocking)}))
    return _after_critical(decision, reasons, critical)


def _after_critical(
    decision: Decision, reasons: Sequence[Reason], critical: Critical | None
) -> tuple[Decision, tuple[Reason, ...]]:
    """Critical errors stand above all else: too many fail, and while they may be too many nothing passes."""
    if critical is None or critical.decision == "pass":
        return decision, tuple(reasons)
    facts = {"errors": critical.errors, "n": critical.n, "limit_percent": rounded(critical.limit * 100)}
    if critical.decision == "fail":
        return "fail", (Reason("critical_too_many", facts), *reasons)
    if decision == "pass":
        upper = {"upper_percent": rounded(critical.upper * 100)}
        return "undecided", (Reason("critical_unproven", {**facts, **upper}), *reasons)
    return decision, tuple(reasons)


def _of_span(found: Estimate, span: Span, thresholds: Thresholds) -> tuple[Decision, Reason]:
    margin = thresholds.margin
    points = {"margin_points": rounded(margin * 100)}
    if span.low > -margin + EDGE:
        return "pass", Reason("shown_no_worse", {**points, "lower_points": rounded(span.low * 100)})
    if span.high < -margin - EDGE:
        return "fail", Reason("shown_worse", {**points, "upper_points": rounded(span.high * 100)})
    more = max(0, _planned(found, thresholds) - found.n)
    facts = {**points, "lower_points": rounded(span.low * 100), "more_labels": more}
    return "undecided", Reason("interval_crosses_margin", facts)


def _planned(found: Estimate, thresholds: Thresholds) -> int:
    """Labels for a verdict at this margin if the candidate is as good as it looks (at best: as good as today's).

    0 where it looks so bad that no sensible number would show it good.
    """
    left = thresholds.margin + min(0.0, found.difference or 0.0)
    spread = found.spread
    if left < LEAST_MARGIN_LEFT or spread <= 0:
        return 0
    return labels_needed(
        Decimal(repr(left)), Decimal(repr(min(1.0, spread))), Decimal(0), risk=Decimal(repr(thresholds.alpha))
    ).labels


def _span(found: Estimate, level: float) -> Span:
    return Span(rounded(found.lower(level)), rounded(found.upper(level)), rounded(1 - 2 * level))


def _significance(found: Estimate, span: Span | None) -> Significance:
    """Better or worse at 5 %, two-sided: the interval leaves zero out, and so do the signs where people or one scorer alone
    decide. The second test makes sure that one and the same model is called different in at most 5 % of cases."""
    if span is None or (found.method == "paired" and p_flipped(found.evenly().differences) > 0.05):
        return "none"
    return "worse" if span.high < -EDGE else "better" if span.low > EDGE else "none"


def _cautions(
    found: Estimate,
    decision: Decision,
    significance: Significance,
    slices: Sequence[Slice],
    bars: Sequence[BarResult],
    size: int,
    level: float,
    thresholds: Thresholds,
) -> list[Reason]:
    cautions = list(found.cautions)
    if decision == "pass" and significance == "worse" and found.difference is not None:
        cautions.append(Reason("within_margin_but_worse", {"difference_points": rounded(found.difference * 100)}))
    small = sum(one.state == "unconfirmed" for one in slices)
    if small:
        cautions.append(Reason("slices_unconfirmed", {"count": small}))
    cautions.extend(_told(bar) for bar in bars[:1])
    cautions.extend(Reason("today_misses_bar", _percents(bar)) for bar in bars[1:] if bar.decision == "missed")
    if size > 1 and not found.problem and level < thresholds.alpha - EDGE:
        cautions.append(Reason("family_adjusted", {"family": size, "alpha_percent": rounded(level * 100)}))
    return cautions


def _without_baseline(
    pairs: Pairs, thresholds: Thresholds, costs: UnitCosts, origin: Origin, bars: tuple[BarResult, ...]
) -> Verdict:
    """Nothing to compare with: only the owner's bar can be met or missed."""
    mine = pairs.people_candidate if pairs.human else pairs.judge_candidate
    values = array(mine)
    seen = int((~np.isnan(values)).sum())
    critical = critical_of(pairs, thresholds)
    decision: Decision = "undecided"
    reasons: list[Reason] = [Reason("no_baseline")]
    if pairs.missing.share > thresholds.most_missing:
        facts = {"share": rounded(pairs.missing.share), "limit": rounded(thresholds.most_missing)}
        reasons.insert(0, Reason("missing_too_many", facts))
    elif seen < thresholds.fewest_pairs:
        reasons.insert(0, Reason("too_few", {"n": seen, "needed": thresholds.fewest_pairs}))
    elif bars:
        decision, told = _after_critical(DECISION_OF[bars[0].decision], [_told(bars[0])], critical)
        reasons = [*told, *reasons]
    return Verdict(
        task=pairs.task, baseline="", candidate=pairs.candidate, decision=decision, reasons=tuple(reasons),
        margin=thresholds.margin, n=seen, people=seen if pairs.human else 0, judged=0 if pairs.human else seen,
        method="none", source="people" if pairs.human else "judge" if pairs.is_judge_named else "table",
        judge=pairs.judge, human=pairs.human, mean_baseline=0.0,
        mean_candidate=rounded(float(np.nanmean(values))) if seen else 0.0, difference=None, span=None, span_95=None,
        significance="none", p_value=None, alpha=thresholds.alpha, family=1, rank=1, missing=pairs.missing, anytime=None,
        agreement=None, critical=critical, slices=(), split=None, costs=costs, dropped=None, bars=bars, cascade=None,
        labels_planned=0,
        thresholds={key: float(value) for key, value in asdict(thresholds).items() if value is not None},
        seed=origin.seed, data_hash=origin.data_hash, code_version=origin.code_version,
    )  # fmt: skip


def _told(bar: BarResult) -> Reason:
    facts = _percents(bar)
    if bar.decision == "met":
        return Reason("bar_met", {"lower_percent": rounded(bar.lower * 100), "bar_percent": facts["bar_percent"]})
    if bar.decision == "missed":
        return Reason("bar_missed", facts)
    return Reason("bar_undecided", {**facts, "lower_percent": rounded(bar.lower * 100)})


def _percents(bar: BarResult) -> dict[str, float]:
    return {"upper_percent": rounded(bar.upper * 100), "bar_percent": rounded(bar.bar * 100)}


def _capital(value: float) -> float:
    """Evidence as the record keeps it: three digits say all, and huge ones do not hang on the last bit."""
    return float(f"{value:.3g}")


def _cost(verdict: Verdict) -> Decimal:
    assert verdict.costs.candidate_jpy is not None
    return verdict.costs.candidate_jpy


def _difference(verdict: Verdict) -> float:
    assert verdict.difference is not None
    return verdict.difference


def _by_cost(verdict: Verdict) -> tuple[bool, Decimal, str]:
    cost = verdict.costs.candidate_jpy
    return (cost is None, cost if cost is not None else Decimal(0), verdict.candidate)
