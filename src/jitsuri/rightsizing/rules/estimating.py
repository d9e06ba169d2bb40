"""From pairs to an estimate: whose eyes decide, is the judge to be trusted, and what stands against any verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from jitsuri.evaluation.rules.agreeing import Seen, agreement, correlated, p_correlated
from jitsuri.evaluation.rules.estimating import FOLDS, Sample, gathered, ppi_parts
from jitsuri.evaluation.rules.judging.reporting import report_of
from jitsuri.evaluation.rules.ordering import folds
from jitsuri.evaluation.rules.tilting import SMALL, Part, lower_bound, mean_of, p_above, p_below, upper_bound
from jitsuri.evaluation.shapes import JudgeReport
from jitsuri.rightsizing.rules.packing import rounded
from jitsuri.rightsizing.rules.weighting import (
    Bare,
    bare_of,
    cells_of,
    lower_of,
    mean_over,
    parts_of,
    samples_of,
    unlabelled,
    upper_of_parts,
)
from jitsuri.rightsizing.shapes.outcomes import Pairs, Scores, Thresholds
from jitsuri.rightsizing.shapes.verdicts import Agreement, Reason, Span

Floats = NDArray[np.float64]

LEAST_JUDGED = 0.9
"""Share of people's pairs that the judge must have seen too; otherwise people alone decide (decision 0016)."""

KNOWS = 0.05
"""One-sided level at which a judge must agree with people at all."""

KNOWS_ALONE = 0.001
"""The same for a judge without people, who must at least mark the same request alike for both: dice would pass once in a
thousand. Real judges of real answers lie far below (r ≥ 0.3 on 320 requests; ``tests/rightsizing``)."""


@dataclass(frozen=True, slots=True)
class Uneven:
    """What an estimate from unevenly drawn pairs needs besides."""

    is_even: NDArray[np.bool_]
    """Of each difference: does it belong to the uniform share?"""
    no_loss: tuple[Bare, ...]
    no_gain: tuple[Bare, ...]
    spread: float
    """Mean squared difference over all pairs."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The difference with all that its bounds need. ``problem`` is set where no verdict may be given."""

    parts: tuple[Part, ...]
    differences: Floats
    """Of the deciding eyes, pair by pair, with ``places`` in the pairs."""
    places: NDArray[np.int64]
    method: Literal["paired", "ppi", "none"]
    source: Literal["people", "judge", "table"]
    people: int
    judged: int
    mean_baseline: float
    mean_candidate: float
    agreement: Agreement | None = None
    problem: Reason | None = None
    cautions: tuple[Reason, ...] = field(default=())
    uneven: Uneven | None = None
    judging: JudgeReport | None = None

    @property
    def n(self) -> int:
        return len(self.differences)

    @property
    def difference(self) -> float | None:
        return mean_of(self.parts) if self.parts else None

    def lower(self, alpha: float) -> float:
        """One-sided lower bound. Where not one loss was seen, losses as frequent as that allows are assumed, each whole."""
        if self.uneven is not None:
            return lower_of(self.parts, self.uneven.no_loss, alpha)
        bound = lower_bound(self.parts, alpha)
        if not (self.differences < -SMALL).any():
            bound = min(bound, -(1 - alpha ** (1 / self.n)))
        return bound

    def upper(self, alpha: float) -> float:
        """One-sided upper bound. Where not one gain was seen, one whole gain is added to what was seen."""
        if self.uneven is not None:
            return upper_of_parts(self.parts, self.uneven.no_gain, alpha)
        if self.method == "paired" and len(self.parts) == 1:
            return upper_of(self.parts[0].values, alpha)
        return upper_bound(self.parts, alpha)

    def evenly(self) -> Estimate:
        """Only what may be counted as it stands: the uniform share, where pairs were not drawn evenly."""
        if self.uneven is None:
            return self
        held = self.uneven.is_even
        return replace(self, differences=self.differences[held], places=self.places[held], uneven=None)

    @property
    def spread(self) -> float:
        """Mean squared difference; 0 without any."""
        if self.uneven is not None:
            return self.uneven.spread
        return float(np.mean(self.differences**2)) if self.n else 0.0

    def p_pass(self, margin: float) -> float:
        """p-value against "worse by the margin or more"."""
        if self.uneven is not None:
            return self._p_uneven(margin)
        p_value = p_above(self.parts, -margin)
        if not (self.differences < -SMALL).any():
            p_value = max(p_value, (1 - margin) ** self.n)
        return p_value

    def _p_uneven(self, margin: float) -> float:
        """The error probability at which the lower bound reaches the margin; 1 where the estimate itself lies beyond."""
        low, high = 1e-9, 0.4999
        if self.lower(high) <= -margin:
            return 1.0
        for _ in range(40):
            middle = sqrt(low * high)
            low, high = (low, middle) if self.lower(middle) > -margin else (middle, high)
        return high


