"""The month's end: learned from weekdays, honest about its interval, silent without history."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal

import pytest

from jitsuri.ledger.rules.forecasting import month_end, weekday_means
from jitsuri.ledger.shapes.forecasts import MonthEnd
from jitsuri.terms.outcomes import Refusal

DAY = timedelta(days=1)


def steady(first: date, last: date) -> dict[date, Decimal]:
    """1,000 yen on working days, 100 on Saturdays, nothing on Sundays."""
    costs = {0: 1000, 1: 1000, 2: 1000, 3: 1000, 4: 1000, 5: 100}
    days = [first + n * DAY for n in range((last - first).days + 1)]
    return {day: Decimal(costs[day.weekday()]) for day in days if day.weekday() in costs}


def test_steady_weeks_are_continued_exactly() -> None:
    daily = steady(date(2026, 9, 1), date(2026, 11, 15))

    found = month_end(daily, date(2026, 9, 1), date(2026, 11, 15))

    assert isinstance(found, MonthEnd)
    assert found.spent_jpy == 10 * 1000 + 2 * 100  # 2 to 15 November: ten working days, Saturdays 7 and 14
    assert len(found.days) == 15
    assert dict(found.days)[date(2026, 11, 21)] == 100
    assert dict(found.days)[date(2026, 11, 22)] == 0
    assert found.point_jpy == 10_200 + 11 * 1000 + 2 * 100  # 16 to 30 November
    assert found.low_jpy == found.point_jpy == found.high_jpy
    assert found.history_days == 56


def test_without_three_weeks_there_is_no_estimate() -> None:
    first = date(2026, 11, 1)

    refused = month_end(steady(first, date(2026, 11, 20)), first, date(2026, 11, 20))
    allowed = month_end(steady(first, date(2026, 11, 21)), first, date(2026, 11, 21))

    assert refused == Refusal("forecast_history", {"days": 20, "needed": 21})
    assert isinstance(allowed, MonthEnd)


def test_days_without_calls_count_as_days_without_cost() -> None:
    found = month_end({date(2026, 11, 2): Decimal(2800)}, date(2026, 11, 1), date(2026, 11, 28))

    assert isinstance(found, MonthEnd)
    assert dict(found.days) == {date(2026, 11, 29): Decimal(0), date(2026, 11, 30): Decimal(700)}  # one Monday of four


def test_the_low_end_is_never_below_what_is_spent() -> None:
    daily = {date(2026, 10, 1) + n * DAY: Decimal(10_000 if n % 5 == 0 else 1) for n in range(57)}

    found = month_end(daily, date(2026, 10, 1), date(2026, 11, 26))

    assert isinstance(found, MonthEnd)
    assert found.spent_jpy <= found.low_jpy < found.point_jpy < found.high_jpy


def test_on_the_last_day_of_a_month_the_next_one_is_estimated() -> None:
    found = month_end(steady(date(2026, 9, 1), date(2026, 11, 30)), date(2026, 9, 1), date(2026, 11, 30))

    assert isinstance(found, MonthEnd)
    assert found.spent_jpy == 0
    assert (found.days[0][0], found.days[-1][0]) == (date(2026, 12, 1), date(2026, 12, 31))


def test_parts_are_estimated_so_that_they_add_up() -> None:
    whole = steady(date(2026, 9, 1), date(2026, 11, 15))
    part = {day: cost / 3 for day, cost in whole.items() if day.day % 2}
    rest = {day: cost - part.get(day, Decimal(0)) for day, cost in whole.items()}

    means = [weekday_means(costs, date(2026, 9, 1), date(2026, 11, 15)) for costs in (whole, part, rest)]

    assert all(abs(means[1][n] + means[2][n] - means[0][n]) < Decimal("1e-40") for n in range(7))


@pytest.mark.slow
@pytest.mark.parametrize(("alike", "least"), [(0.0, 0.76), (0.4, 0.72)])
def test_four_of_five_months_end_inside_the_interval(alike: float, least: float) -> None:
    """Simulated: skewed days (gamma, shape 4), quiet weekends, neighbouring days alike or not; fixed seed."""
    chance = random.Random(20261122)
    first, known_to = date(2026, 9, 1), date(2026, 11, 12)
    inside = runs = 0
    while runs < 500:
        level, costs = 0.0, {}
        for n in range((date(2026, 11, 30) - first).days + 1):
            day = first + n * DAY
            level = alike * level + (1 - alike**2) ** 0.5 * (chance.gammavariate(4, 0.25) - 1)
            costs[day] = Decimal(str(round((300 if day.weekday() > 4 else 3000) * max(0.0, 1 + level), 2)))
        found = month_end({d: c for d, c in costs.items() if d <= known_to}, first, known_to)
        assert isinstance(found, MonthEnd)
        true = sum((c for d, c in costs.items() if d.month == 11), Decimal(0))
        inside += found.low_jpy <= true <= found.high_jpy
        runs += 1

    assert least <= inside / runs <= 0.88
