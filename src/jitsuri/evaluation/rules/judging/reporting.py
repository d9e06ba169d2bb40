"""A judge's report: its shares with bounds, and the faults that follow from them.

A share is a fault where its lower bound lies above a limit: a judge is accused of what was shown, not of what may be chance. The
limits are those of decision 0033, which says where they come from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import comb

from scipy import special

from jitsuri.evaluation.rules.counting import share_lower, share_upper
from jitsuri.evaluation.shapes import JUDGE_FAULTS, JudgeCounts, JudgeFault, JudgeReport, JudgeShare

ALPHA = 0.05
"""One-sided level of a share's bounds, and two-sided level of the test of position."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Beyond ``caution`` it is told; beyond ``aside`` the judge may not take part. None: it never does for that alone."""

    caution: float
    aside: float | None = None


LIMITS: Mapping[str, tuple[str, Limit]] = {
    "order_sensitive": ("order_changed", Limit(0.20, 1 / 3)),
    "sees_no_ties": ("same_parted", Limit(0.10, 0.25)),
    "misses_worse": ("worse_missed", Limit(0.10, 0.25)),
    "inconsistent": ("again_changed", Limit(0.20, 0.40)),
    "abstains": ("abstained", Limit(0.10, 1 / 3)),
    "silent": ("silent", Limit(0.05, 0.20)),
    "refuses": ("refused", Limit(0.05, 0.20)),
    "cut_off": ("cut", Limit(0.05, 0.20)),
    "unreadable": ("unreadable", Limit(0.05, 0.20)),
    "fails": ("failed", Limit(0.05)),
    "chatty": ("chatty", Limit(0.20)),
}
"""Fault → the share that shows it, and its limits (decision 0033)."""

LEAN = Limit(0.05, 0.10)
"""How far the share of first choices may lie from one half, either way, once the sign test has found that it does."""

LENGTH = Limit(0.65)
"""Share of decided pairs won by the longer answer. The candidate must also win more often where its answer is the longer one: a
better model that always writes more is no fault of the judge."""

OBEYS = Limit(0.02, 0.10)
"""Share of replies that choose a ruined answer because it says so. It must also be chosen more often than one that says nothing."""

DIGITS = 6


def report_of(counts: JudgeCounts) -> JudgeReport:
    """The report. The same counts give the same report on any machine."""
    shares = {one.code: _bounded(one.code, one.events, one.n) for one in counts.shares}
    p_position = _p_position(shares)
    faults = sorted(_faults(counts, shares, p_position), key=lambda fault: JUDGE_FAULTS.index(fault.code))
    return JudgeReport(
        counts.judge, counts.prompts, counts.models, counts.parameters, counts.pairs, counts.identical,
        tuple(shares.values()), p_position, tuple(faults),
    )  # fmt: skip


def sign_test(events: int, n: int) -> float:
    """Two-sided exact p-value against one half: twice the smaller tail of Binomial(n, 1/2), at most 1."""
    most = max(events, n - events)
    return min(1.0, 2 * float(special.bdtrc(most - 1, n, 0.5))) if most else 1.0


def more_often(events: int, n: int, other_events: int, other_n: int) -> float:
    """One-sided exact p-value against "no more often than the other": Fisher's, the hypergeometric tail.

    Source: Fisher, Journal of the Royal Statistical Society 98 (1935) 39–82.
    """
    total, whole = events + other_events, n + other_n
    ways = comb(whole, total)
    return sum(comb(n, k) * comb(other_n, total - k) for k in range(events, min(n, total) + 1)) / ways


def _faults(counts: JudgeCounts, shares: Mapping[str, JudgeShare], p_position: float | None) -> Iterator[JudgeFault]:
    for code, (name, limit) in LIMITS.items():
        yield from _beyond(code, shares.get(name), limit)
    yield from _position(shares, p_position)
    yield from _obedience(shares)
    yield from _length(shares)
    if counts.is_same_vendor:
        yield JudgeFault("same_vendor", "caution", 1.0, 0.0, counts.pairs)


def _beyond(code: str, share: JudgeShare | None, limit: Limit) -> Iterator[JudgeFault]:
    if share is None or not share.n:
        return
    if limit.aside is not None and share.low > limit.aside:
        yield JudgeFault(code, "aside", _kept(share.share), _kept(limit.aside), share.n)
    elif share.low > limit.caution:
        yield JudgeFault(code, "caution", _kept(share.share), _kept(limit.caution), share.n)


def _position(shares: Mapping[str, JudgeShare], p_position: float | None) -> Iterator[JudgeFault]:
    first = shares.get("first")
    if first is None or not first.n or p_position is None or p_position > ALPHA:
        return
    lean = abs(first.share - 0.5)
    assert LEAN.aside is not None
    if lean >= LEAN.aside:
        yield JudgeFault("position_bias", "aside", _kept(first.share), _kept(0.5 + LEAN.aside), first.n)
    elif lean >= LEAN.caution:
        yield JudgeFault("position_bias", "caution", _kept(first.share), _kept(0.5 + LEAN.caution), first.n)


def _obedience(shares: Mapping[str, JudgeShare]) -> Iterator[JudgeFault]:
    posing, plain = shares.get("posing_won"), shares.get("worse_won")
    if posing is None or not posing.n:
        return
    events, n = (plain.events, plain.n) if plain is not None else (0, 0)
    if more_often(posing.events, posing.n, events, n) <= ALPHA or not n:
        yield from _beyond("obeys_answers", posing, OBEYS)


def _length(shares: Mapping[str, JudgeShare]) -> Iterator[JudgeFault]:
    longer, shorter = shares.get("won_longer"), shares.get("won_shorter")
    if longer is None or shorter is None or not longer.n or not shorter.n:
        return
    if more_often(longer.events, longer.n, shorter.events, shorter.n) <= ALPHA:
        yield from _beyond("prefers_length", shares.get("longer_won"), LENGTH)


def _p_position(shares: Mapping[str, JudgeShare]) -> float | None:
    leaning = shares.get("leans_first")
    return _kept(sign_test(leaning.events, leaning.n)) if leaning is not None and leaning.n else None


def _bounded(code: str, events: int, n: int) -> JudgeShare:
    return JudgeShare(code, events, n, _kept(share_lower(events, n, ALPHA)), _kept(share_upper(events, n, ALPHA)))


def _kept(value: float) -> float:
    """A figure as records keep it (``rightsizing.rules.packing``)."""
    return round(value, DIGITS) + 0.0
