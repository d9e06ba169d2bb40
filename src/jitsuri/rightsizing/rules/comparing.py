"""Opportunities: what a candidate's price alone would save. Nothing here says that its answers are good enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, localcontext

from jitsuri.evaluation.shapes import Need
from jitsuri.rightsizing.shapes.opportunities import Candidate, Opportunity, TaskUse
from jitsuri.terms.money import EXACT_DIGITS, to_ledger_jpy
from jitsuri.terms.outcomes import Dropped

MOST_CANDIDATES = 5
"""How many candidates a list shows per task: more are noise to a reader (decision 0007)."""


def opportunity(
    task: str,
    uses: Sequence[TaskUse],
    costs_jpy: Mapping[tuple[str, str], Decimal],
    dropped: Sequence[Dropped],
    need: Need,
    *,
    baseline_from: date,
    baseline_to: date,
    months: int,
    labour_jpy_per_hour: Decimal,
) -> Opportunity:
    """Compare what a task really cost with what candidates' prices would make of the same use.

    ``costs_jpy`` holds, per (provider, model), the cost of the *whole* baseline use at that model's price. Savings and
    costs are per month. Candidates that would not be cheaper are dropped with the reason ``not_cheaper``.
    """
    with localcontext(prec=EXACT_DIGITS):
        whole = sum((use.cost_jpy for use in uses), Decimal(0))
        calls = sum(use.calls for use in uses)
        cheaper: list[Candidate] = []
        left_out = list(dropped)
        for (provider, model), cost in costs_jpy.items():
            if cost >= whole:
                left_out.append(Dropped(f"{provider}/{model}", "not_cheaper"))
                continue
            per_month = to_ledger_jpy(cost / months)
            cheaper.append(Candidate(provider, model, per_month, to_ledger_jpy((whole - cost) / months)))
        cheaper.sort(key=lambda c: (-c.saving_jpy, c.provider, c.model))
        labour = to_ledger_jpy(need.seconds * labour_jpy_per_hour / 3600)
        best = cheaper[0] if cheaper else None
        replay = Decimal(0)
        if best is not None and calls:
            replay = to_ledger_jpy(best.cost_jpy * months / calls * need.labels)
        pays_back = (labour + replay) / best.saving_jpy if best is not None and best.saving_jpy > 0 else None
        return Opportunity(
            task=task,
            baseline_from=baseline_from,
            baseline_to=baseline_to,
            months=months,
            calls=calls,
            cost_jpy=to_ledger_jpy(whole / months),
            uses=tuple(uses),
            candidates=tuple(cheaper[:MOST_CANDIDATES]),
            need=need,
            proof_labour_jpy=labour,
            proof_replay_jpy=replay,
            pays_back_months=pays_back,
            dropped=tuple(left_out),
        )
