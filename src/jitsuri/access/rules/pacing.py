"""Pacing: how much of what a key may do per minute is left. A bucket holds one minute's worth and fills evenly.

In any 60 seconds no more passes than the limit and one full bucket, which takes a minute of rest to fill. What is larger
than the whole bucket passes when the bucket is full and is owed afterwards: where 15,000 tokens a minute are allowed, a
call of 20,000 is no error, only the next one waits longer.
"""

from __future__ import annotations

import math

MINUTE_S = 60.0

NEARLY = 1e-6
"""What a level may lack through rounding: a caller who waits as long as it was told must not be refused again."""


def share(limit_per_minute: int, workers: int) -> float:
    """What one of several workers may let through per minute: an even part, and never less than 1.

    So where a limit is smaller than the number of workers, all of them together let through one each.
    """
    return max(1.0, limit_per_minute / workers)


def filled(level: float, seconds: float, size: float) -> float:
    """A bucket's level after some seconds; ``size`` is both what it holds and what flows in per minute."""
    risen = level + seconds * size / MINUTE_S
    return risen if risen < size else size


def wait_s(level: float, wanted: float, size: float) -> int:
    """Whole seconds until this much may pass, at least 1."""
    return max(1, math.ceil((min(wanted, size) - level - NEARLY) * MINUTE_S / size))
