"""How late a loop is: blocks of known length are seen, an idle loop is looked at seldom, the worst is that of a minute."""

from __future__ import annotations

import asyncio
import time

import uvloop

from jitsuri.app.loop_watch import BUSY_S, IDLE_S, WORST_S, LoopWatch
from jitsuri.calls.shapes import LATE_BUCKETS_US, LoopLate


async def watched(block_s: float, times: int) -> LoopLate:
    watch = LoopWatch()
    watch.start(asyncio.get_running_loop())
    for _ in range(times):
        await asyncio.sleep(0)
        ends = time.perf_counter() + block_s
        while time.perf_counter() < ends:
            pass
    await asyncio.sleep(0.01)
    watch.stop()
    return watch.told()


def test_blocks_are_seen_as_long_as_they_are() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        told = runner.run(watched(0.1, 12))

    assert told.us_worst / 1_000_000 > 0.03
    assert sum(told.buckets) >= 5
    assert sum(told.buckets[LATE_BUCKETS_US.index(20_000) :]) >= 3


class Hands:
    """A clock, the processor time of a thread, and a loop that beats when it is told to."""

    def __init__(self) -> None:
        self.now = self.worked = 0.0
        self.seconds: list[float] = []
        self.watch = LoopWatch(lambda: self.now, lambda: self.worked)
        self.watch.start(self)  # type: ignore[arg-type]

    def call_later(self, seconds: float, beat: object, *words: object) -> None:
        self.seconds.append(seconds)
        self.beat = beat

    def go(self, *, late: float = 0.0, worked: float = 0.0) -> None:
        self.now += self.seconds[-1] + late
        self.worked += worked
        self.beat(self)  # type: ignore[operator]


def test_a_loop_that_rests_is_looked_at_seldom() -> None:
    hands = Hands()
    hands.go()
    hands.go(worked=0.1)
    hands.go(worked=0.005)
    hands.go(worked=0.001)
    hands.go()

    assert hands.seconds == [IDLE_S, IDLE_S, BUSY_S, BUSY_S, IDLE_S, IDLE_S]


def test_the_worst_is_told_for_a_minute() -> None:
    hands = Hands()
    hands.go(late=0.03)
    told = [hands.watch.told().us_worst // 1000]
    for _ in range(int(WORST_S / IDLE_S / 10) + 1):
        for _ in range(10):
            hands.go(late=0.0025)
        told.append(hands.watch.told().us_worst // 1000)

    assert set(told) == {2, 29} or set(told) == {2, 30}
    assert told[-1] == 2
    assert 20 <= sum(one > 2 for one in told) <= 24
