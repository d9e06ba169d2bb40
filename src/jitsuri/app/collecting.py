"""When the garbage collector of a worker may work: it stops everything, the loop first of all.

A call makes a few hundred objects and no circles, so what is collected under load is next to nothing. What makes a
collection long are many new objects that stay: a snapshot of ten thousand keys is three collections of 10 ms.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

THRESHOLDS: Final = (10_000, 20, 50)
"""Of the collector: the usual 700 new objects would make it collect at every other call (decision 0017); 10,000 that live
are 2 ms of the loop."""
MANY: Final = THRESHOLDS[0] // 2
"""So many new objects that stay are set aside for good."""

_lock = threading.Lock()
_building = 0


def begin() -> None:
    """Collect what the start has left, set everything else aside, and collect seldom from now on."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


@contextmanager
def uncollected(*, stays: bool) -> Iterator[None]:
    """Build something large on a thread: nothing is collected meanwhile.

    ``stays``: what was built is kept, so it is set aside and no later collection looks at it. It goes all the same when it
    is let go, as long as it is no circle.
    """
    global _building
    with _lock:
        _building += 1
        gc.disable()
        before = gc.get_count()[0]
    try:
        yield
    finally:
        with _lock:
            if stays and gc.get_count()[0] - before >= MANY:
                gc.freeze()
            _building -= 1
            if not _building:
                gc.enable()
