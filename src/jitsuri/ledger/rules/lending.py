"""How much a worker draws, which of its waiting calls fit, what it gives back. Amounts are millionths of a yen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

LIMIT_PART = 256
"""A chunk is at least this part of the limit: a worker that spends a whole budget alone draws some hundred times."""
CALLS_AHEAD = 16
"""A chunk holds at least so many calls like the last one: a draw costs a millisecond, a call less than a tenth."""
SECONDS_AHEAD = 0.1
"""… and as many as come in this time: a busy worker draws some ten times a second, whatever calls hold."""
ROOM_PART = 8
"""No chunk takes more than this part of what nobody has: the nearer the limit, the smaller, until a draw is exactly
what one call needs. Source of the four: decision 0020, ``bench/budgets.py``."""

Key = TypeVar("Key")


def chunk_of(limit: int, need: int, calls_per_s: float = 0.0) -> int:
    """What a worker would like to draw at once, for calls that need about so much each."""
    return max(limit // LIMIT_PART, max(CALLS_AHEAD, int(SECONDS_AHEAD * calls_per_s)) * need)


def granted(room: int, need: int, chunk: int) -> int:
    """What a draw gives where nobody has ``room``: nothing where the need does not fit.

    The statement of ``records.leases.draw`` says the same in SQL.
    """
    if room < need:
        return 0
    return max(need, min(chunk, room // ROOM_PART), 0)


def kept_ahead(room: int, chunk: int) -> int:
    """What may lie in a lease beyond what calls hold, when ``room`` was free before the draw."""
    return max(0, min(chunk, room // ROOM_PART))


def low_mark(room: int, chunk: int, need: int) -> int:
    """How little may be free before the next chunk is drawn ahead, when ``room`` was free before the last draw.

    0, never, where a chunk would hardly hold one call.
    """
    ahead = kept_ahead(room, chunk)
    return ahead // 2 if ahead >= 2 * need else 0


def allot(pots: Mapping[Key, int], asks: Sequence[tuple[Sequence[Key], int]]) -> list[bool]:
    """Which calls fit, first come first: each takes its amount out of all of its pots, or out of none."""
    left = dict(pots)
    fits = []
    for keys, amount in asks:
        is_fitting = all(left[key] >= amount for key in keys)
        if is_fitting:
            for key in keys:
                left[key] -= amount
        fits.append(is_fitting)
    return fits


def demand(pots: Mapping[Key, int], asks: Sequence[tuple[Sequence[Key], int]]) -> dict[Key, int]:
    """What the pots lack for all of these calls together; only pots that lack something."""
    sums: dict[Key, int] = {}
    for keys, amount in asks:
        for key in keys:
            sums[key] = sums.get(key, 0) + amount
    return {key: need - pots[key] for key, need in sums.items() if need > pots[key]}


def spare(free: int, tide: int, chunk: int, is_used: bool) -> int:
    """What of a lease has lain idle: all that is free where no call was held since the last look, else what lay below
    the lowest tide beyond one chunk."""
    return free if not is_used else max(0, min(free, tide - chunk))
