"""What a cascade would be worth: per allowance, what the cautious bound certifies, and whether it pays at all."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext

from jitsuri.rightsizing.shapes.cascades import AFTER
from jitsuri.rightsizing.shapes.verdicts import Verdict
from jitsuri.terms.money import EXACT_DIGITS, to_ledger_jpy

LEAST_SHARE = 0.05
"""A cascade that the cautious bound lets answer less than this is refused: it is not worth its upkeep (decision 0013)."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What the 95 % bound on harm certifies at one allowance."""

    allowance: float
    share_cheap: float
    is_refused: bool
    saving_jpy_per_1000: Decimal | None
    """Yen per 1,000 calls before labels and upkeep; None where a price is unknown or it is refused."""


def offers_of(verdict: Verdict) -> tuple[Offer, ...]:
    """One per allowance, smallest first; empty without a cascade."""
    if verdict.cascade is None:
        return ()
    found = []
    for one in sorted(verdict.cascade.thresholds, key=lambda t: t.allowance):
        if one.bound != "confident" or one.loss != "harm":
            continue
        share = one.share_cheap if one.threshold is not None else 0.0
        is_refused = share < LEAST_SHARE
        saving = None
        costs = verdict.costs
        if not is_refused and costs.saving_jpy is not None and costs.candidate_jpy is not None:
            with localcontext(prec=EXACT_DIGITS):
                taken = Decimal(repr(share))
                twice = (1 - taken) * costs.candidate_jpy if set(AFTER) & set(verdict.cascade.features) else Decimal(0)
                saving = to_ledger_jpy(costs.saving_jpy * taken - twice)
        found.append(Offer(one.allowance, share, is_refused, saving))
    return tuple(found)