def upper_of(values: Floats, alpha: float) -> float:
    """Upper bound on the mean of differences; without a single gain one whole gain is added to what was seen."""
    return upper_bound([Part(_with_gain(values))], alpha)


def p_worse(values: Floats, margin: float) -> float:
    """p-value against "not worse by the margin or more", in the manner of ``upper_of``."""
    return p_below([Part(_with_gain(values))], -margin)


def array(scores: Scores) -> Floats:
    """Scores as an array; NaN where there is none."""
    return np.array([np.nan if score is None else score for score in scores], dtype=np.float64)


def estimate(pairs: Pairs, thresholds: Thresholds, seed: int) -> Estimate:
    """Difference candidate − baseline: from people's labels, joined with a judge's where it is worth something."""
    people = _difference(pairs.people_candidate, pairs.people_baseline)
    judge = _difference(pairs.judge_candidate, pairs.judge_baseline)
    labelled, judged = np.flatnonzero(~np.isnan(people)), np.flatnonzero(~np.isnan(judge))
    report = report_of(pairs.judging) if pairs.judging else None
    if pairs.human:
        found = _of_people(pairs, people, judge, labelled, judged, thresholds, seed, report)
    else:
        found = _of_judge(pairs, judge, judged, report)
    return _checked(pairs, found, thresholds, report)


def _difference(candidate: Scores, baseline: Scores) -> Floats:
    """Differences as marks are told: 0.9 − 0.6 and 0.8 − 0.5 are the same step, which binary fractions do not know."""
    found: Floats = np.round(array(candidate) - array(baseline), 9) + 0.0
    return found


def _of_judge(pairs: Pairs, judge: Floats, judged: NDArray[np.int64], report: JudgeReport | None = None) -> Estimate:
    source: Literal["judge", "table"] = "judge" if pairs.is_judge_named else "table"
    one, other = array(pairs.judge_baseline)[judged], array(pairs.judge_candidate)[judged]
    problem = None
    cautions: tuple[Reason, ...] = ()
    if source == "judge":
        cautions = (Reason("judge_only", {"judge": pairs.judge}),)
        if len(judged) and not _knows_alone(one, other, report):
            problem = Reason("judge_nonsense", {"judge": pairs.judge})
        if report is not None and report.set_aside:
            problem = Reason("judge_unfit", {"judge": pairs.judge, "why": report.set_aside})
    return Estimate(
        _strata_parts(judge[judged], [pairs.strata[at] for at in judged]), judge[judged], judged, "paired", source, 0,
        len(judged), _mean(one), _mean(other), problem=problem, cautions=cautions,
    )  # fmt: skip


def _knows_alone(baseline: Floats, candidate: Floats, report: JudgeReport | None) -> bool:
    """Does a judge without people tell answers apart at all? One that marks each answer must mark the same request alike. One that
    compares gives marks that exclude each other: it must have been shown ruined answers, and its report says how it did."""
    if report is not None:
        return any(share.n for share in report.shares if share.code == "worse_missed")
    return p_correlated(correlated(baseline, candidate), len(baseline)) <= KNOWS_ALONE


def _of_people(
    pairs: Pairs,
    people: Floats,
    judge: Floats,
    labelled: NDArray[np.int64],
    judged: NDArray[np.int64],
    thresholds: Thresholds,
    seed: int,
    report: JudgeReport | None,
) -> Estimate:
    if isinstance(pairs.stratum_sizes, Mapping):
        return _of_drawn(pairs, people, judge, labelled, judged, thresholds, seed, report)
    both = np.intersect1d(labelled, judged)
    alone = np.setdiff1d(judged, labelled)
    seen = None
    if pairs.judge:
        seen = _unless_unfit(_agreed(people[both], judge[both], len(labelled), len(alone), thresholds), report)
    parts: Sequence[Part] = _strata_parts(people[labelled], [pairs.strata[at] for at in labelled], _sizes(pairs))
    method: Literal["paired", "ppi"] = "paired"
    cautions: tuple[Reason, ...] = ()
    if seen is not None and seen.is_used:
        joined, worth = ppi_parts(gathered(_samples(pairs, people, judge, both, alone, seed)))
        if worth > 0:
            parts, method = joined, "ppi"
    elif seen is not None and seen.set_aside != "no_more_pairs":
        cautions = (Reason("judge_set_aside", {"judge": pairs.judge, "why": seen.set_aside}),)
    return Estimate(
        tuple(parts), people[labelled], labelled, method, "people", len(labelled), len(judged),
        _mean(array(pairs.people_baseline)[labelled]), _mean(array(pairs.people_candidate)[labelled]),
        agreement=seen, cautions=cautions,
    )  # fmt: skip


