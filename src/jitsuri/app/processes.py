"""The gateway's worker processes: started, watched, started again when one dies, ended together."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from jitsuri.app.worker_order import Order
from jitsuri.terms.errors import JitsuriError, OperatorError

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 10.0
"""Before a worker that died is started again; doubled while it dies within a minute (decision 0017)."""
STEADY_S = 60.0
STOP_S = 40.0
"""How long workers may take to end: their own grace for calls under way, and the writing of what waits."""


class Workers:
    """All workers of one gateway, on one listening socket that they share: the kernel hands each connection to one."""

    def __init__(
        self,
        home: Path,
        config: Path | None,
        listening: socket.socket,
        count: int,
        environment: Mapping[str, str],
        tell: Callable[[JitsuriError], None],
        local_models: Mapping[str, tuple[str, str]] | None = None,
    ) -> None:
        listening.listen(2048)
        listening.set_inheritable(True)
        self._orders = [
            Order(str(home), str(config) if config else "", listening.fileno(), n, count, dict(local_models or {}))
            for n in range(count)
        ]
        self._socket = listening
        self._environment = dict(environment)
        self._tell = tell
        self._stopping = threading.Event()
        self._held: dict[int, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start all and keep them running."""
        for order in self._orders:
            thread = threading.Thread(target=self._keep, args=(order,), name=f"worker-{order.number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def pids(self) -> list[int]:
        """Process ids of the workers that run now."""
        with self._lock:
            return [process.pid for process in self._held.values() if process.poll() is None]

    def stop(self) -> None:
        """End all: each finishes its calls and writes what waits."""
        self._stopping.set()
        with self._lock:
            held = list(self._held.values())
        for process in held:
            _let_go(process)
        ends = time.monotonic() + STOP_S
        for process in held:
            try:
                process.wait(max(0.1, ends - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for thread in self._threads:
            thread.join(timeout=5)
        self._socket.close()

    def _keep(self, order: Order) -> None:
        pause = FIRST_PAUSE_S
        while not self._stopping.is_set():
            began = time.monotonic()
            process = self._started(order)
            code = process.wait()
            if self._stopping.is_set():
                return
            self._tell(OperatorError("worker_died", number=order.number, status=code))
            if time.monotonic() - began > STEADY_S:
                pause = FIRST_PAUSE_S
            self._stopping.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def _started(self, order: Order) -> subprocess.Popen[bytes]:
        with self._lock:
            process = subprocess.Popen(
                [sys.executable, "-m", "jitsuri.app.worker", msgspec.json.encode(order).decode()],
                stdin=subprocess.PIPE, pass_fds=[order.socket], env=self._environment,
            )  # fmt: skip
            self._held[order.number] = process
        if self._stopping.is_set():
            _let_go(process)
        return process


def _let_go(process: subprocess.Popen[bytes]) -> None:
    """Close the pipe that a worker listens to: it ends by itself."""
    assert process.stdin is not None
    process.stdin.close()
