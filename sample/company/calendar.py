"""When the company works: business days of fiscal 2026 and hours of the day, in Japanese time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from random import Random

JST = timezone(timedelta(hours=9))
FIRST_DAY = date(2026, 4, 1)
LAST_DAY = date(2026, 12, 28)
"""The tables below reach so far."""

_HOLIDAYS = frozenset(
    date(2026, month, day)
    for month, day in (
        (4, 29), (5, 4), (5, 5), (5, 6), (7, 20), (8, 11), (9, 21), (9, 22), (9, 23), (10, 12), (11, 3), (11, 23),
    )
)  # fmt: skip
"""国民の祝日 of 2026 that fall on weekdays, with the days they are moved to."""
_SUMMER_BREAK = frozenset(date(2026, 8, day) for day in (12, 13, 14))

OFFICE = {8: 3, 9: 10, 10: 12, 11: 9, 12: 2, 13: 9, 14: 10, 15: 9, 16: 8, 17: 6, 18: 3, 19: 1}
FACTORY = {6: 2, 7: 5, 8: 6, 9: 7, 10: 8, 11: 6, 13: 7, 14: 8, 15: 8, 16: 10, 17: 9, 19: 4, 20: 5, 21: 4, 22: 3}
AFTER_MEETINGS = {9: 3, 10: 4, 11: 9, 12: 4, 14: 5, 15: 8, 16: 9, 17: 10, 18: 5, 19: 2}
SHIFT_ENDS = {7: 4, 16: 9, 17: 10, 18: 2, 22: 5}
"""Weights of the hours in which a kind of work is done."""

_WEEKDAY_PERCENT = (118, 104, 98, 96, 88)


def business_days(last: date) -> Iterator[date]:
    """Every business day from the first one to ``last``."""
    day = FIRST_DAY
    while day <= last:
        if day.weekday() < 5 and day not in _HOLIDAYS and day not in _SUMMER_BREAK:
            yield day
        day += timedelta(days=1)


def busy_percent(day: date, chance: Random) -> int:
    """How busy a day is against the average: Mondays and the last days of a month are, and every day differs."""
    is_month_end = (day + timedelta(days=4)).month != day.month
    return _WEEKDAY_PERCENT[day.weekday()] + (12 if is_month_end else 0) + chance.randint(-18, 18)


def moment(day: date, hours: dict[int, int], chance: Random) -> datetime:
    """A moment of the day in one of these hours."""
    hour = chance.choices(list(hours), weights=list(hours.values()))[0]
    return datetime(day.year, day.month, day.day, hour, chance.randrange(60), chance.randrange(60),
                    chance.randrange(1000) * 1000, JST)  # fmt: skip
