"""A bell: lets one thread sleep until another one rings, or a connection has something to say."""

from __future__ import annotations

import contextlib
import selectors
import socket
from typing import Protocol


class HasFileno(Protocol):
    def fileno(self) -> int: ...


class Bell:
    """``ring`` is for every thread; the rest belongs to the one that sleeps."""

    def __init__(self) -> None:
        self._far, self._near = socket.socketpair()
        self._far.setblocking(False)
        self._near.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._near, selectors.EVENT_READ)
        self._heard: int | None = None
        self._is_rung = False

    def ring(self) -> None:
        """Wake the sleeper; costs a system call only for the first ring of a sleep."""
        if not self._is_rung:
            self._is_rung = True
            with contextlib.suppress(OSError):  # full, or closed: nobody needs waking
                self._far.send(b"!")

    def sleep(self, seconds: float) -> None:
        """Return at a ring, when the connection that is heard has something, or after so long."""
        self._selector.select(seconds)
        self._is_rung = False
        with contextlib.suppress(BlockingIOError):
            while self._near.recv(4096):
                pass

    def hear(self, connection: HasFileno | None) -> None:
        """Wake also for this connection, and for no other; None for none. One that is lost may have no socket any more."""
        if self._heard is not None:
            self._selector.unregister(self._heard)
        self._heard = None if connection is None else connection.fileno()
        if self._heard is not None:
            self._selector.register(self._heard, selectors.EVENT_READ)

    def close(self) -> None:
        self._selector.close()
        self._far.close()
        self._near.close()