def _of_drawn(
    pairs: Pairs,
    people: Floats,
    judge: Floats,
    labelled: NDArray[np.int64],
    judged: NDArray[np.int64],
    thresholds: Thresholds,
    seed: int,
    report: JudgeReport | None,
) -> Estimate:
    """As ``_of_people``, with strata that were not looked at alike (decision 0034)."""
    assert isinstance(pairs.stratum_sizes, Mapping)
    assert isinstance(pairs.shares, tuple)
    sizes, shares = pairs.stratum_sizes, pairs.shares
    cells = cells_of(pairs.strata, labelled, sizes)
    both = np.intersect1d(labelled, judged)
    alone = np.setdiff1d(judged, labelled)
    seen = None
    if pairs.judge:
        gap = parts_of(cells_of(pairs.strata, both, sizes), judge - people)
        seen = _unless_unfit(_agreed(people[both], judge[both], len(labelled), len(alone), thresholds, gap), report)
    parts = parts_of(cells, people)
    method: Literal["paired", "ppi"] = "paired"
    cautions: tuple[Reason, ...] = ()
    if seen is not None and seen.is_used:
        fold = np.full(len(pairs), -1, dtype=np.int64)
        fold[labelled] = folds([pairs.prompt_ids[at] for at in labelled], seed, FOLDS)
        joined, worth = ppi_parts(samples_of(cells, people, judge, pairs.strata, fold))
        if worth > 0:
            parts, method = tuple(joined), "ppi"
    elif seen is not None and seen.set_aside != "no_more_pairs":
        cautions = (Reason("judge_set_aside", {"judge": pairs.judge, "why": seen.set_aside}),)
    left = unlabelled(pairs.strata, labelled, sizes)
    uneven = Uneven(
        np.array([shares[at] == "uniform" for at in labelled], dtype=bool), bare_of(cells, people, -1),
        bare_of(cells, people, 1), mean_over(cells, people**2),
    )  # fmt: skip
    return Estimate(
        parts, people[labelled], labelled, method, "people", len(labelled), len(judged),
        mean_over(cells, array(pairs.people_baseline)), mean_over(cells, array(pairs.people_candidate)),
        agreement=seen, cautions=cautions, uneven=uneven,
        problem=Reason("stratum_unlabelled", {"count": left}) if left else None,
    )  # fmt: skip


def _samples(
    pairs: Pairs, people: Floats, judge: Floats, both: NDArray[np.int64], alone: NDArray[np.int64], seed: int
) -> list[Sample]:
    fold = np.array(folds([pairs.prompt_ids[at] for at in both], seed, FOLDS), dtype=np.int64)
    of_both = np.array([pairs.strata[at] for at in both])
    of_alone = np.array([pairs.strata[at] for at in alone])
    return [
        Sample(people[both[of_both == name]], judge[both[of_both == name]], judge[alone[of_alone == name]],
               fold[of_both == name])
        for name in sorted({*of_both.tolist(), *of_alone.tolist()})
    ]  # fmt: skip


def _agreed(
    people: Floats, judge: Floats, labelled: int, alone: int, thresholds: Thresholds, gap: Sequence[Part] = ()
) -> Agreement | None:
    """How the judge did on what people saw, and whether it may take part."""
    if len(people) < 2:
        return None
    seen = agreement(people, judge, thresholds.alpha, gap)
    why = _why_aside(seen, people, judge, labelled, alone, thresholds)
    error = seen.kappa_error
    level = 1 - 2 * thresholds.alpha
    span = None
    if seen.kappa is not None and error is not None:
        reach = 1.6448536269514722 * error  # the normal quantile of one-sided 5 %
        span = Span(rounded(max(-1.0, seen.kappa - reach)), rounded(min(1.0, seen.kappa + reach)), 0.9)
    return Agreement(
        n=seen.n,
        confusion=seen.confusion,
        kappa=None if seen.kappa is None else rounded(seen.kappa),
        kappa_span=span,
        correlation=None if seen.correlation is None else rounded(seen.correlation),
        bias=rounded(seen.bias),
        bias_span=Span(rounded(seen.bias_low), rounded(seen.bias_high), rounded(level)),
        is_used=not why,
        set_aside=why,
    )


