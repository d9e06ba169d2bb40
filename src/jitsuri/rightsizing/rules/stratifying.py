"""What is known of a pair before people look at it, as a stratum: where today's answer and the candidate's may differ. Pure.

The spreads are a guess that needs to be no better than rough; they decide where labels go and never what an estimate says.
Source: decision 0034.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jitsuri.rightsizing.rules.weighting import IDENTICAL

JUDGE_PREFIX = "judge:"
"""How judgements are named among scorers; everything else is a rule."""

SPREADS: Mapping[str, float] = {
    "judge_worse": 0.45, "judge_better": 0.40, "rules_differ": 0.30, "unjudged": 0.15, "judge_same": 0.06,
    IDENTICAL: 0.01,
}  # fmt: skip
"""Expected variance of people's difference (−1, 0, 1) by stratum."""


@dataclass(frozen=True, slots=True)
class Score:
    """One scorer's word on a pair. None: it abstained or failed."""

    scorer: str
    baseline: float | None
    candidate: float | None

    @property
    def difference(self) -> float | None:
        if self.baseline is None or self.candidate is None:
            return None
        return round(self.candidate - self.baseline, 9)


def stratum_of(is_same: bool | None, scores: Iterable[Score]) -> str:
    """The stratum of a pair. Several judges: the sign of their sum decides; where none spoke, rules may still differ."""
    if is_same:
        return IDENTICAL
    found = list(scores)
    judged = [one.difference for one in found if one.scorer.startswith(JUDGE_PREFIX)]
    said = [value for value in judged if value is not None]
    total = sum(said)
    if total < 0:
        return "judge_worse"
    if total > 0:
        return "judge_better"
    if any(one.difference for one in found if not one.scorer.startswith(JUDGE_PREFIX)):
        return "rules_differ"
    return "judge_same" if said else "unjudged"
