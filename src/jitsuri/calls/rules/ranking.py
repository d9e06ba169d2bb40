"""Ranking: how long calls took, read from counts per bucket."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import accumulate

from jitsuri.calls.shapes import BUCKETS_MS


@dataclass(frozen=True, slots=True)
class Rank:
    """The time below which a share of calls stayed, in milliseconds: an estimate inside its bucket.

    ``is_beyond``: it lies in the last bucket, which has no upper end, and took longer than ``ms``.
    """

    ms: int
    is_beyond: bool = False


def rank_of(counts: Sequence[int], share: Decimal, bounds: Sequence[int] = BUCKETS_MS) -> Rank | None:
    """The time that so large a share of the calls did not pass; None where nothing was counted.

    ``counts`` has one more than ``bounds``. Inside a bucket, calls are taken to lie evenly.

    >>> rank_of((0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), Decimal("0.5"))
    Rank(ms=75, is_beyond=False)
    """
    below = list(accumulate(counts))
    if not below or below[-1] == 0:
        return None
    wanted = share * below[-1]
    at = bisect_left(below, wanted)
    if at >= len(bounds):
        return Rank(bounds[-1], is_beyond=True)
    low, high = bounds[at - 1] if at else 0, bounds[at]
    before = below[at - 1] if at else 0
    part = (wanted - before) / counts[at] if counts[at] else Decimal(1)
    return Rank(int((low + (high - low) * part).to_integral_value(ROUND_HALF_UP)))
