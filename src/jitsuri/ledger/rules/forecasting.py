"""The month's end from the weeks before: each day to come costs what its weekday cost on average (decision 0011).

A company's calls follow its working week, so the plain mean per weekday of the last eight weeks is the estimate; no
trend is assumed. The interval is that of a sum of future days around estimated means: per weekday ``k·s² + k²·s²/n``
(Hyndman, Athanasopoulos: Forecasting: Principles and Practice, 3rd ed. (2021), §5.5, mean method), with the degrees of
freedom of Satterthwaite (Biometrics Bulletin 2 (1946) 110–114) and, where neighbouring days err alike, wider by
``(1+ρ)/(1−ρ)`` (variance of a mean of an AR(1) series; Box, Jenkins, Reinsel: Time Series Analysis, 4th ed., §2.1.5).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal, localcontext
from itertools import pairwise
from statistics import NormalDist

from jitsuri.ledger.shapes.forecasts import MonthEnd
from jitsuri.terms.money import EXACT_DIGITS, to_ledger_jpy
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import month_of

WEEKS = 8
"""Weeks that are looked back on: enough for eight of each weekday, short enough to follow a change (decision 0011)."""

FEWEST_DAYS = 21
"""Below three of each weekday there is no estimate (decision 0011)."""

SHARE = Decimal("0.80")
"""Of months, how many end inside the interval: four of five, as the pages say."""

_MOST_ALIKE = Decimal("0.8")
"""A cap on ρ: from eight weeks alone a stronger likeness cannot be told from a change of level."""
_DAY = timedelta(days=1)
_ZERO = Decimal(0)


def month_end(daily_jpy: Mapping[date, Decimal], first_day: date, known_to: date) -> MonthEnd | Refusal:
    """Estimate the end of the month after ``known_to``: of its own month, or of the next one on a month's last day.

    ``daily_jpy`` holds the cost of each day; a day between ``first_day`` (the ledger's first) and ``known_to`` (the last
    complete one) that it does not name cost nothing. Refuses ``forecast_history`` with fewer than ``FEWEST_DAYS`` days.
    """
    month = month_of(known_to + _DAY)
    start = max(first_day, known_to - (7 * WEEKS - 1) * _DAY)
    history = [(day, daily_jpy.get(day, _ZERO)) for day in _days(start, known_to)]
    if len(history) < FEWEST_DAYS:
        return Refusal("forecast_history", {"days": max(0, len(history)), "needed": FEWEST_DAYS})
    to_come = _days(known_to + _DAY, month.last)
    with localcontext(prec=EXACT_DIGITS):
        means, spreads, counts = _by_weekday(history)
        days = tuple((day, to_ledger_jpy(means[day.weekday()])) for day in to_come)
        spent = sum((daily_jpy.get(day, _ZERO) for day in _days(month.first, known_to)), _ZERO)
        point = spent + sum((cost for _, cost in days), _ZERO)
        reach = _reach(history, to_come, means, spreads, counts)
        low = max(min(spent, point), point - reach)
        return MonthEnd(
            spent, point, to_ledger_jpy(low), to_ledger_jpy(point + reach), known_to, days, len(history), SHARE
        )


def weekday_means(daily_jpy: Mapping[date, Decimal], first_day: date, known_to: date) -> dict[int, Decimal]:
    """The mean per weekday (0 is Monday) that ``month_end`` uses, for a part of the cost: parts add up to the whole."""
    start = max(first_day, known_to - (7 * WEEKS - 1) * _DAY)
    with localcontext(prec=EXACT_DIGITS):
        means, _, _ = _by_weekday([(day, daily_jpy.get(day, _ZERO)) for day in _days(start, known_to)])
    return means


def _days(first: date, last: date) -> list[date]:
    return [first + n * _DAY for n in range((last - first).days + 1)]


def _by_weekday(
    history: Sequence[tuple[date, Decimal]],
) -> tuple[dict[int, Decimal], dict[int, Decimal], dict[int, int]]:
    """Mean, variance (unbiased) and number of days per weekday."""
    held: dict[int, list[Decimal]] = defaultdict(list)
    for day, cost in history:
        held[day.weekday()].append(cost)
    means = {weekday: sum(costs, _ZERO) / len(costs) for weekday, costs in held.items()}
    spreads = {
        weekday: sum(((cost - means[weekday]) ** 2 for cost in costs), _ZERO) / max(1, len(costs) - 1)
        for weekday, costs in held.items()
    }
    return means, spreads, {weekday: len(costs) for weekday, costs in held.items()}


def _reach(
    history: Sequence[tuple[date, Decimal]],
    to_come: Sequence[date],
    means: Mapping[int, Decimal],
    spreads: Mapping[int, Decimal],
    counts: Mapping[int, int],
) -> Decimal:
    """Half the width of the interval."""
    parts: list[tuple[Decimal, int]] = []
    for weekday, spread in spreads.items():
        future = sum(1 for day in to_come if day.weekday() == weekday)
        parts.append((spread * (future + Decimal(future**2) / counts[weekday]), counts[weekday] - 1))
    variance = sum((part for part, _ in parts), _ZERO)
    if not variance:
        return _ZERO
    freedom = variance**2 / sum((part**2 / left for part, left in parts), _ZERO)
    alike = _likeness(history, means, spreads)
    return _t_quantile(freedom) * (variance * (1 + alike) / (1 - alike)).sqrt()


def _likeness(
    history: Sequence[tuple[date, Decimal]], means: Mapping[int, Decimal], spreads: Mapping[int, Decimal]
) -> Decimal:
    """ρ: how much a day errs as the day before it did, 0 to ``_MOST_ALIKE``."""
    errors = [
        (cost - means[day.weekday()]) / spreads[day.weekday()].sqrt() if spreads[day.weekday()] else _ZERO
        for day, cost in history
    ]
    whole = sum((e * e for e in errors), _ZERO)
    if not whole:
        return _ZERO
    found = sum((a * b for a, b in pairwise(errors)), _ZERO) / whole
    return min(max(found, _ZERO), _MOST_ALIKE)


def _t_quantile(freedom: Decimal) -> Decimal:
    """Upper end of Student's t for ``SHARE``, by the expansion in 1/ν (Abramowitz, Stegun (1964), 26.7.5)."""
    z = Decimal(str(NormalDist().inv_cdf(float((1 + SHARE) / 2))))
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / freedom + second / freedom**2
