"""Turns: how much may begin in one turn of an event loop.

A loop that finds a hundred sockets ready would do what follows from all of them before it looks at anything else. Here only
a few pieces of work begin per turn; the others wait in line, and between turns the loop sees to timers and other sockets.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

MOST_AT_ONCE: Final = 4
"""Pieces of work that begin per turn; of a call's pieces (its beginning, its answer) each takes about 0.1 ms (decision 0028)."""


class Turns:
    """One per loop. Who finds no one in line begins at once; the order is that of coming."""

    __slots__ = ("_is_counting", "_left", "_line", "_most", "_soon")

    def __init__(self, soon: Callable[[Callable[[], None]], object], most: int = MOST_AT_ONCE) -> None:
        """``soon`` is the loop's way to call in its next turn; ``most`` pieces of work begin per turn."""
        self._soon = soon
        self._most = self._left = most
        self._line: deque[tuple[Callable[[Any], object], Any, int]] = deque()
        self._is_counting = False

    def __len__(self) -> int:
        """How many wait."""
        return len(self._line)

    def enter(self, begin: Callable[[Any], object], what: Any, weight: int = 1) -> None:
        """``begin(what)`` now or in one of the next turns. ``weight``: as how many pieces it counts.

        What it raises comes to the caller, or to the loop where it had to wait.
        """
        if not self._is_counting:
            self._is_counting = True
            self._soon(self._turn)
        if self._left > 0:
            self._left -= weight
            begin(what)
        else:
            self._line.append((begin, what, weight))

    def _turn(self) -> None:
        line = self._line
        self._left = self._most
        self._is_counting = bool(line)
        if not line:
            return
        self._soon(self._turn)
        while line and self._left > 0:
            begin, what, weight = line.popleft()
            self._left -= weight
            begin(what)
