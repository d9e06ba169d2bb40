"""Spreading (配賦): how a month of a cost that is not calls reaches departments and tasks, to the last millionth.

Parts always add up to the whole: shares are exact fractions, and the millionths that rounding leaves over go to the
largest remainders. What nobody used stays a part of its own, marked as unused, and is never hidden in the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

from jitsuri.ledger.shapes.costs import CostLine, SpreadAmount, SpreadRule
from jitsuri.ledger.shapes.rates import Rate
from jitsuri.ledger.shapes.totals import Total
from jitsuri.terms.money import EXACT_DIGITS, LEDGER_STEP_JPY
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import Month

Place = tuple[str, str]
"""Department and task."""

_USED, _UNUSED = False, True


def standing_lines(lines: Iterable[CostLine]) -> list[CostLine]:
    """The lines that count: all but those that another one replaces."""
    every = list(lines)
    replaced = {line.replaces for line in every if line.replaces is not None}
    return [line for line in every if line.cost_id not in replaced]


def active_days(line: CostLine, month: Month) -> int:
    """How many days of the month the line counts for; a line that costs once counts in its first day's month."""
    last = line.valid_to or date.max
    if line.rhythm == "once":
        return 1 if month.first <= line.valid_from <= month.last and last >= line.valid_from else 0
    first, last = max(line.valid_from, month.first), min(last, month.last)
    return max((last - first).days + 1, 0)


def rate_day(line: CostLine, month: Month) -> date:
    """The day whose exchange rate converts the line: the month's last day, or the day itself for a line that costs
    once (docs/explanation/yen.md)."""
    return line.valid_from if line.rhythm == "once" else month.last


def month_jpy(line: CostLine, month: Month, rate: Rate | None) -> Decimal:
    """What the line costs in this month, in yen without tax, rounded once to the ledger's step.

    A monthly line that begins or ends within the month costs by its days. Raises ValueError where a foreign amount has
    no rate.
    """
    if line.currency != "JPY" and (rate is None or rate.currency != line.currency):
        raise ValueError(f"no rate for {line.currency}")
    days = active_days(line, month)
    share = Fraction(days, 1 if line.rhythm == "once" else month.days)
    exact = Fraction(line.amount) * share * (Fraction(1) if rate is None else Fraction(rate.rate))
    steps = _rounded(exact / Fraction(LEDGER_STEP_JPY))
    return _jpy(steps)


def spread(line: CostLine, month: Month, usage: Sequence[Total], rate: Rate | None = None) -> list[SpreadAmount]:
    """The parts of a line's month, by department and task, the unused one last; they add up to ``month_jpy`` exactly.

    ``usage``: the month's totals by department, task and provider, of the whole company. A line with a provider
    (department, task) looks only at usage of that provider (department, task). Where the rule finds no usage, all of
    it is unused. Raises ValueError where a foreign amount has no rate.
    """
    total = month_jpy(line, month, rate)
    if not total:
        return []
    weights = _weights(line, usage)
    whole = sum(weights.values(), Fraction(0))
    unused = Fraction(line.unused_share) if whole else Fraction(1)
    fractions: dict[tuple[bool, Place], Fraction] = {
        (_USED, place): weight / whole * (1 - unused) for place, weight in sorted(weights.items())
    }
    fractions[_UNUSED, (line.department, line.task)] = unused
    parts = _split(_rounded(Fraction(total) / Fraction(LEDGER_STEP_JPY)), fractions)
    return [
        SpreadAmount(line.cost_id, month.first, department, task, _jpy(steps), is_unused)
        for (is_unused, (department, task)), steps in parts.items()
        if steps
    ]


def _weights(line: CostLine, usage: Sequence[Total]) -> dict[Place, Fraction]:
    """How much each place counts; only places that count at all."""
    if line.spread == "direct":
        return {(line.department, line.task): Fraction(1)}
    if line.spread == "shares":
        shared: dict[Place, Fraction] = {}
        for department, task, share in line.shares:
            shared[department, task] = shared.get((department, task), Fraction(0)) + Fraction(share)
        return {place: share for place, share in shared.items() if share > 0}
    sums: dict[Place, Fraction] = {}
    for row in usage:
        if _concerns(line, row):
            place = (row.department or "", row.task or "")
            sums[place] = sums.get(place, Fraction(0)) + _weight(line.spread, row)
    used = {place: weight for place, weight in sums.items() if weight > 0}
    return dict.fromkeys(used, Fraction(1)) if line.spread == "even" else used


def _concerns(line: CostLine, row: Total) -> bool:
    return (
        line.provider in ("", row.provider) and line.department in ("", row.department) and line.task in ("", row.task)
    )


def _weight(rule: SpreadRule, row: Total) -> Fraction:
    if rule == "by_tokens":
        return Fraction(row.input_tokens + row.output_tokens)
    if rule == "by_cost":
        return Fraction(row.cost_jpy)
    return Fraction(row.calls)


def _split(steps: int, fractions: Mapping[tuple[bool, Place], Fraction]) -> dict[tuple[bool, Place], int]:
    """Whole steps by fractions that add up to 1: each gets its floor, the largest remainders one more (Hamilton)."""
    exact = {key: steps * fraction for key, fraction in fractions.items()}
    parts = {key: value.numerator // value.denominator for key, value in exact.items()}
    left = steps - sum(parts.values())
    for key in sorted(exact, key=lambda k: (parts[k] - exact[k], k))[:left]:
        parts[key] += 1
    return parts


def _rounded(value: Fraction) -> int:
    """Half up, as the ledger rounds; amounts of costs are never negative."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def _jpy(steps: int) -> Decimal:
    with localcontext(prec=EXACT_DIGITS):
        return (Decimal(steps) * LEDGER_STEP_JPY).quantize(LEDGER_STEP_JPY, rounding=ROUND_HALF_UP)


def cost_faults(line: CostLine) -> list[Refusal]:
    """Everything that keeps this from being a cost line: each with its field, its value and what it should be."""
    named = {
        "name": (bool(line.name), "cost_name_missing", line.name),
        "amount": (line.amount >= 0, "cost_negative", line.amount),
        "currency": (is_currency(line.currency), "currency_invalid", line.currency),
        "unused_share": (0 <= line.unused_share <= 1, "cost_unused_share", line.unused_share),
        "valid_to": (line.valid_to is None or line.valid_to >= line.valid_from, "cost_ends_early", line.valid_to),
        "rhythm": (line.rhythm == "monthly" or line.valid_to is None, "cost_once_has_end", line.valid_to),
        "spread": (line.spread != "direct" or bool(line.department or line.task), "cost_direct_nowhere", line.spread),
        "shares": (_are_shares_right(line), "cost_shares", _told(line.shares)),
    }
    return [
        Refusal(code, {"field": field, "value": str(value)}) for field, (ok, code, value) in named.items() if not ok
    ]


def is_currency(code: str) -> bool:
    """Three capital letters, as ISO 4217 names currencies."""
    return len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()


def _are_shares_right(line: CostLine) -> bool:
    """Fixed shares are given exactly where the rule asks for them, none negative, and they add up to 1."""
    if line.spread != "shares":
        return not line.shares
    given = [Fraction(share) for _, _, share in line.shares]
    return sum(given) == 1 and min(given) >= 0


def _told(shares: Sequence[tuple[str, str, Decimal]]) -> str:
    return "; ".join(f"{department}/{task}={share}" for department, task, share in shares)
