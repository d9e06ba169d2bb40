"""What an estimate of a month's end is: a point, its interval, and the days it adds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class MonthEnd:
    """What the calls of a month will probably have cost at its end (見込み), in yen.

    ``spent_jpy`` is what the days up to ``known_to`` cost; ``days`` are the estimated ones after it. The real sum lies
    between ``low_jpy`` and ``high_jpy`` in about ``share`` of months; costs that are not calls are not in it.
    """

    spent_jpy: Decimal
    point_jpy: Decimal
    low_jpy: Decimal
    high_jpy: Decimal
    known_to: date
    days: tuple[tuple[date, Decimal], ...]
    history_days: int
    """Days the estimate was learned from, those without calls included."""
    share: Decimal
