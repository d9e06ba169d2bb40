"""How late a worker's event loop is with what is due: whoever waits there waits behind whatever keeps it busy.

A timer that measures its own lateness. Its figures are what anything else that becomes due at any moment would meet: a
block of five milliseconds once a second is met by one look in two hundred, on average in its middle.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from typing import Final

from jitsuri.calls.shapes import LATE_BUCKETS_US, LoopLate

BUSY_S, IDLE_S = 0.02, 0.25
"""Between two looks: at a loop that works, and at one that rests, where each look wakes the processor (decision 0023)."""
BUSY_SHARE: Final = 0.1
"""A loop that uses this share of a core works."""
WORST_S: Final = 60.0
"""How far back the worst is told: longer than usual scrapers stay away."""


class LoopWatch:
    """Watches the loop it was started on; everything here belongs to that loop's thread."""

    def __init__(
        self, clock: Callable[[], float] = time.perf_counter, worked: Callable[[], float] = time.thread_time
    ) -> None:
        """``worked`` tells the processor time of the thread that asks."""
        self._clock = clock
        self._worked = worked
        self._timer: asyncio.TimerHandle | None = None
        self._from = self._due = self._worked_before = 0.0
        self._us_sum = 0
        self._buckets = [0] * (len(LATE_BUCKETS_US) + 1)
        self._worst_us = 0
        """Since ``told`` was last asked."""
        self._told: deque[tuple[float, int]] = deque()
        """When it was asked, and the worst it told of the time before."""

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to watch."""
        self._worked_before = self._worked()
        self._arm(loop, self._clock(), IDLE_S)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def told(self) -> LoopLate:
        """What was seen so far. The worst is that of the last minute where this is asked every few seconds."""
        now = self._clock()
        told = self._told
        told.append((now, self._worst_us))
        self._worst_us = 0
        while told[0][0] <= now - WORST_S:
            told.popleft()
        return LoopLate(self._us_sum, max(worst for _, worst in told), tuple(self._buckets))

    def _arm(self, loop: asyncio.AbstractEventLoop, now: float, seconds: float) -> None:
        self._from, self._due = now, now + seconds
        self._timer = loop.call_later(seconds, self._beat, loop)

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        now, worked = self._clock(), self._worked()
        late_us = max(0, int((now - self._due) * 1_000_000))
        self._us_sum += late_us
        self._buckets[bisect_left(LATE_BUCKETS_US, late_us)] += 1
        self._worst_us = max(self._worst_us, late_us)
        is_busy = worked - self._worked_before >= BUSY_SHARE * (now - self._from)
        self._worked_before = worked
        self._arm(loop, now, BUSY_S if is_busy else IDLE_S)
