"""One upstream's connections: how many there are, which are idle, who waits for one.

Idle connections lie in a stack: the one used last is used next, so that those too many grow old. Whoever finds all in
use waits in line and gets the next that is free, or the right to open one. Both ways of asking count here: our own
(``sending``), whose connections stay with us until they are closed, and that of the library's session, which keeps its
own and only needs the right to have one in use.
"""

from __future__ import annotations

import asyncio
from asyncio import CancelledError, Future, TimerHandle, Transport
from collections import deque
from typing import Final, Generic, Protocol, TypeVar

from aiohttp import ClientConnectionError, ConnectionTimeoutError

from jitsuri.terms.turns import Turns

CLOSING_S: Final = 1.0
"""How long the end of closed connections is waited for, in seconds."""


class PoolFullError(ConnectionTimeoutError):
    """No connection was free in time."""


class Pooled(Protocol):
    """A connection that is kept: ``receiving.Wire``."""

    idle_until_s: float

    @property
    def transport(self) -> Transport: ...

    def drop(self, *, is_abrupt: bool = True) -> None: ...

    def fail(self, error: Exception) -> None: ...


C = TypeVar("C", bound=Pooled)


class Pool(Generic[C]):
    """Connections to one upstream, in one loop."""

    __slots__ = (
        "_free", "_idle_timer", "_kept_s", "_loop", "_most", "_slots", "_waiters", "_wires", "_without", "is_closed",
        "turns",
    )  # fmt: skip

    def __init__(self, most: int, kept_s: float, turns: Turns) -> None:
        """``most`` connections at once; idle ones are dropped after ``kept_s``. In ``turns`` answers are handed over."""
        self.turns = turns
        self._most = most
        self._kept_s = kept_s
        self._loop = asyncio.get_running_loop()
        self._free: list[C] = []
        """Idle connections, those used last at the end."""
        self._wires: set[C] = set()
        """All of ours that have not ended yet."""
        self._slots = 0
        """Rights to a connection that are given out: ours, those of the session in use, those being opened."""
        self._waiters: deque[tuple[Future[C | None], bool]] = deque()
        """Who waits, and whether a connection of ours would do; ``None`` for an answer is a right."""
        self._idle_timer: TimerHandle | None = None
        self.is_closed = False
        self._without: Future[None] | None = None

    def take(self, now_s: float) -> C | None:
        """An idle connection, if there is one."""
        free = self._free
        while free:
            wire = free.pop()
            if wire.idle_until_s > now_s and not wire.transport.is_closing():
                return wire
            wire.drop(is_abrupt=False)
        return None

    def give(self, wire: C) -> None:
        """A connection is free: it goes to who waits first, or lies idle."""
        while self._waiters:
            waiter, may_be_ours = self._waiters[0]
            if not waiter.done():
                if not may_be_ours:
                    wire.drop(is_abrupt=False)  # its right goes to that waiter
                    return
                self._waiters.popleft()
                waiter.set_result(wire)
                return
            self._waiters.popleft()
        if self.is_closed:
            wire.drop()
            return
        wire.idle_until_s = self._loop.time() + self._kept_s
        self._free.append(wire)
        if self._idle_timer is None:
            self._idle_timer = self._loop.call_later(self._kept_s, self._look)

    def add(self, wire: C) -> None:
        """A connection was opened; its right was asked for by ``turn``."""
        self._wires.add(wire)

    def lost(self, wire: C) -> None:
        """A connection of ours is closed for good: its right goes back."""
        if wire in self._free:
            self._free.remove(wire)
        self.back()

    def ended(self, wire: C) -> None:
        """The loop has told of its end."""
        self._wires.discard(wire)
        if self._without is not None and not self._wires and not self._without.done():
            self._without.set_result(None)

    async def turn(self, until_s: float, *, may_be_ours: bool) -> C | None:
        """A connection of ours, or ``None``: the right to open one, which ``back`` returns.

        Raises PoolFullError where none is free until then, by the loop's clock.
        """
        if self.is_closed:
            raise closed()
        if self._slots < self._most:
            self._slots += 1
            return None
        if self._free:  # the session asks; those who can use one of ours have looked before
            self._slots += 1
            self._free[0].drop(is_abrupt=False)
            return None
        waiter: Future[C | None] = self._loop.create_future()
        self._waiters.append((waiter, may_be_ours))
        try:
            async with asyncio.timeout_at(until_s):
                return await waiter
        except TimeoutError as error:
            self._unwanted(waiter)
            raise PoolFullError(f"all {self._most} connections are in use") from error
        except CancelledError:
            self._unwanted(waiter)
            raise

    def _unwanted(self, waiter: Future[C | None]) -> None:
        """Who waited has left: what was given meanwhile goes on to the next."""
        if not waiter.done() or waiter.cancelled():
            self._waiters = deque(one for one in self._waiters if one[0] is not waiter)
        elif waiter.exception() is None:
            wire = waiter.result()
            if wire is None:
                self.back()
            elif wire.transport.is_closing():
                wire.drop()
            else:
                self.give(wire)

    def back(self) -> None:
        """A right is no longer needed: it goes to who waits first."""
        while self._waiters:
            waiter, _ = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._slots -= 1

    def _look(self) -> None:
        """Called by the timer: drops what has been idle for too long."""
        self._idle_timer = None
        soon_s = self._loop.time() + 0.001
        while self._free and self._free[0].idle_until_s <= soon_s:
            self._free[0].drop(is_abrupt=False)
        if self._free:
            self._idle_timer = self._loop.call_at(self._free[0].idle_until_s, self._look)

    def shut(self) -> None:
        """Give no connections any more and send away who waits."""
        self.is_closed = True
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        for waiter, _ in self._waiters:
            if not waiter.done():
                waiter.set_exception(closed())
        self._waiters.clear()

    async def aclose(self) -> None:
        """Close every connection of ours."""
        self.shut()
        for wire in tuple(self._wires):
            wire.fail(closed())
        if self._wires:
            self._without = self._loop.create_future()
            await asyncio.wait((self._without,), timeout=CLOSING_S)


def closed() -> ClientConnectionError:
    """The error of whoever comes too late."""
    return ClientConnectionError("Connector is closed.")
