"""Days, months and fiscal years as a Japanese company counts them.

A day is a day in the company's time zone, a month is named by its first day, a fiscal year (年度) by the
year in which it starts (by default in April).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

COMPANY_ZONE = ZoneInfo("Asia/Tokyo")
_JAPAN_AHEAD = timedelta(hours=9)
_STEADY_SINCE = 1952
"""Japan's clocks have not been changed since September 1951. Source: tz database (``tzdata`` 2026.6), rules ``JP``."""


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month in the company's time zone."""

    year: int
    month: int

    def __post_init__(self) -> None:
        if not 1 <= self.month <= 12:
            raise ValueError(f"a month is 1 to 12, not {self.month}")

    @property
    def first(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def last(self) -> date:
        return self.next.first - timedelta(days=1)

    @property
    def next(self) -> Month:
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    @property
    def previous(self) -> Month:
        return Month(self.year - (self.month == 1), (self.month - 2) % 12 + 1)

    @property
    def days(self) -> int:
        return (self.next.first - self.first).days

    def fiscal_year(self, starts_in: int = 4) -> int:
        """The 年度 this month belongs to: 2026-03 is fiscal year 2025."""
        return self.year if self.month >= starts_in else self.year - 1

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


def month_of(day: date) -> Month:
    return Month(day.year, day.month)


def month_named(text: str) -> Month:
    """Read ``2026-11``. Raises ValueError with what was read."""
    year, _, month = text.partition("-")
    if len(year) != 4 or len(month) != 2 or not (year + month).isdigit():
        raise ValueError(f"a month reads YYYY-MM, not {text!r}")
    return Month(int(year), int(month))


def months_between(first: Month, last: Month) -> Iterator[Month]:
    """Every month from ``first`` to ``last``, both included, in order."""
    while first <= last:
        yield first
        first = first.next


def fiscal_months(year: int, starts_in: int = 4) -> tuple[Month, ...]:
    """The twelve months of a fiscal year, in order."""
    first = Month(year, starts_in)
    return tuple(months_between(first, Month(year + (starts_in > 1), (starts_in - 2) % 12 + 1)))


def company_day(at: datetime, zone: ZoneInfo = COMPANY_ZONE) -> date:
    """The company's day on which an instant falls. ``at`` must know its zone."""
    if at.tzinfo is UTC and zone is COMPANY_ZONE and at.year >= _STEADY_SINCE:
        return (at + _JAPAN_AHEAD).date()
    if at.tzinfo is None:
        raise ValueError("an instant must know its time zone")
    return at.astimezone(zone).date()
