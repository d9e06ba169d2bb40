"""What a pass would save per month, net of what proving and watching it costs, with both ends of what is uncertain.

net = today − proposed − labour − evaluation − audit, in yen per month without consumption tax. *today* is the frozen
baseline: what the ledger booked in its months. *proposed* is the same number of calls at the candidate's cost per call as
measured on the paired requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from math import sqrt
from statistics import mean, stdev

from scipy import special

from jitsuri.rightsizing.shapes.certificates import FrozenBaseline, Saving
from jitsuri.rightsizing.shapes.verdicts import UnitCosts
from jitsuri.terms.money import EXACT_DIGITS, to_ledger_jpy

VALID_MONTHS = 3
"""A certificate holds a quarter: prices changed about that often in 2026 (decision 0016)."""

RATE_SWING = Decimal(10)
"""Yen per dollar up and down: what the year's rates swung around their mean (decision 0016); it is told on the paper."""

AUDIT_SHARE = Decimal("0.01")
"""Share of calls that both variants go on answering, so that drift is seen (1–2 %; decision 0016)."""


@dataclass(frozen=True, slots=True)
class Effort:
    """What proving took: people's labels in seconds each, their hourly cost, and what replaying cost in all."""

    labels: int
    seconds_per_label: Decimal
    labour_jpy_per_hour: Decimal
    replay_jpy: Decimal


def saving_of(
    baseline: FrozenBaseline,
    calls_by_month: Sequence[int],
    costs: UnitCosts,
    effort: Effort,
    *,
    rate_on: date | None,
    tax_percent: Decimal,
) -> Saving | None:
    """None where the candidate's cost per call is unknown, or no call was made.

    ``low`` and ``high``: the net at both ends of the rate (all calls are priced in dollars; yen prices make the interval
    wider than it is) and of the mean monthly number of calls (95 %, Student's t over the months; with a single month
    nothing is known of it and the rate alone moves them).
    """
    if costs.candidate_jpy is None or costs.usd_jpy is None or not calls_by_month or not sum(calls_by_month):
        return None
    with localcontext(prec=EXACT_DIGITS):
        months = Decimal(baseline.months)
        calls = Decimal(sum(calls_by_month)) / months
        today = baseline.cost_jpy / months
        per_call = costs.candidate_jpy / 1000
        today_per_call = today / calls
        labour = effort.labels * effort.seconds_per_label * effort.labour_jpy_per_hour / 3600 / VALID_MONTHS
        evaluation = effort.replay_jpy / VALID_MONTHS

        def net(number: Decimal, rate: Decimal) -> Decimal:
            priced = number * (today_per_call - per_call - AUDIT_SHARE * today_per_call)
            return priced * rate / rate_now - labour - evaluation

        rate_now = costs.usd_jpy
        least, most = _calls_interval(calls_by_month)
        corners = [net(n, rate_now + swing) for n in (least, most) for swing in (-RATE_SWING, RATE_SWING)]
        return Saving(
            calls_per_month=int(calls.to_integral_value()),
            today_jpy=to_ledger_jpy(today),
            proposed_jpy=to_ledger_jpy(calls * per_call),
            labour_jpy=to_ledger_jpy(labour),
            evaluation_jpy=to_ledger_jpy(evaluation),
            audit_jpy=to_ledger_jpy(calls * AUDIT_SHARE * today_per_call),
            net_jpy=to_ledger_jpy(net(calls, rate_now)),
            low_jpy=to_ledger_jpy(min(corners)),
            high_jpy=to_ledger_jpy(max(corners)),
            usd_jpy=rate_now,
            rate_on=rate_on,
            rate_swing=RATE_SWING,
            tax_percent=tax_percent,
        )


def _calls_interval(calls_by_month: Sequence[int]) -> tuple[Decimal, Decimal]:
    """95 % interval of the mean number of calls per month, never below none."""
    n, middle = len(calls_by_month), mean(calls_by_month)
    if n < 2:
        return Decimal(middle), Decimal(middle)
    reach = float(special.stdtrit(n - 1, 0.975)) * stdev(calls_by_month) / sqrt(n)
    return Decimal(repr(max(0.0, middle - reach))), Decimal(repr(middle + reach))
