"""One process that runs beside the console: started, started again when it dies, ended with it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping

import msgspec

from jitsuri.app.processes import FIRST_PAUSE_S, LONGEST_PAUSE_S, STEADY_S, STOP_S
from jitsuri.terms.errors import JitsuriError, OperatorError


class Beside:
    """``python -m MODULE ORDER``. It ends by itself when its standard input, a pipe that we hold, closes."""

    def __init__(
        self, module: str, order: msgspec.Struct, environment: Mapping[str, str], tell: Callable[[JitsuriError], None]
    ) -> None:
        self._words = [sys.executable, "-m", module, msgspec.json.encode(order).decode()]
        self._environment = dict(environment)
        self._tell = tell
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="beside", daemon=True)

    def start(self) -> None:
        """Start it and keep it running."""
        self._thread.start()

    def let_go(self) -> None:
        """Tell it to end, without waiting."""
        with self._lock:
            self._stopping.set()
            if self._process is not None:
                _let_go(self._process)

    def stop(self) -> None:
        """Tell it to end and wait for that; what takes too long is ended."""
        self.let_go()
        if self._process is not None:
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._thread.join(timeout=5)

    def _keep(self) -> None:
        pause = FIRST_PAUSE_S
        while True:
            began = time.monotonic()
            with self._lock:
                if self._stopping.is_set():
                    return
                process = subprocess.Popen(self._words, stdin=subprocess.PIPE, env=self._environment)
                self._process = process
            code = process.wait()
            if self._stopping.is_set():
                return
            self._tell(OperatorError("job_worker_died", status=code))
            if time.monotonic() - began > STEADY_S:
                pause = FIRST_PAUSE_S
            self._stopping.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)


def _let_go(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
