"""Telemetry of a worker: failures to the log, and every booked attempt to OpenTelemetry where that is asked for.

The loop only puts what was booked in a bounded queue; a thread of its own makes spans and metrics of it, in small portions
with pauses, and sends them by OTLP over HTTP. What does not fit is dropped and counted. No request and no answer is in it.
Switched on by OpenTelemetry's own variables (``OTEL_EXPORTER_OTLP_ENDPOINT`` …). Decision 0023.
"""

from __future__ import annotations

import importlib.util
import logging
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from jitsuri import __version__
from jitsuri.app.genai_names import Booked, conventions
from jitsuri.app.log_lines import Failures
from jitsuri.flows.hot.booking import Attempt
from jitsuri.terms.errors import OperatorError

if TYPE_CHECKING:
    from jitsuri.app.telling_otel import Teller

LOGGER = logging.getLogger("jitsuri.gateway")

MOST_WAITING: Final = 2_048
"""Attempts that wait to be told; OpenTelemetry's own default for spans (``OTEL_BSP_MAX_QUEUE_SIZE``)."""
PORTION: Final = 16
"""Attempts between two pauses: some three milliseconds of work."""
REST: Final = 3.0
"""A pause is so many times as long as the work before it: telling takes a quarter of one core at most."""
PAUSE_S: Final = 0.25
"""How often an empty queue is looked at."""
STOP_S: Final = 5.0
"""How long the end of a worker may wait for what is still untold."""

_BASE: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"


class Telemetry:
    """``watch`` belongs to the loop's thread."""

    def __init__(self, environment: Mapping[str, str], instance: str) -> None:
        """``instance`` names this process among all that ever were."""
        self._environment = environment
        self._instance = instance
        self._failures = Failures()
        self._waiting: deque[Booked] = deque()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._is_on = False
        self.untold = 0
        """Attempts dropped because telling could not keep pace."""

    def watch(self, attempt: Attempt) -> None:
        """Note a booked attempt."""
        entry = attempt.entry
        if entry is None:
            return
        if entry.status != "ok":
            self._failures.note(attempt)
        if not self._is_on:
            return
        waiting = self._waiting
        if len(waiting) >= MOST_WAITING:
            self.untold += 1
            return
        asked, told, headers = attempt.call.asked, attempt.told, attempt.call.inquiry.headers
        waiting.append(
            Booked(
                entry, attempt.leg.upstream, asked.operation, asked.is_stream, told.finish, told.response_id,
                headers.get("traceparent", ""), headers.get("tracestate", ""),
            )
        )  # fmt: skip

    def start(self) -> None:
        """Begin to tell, where it is asked for and can be."""
        signals = signals_of(self._environment)
        if isinstance(signals, OperatorError):
            LOGGER.warning("telemetry: %s", signals)
        elif signals:
            self._thread = threading.Thread(target=self._work, args=(signals,), name="telemetry", daemon=True)
            self._is_on = True
            self._thread.start()

    def stop(self) -> None:
        """Send what waits, for a few seconds at most."""
        self._is_on = False
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_S)

    def _work(self, signals: frozenset[str]) -> None:
        try:
            from jitsuri.app.telling_otel import Teller

            teller = Teller(
                conventions(self._environment), self._instance, __version__, spans="traces" in signals,
                metrics="metrics" in signals,
            )  # fmt: skip
            while not self._stopping.is_set():
                began = time.thread_time()
                done = self._portion(teller)
                self._stopping.wait(REST * (time.thread_time() - began) if done else PAUSE_S)
            while self._portion(teller):
                pass
            teller.close()
        except Exception:  # telemetry that fails must not take calls with it
            LOGGER.exception("telemetry ended")
            self._is_on = False
            self._waiting.clear()

    def _portion(self, teller: Teller) -> int:
        """Tell a few, and send what is due; returns how many were told."""
        done = 0
        while done < PORTION and self._waiting:
            teller.tell(self._waiting.popleft())
            done += 1
        teller.send_due()
        return done


def signals_of(environment: Mapping[str, str]) -> frozenset[str] | OperatorError:
    """Which of ``traces`` and ``metrics`` are to be sent; none where nothing asks for it. Or why they cannot be.

    >>> sorted(signals_of({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://otel.example.jp:4318/v1/metrics"}))
    ['metrics']
    """
    wanted: dict[str, str] = {}
    for signal in ("traces", "metrics"):
        name = next((n for n in (f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT", _BASE) if _said(environment, n)), "")
        exporter = _said(environment, f"OTEL_{signal.upper()}_EXPORTER")
        if name and exporter in ("", "otlp"):
            wanted[signal] = name
    if not wanted or _said(environment, "OTEL_SDK_DISABLED").lower() == "true":
        return frozenset()
    for signal in wanted:
        for variable in (f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
            value = _said(environment, variable)
            if value and value != "http/protobuf":
                return OperatorError("telemetry_protocol", variable=variable, value=value)
            if value:
                break
    if not _is_installed():
        return OperatorError("telemetry_missing", variable=next(iter(wanted.values())))
    return frozenset(wanted)


def _said(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name, "").strip()


def _is_installed() -> bool:
    try:
        return all(
            importlib.util.find_spec(name) is not None
            for name in ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http.trace_exporter")
        )
    except ModuleNotFoundError:
        return False
