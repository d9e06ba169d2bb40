"""The garbage collector rests while something large is built, and what was built is not looked at again."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from typing import Any

from jitsuri.app import collecting
from jitsuri.app.collecting import MANY, uncollected


def test_nothing_is_collected_while_a_thread_builds_something() -> None:
    script = """
import gc
from jitsuri.app import collecting
collecting.begin()
seen = []
gc.callbacks.append(lambda phase, info: seen.append(info["generation"]))
with collecting.uncollected(stays=True):
    held = {n: [n] for n in range(100_000)}
frozen = gc.get_freeze_count()
assert frozen > 100_000, frozen
more = [[n] for n in range(1_000)]
assert seen == [], seen
del held
assert gc.get_freeze_count() < frozen - 90_000, "what is set aside goes when it is let go"
more = [[n] for n in range(30_000)]
assert seen, "afterwards it works again"
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_small_things_are_not_set_aside() -> None:
    before = gc.get_freeze_count()
    with uncollected(stays=True):
        held = [[n] for n in range(MANY // 10)]
    with uncollected(stays=False):
        more = [[n] for n in range(2 * MANY)]

    assert len(held) < len(more)
    assert gc.get_freeze_count() == before


def test_the_last_of_several_builders_lets_the_collector_work_again() -> None:
    is_inside, may_leave = threading.Event(), threading.Event()

    def other() -> None:
        with uncollected(stays=False):
            is_inside.set()
            may_leave.wait(5)

    thread = threading.Thread(target=other)
    with uncollected(stays=False):
        thread.start()
        is_inside.wait(5)
    assert not gc.isenabled()
    may_leave.set()
    thread.join()
    assert gc.isenabled()
    states: list[Any] = [collecting._building]
    assert states == [0]