def _unless_unfit(seen: Agreement | None, report: JudgeReport | None) -> Agreement | None:
    """A judge whose own report sets it aside takes no part, however it agrees with people."""
    if seen is None or report is None or not report.set_aside:
        return seen
    return replace(seen, is_used=False, set_aside=report.set_aside)


def _why_aside(seen: Seen, people: Floats, judge: Floats, labelled: int, alone: int, thresholds: Thresholds) -> str:
    if seen.n < thresholds.fewest_for_judge or seen.n < LEAST_JUDGED * labelled:
        return "too_few"
    if seen.correlation is not None and p_correlated(correlated(people, -judge), seen.n) <= KNOWS:
        return "misleading"
    if seen.p_correlation > KNOWS:
        return "no_information"
    return "" if alone else "no_more_pairs"


def _checked(pairs: Pairs, found: Estimate, thresholds: Thresholds, report: JudgeReport | None) -> Estimate:
    """The same estimate with the first thing that stands against any verdict, and the judge's faults."""
    unfit = found.problem if found.problem is not None and found.problem.code == "judge_unfit" else None
    return replace(
        found,
        parts=found.parts if found.n else (),
        method=found.method if found.n else "none",
        problem=unfit or _problem(pairs, found, thresholds) or found.problem,
        cautions=(*found.cautions, *_faults(report)),
        judging=report,
    )


def _faults(report: JudgeReport | None) -> tuple[Reason, ...]:
    """Each fault of a judge as a reason: ``judge_position_bias`` and so on."""
    if report is None:
        return ()
    return tuple(
        Reason(f"judge_{fault.code}", {"judge": report.judge, "share": fault.share, "limit": fault.limit, "n": fault.n})
        for fault in report.faults
    )


def _problem(pairs: Pairs, found: Estimate, thresholds: Thresholds) -> Reason | None:
    share = max(pairs.missing.share, _half_labelled(pairs))
    if share > thresholds.most_missing:
        facts = {"share": rounded(share), "limit": rounded(thresholds.most_missing)}
        return Reason("missing_too_many", facts)
    if found.n < thresholds.fewest_pairs:
        return Reason("too_few", {"n": found.n, "needed": thresholds.fewest_pairs})
    if not (np.abs(found.differences) > SMALL).any():
        scores = array(pairs.people_baseline if found.source == "people" else pairs.judge_baseline)[found.places]
        code = "one_class" if float(np.ptp(scores)) < SMALL else "all_ties"
        return Reason(code, {"n": found.n})
    return None


def _half_labelled(pairs: Pairs) -> float:
    """Of the requests on which people scored at least one answer, the share on which they scored only one. A judge that
    scored both hides such a gap from ``missing``, and what people leave out is seldom left out by chance."""
    told = [(one is not None) + (other is not None)
            for one, other in zip(pairs.people_baseline, pairs.people_candidate, strict=True)]  # fmt: skip
    half, both = told.count(1), told.count(2)
    return half / (half + both) if half else 0.0


def _strata_parts(values: Floats, strata: Sequence[str], sizes: dict[str, int] | None = None) -> tuple[Part, ...]:
    """One part where sampling was even; one per stratum with its share of the requests where labels were not."""
    if sizes is None or len(sizes) < 2:
        return (Part(values),) if len(values) else ()
    places = np.array(strata)
    held = {name: values[places == name] for name in sizes if (places == name).any()}
    if any(len(part) < 10 for part in held.values()) or len(held) < len(sizes):  # too thin to weight: see ``gathered``
        return (Part(values),) if len(values) else ()
    whole = sum(sizes.values())
    if all(abs(len(part) / len(values) - sizes[name] / whole) < SMALL for name, part in held.items()):
        return (Part(values),)  # the weighted sum is the plain mean
    return tuple(Part(part, sizes[name] / whole) for name, part in sorted(held.items()))


def _sizes(pairs: Pairs) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for name in pairs.strata:
        sizes[name] = sizes.get(name, 0) + 1
    return sizes


def _with_gain(values: Floats) -> Floats:
    return values if (values > SMALL).any() else np.append(values, 1.0)


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else 0.0
