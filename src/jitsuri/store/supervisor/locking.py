"""File locks that the kernel takes back by itself when a process dies, however it dies (flock)."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from jitsuri.terms.errors import OperatorError

_PAUSE_SECONDS = 0.05


class FileLock:
    """One open lock file. Each object locks for itself, also within one process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise OperatorError("home_unwritable", path=str(path), reason=os.strerror(error.errno or 0)) from error

    def _lock(self, how: int) -> bool:
        try:
            fcntl.flock(self.fd, how | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            reason = os.strerror(error.errno or 0)
            raise OperatorError("home_cannot_lock", path=str(self.path), reason=reason) from error
        return True

    def try_shared(self) -> bool:
        """Hold it together with others; False where somebody holds it alone."""
        return self._lock(fcntl.LOCK_SH)

    def try_alone(self) -> bool:
        """Hold it alone; False where anybody else holds it. On False a shared hold may be lost."""
        return self._lock(fcntl.LOCK_EX)

    def close(self) -> None:
        """Let go, unless a child process has inherited the open file: then the child goes on holding."""
        os.close(self.fd)


def is_held(path: Path) -> bool:
    """Does any process hold this lock now?"""
    lock = FileLock(path)
    try:
        return not lock.try_alone()
    finally:
        lock.close()


@contextmanager
def turn(path: Path, seconds: float, on_waiting: Callable[[], None]) -> Iterator[None]:
    """Hold a lock alone for the body; waits for others up to ``seconds``, and says so once after one second.

    Raises OperatorError ``database_busy`` when the others do not finish in time.
    """
    lock = FileLock(path)
    try:
        began, has_told = time.monotonic(), False
        while not lock.try_alone():
            waited = time.monotonic() - began
            if waited > seconds:
                raise OperatorError("database_busy", path=str(path), seconds=int(seconds))
            if waited > 1 and not has_told:
                on_waiting()
                has_told = True
            time.sleep(_PAUSE_SECONDS)
        yield
    finally:
        lock.close()
