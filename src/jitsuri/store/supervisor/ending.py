"""Being told to end: through every ``finally``, so that the server is let go."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import NoReturn


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def end_on_signals() -> None:
    """Make SIGTERM and SIGHUP end this process as SystemExit does, where nothing else is set for them.

    Without it a process that is told to end dies on the spot and leaves its server running. A web server that has
    handlers of its own raises the signal again when it is done, and then this one ends the process.
    Signals can be set in the main thread only; in another one nothing happens.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)
